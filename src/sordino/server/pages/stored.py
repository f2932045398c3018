"""What is stored about a user, as counts; no payload is read."""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from sqlalchemy import ColumnElement, func, select, true
from sqlalchemy.orm import Session

from sordino.define import required_title
from sordino.server.database.tables import (
    BundlePolicy,
    BundleRow,
    Consent,
    Device,
    Participant,
    Purpose,
    ReleaseRow,
    StudyRow,
)
from sordino.server.days import utc_day
from sordino.server.errors import absent
from sordino.server.pages.limits import limits_of
from sordino.server.pages.rendering import day
from sordino.server.pages.views import BundleLine, ConsentRow, DeviceRow, PolicyLimits, StoredData


class _Count(NamedTuple):
    """The releases of a device under one policy of a bundle."""

    device_id: int
    bundle_policy_id: int
    releases: int
    first: datetime.date
    last: datetime.date


def stored_of(session: Session, participant_id: int, now: int) -> StoredData:
    """Everything that is stored about a user. Raises `Problem` 404 for a deleted user."""
    user = session.get(Participant, participant_id)
    study = session.get(StudyRow, user.study_id) if user else None
    if user is None or study is None:
        raise absent("user")
    counts = _counts(session, participant_id)
    days = session.scalar(
        select(func.count(func.distinct(ReleaseRow.day))).where(
            ReleaseRow.participant_id == participant_id
        )
    )
    policies = _policies(session, counts)
    return StoredData(
        releases=sum(row.releases for row in counts),
        days=days or 0,
        first=min((row.first for row in counts), default=None),
        last=max((row.last for row in counts), default=None),
        retention_days=study.retention_days,
        paused=user.paused,
        study=study.name,
        devices=_devices(session, participant_id, counts, now),
        bundles=_bundles(counts, policies),
        consents=consents_of(session, study.id, participant_id),
    )


def limits_of_user(session: Session, participant_id: int) -> list[PolicyLimits]:
    """The limits of every policy under which a release of a user is stored."""
    policies = _policies(session, _counts(session, participant_id))
    return [
        replace(
            limits_of(bundle.card, policy.name, required_title(policy.required)),
            bundle=bundle_label(bundle),
        )
        for policy, bundle in policies.values()
    ]


def bundle_label(bundle: BundleRow) -> str:
    """A bundle by its name, the first 8 digits of its digest, and the day of its registration."""
    created = utc_day(bundle.created)
    return f"{bundle.name or 'without a name'} ({bundle.digest[:8]}, {day(created)})"


def bundle_labels(session: Session, study_id: int) -> dict[int, str]:
    """The label of the bundle of each policy of a study, by `BundlePolicy.id`."""
    rows = session.execute(
        select(BundlePolicy.id, BundleRow)
        .join(BundleRow, BundleRow.id == BundlePolicy.bundle_id)
        .where(BundleRow.study_id == study_id)
    )
    return {number: bundle_label(bundle) for number, bundle in rows}


def consents_of(session: Session, study_id: int, participant_id: int) -> list[ConsentRow]:
    """The newest decision about each purpose and each policy of the bundles in use, and about
    those of earlier bundles that were decided. Version 0 is no decision yet.
    """
    names = policy_names(session, study_id, true())
    current = policy_names(session, study_id, BundleRow.retired.is_(None))
    decisions = {
        (decision.policy, decision.purpose): decision  # the newest version stays
        for decision in session.scalars(
            select(Consent)
            .where(Consent.participant_id == participant_id)
            .order_by(Consent.version)
        )
    }
    keys = {(digest, str(purpose)): None for digest in current for purpose in Purpose}
    rows = []
    for digest, purpose in keys | dict.fromkeys(decisions):
        decision = decisions.get((digest, purpose))
        rows.append(
            ConsentRow(
                purpose=purpose,
                policy=names.get(digest, digest[:12]),
                digest=digest,
                version=decision.version if decision else 0,
                is_consent=decision.given if decision else False,
                time=decision.time if decision else None,
            )
        )
    return rows


def policy_names(session: Session, study_id: int, which: ColumnElement[bool]) -> dict[str, str]:
    """The policies of bundles of a study: digest to the name in the newest one."""
    rows = session.execute(
        select(BundlePolicy.digest, BundlePolicy.name)
        .join(BundleRow, BundleRow.id == BundlePolicy.bundle_id)
        .where(BundleRow.study_id == study_id, which)
        .order_by(BundleRow.id, BundlePolicy.id)
    )
    return {row.digest: row.name for row in rows}


def _counts(session: Session, participant_id: int) -> list[_Count]:
    rows = session.execute(
        select(
            ReleaseRow.device_id,
            ReleaseRow.bundle_policy_id,
            func.count(),
            func.min(ReleaseRow.day),
            func.max(ReleaseRow.day),
        )
        .where(ReleaseRow.participant_id == participant_id)
        .group_by(ReleaseRow.device_id, ReleaseRow.bundle_policy_id)
    )
    return [_Count(*row) for row in rows]


def _policies(
    session: Session, counts: Sequence[_Count]
) -> Mapping[int, tuple[BundlePolicy, BundleRow]]:
    rows = session.execute(
        select(BundlePolicy, BundleRow)
        .join(BundleRow, BundleRow.id == BundlePolicy.bundle_id)
        .where(BundlePolicy.id.in_({row.bundle_policy_id for row in counts}))
        .order_by(BundlePolicy.id)
    )
    return {policy.id: (policy, bundle) for policy, bundle in rows}


def _devices(
    session: Session, participant_id: int, counts: Sequence[_Count], now: int
) -> list[DeviceRow]:
    devices = session.scalars(
        select(Device).where(Device.participant_id == participant_id).order_by(Device.id)
    )
    return [
        DeviceRow(
            number=device.id,
            name=device.name,
            created=device.created,
            releases=sum(row.releases for row in counts if row.device_id == device.id),
            last_day=device.last_day,
            state=device_state(device, now),
        )
        for device in devices
    ]


def device_state(device: Device, now: int) -> str:
    """Whether the token of a device opens anything."""
    if device.revoked is not None:
        return "revoked"
    return "expired" if device.expires is not None and device.expires <= now else "in use"


def _bundles(
    counts: Sequence[_Count], policies: Mapping[int, tuple[BundlePolicy, BundleRow]]
) -> list[BundleLine]:
    return [
        BundleLine(
            bundle=bundle_label(bundle),
            policy=policy.name,
            releases=sum(row.releases for row in rows),
            first=min(row.first for row in rows),
            last=max(row.last for row in rows),
        )
        for number, (policy, bundle) in policies.items()
        if (rows := [row for row in counts if row.bundle_policy_id == number])
    ]
