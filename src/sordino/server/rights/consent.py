"""Consent of a user: to a purpose and a policy, in versions; the newest version counts."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Final

from sqlalchemy import Connection, bindparam, func, select, tuple_
from sqlalchemy.orm import Session

from sordino.server.access.principal import Scope
from sordino.server.database.rights_tables import AuditEvent
from sordino.server.database.tables import (
    BundlePolicy,
    BundleRow,
    Consent,
    Participant,
    Purpose,
)
from sordino.server.errors import Problem
from sordino.server.rights import audit

_NEWEST: Final = (
    select(Consent.given)
    .where(
        Consent.participant_id == bindparam("participant_id"),
        Consent.purpose == bindparam("purpose"),
        Consent.policy == bindparam("policy"),
    )
    .order_by(Consent.version.desc())
    .limit(1)
)
"""The newest decision. It is made once, as every batch asks for it."""


def consents(
    session: Session | Connection, participant_id: int, purpose: Purpose, policy_digest: str
) -> bool:
    """Whether the newest decision of a user about a purpose and a policy is a consent."""
    values = {"participant_id": participant_id, "purpose": purpose, "policy": policy_digest}
    return session.scalar(_NEWEST, values) is True


def consents_of(session: Session, participant_id: int) -> Sequence[Consent]:
    """Every decision of a user, the oldest first."""
    return session.scalars(
        select(Consent)
        .where(Consent.participant_id == participant_id)
        .order_by(Consent.purpose, Consent.policy, Consent.version)
    ).all()


def users_consenting(
    session: Session, study_id: int, purpose: Purpose, policy_digest: str
) -> frozenset[int]:
    """The users of a study whose newest decision about a purpose and a policy is a consent."""
    newest = (
        select(Consent.participant_id, func.max(Consent.version))
        .where(Consent.purpose == purpose, Consent.policy == policy_digest)
        .group_by(Consent.participant_id)
    )
    return frozenset(
        session.scalars(
            select(Consent.participant_id)
            .join(Participant, Participant.id == Consent.participant_id)
            .where(
                Participant.study_id == study_id,
                Consent.purpose == purpose,
                Consent.policy == policy_digest,
                Consent.given.is_(True),
                tuple_(Consent.participant_id, Consent.version).in_(newest),
            )
        )
    )


def add_decision(
    session: Session,
    participant: Participant,
    purpose: Purpose,
    policy_digest: str,
    *,
    given: bool,
    time: int,
    actor: str,
    on_paper: bool = False,
) -> Consent:
    """Store the next version of a decision, and record it in the audit log.

    - `on_paper`: a researcher records the decision that a user signed.

    Raises `Problem` 404 for a policy of no bundle of the study, and 409 `consent` for a consent on
    paper after the user decided here: a paper that was signed before would override a withdrawal.
    """
    _lock(session, participant.id)
    known = session.scalar(
        select(BundlePolicy.id)
        .join(BundleRow, BundleRow.id == BundlePolicy.bundle_id)
        .where(BundleRow.study_id == participant.study_id, BundlePolicy.digest == policy_digest)
        .limit(1)
    )
    if known is None:
        raise Problem(
            "absent", 404, "a policy of no bundle of the study: ask for the policies of the device"
        )
    if on_paper and given and _decided_here(session, participant.id, purpose, policy_digest):
        raise Problem(
            "consent",
            409,
            "a consent on paper after the user decided about this purpose and policy here, "
            "expected a decision of the user: ask the user to agree on their own page or device",
        )
    version = session.scalar(
        select(func.max(Consent.version)).where(
            Consent.participant_id == participant.id,
            Consent.purpose == purpose,
            Consent.policy == policy_digest,
        )
    )
    decision = Consent(
        participant_id=participant.id,
        purpose=str(purpose),
        policy=policy_digest,
        version=(version or 0) + 1,
        given=given,
        time=time,
    )
    session.add(decision)
    session.flush()
    audit.record(
        session,
        time,
        actor,
        audit.Action.CONSENT,
        study_id=participant.study_id,
        participant_id=participant.id,
        details={
            "purpose": str(purpose),
            "policy": policy_digest,
            "version": decision.version,
            "given": given,
            "on_paper": on_paper,
        },
    )
    return decision


def set_paused(
    session: Session, participant: Participant, *, paused: bool, time: int, actor: str
) -> None:
    """Pause or resume a user: while paused, nothing is stored. A repeated call changes nothing."""
    _lock(session, participant.id)
    session.refresh(participant)
    if participant.paused == paused:
        return
    participant.paused = paused
    session.flush()
    audit.record(
        session,
        time,
        actor,
        audit.Action.PAUSE if paused else audit.Action.RESUME,
        study_id=participant.study_id,
        participant_id=participant.id,
    )


def _decided_here(
    session: Session, participant_id: int, purpose: Purpose, policy_digest: str
) -> bool:
    """Whether the log has a decision of the user about a purpose and a policy."""
    events = session.scalars(
        select(AuditEvent.details).where(
            AuditEvent.participant_id == participant_id,
            AuditEvent.action == str(audit.Action.CONSENT),
            AuditEvent.actor.startswith(f"{Scope.OWN} ", autoescape=True),
        )
    )
    about = (str(purpose), policy_digest)
    return any((row["purpose"], row["policy"]) == about for row in map(json.loads, events))


def _lock(session: Session, participant_id: int) -> None:
    """Wait for the batches of a user that are being stored, and hold further ones."""
    session.execute(
        select(Participant.id).where(Participant.id == participant_id).with_for_update()
    )
