"""What a server does once a day: deletion of expired releases, and statistics of closed weeks."""

from __future__ import annotations

from dataclasses import dataclass, field

from sqlalchemy import select

from sordino.errors import StorageError
from sordino.server.database.tables import StudyRow
from sordino.server.groups import statistics
from sordino.server.rights import audit, retention
from sordino.server.store import Store


@dataclass(frozen=True)
class Upkeep:
    """The result of a run."""

    expired: dict[str, int] = field(default_factory=dict)
    """Rows deleted by table."""
    statistics: int = 0
    """Statistics of groups that were computed."""
    refusal: str = ""
    """Why expired releases were not deleted; empty if they were."""


def run_upkeep(store: Store, *, clock_is_right: bool = False) -> Upkeep:
    """Run once. A clock that may be wrong stops both steps, and the result says so."""
    try:
        expired = retention.delete_expired(store, confirmed=clock_is_right)
    except StorageError as error:
        return Upkeep(refusal=str(error))
    with store.reading() as session:
        studies = session.scalars(select(StudyRow.id)).all()
    computed = sum(statistics.compute_statistics(store, study_id) for study_id in studies)
    return Upkeep(expired, computed)


def verify_log(store: Store, known: audit.Head | None = None) -> audit.Head:
    """The end of the audit log after a check of every entry. Raises `StorageError`."""
    with store.snapshot() as session:
        return audit.verify(session, known)
