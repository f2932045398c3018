"""The user that a route of rights is about, and the actor that the audit log names."""

from __future__ import annotations

from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from sordino.server.access.principal import Principal, Scope
from sordino.server.database.tables import Participant
from sordino.server.errors import absent
from sordino.server.registry.studies import participant_of

OWN_NAME: Final = "me"
"""The name of a signed-in user in addresses."""


def subject(session: Session, principal: Principal, name: str) -> Participant:
    """The user of a name: a pseudonym of the researcher's study, or `me` or the pseudonym of the
    user who asks. Raises `Problem` 404 for all others.
    """
    if principal.scope is Scope.RESEARCH and principal.study_id is not None:
        return participant_of(session, principal.study_id, name)
    user = session.scalar(
        select(Participant).where(Participant.id == (principal.participant_id or -1))
    )
    if principal.scope is not Scope.OWN or user is None or name not in (OWN_NAME, user.pseudonym):
        raise absent("participant")
    return user


def actor(principal: Principal) -> str:
    """The principal in the audit log: scope and number, no name."""
    return f"{principal.scope} {principal.account_id or principal.device_id}"
