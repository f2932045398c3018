"""What sign-in and tokens need beside the database: the key of the server, and the limits."""

from __future__ import annotations

import math
from typing import Final
from urllib.parse import urlsplit

from fastapi import Request

from sordino.server.access.limits import TokenBuckets, network_of
from sordino.server.access.server_key import load_server_key
from sordino.server.errors import Problem
from sordino.server.settings import Settings

LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})
FAILURES_PER_MINUTE: Final = 60
"""Wrong tokens and requests without one, of one network."""
ATTEMPTS_PER_HOUR: Final = 120
"""Sign-ins of one network."""
ATTEMPTS_PER_LOGIN: Final = 10
"""Sign-ins an hour at one login from browsers that never signed in there, and as many from each
that did: an attacker uses up the first alone."""


class Access:
    """The state of a running server that belongs to no database."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.key = load_server_key(settings.folder)
        address = urlsplit(settings.address)
        self.origin = f"{address.scheme}://{address.netloc}"
        self.host = address.hostname or ""
        self.secure = address.scheme == "https" or self.host not in LOOPBACK
        """Whether cookies are for HTTPS alone."""
        per_second = settings.requests_per_minute / 60
        clock = settings.clock
        self.requests = TokenBuckets(per_second, settings.requests_per_minute, clock)
        self.failures = TokenBuckets(FAILURES_PER_MINUTE / 60, FAILURES_PER_MINUTE, clock)
        self.attempts = TokenBuckets(ATTEMPTS_PER_HOUR / 3600, ATTEMPTS_PER_HOUR / 4, clock)
        self.logins = TokenBuckets(ATTEMPTS_PER_LOGIN / 3600, ATTEMPTS_PER_LOGIN, clock)

    def cookie(self, name: str) -> str:
        """The name of a cookie; `__Host-` binds it to this host where HTTPS is used."""
        return f"__Host-{name}" if self.secure else name


def access_of(request: Request) -> Access:
    """The access state of the application that serves a request, as a dependency of routes."""
    access: Access = request.app.state.access
    return access


def network(request: Request) -> str:
    """The network of a client, the key of its buckets."""
    return network_of(request.client.host if request.client else "")


def limit(buckets: TokenBuckets, key: object) -> None:
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
