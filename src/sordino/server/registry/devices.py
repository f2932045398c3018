"""Devices of participants, and their tokens."""

from __future__ import annotations

import hashlib
import secrets
from typing import Final

from sqlalchemy.orm import Session

from sordino.server.database.tables import Device
from sordino.server.store import Store

DEVICE_PREFIX: Final = "sordino_device_"
"""The prefix of a device's token, by which scanners of secrets find a leaked one."""

TOKEN_BYTES: Final = 32


def new_token(prefix: str) -> str:
    """A token of 256 random bits."""
    return prefix + secrets.token_urlsafe(TOKEN_BYTES)


def token_digest(token: str) -> bytes:
    """The SHA-256 of a token, the form in which it is stored. A slow hash would add nothing: 256
    random bits cannot be searched.
    """
    return hashlib.sha256(token.encode()).digest()


def create_device(
    session: Session, store: Store, participant_id: int, name: str, expires: int | None = None
) -> tuple[Device, str]:
    """A new device and its token, which is not stored."""
    token = new_token(DEVICE_PREFIX)
    device = Device(
        participant_id=participant_id,
        name=name,
        token_sha256=token_digest(token),
        created=store.now(),
        expires=expires,
        last_number=0,
    )
    session.add(device)
    session.flush()
    return device, token


def rotate_token(session: Session, device: Device) -> str:
    """A new token of a device; the previous one ends at once."""
    token = new_token(DEVICE_PREFIX)
    device.token_sha256 = token_digest(token)
    session.flush()
    return token
