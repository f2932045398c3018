"""Migrations of the database."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Final

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine

from sordino.server.database.engine import reading

_SCRIPTS: Final = Path(__file__).parent / "migrations"


def upgrade(engine: Engine, revision: str = "head") -> None:
    """Bring the tables to a revision, `head` by default."""
    _run(engine, command.upgrade, revision)


def downgrade(engine: Engine, revision: str) -> None:
    """Take the tables back to a revision."""
    _run(engine, command.downgrade, revision)


def current(engine: Engine) -> str:
    """The revision of the tables; empty before the first."""
    with reading(engine).connect() as connection:
        return MigrationContext.configure(connection).get_current_revision() or ""


@cache
def newest() -> str:
    """The newest revision that this version of sordino knows."""
    return ScriptDirectory(str(_SCRIPTS)).get_current_head() or ""


def _run(engine: Engine, action: object, revision: str) -> None:
    config = Config()
    config.set_main_option("script_location", str(_SCRIPTS))
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        action(config, revision)  # type: ignore[operator]
