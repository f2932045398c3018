"""A batch of a continuous policy is stored with the signature of a registered key alone."""

from __future__ import annotations

import base64
import hashlib
import json
import uuid
from dataclasses import replace
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from fastapi.testclient import TestClient
from sqlalchemy import select

from sordino.server.database.tables import SigningKey
from sordino.server.registry.devices import create_device
from sordino.server.registry.signing_keys import register_signing_key
from tests.server.conftest import Scene, make_scene, make_user
from tests.server.synthetic_bundle import WIDTH
from tests.server.test_ingest import batch, code, indices, post, stored


def signed(scene: Scene, content: dict[str, Any], key: str) -> dict[str, str]:
    """The headers of a batch that a new registered key signs."""
    private = Ed25519PrivateKey.generate()
    public = private.public_key().public_bytes_raw()
    with scene.store.transaction() as session:
        row = register_signing_key(session, scene.store, scene.study.id, public)
    token = hashlib.sha256(scene.token.encode()).hexdigest().encode()
    lines = (b"sordino releases 1", token, key.encode(), json.dumps(content).encode())
    message = b"\n".join(lines)
    return {
        "Sordino-Key": row.key_id,
        "Sordino-Signature": base64.b64encode(private.sign(message)).decode(),
    }


NOISE: Final = batch([{"number": 1, "vector": [0.5] * WIDTH}], "noise")


def test_a_continuous_batch_needs_a_signature(client: TestClient, scene: Scene) -> None:
    assert code(post(client, scene, NOISE)) == (422, "signature")
    key = str(uuid.uuid4())
    headers = signed(scene, NOISE, key)
    other = str(uuid.uuid4())
    assert code(post(client, scene, NOISE, other, **headers)) == (422, "signature")
    changed = batch([{"number": 1, "vector": [0.25] * WIDTH}], "noise")
    assert code(post(client, scene, changed, key, **headers)) == (422, "signature")
    assert stored(scene.store) == 0
    assert post(client, scene, NOISE, key, **headers).status_code == 201


def test_a_signature_is_valid_for_one_device_alone(client: TestClient, scene: Scene) -> None:
    """Neither another device, nor another user, nor another study with the key may send it."""
    key = str(uuid.uuid4())
    headers = signed(scene, NOISE, key)
    foreign = make_scene(scene.store, "sleep")
    _, _, user = make_user(scene.store, scene.study, scene.policies, "p2")
    with scene.store.transaction() as session:
        public = session.scalars(select(SigningKey.public_key)).one()
        register_signing_key(session, scene.store, foreign.study.id, public)
        _, device = create_device(session, scene.store, scene.participant.id, "phone")
    for token in (device, user, foreign.token):
        other = replace(scene, token=token)
        assert code(post(client, other, NOISE, key, **headers)) == (422, "signature")
    assert stored(scene.store) == 0
    assert post(client, scene, NOISE, key, **headers).status_code == 201


def test_a_revoked_signing_key_is_refused(client: TestClient, scene: Scene) -> None:
    key = str(uuid.uuid4())
    headers = signed(scene, NOISE, key)
    with scene.store.transaction() as session:
        session.query(SigningKey).update({"revoked": 1})
    assert code(post(client, scene, NOISE, key, **headers)) == (422, "signature")


def test_a_false_signature_is_never_ignored(client: TestClient, scene: Scene) -> None:
    for headers in (
        {"Sordino-Key": "a" * 64},
        {"Sordino-Signature": "AAAA"},
        {"Sordino-Key": "a" * 64, "Sordino-Signature": "!"},
        {"Sordino-Key": "x"},
    ):
        answer = post(client, scene, batch(indices(1, 0)), **headers)
        assert code(answer) in ((422, "signature"), (422, "invalid"))


def test_a_continuous_policy_takes_no_index(client: TestClient, scene: Scene) -> None:
    content, key = batch(indices(1, 0), "noise"), str(uuid.uuid4())
    answer = post(client, scene, content, key, **signed(scene, content, key))
    assert code(answer) == (422, "not-a-prototype")
