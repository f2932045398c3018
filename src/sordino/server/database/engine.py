"""Connections to SQLite or PostgreSQL."""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import Engine, create_engine, event

BUSY_SECONDS: Final = 10.0
POOL: Final = 20  # connections to PostgreSQL
SQLITE_POOL: Final = 40  # one for each thread of the server
POOL_SECONDS: Final = 2.0
"""The wait for a connection to SQLite; then the answer is 503."""


def connect(url: str) -> Engine:
    """An engine. SQLite writes ahead, syncs every commit, checks foreign keys, and overwrites what
    it deletes; every transaction that may write takes the lock of writers at its start.
    """
    if not url.startswith("sqlite"):
        # After a restart of PostgreSQL one request fails with 503, and all connections are renewed:
        # cheaper than to ask before every request whether the connection is alive.
        return create_engine(url, pool_size=POOL, max_overflow=0, pool_timeout=BUSY_SECONDS)
    engine = create_engine(
        url,
        connect_args={"timeout": BUSY_SECONDS},
        pool_size=SQLITE_POOL,
        max_overflow=0,
        pool_timeout=POOL_SECONDS,
    )

    @event.listens_for(engine, "connect")
    def _settings(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # SQLAlchemy begins transactions, see below
        for pragma in (
            "journal_mode=WAL",
            "synchronous=FULL",
            "foreign_keys=ON",
            "secure_delete=ON",
        ):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def _begin(connection: Any) -> None:
        reads = connection.get_execution_options().get("reads", False)
        connection.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")

    return engine


def reading(engine: Engine) -> Engine:
    """The engine for statements that change nothing: they wait for no writer.

    On PostgreSQL each statement is a transaction of its own, which saves two messages to the
    database, and the rollback after which psycopg forgets all prepared statements.
    """
    return _reads(engine, "AUTOCOMMIT")


def snapshot(engine: Engine) -> Engine:
    """The engine for transactions that change nothing, and in which all tables are of the same
    time.
    """
    return _reads(engine, "REPEATABLE READ")


def _reads(engine: Engine, isolation: str) -> Engine:
    """SQLite has one isolation for transactions that read: all is of the same time."""
    if engine.dialect.name == "sqlite":
        return engine.execution_options(reads=True)
    return engine.execution_options(isolation_level=isolation)
