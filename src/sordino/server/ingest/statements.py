"""The statements of a batch, made once: a device sends many batches, and making a statement takes
longer than running it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Connection,
    LargeBinary,
    Table,
    bindparam,
    cast,
    func,
    insert,
    select,
    update,
)

from sordino.server.database.tables import (
    Base,
    BatchRow,
    BundlePolicy,
    BundleRow,
    DailyCount,
    Device,
    Participant,
    ReleaseRow,
    StudyRow,
)

_TABLES: Final = Base.metadata.tables
_RELEASE: Final[Table] = _TABLES[ReleaseRow.__tablename__]
_COMMON: Final = ("device_id", "participant_id", "bundle_policy_id", "format", "day")

LOCKED: Final = (
    select(
        Device.last_number,
        Device.revoked,
        Device.token_sha256,
        Participant.paused,
        StudyRow.retention_days,
    )
    .join(Participant, Participant.id == Device.participant_id)
    .join(StudyRow, StudyRow.id == Participant.study_id)
    .where(
        Device.id == bindparam("device_id"),
        Device.participant_id == bindparam("participant_id"),
    )
    .with_for_update(of=(Participant, Device))
)
"""The device and its user, locked until the transaction ends."""

EARLIER_BATCH: Final = select(BatchRow.body_mac, BatchRow.stored, BatchRow.last_number).where(
    BatchRow.device_id == bindparam("device_id"), BatchRow.idempotency_key == bindparam("key")
)

SELECT_POLICY: Final = (
    select(BundlePolicy.id)
    .join(BundleRow, BundleRow.id == BundlePolicy.bundle_id)
    .where(
        BundleRow.study_id == bindparam("study_id"),
        BundleRow.digest == bindparam("bundle"),
        BundleRow.retired.is_(None),
        BundlePolicy.name == bindparam("policy"),
    )
)

COUNTED: Final = select(DailyCount.payload).where(
    DailyCount.participant_id == bindparam("participant_id"),
    DailyCount.day == bindparam("day"),
    DailyCount.bundle_policy_id == bindparam("bundle_policy_id"),
)

ADD_BATCH: Final = insert(_TABLES[BatchRow.__tablename__]).inline()
ADD_COUNT: Final = insert(_TABLES[DailyCount.__tablename__])
SET_COUNT: Final = (
    update(_TABLES[DailyCount.__tablename__])
    .where(
        DailyCount.participant_id == bindparam("of_participant"),
        DailyCount.day == bindparam("of_day"),
        DailyCount.bundle_policy_id == bindparam("of_policy"),
    )
    .values(payload=bindparam("payload"))
)
SET_LAST: Final = (
    update(_TABLES[Device.__tablename__])
    .where(Device.id == bindparam("device"))
    .values(last_number=bindparam("last_number"), last_day=bindparam("last_day"))
)

_ADD_RELEASES: Final = insert(_RELEASE)


def _unnested() -> Any:
    """One statement of PostgreSQL for all rows of a batch, a third faster than one for each."""
    rows = (
        func.unnest(
            cast(bindparam("numbers"), ARRAY(BigInteger)),
            cast(bindparam("payloads"), ARRAY(LargeBinary)),
        )
        .table_valued("number", "payload")
        .render_derived()
    )
    common = [cast(bindparam(name), _RELEASE.c[name].type) for name in _COMMON]
    return insert(_RELEASE).from_select(
        [*_COMMON, "number", "payload"], select(*common, rows.c.number, rows.c.payload)
    )


_ADD_UNNESTED: Final = _unnested()


def add_releases(
    connection: Connection,
    common: dict[str, Any],
    numbers: Sequence[int],
    payloads: Sequence[bytes],
) -> None:
    """Insert the releases of a batch. `common` are the columns that all of them share."""
    if connection.dialect.name == "postgresql":
        connection.execute(
            _ADD_UNNESTED, common | {"numbers": list(numbers), "payloads": list(payloads)}
        )
        return
    connection.execute(
        _ADD_RELEASES,
        [
            common | {"number": number, "payload": payload}
            for number, payload in zip(numbers, payloads, strict=True)
        ],
    )
