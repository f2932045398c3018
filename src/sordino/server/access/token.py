"""Tokens of 256 random bits. A database keeps their SHA-256 alone."""

from __future__ import annotations

import hashlib
import re
import secrets
from typing import Final

TOKEN_BYTES: Final = 32
DEVICE_PREFIX: Final = "sordino_device_"
ACCOUNT_PREFIX: Final = "sordino_account_"
INVITATION_PREFIX: Final = "sordino_invitation_"
_SHAPE: Final = re.compile(r"sordino_(device|account|invitation)_[A-Za-z0-9_-]{43}")


def new_token(prefix: str = "") -> str:
    """A new token: the prefix and 43 characters of base64url."""
    return prefix + secrets.token_urlsafe(TOKEN_BYTES)


def token_digest(token: str) -> bytes:
    """SHA-256 of a token, 32 bytes."""
    return hashlib.sha256(token.encode()).digest()


def is_token(text: str, prefix: str) -> bool:
    """Whether a text has the shape of a token with this prefix."""
    return text.startswith(prefix) and _SHAPE.fullmatch(text) is not None
