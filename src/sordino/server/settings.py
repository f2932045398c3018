"""The settings of a server."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from sordino.device.sending.wire import LARGEST_BODY

DATABASE_FILE: Final = "sordino.sqlite3"
KEYS_FILE: Final = "keys.sqlite3"


@dataclass(frozen=True)
class OpenIdProvider:
    """An OpenID Connect provider that people sign in with."""

    issuer: str
    client_id: str
    client_secret: str = field(repr=False)


@dataclass(frozen=True)
class ServerSettings:
    """The settings of a server. Only `sordino serve` reads the environment and the clock."""

    folder: Path
    """The place of SQLite files and of the store of the users' keys, readable by its owner only."""
    database: str = ""
    """A URL of PostgreSQL, `postgresql://...`; empty for SQLite in the folder."""
    keys: str = ""
    """A URL of the store of keys; empty for SQLite in the folder. It never goes into a backup of
    the database: deleting a user destroys their key, and so the copies in all backups.
    """
    address: str = "http://127.0.0.1:8000"
    """The address that browsers use: the origin of cookies, forms and passkeys."""
    largest_body: int = LARGEST_BODY
    requests_per_minute: int = 600
    """Of a device or an account."""
    traces: str = ""
    """The URL of a collector of OpenTelemetry traces; empty for none."""
    open_id: OpenIdProvider | None = None
    clock: Callable[[], float] = time.time

    @property
    def database_url(self) -> str:
        """The URL of the database for SQLAlchemy."""
        if not self.database:
            return f"sqlite:///{self.folder / DATABASE_FILE}"
        scheme, separator, rest = self.database.partition("://")
        return (
            f"postgresql+psycopg://{rest}"
            if scheme in ("postgresql", "postgres")
            else (scheme + separator + rest)
        )

    @property
    def keys_url(self) -> str:
        """The URL of the store of keys for SQLAlchemy."""
        return self.keys or f"sqlite:///{self.folder / KEYS_FILE}"
