"""Passwords by argon2id (RFC 9106), and the names and passwords that an account may have."""

from __future__ import annotations

import re
import threading
import unicodedata
from functools import cached_property
from typing import Final, NamedTuple

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from sordino.server.errors import RETRY_SECONDS, Problem

SHORTEST_PASSWORD: Final = 12  # characters of a password
LONGEST_PASSWORD: Final = 1000
FEWEST_CHARACTERS: Final = 5  # different ones
_LOGIN: Final = re.compile(r"[\w.@+-]{3,64}")
_HASHES_AT_ONCE: Final = 2
"""A hash needs 64 MiB: more at once would let strangers fill the memory."""
_MOST_WAITERS: Final = 4
"""Each waits in a thread of the server for less than a second; a further one is refused."""
_HASH_WAIT_SECONDS: Final = 3.0


class PasswordCheck(NamedTuple):
    """Whether a password is right, and its new hash where the stored one is out of date."""

    right: bool
    """Whether the password is right."""
    new_hash: str | None
    """The hash to store; None if the stored one is up to date."""


class Passwords:
    """Hashes passwords, and compares them in the same time for known and unknown logins."""

    def __init__(self, hasher: PasswordHasher | None = None) -> None:
        self._hasher = hasher or PasswordHasher()
        self._slot = _Slot()

    @cached_property
    def _unknown(self) -> str:
        """A hash that an unknown login is compared with."""
        return self._hasher.hash("")

    def hash(self, password: str) -> str:
        """The hash to store."""
        with self._slot:
            return self._hasher.hash(_normal(password))

    def check(self, stored: str | None, password: str) -> PasswordCheck:
        """Compare a password with a stored hash, `None` for an account that has none."""
        with self._slot:
            try:
                self._hasher.verify(stored or self._unknown, _normal(password))
            except (VerificationError, InvalidHashError):
                return PasswordCheck(False, None)
            if stored is None:
                return PasswordCheck(False, None)
            old = self._hasher.check_needs_rehash(stored)
            return PasswordCheck(True, self._hasher.hash(_normal(password)) if old else None)


class _Slot:
    """One of the hashes at once. Raises the problem 503 `unavailable` where too many wait."""

    def __init__(self) -> None:
        self._places = threading.BoundedSemaphore(_HASHES_AT_ONCE + _MOST_WAITERS)
        self._slots = threading.BoundedSemaphore(_HASHES_AT_ONCE)

    def __enter__(self) -> None:
        if not self._places.acquire(blocking=False):
            raise _busy()
        if not self._slots.acquire(timeout=_HASH_WAIT_SECONDS):
            self._places.release()
            raise _busy()

    def __exit__(self, *_: object) -> None:
        self._slots.release()
        self._places.release()


def _busy() -> Problem:
    return Problem(
        "unavailable",
        503,
        "more passwords at once than the server compares, expected fewer: repeat the request later",
        headers={"Retry-After": str(RETRY_SECONDS)},
    )


def normal_login(text: str) -> str | None:
    """A login as it is stored: NFKC, lower case. None for a text that is no login.

    >>> normal_login(" Ada.L "), normal_login("a b")
    ('ada.l', None)
    """
    login = unicodedata.normalize("NFKC", text[:256].strip()).casefold()
    return login if _LOGIN.fullmatch(login) else None


def check_login(text: str) -> str:
    """A login as it is stored. Raises the problem `invalid` for a text that is no login."""
    login = normal_login(text)
    if login is None:
        raise Problem(
            "invalid",
            422,
            "not a name of an account, expected 3 to 64 letters, digits or . @ + - _: "
            "choose another",
        )
    return login


def check_password(password: str, login: str) -> None:
    """Raises the problem `invalid` for a password that is too short or too simple."""
    text = _normal(password)
    if not SHORTEST_PASSWORD <= len(text) <= LONGEST_PASSWORD:
        raise Problem(
            "invalid",
            422,
            f"a password of another length, expected {SHORTEST_PASSWORD} to {LONGEST_PASSWORD} "
            "characters: "
            "several words are a good choice",
        )
    if len(set(text)) < FEWEST_CHARACTERS or login in text.casefold():
        raise Problem(
            "invalid",
            422,
            f"a password that is easy to guess, expected {FEWEST_CHARACTERS} different characters "
            "and not the name of the account: choose another",
        )


def _normal(password: str) -> str:
    return unicodedata.normalize("NFKC", password[: LONGEST_PASSWORD + 1])
