"""What every request needs: sessions of the database, keys and the clock."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from fastapi import Request
from sqlalchemy import select
from sqlalchemy.orm import Session

from sordino.server.database.engine import connect, reading
from sordino.server.database.keys import KeyStore, forget_log
from sordino.server.database.partitions import Partitions
from sordino.server.rights.download import Downloads
from sordino.server.settings import ServerSettings


class Store:
    """The database of a server and the keys of its users."""

    def __init__(self, settings: ServerSettings) -> None:
        self.settings = settings
        self.engine = connect(settings.database_url)
        self._reading = reading(self.engine)
        self.keys = KeyStore(settings.keys_url)
        self.partitions = Partitions(self.engine)
        self.downloads = Downloads(settings.folder)

    def close(self) -> None:
        """Close all connections."""
        self.engine.dispose()
        self.keys.close()

    def check(self) -> None:
        """Raise an error of the database where it does not answer."""
        with self.reading() as session:
            session.execute(select(1))

    def forget_logs(self) -> bool:
        """Empty the logs of writes of SQLite, which may hold deleted rows. False where a reader
        prevents it.
        """
        return all([forget_log(self.engine), self.keys.forget_log()])

    def now(self) -> int:
        """UTC, in seconds since 1970."""
        return int(self.settings.clock())

    @contextmanager
    def transaction(self) -> Iterator[Session]:
        """A session that is committed at the end, or rolled back by an error."""
        with Session(self.engine, expire_on_commit=False) as session, session.begin():
            yield session

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """A session that changes nothing, so that it waits for no writer."""
        with Session(self._reading, autoflush=False, expire_on_commit=False) as session:
            yield session

    @contextmanager
    def snapshot(self) -> Iterator[Session]:
        """A session that changes nothing, and in which all tables are of the same time."""
        options = {"reads": True, "isolation_level": "REPEATABLE READ"}
        if self.engine.dialect.name == "sqlite":
            del options["isolation_level"]  # all reads of a transaction are of the same time
        with Session(self.engine.execution_options(**options), expire_on_commit=False) as session:
            yield session


async def store_of(request: Request) -> Store:
    """The store of the application that serves a request, as a dependency of routes.

    A coroutine runs in the loop of the server; a function would wait for a thread.
    """
    store: Store = request.app.state.store
    return store
