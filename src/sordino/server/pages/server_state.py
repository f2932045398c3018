"""The state of a server, for its operator: checks, sizes, studies and versions. No content."""

from __future__ import annotations

import datetime
import platform
import shutil
import time
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as version_of
from pathlib import Path
from typing import Final

from sqlalchemy import func, select, text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from sordino import __version__
from sordino.server.database.migration import current, newest
from sordino.server.database.rights_tables import PrivacyBudget, PrivacySpending
from sordino.server.database.tables import BatchRow, Device, Participant, StudyRow
from sordino.server.days import utc_day
from sordino.server.pages.views import HealthCheck, StudyLine
from sordino.server.rights import audit
from sordino.server.store import Store

LEAST_FREE_BYTES: Final = 1 << 30
LEAST_FREE_SHARE: Final = 0.05
SLOW_SECONDS: Final = 0.5
GRACE_DAYS: Final = 2
"""Days after the retention of a study until its oldest releases count as overdue."""
_UNITS: Final = ("B", "KiB", "MiB", "GiB", "TiB")
PACKAGES: Final = ("fastapi", "sqlalchemy", "uvicorn", "cryptography", "argon2-cffi")


def checks(store: Store, session: Session) -> list[HealthCheck]:
    """Whether each part of a server works."""
    found, expected = current(store.engine), newest()
    return [
        _answers("Database", store.check),
        _answers("Keys of users", store.keys.check),
        HealthCheck(
            "Tables",
            "current" if found == expected else "of another version",
            found == expected,
            f"revision {found}" + ("" if found == expected else f", expected {expected}"),
        ),
        _space(store.settings.folder),
        _retention(session, store.now()),
    ]


def facts(session: Session) -> dict[str, str]:
    """The database in numbers."""
    entries = audit.head(session)
    oldest = session.scalar(select(func.min(BatchRow.day)))
    return {
        "Kind": _kind(session),
        "Size": _bytes(_size(session)),
        "Oldest day": oldest.isoformat() if oldest else "none",
        "Audit log": f"{entries.number} entries",
        "End of the log": entries.digest.hex()[:16],
    }


def studies(session: Session) -> list[StudyLine]:
    """All studies, by name."""
    spent = dict(
        session.execute(
            select(PrivacySpending.study_id, func.sum(PrivacySpending.epsilon)).group_by(
                PrivacySpending.study_id
            )
        ).all()
    )
    budgets = {row.study_id: row.epsilon for row in session.scalars(select(PrivacyBudget))}
    rows = session.execute(
        select(
            StudyRow,
            func.count(func.distinct(Participant.id)),
            func.count(Device.id),
            func.coalesce(func.sum(Device.last_number), 0),
        )
        .outerjoin(Participant, Participant.study_id == StudyRow.id)
        .outerjoin(Device, Device.participant_id == Participant.id)
        .group_by(StudyRow.id)
        .order_by(StudyRow.name)
    )
    return [
        StudyLine(
            name=study.name,
            participants=participants,
            devices=devices,
            releases=int(releases),
            retention_days=study.retention_days,
            epsilon_spent=spent.get(study.id, 0.0),
            epsilon_limit=budgets.get(study.id),
        )
        for study, participants, devices, releases in rows
    ]


def settings_limits(store: Store) -> dict[str, str]:
    """The limits of the settings."""
    settings = store.settings
    return {
        "Requests a minute": f"{settings.requests_per_minute} of a device or account",
        "Largest body": _bytes(settings.largest_body),
        "Address": settings.address,
        "Sign-in at a provider": settings.open_id.issuer if settings.open_id else "not used",
    }


def versions() -> dict[str, str]:
    """The versions of what runs."""
    return {
        "sordino": __version__,
        "Python": platform.python_version(),
        **{name: _version(name) for name in PACKAGES},
    }


def _answers(name: str, check: Callable[[], object]) -> HealthCheck:
    start = time.perf_counter()
    try:
        check()
    except SQLAlchemyError as error:
        return HealthCheck(name, "no answer", False, type(error).__name__)
    seconds = time.perf_counter() - start
    slow = seconds > SLOW_SECONDS
    return HealthCheck(name, "slow" if slow else "answers", not slow, f"{1000 * seconds:.0f} ms")


def _space(folder: Path) -> HealthCheck:
    usage = shutil.disk_usage(folder)
    enough = usage.free >= max(LEAST_FREE_BYTES, LEAST_FREE_SHARE * usage.total)
    return HealthCheck(
        "Disk of the folder",
        "enough" if enough else "almost full",
        enough,
        f"{_bytes(usage.free)} free of {_bytes(usage.total)}",
    )


def _retention(session: Session, now: int) -> HealthCheck:
    today = utc_day(now)
    overdue = [
        study.name
        for study in session.scalars(select(StudyRow).order_by(StudyRow.name))
        if session.scalar(
            select(BatchRow.id)
            .join(Device, Device.id == BatchRow.device_id)
            .join(Participant, Participant.id == Device.participant_id)
            .where(
                BatchRow.day < today - datetime.timedelta(study.retention_days + GRACE_DAYS),
                Participant.study_id == study.id,
            )
            .limit(1)
        )
    ]
    if overdue:
        return HealthCheck("Retention", "overdue", False, f"of {', '.join(overdue[:5])}")
    return HealthCheck("Retention", "kept", True, "nothing is older than its study allows")


def _kind(session: Session) -> str:
    dialect = session.get_bind().dialect
    number = ".".join(str(part) for part in (dialect.server_version_info or ())[:2])
    return f"{'PostgreSQL' if dialect.name == 'postgresql' else 'SQLite'} {number}"


def _size(session: Session) -> int:
    if session.get_bind().dialect.name == "postgresql":
        return session.scalar(text("SELECT pg_database_size(current_database())")) or 0
    pages, size = (session.scalar(text(f"PRAGMA {name}")) for name in ("page_count", "page_size"))
    return int(pages or 0) * int(size or 0)


def _bytes(count: float) -> str:
    """A size with its unit.

    >>> _bytes(4 << 20), _bytes(1536)
    ('4 MiB', '1.5 KiB')
    """
    power = min(4, max(0, int(count).bit_length() - 1) // 10)
    return f"{count / 1024**power:.3g} {_UNITS[power]}"


def _version(name: str) -> str:
    try:
        return version_of(name)
    except PackageNotFoundError:
        return "not installed"
