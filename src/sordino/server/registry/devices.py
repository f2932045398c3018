"""Devices of participants, and their tokens."""

from __future__ import annotations

from sqlalchemy.orm import Session

from sordino.server.access.token import DEVICE_PREFIX, new_token, token_digest
from sordino.server.database.tables import Device
from sordino.server.store import Store


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
