"""The signature of a batch. Continuous vectors cannot be told from raw features, so only a
registered runtime or gateway may send them.
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass

from sqlalchemy import Connection, select

from sordino.device.trust.ed25519 import SIGNATURE_BYTES, verifies
from sordino.server.database.tables import SigningKey
from sordino.server.errors import Problem


@dataclass(frozen=True)
class BatchSignature:
    """The headers of a signed batch."""

    key_id: str
    """Hexadecimal SHA-256 of the public key."""
    signature: str
    """Base64 of 64 bytes."""


def check_signature(
    connection: Connection, study_id: int, signature: BatchSignature | None, message: bytes
) -> None:
    """Raise `Problem` 422 `signature` unless a registered key of the study signed a message."""
    if signature is None:
        raise _refusal("no signature")
    public = connection.scalar(
        select(SigningKey.public_key).where(
            SigningKey.study_id == study_id,
            SigningKey.key_id == signature.key_id,
            SigningKey.revoked.is_(None),
        )
    )
    if public is None:
        raise _refusal("a key that the study has not registered, or has revoked")
    try:
        raw = base64.b64decode(signature.signature, validate=True)
    except (binascii.Error, ValueError):
        raw = b""
    if len(raw) != SIGNATURE_BYTES or not verifies(public, raw, message):
        raise _refusal("a signature that does not match the batch and the token of the device")


def _refusal(came: str) -> Problem:
    return Problem(
        "signature",
        422,
        f"{came}, expected the Ed25519 signature of a registered runtime or gateway key: register "
        "the key, and sign every batch of a continuous policy",
    )
