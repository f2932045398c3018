"""What sign-in and tokens need beside the database: the key of the server, and the limits."""

from __future__ import annotations

import math
from collections.abc import Hashable
from typing import Final
from urllib.parse import urlsplit

from fastapi import Request

from sordino.server.access.limits import TokenBuckets, network_of
from sordino.server.access.open_id import LOOPBACK, OpenId
from sordino.server.access.password import Passwords
from sordino.server.access.sealed import Once
from sordino.server.access.server_key import load_server_key
from sordino.server.errors import Problem
from sordino.server.settings import ServerSettings

STRANGERS_PER_MINUTE: Final = 1200
"""Requests of one network to routes that are open to everyone."""
FAILURES_PER_MINUTE: Final = 60
"""Wrong tokens and requests without one, of one network."""
ATTEMPTS_PER_HOUR: Final = 120
"""Sign-ins of one network."""
ATTEMPTS_PER_LOGIN: Final = 10
"""Sign-ins an hour at one login from browsers that never signed in there, and as many from each
that did: an attacker uses up the first alone."""
CODES_PER_HOUR: Final = 2
CODES_AT_ONCE: Final = 5
"""Wrong codes after a right password."""
_PORTS: Final = {"http": 80, "https": 443}
CALLBACK: Final = "/sign-in/provider/callback"


class Access:
    """The state of a running server that belongs to no database."""

    def __init__(self, settings: ServerSettings) -> None:
        self.key = load_server_key(settings.folder)
        address = urlsplit(settings.address)
        self.host = address.hostname or ""
        host = f"[{self.host}]" if ":" in self.host else self.host
        port = "" if address.port in (None, _PORTS.get(address.scheme)) else f":{address.port}"
        self.origin = f"{address.scheme}://{host}{port}"
        """As browsers write it: in lower case and without the port of the scheme."""
        self.secure = address.scheme == "https" or self.host not in LOOPBACK
        """Whether cookies are for HTTPS alone."""
        per_second = settings.requests_per_minute / 60
        clock = settings.clock
        self.requests = TokenBuckets(per_second, settings.requests_per_minute, clock)
        self.strangers = TokenBuckets(STRANGERS_PER_MINUTE / 60, STRANGERS_PER_MINUTE, clock)
        self.failures = TokenBuckets(FAILURES_PER_MINUTE / 60, FAILURES_PER_MINUTE, clock)
        self.attempts = TokenBuckets(ATTEMPTS_PER_HOUR / 3600, ATTEMPTS_PER_HOUR / 4, clock)
        self.codes = TokenBuckets(CODES_PER_HOUR / 3600, CODES_AT_ONCE, clock)
        self.passwords = Passwords()
        self.once = Once()
        provider = settings.open_id
        self.open_id = OpenId(provider, self.origin + CALLBACK) if provider else None
        self.logins = TokenBuckets(ATTEMPTS_PER_LOGIN / 3600, ATTEMPTS_PER_LOGIN, clock)

    def cookie(self, name: str) -> str:
        """The name of a cookie; `__Host-` binds it to this host where HTTPS is used."""
        return f"__Host-{name}" if self.secure else name


async def access_of(request: Request) -> Access:
    """The access state of the application that serves a request, as a dependency of routes."""
    access: Access = request.app.state.access
    return access


def network(request: Request) -> str:
    """The network of a client, the key of its buckets."""
    return network_of(request.client.host if request.client else "")


def limit(buckets: TokenBuckets, key: Hashable) -> None:
    """Take a token. Raises the problem `rate` where there is none."""
    wait = buckets.take(key)
    if wait:
        raise too_many(wait)


def too_many(wait: float) -> Problem:
    """The problem `rate`, with the seconds to wait."""
    seconds = math.ceil(wait)
    return Problem(
        "rate",
        429,
        f"too many requests, expected fewer: repeat it after {seconds} s",
        headers={"Retry-After": str(seconds)},
    )
