"""The Ed25519 keys that sign batches of continuous policies."""

from __future__ import annotations

import hashlib

from sqlalchemy.orm import Session

from sordino.server.database.tables import SigningKey
from sordino.server.registry.studies import insert
from sordino.server.store import Store


def register_signing_key(
    session: Session, store: Store, study_id: int, public_key: bytes
) -> SigningKey:
    """A new key of a study, 32 bytes. Raises `Problem` 409 `exists` for a second time."""
    key = SigningKey(
        study_id=study_id,
        key_id=hashlib.sha256(public_key).hexdigest(),
        public_key=public_key,
        created=store.now(),
    )
    insert(session, key, "signing key")
    return key
