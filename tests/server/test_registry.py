"""What a study registers, and who sees it."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from fastapi.testclient import TestClient

from sordino.device import Bundle
from sordino.server.registry import routes
from sordino.server.registry.bundles import parse_bundle
from tests.server.conftest import Scene, make_scene, researcher
from tests.server.synthetic_bundle import bundle_file, digest

FILE = {"Content-Type": "application/octet-stream"}
Headers = dict[str, str]


def test_a_study_is_registered_over_the_api(client: TestClient, operator: Headers) -> None:
    study = {"name": "mood", "retention_days": 30, "smallest_group": 12}
    assert client.post("/v1/studies", json=study, headers=operator).status_code == 201
    body = bundle_file().read_bytes()
    bundle = client.post("/v1/studies/mood/bundles", content=body, headers=operator | FILE)
    assert bundle.status_code == 201
    assert bundle.json()["bundle"] == digest(bundle_file())
    policies = {row["name"]: row["prototypes"] for row in bundle.json()["policies"]}
    assert policies == {"drawn": 6, "label": 2, "noise": None}
    user = client.post("/v1/studies/mood/participants", json={"pseudonym": "p1"}, headers=operator)
    assert user.status_code == 201
    device = client.post("/v1/studies/mood/participants/p1/devices", json={}, headers=operator)
    headers = {"Authorization": f"Bearer {device.json()['token']}"}
    state = client.get("/v1/device", headers=headers).json()
    assert {row["consent"] for row in state["policies"]} == {False}
    for path in ("", "/mood/bundles", "/mood/participants", "/mood/participants/p1/devices"):
        assert len(client.get(f"/v1/studies{path}", headers=operator).json()) == 1


def test_names_are_given_once(client: TestClient, operator: Headers, scene: Scene) -> None:
    assert client.post("/v1/studies", json={"name": "mood"}, headers=operator).status_code == 409
    body = bundle_file().read_bytes()
    again = client.post("/v1/studies/mood/bundles", content=body, headers=operator | FILE)
    assert (again.status_code, again.json()["type"]) == (409, "urn:sordino:exists")
    json = {"pseudonym": scene.participant.pseudonym}
    user = client.post("/v1/studies/mood/participants", json=json, headers=operator)
    assert user.status_code == 409


def test_a_file_that_is_no_bundle_is_refused(
    client: TestClient, operator: Headers, scene: Scene
) -> None:
    content = bundle_file().read_bytes()
    for body in (b"", b"x" * 100, content[:-1], content[:500] + b"\0" + content[501:]):
        answer = client.post("/v1/studies/mood/bundles", content=body, headers=operator | FILE)
        assert (answer.status_code, answer.json()["type"]) == (422, "urn:sordino:bundle")
        assert "/tmp" not in answer.text
    assert scene.bundle.retired is None


def test_a_rotated_token_replaces_the_first(
    client: TestClient, operator: Headers, scene: Scene
) -> None:
    path = f"/v1/studies/mood/participants/p1/devices/{scene.device_id}"
    token = client.post(f"{path}/rotate", headers=operator).json()["token"]
    assert client.get("/v1/device", headers=scene.headers).status_code == 401
    headers = {"Authorization": f"Bearer {token}"}
    assert client.get("/v1/device", headers=headers).status_code == 200
    assert client.post(f"{path}/revoke", headers=operator).status_code == 204
    assert client.get("/v1/device", headers=headers).status_code == 401
    assert client.post(f"{path}/rotate", headers=operator).status_code == 409


def test_a_bundle_is_parsed_outside_of_a_transaction(
    client: TestClient, scene: Scene, operator: Headers, monkeypatch: pytest.MonkeyPatch
) -> None:
    pool, used = scene.store.engine.pool, []

    def parse(content: bytes) -> Bundle:
        used.append(pool.checkedout())  # type: ignore[attr-defined]
        return parse_bundle(content)

    monkeypatch.setattr(routes, "parse_bundle", parse)
    body, path = bundle_file().read_bytes(), "/v1/studies/mood/bundles"
    headers = {**operator, "Content-Type": "application/octet-stream"}
    assert client.post(path, content=body, headers=headers).status_code == 409
    assert used == [0]
    assert client.post("/v1/studies/none/bundles", content=body, headers=headers).status_code == 404
    assert used == [0]


def test_a_retired_bundle_is_listed_and_unknown(client: TestClient, scene: Scene) -> None:
    headers = researcher(scene.store, scene.study.id)
    path = f"/v1/studies/mood/bundles/{scene.bundle.digest}/retire"
    assert client.post(path, headers=headers).status_code == 204
    assert client.get("/v1/device", headers=scene.headers).json()["policies"] == []
    rows = client.get("/v1/studies/mood/bundles", headers=headers).json()
    assert rows[0]["retired"] is not None


def test_a_signing_key_is_registered_and_revoked(client: TestClient, scene: Scene) -> None:
    headers = researcher(scene.store, scene.study.id)
    public = Ed25519PrivateKey.generate().public_key().public_bytes_raw().hex()
    path = "/v1/studies/mood/signing-keys"
    key = client.post(path, json={"public_key": public}, headers=headers).json()["key"]
    assert client.post(path, json={"public_key": public}, headers=headers).status_code == 409
    assert client.post(f"{path}/{key}/revoke", headers=headers).status_code == 204
    assert client.get(path, headers=headers).json()[0]["revoked"] is not None


def test_a_researcher_sees_their_study_alone(client: TestClient, scene: Scene) -> None:
    other = make_scene(scene.store, "other", "p9")
    headers = researcher(scene.store, scene.study.id)
    assert [row["name"] for row in client.get("/v1/studies", headers=headers).json()] == ["mood"]
    for path in (
        "/v1/studies/other",
        "/v1/studies/other/bundles",
        "/v1/studies/other/participants",
        "/v1/studies/other/participants/p9/devices",
        "/v1/studies/mood/participants/p9/devices",
        "/v1/studies/none",
        "/v1/studies/%00",
    ):
        assert client.get(path, headers=headers).status_code in (404, 422), path
    devices = "/v1/studies/mood/participants/p1/devices"
    answer = client.post(f"{devices}/{other.device_id}/revoke", headers=headers)
    assert answer.status_code == 404


def test_a_hostile_name_is_refused(client: TestClient, operator: Headers) -> None:
    for name in ("", "A", "a b", "-a", "a-", "é", "a" * 65, "a\n", "../x", "a\0", "<b>", 7, None):
        answer = client.post("/v1/studies", json={"name": name}, headers=operator)
        assert answer.status_code == 422
