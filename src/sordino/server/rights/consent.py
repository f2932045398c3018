"""Consent of a user: to a purpose and a policy, in versions; the newest version counts."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from sordino.server.database.tables import Consent, Participant, Purpose


def may_store(session: Session, participant_id: int, policy_digest: str) -> bool:
    """Whether a release of a user under a policy may be stored now.

    It locks the participant's row against a change of consent until the transaction ends, so that
    a withdrawal that was answered stops every batch that is not stored yet.
    """
    paused = session.scalar(
        select(Participant.paused)
        .where(Participant.id == participant_id)
        .with_for_update(read=True)
    )
    return paused is False and consents(session, participant_id, Purpose.STORAGE, policy_digest)


def consents(session: Session, participant_id: int, purpose: Purpose, policy_digest: str) -> bool:
    """Whether the newest decision of a user about a purpose and a policy is a consent."""
    decision = session.scalar(
        select(Consent.given)
        .where(
            Consent.participant_id == participant_id,
            Consent.purpose == purpose,
            Consent.policy == policy_digest,
        )
        .order_by(Consent.version.desc())
        .limit(1)
    )
    return decision is True
