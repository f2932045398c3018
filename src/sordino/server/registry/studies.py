"""Studies and their participants."""

from __future__ import annotations

from typing import Final

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from sordino.server.database.tables import Participant, StudyRow
from sordino.server.errors import Problem, absent
from sordino.server.store import Store

STUDY_NAME: Final = r"^[a-z0-9](?:[a-z0-9-]{0,62}[a-z0-9])?$"
"""The name of a study, as it stands in addresses."""

PSEUDONYM: Final = r"^[A-Za-z0-9](?:[A-Za-z0-9_-]{0,62}[A-Za-z0-9])?$"
"""A pseudonym. It should say nothing about the person; `sordino` draws none itself."""


def create_study(
    session: Session, store: Store, name: str, retention_days: int = 365, smallest_group: int = 10
) -> StudyRow:
    """A new study. Raises `Problem` 409 `exists` for a name in use."""
    study = StudyRow(
        name=name,
        created=store.now(),
        retention_days=retention_days,
        smallest_group=smallest_group,
    )
    insert(session, study, "study")
    return study


def study_of(session: Session, name: str) -> StudyRow:
    """The study of a name. Raises `Problem` 404."""
    study = session.scalar(select(StudyRow).where(StudyRow.name == name))
    if study is None:
        raise absent("study")
    return study


def create_participant(
    session: Session, store: Store, study_id: int, pseudonym: str, cohort: str = ""
) -> Participant:
    """A new participant, and their key. Raises `Problem` 409 `exists` for a pseudonym in use."""
    participant = Participant(
        study_id=study_id, pseudonym=pseudonym, cohort=cohort, created=store.now(), paused=False
    )
    insert(session, participant, "participant")
    store.keys.create(participant.id)
    return participant


def participant_of(session: Session, study_id: int, pseudonym: str) -> Participant:
    """A participant of a study. Raises `Problem` 404, also for one of another study."""
    participant = session.scalar(
        select(Participant).where(
            Participant.study_id == study_id, Participant.pseudonym == pseudonym
        )
    )
    if participant is None:
        raise absent("participant")
    return participant


def insert(session: Session, row: object, kind: str) -> None:
    """Insert a row. Raises `Problem` 409 `exists` where its name is in use."""
    try:
        with session.begin_nested():
            session.add(row)
    except IntegrityError as error:
        raise Problem(
            "exists", 409, f"a {kind} of this name exists, expected a new name: choose another"
        ) from error
