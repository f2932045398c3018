"""The rows of a user as they are exported: payloads are decrypted, credentials are left out."""

from __future__ import annotations

import datetime
import json
from collections.abc import Callable, Iterator
from typing import Any, Final

import numpy as np
import pyarrow as pa
from sqlalchemy import Boolean, Column, Date, Float, Integer, LargeBinary, Table, select
from sqlalchemy.orm import Session

from sordino.server.database.keys import Cipher
from sordino.server.database.metadata import TABLES_METADATA
from sordino.server.database.payloads import decrypt_counts, index_of, release_place
from sordino.server.database.rights_tables import AuditEvent
from sordino.server.database.tables import BundlePolicy, DailyCount, ReleaseRow
from sordino.server.rights.personal_data import rows_of

CREDENTIALS: Final = frozenset({("account", "password_hash")})
"""Columns of credentials that are no bytes; all columns of bytes but `PAYLOADS` are credentials."""

LOG_TABLE: Final = TABLES_METADATA.tables[AuditEvent.__tablename__]
RELEASE_TABLE: Final = TABLES_METADATA.tables[ReleaseRow.__tablename__]
COUNT_TABLE: Final = TABLES_METADATA.tables[DailyCount.__tablename__]
PAYLOADS: Final = {RELEASE_TABLE.c.payload, COUNT_TABLE.c.payload}

Record = dict[str, Any]
_PART: Final = 1000  # rows that are read together
_FLOATS: Final = np.dtype("<f4")

RELEASE_FIELDS: Final = (
    pa.field("prototype", pa.int64()),
    pa.field("vector", pa.list_(pa.float32())),
)
COUNT_FIELDS: Final = (pa.field("releases_by_bin", pa.list_(pa.int64())),)


class PersonalRows:
    """The rows of a user, table by table, from one snapshot of the database."""

    def __init__(self, session: Session, cipher: Cipher, participant_id: int) -> None:
        self._session, self._cipher = session, cipher
        self._conditions = {
            **rows_of(participant_id),
            LOG_TABLE: LOG_TABLE.c.participant_id == participant_id,
        }
        self._continuous: dict[int, bool] = {}

    @property
    def tables(self) -> tuple[Table, ...]:
        """The tables with rows of users, and the audit log."""
        return tuple(self._conditions)

    def records(self, table: Table) -> Iterator[list[Record]]:
        """The rows of a table, in parts, with the fields of `schema`."""
        columns = [column for column in table.columns if not is_credential(column)]
        statement = (
            select(*columns)
            .where(self._conditions[table])
            .order_by(*table.primary_key.columns)
            .execution_options(yield_per=_PART)
        )
        decode = self._decoder(table)
        with self._session.execute(statement).mappings() as result:
            for rows in result.partitions():
                yield [decode(dict(row)) for row in rows]

    def _decoder(self, table: Table) -> Callable[[Record], Record]:
        if table is RELEASE_TABLE:
            return self._release
        return self._count if table is COUNT_TABLE else _plain

    def _release(self, row: Record) -> Record:
        place = release_place(row["device_id"], row["number"])
        payload = self._cipher.decrypt(row.pop("payload"), place)
        continuous = self._is_continuous(row["bundle_policy_id"])
        row["prototype"] = None if continuous else index_of(payload)
        row["vector"] = np.frombuffer(payload, _FLOATS).tolist() if continuous else None
        return row

    def _count(self, row: Record) -> Record:
        place = (row["participant_id"], row["day"], row["bundle_policy_id"])
        counts = decrypt_counts(self._cipher, row.pop("payload"), *place)
        row["releases_by_bin"] = counts.tolist()
        return row

    def _is_continuous(self, bundle_policy_id: int) -> bool:
        if bundle_policy_id not in self._continuous:
            self._continuous[bundle_policy_id] = (
                self._session.scalar(
                    select(BundlePolicy.prototypes.is_(None)).where(
                        BundlePolicy.id == bundle_policy_id
                    )
                )
                is True
            )
        return self._continuous[bundle_policy_id]


def is_credential(column: Column[Any]) -> bool:
    """Whether a column opens something, so that no export has it."""
    if (column.table.name, column.name) in CREDENTIALS:
        return True
    return isinstance(column.type, LargeBinary) and column not in PAYLOADS | {LOG_TABLE.c.digest}


def schema(table: Table) -> pa.Schema:
    """The columns of a table in an export."""
    fields = [
        pa.field(column.name, _arrow_type(column))
        for column in table.columns
        if not is_credential(column) and column not in PAYLOADS
    ]
    extra = {RELEASE_TABLE: RELEASE_FIELDS, COUNT_TABLE: COUNT_FIELDS}.get(table, ())
    return pa.schema([*fields, *extra])


def _arrow_type(column: Column[Any]) -> pa.DataType:
    kinds = (
        (Boolean, pa.bool_()),
        (Integer, pa.int64()),
        (Date, pa.date32()),
        (Float, pa.float64()),
    )
    for kind, arrow in kinds:
        if isinstance(column.type, kind):
            return arrow
    return pa.string()


def _plain(row: Record) -> Record:
    return {name: _value(value) for name, value in row.items()}


def _value(value: Any) -> Any:
    if isinstance(value, bytes):
        return value.hex()
    return json.dumps(value) if isinstance(value, dict | list) else value


def json_value(value: Any) -> str:
    """A value that JSON has no type for."""
    if isinstance(value, datetime.date):
        return value.isoformat()
    raise TypeError(f"a value of type {type(value).__name__}, expected one that JSON can hold")
