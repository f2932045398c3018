"""Consent in versions, pause, and their effect on ingest."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from fastapi.testclient import TestClient

from sordino.server.database.tables import Consent, Participant, Purpose
from sordino.server.ingest.statements import LOCKED
from sordino.server.rights import audit
from sordino.server.rights.consent import add_decision, consents, set_paused, users_consenting
from tests.server.conftest import Clock, Scene, make_scene
from tests.server.rights.conftest import SQLITE, sign_in


def decision(
    scene: Scene, given: bool, purpose: str = "storage", **further: bool
) -> dict[str, Any]:
    digest = scene.policies["drawn"].digest
    return {"purpose": purpose, "policy": digest, "given": given, **further}


def sendable(client: TestClient, scene: Scene) -> dict[str, bool]:
    """Whether the device may send releases of each policy."""
    answer = client.get("/v1/device", headers=scene.headers).json()
    return {row["policy"]: row["consent"] for row in answer["policies"]}


def own(scene: Scene) -> dict[str, str]:
    return sign_in(scene.store, "user", scene.study.id, scene.participant.id)


def test_withdrawal_counts_for_one_policy(client: TestClient, scene: Scene) -> None:
    headers = own(scene)
    path = "/v1/participants/me/consents"
    answer = client.put(path, json=decision(scene, False), headers=headers)
    assert answer.status_code == 200
    assert sendable(client, scene) == {"drawn": False, "label": True, "noise": True}
    assert client.put(path, json=decision(scene, True), headers=headers).status_code == 200
    versions = [
        row
        for row in client.get(path, headers=headers).json()["decisions"]
        if (row["purpose"], row["policy"]) == ("storage", scene.policies["drawn"].digest)
    ]
    assert [(row["version"], row["given"], row["newest"]) for row in versions] == [
        (1, True, False),
        (2, False, False),
        (3, True, True),
    ]


@SQLITE
def test_newest_version_counts_whatever_the_clock(scene: Scene, clock: Clock) -> None:
    policy = scene.policies["drawn"].digest
    clock.time -= 10**6
    with scene.store.transaction() as session:
        add_decision(
            session,
            session.get_one(Participant, scene.participant.id),
            Purpose.STORAGE,
            policy,
            given=False,
            time=scene.store.now(),
            actor="test",
        )
        assert not consents(session, scene.participant.id, Purpose.STORAGE, policy)
        group = users_consenting(session, scene.study.id, Purpose.STORAGE, policy)
        assert group == frozenset()


@SQLITE
def test_pause_and_resume(client: TestClient, scene: Scene) -> None:
    headers = own(scene)
    for action, expected in (("pause", False), ("pause", False), ("resume", True)):
        answer = client.post(f"/v1/participants/me/{action}", headers=headers)
        assert answer.json() == {"paused": not expected}
        assert set(sendable(client, scene).values()) == {expected}
    with scene.store.reading() as session:
        assert audit.count(session) == 2  # a repeated pause changes nothing


@SQLITE
def test_researcher_records_paper_alone(client: TestClient, scene: Scene) -> None:
    headers = sign_in(scene.store, "researcher", scene.study.id)
    path = f"/v1/participants/{scene.participant.pseudonym}/consents"
    refused = client.put(path, json=decision(scene, True), headers=headers)
    assert (refused.status_code, refused.json()["type"]) == (403, "urn:sordino:consent")
    body = decision(scene, False, on_paper=True)
    assert client.put(path, json=body, headers=headers).status_code == 200
    log = client.get("/v1/participants/me/log", headers=own(scene)).json()["entries"]
    assert log[0]["actor"].startswith("research ")
    assert log[0]["details"]["on_paper"] is True


@SQLITE
def test_paper_never_overrides_the_user(client: TestClient, scene: Scene) -> None:
    """A researcher may still record a withdrawal, and what the user never decided here."""
    me, researcher = own(scene), sign_in(scene.store, "researcher", scene.study.id)
    paths = [f"/v1/participants/{name}/consents" for name in ("me", scene.participant.pseudonym)]
    paper = decision(scene, True, on_paper=True)
    assert client.put(paths[1], json=paper, headers=researcher).status_code == 200
    assert client.put(paths[0], json=decision(scene, False), headers=me).status_code == 200
    for body in (paper, decision(scene, False, on_paper=True), paper):
        answer = client.put(paths[1], json=body, headers=researcher)
        assert answer.status_code == (409 if body["given"] else 200)
    assert "ask the user" in answer.json()["detail"]
    other = decision(scene, True, "research", on_paper=True)
    assert client.put(paths[1], json=other, headers=researcher).status_code == 200
    assert sendable(client, scene)["drawn"] is False
    assert client.put(paths[0], json=decision(scene, True), headers=me).status_code == 200
    assert sendable(client, scene)["drawn"] is True


@SQLITE
def test_user_cannot_say_on_paper(client: TestClient, scene: Scene) -> None:
    body = decision(scene, True, on_paper=True)
    answer = client.put("/v1/participants/me/consents", json=body, headers=own(scene))
    assert answer.status_code == 403


@SQLITE
def test_other_users_and_studies_are_absent(client: TestClient, scene: Scene) -> None:
    other = make_scene(scene.store, "sleep", "q1")
    researcher = sign_in(scene.store, "researcher", other.study.id)
    for headers, name in ((own(scene), "q1"), (researcher, "p1"), (own(other), "p1")):
        answer = client.get(f"/v1/participants/{name}/consents", headers=headers)
        assert answer.status_code == 404
    operator = sign_in(scene.store, "operator")
    assert client.get("/v1/participants/p1/consents", headers=operator).status_code == 403


@SQLITE
@pytest.mark.parametrize(
    "change",
    [
        {"purpose": "marketing"},
        {"policy": "0" * 64},
        {"policy": "x"},
        {"given": None},
        {"further": 1},
    ],
)
def test_unknown_decisions_are_refused(
    client: TestClient, scene: Scene, change: dict[str, Any]
) -> None:
    body = decision(scene, True) | change
    answer = client.put("/v1/participants/me/consents", json=body, headers=own(scene))
    assert answer.status_code in (404, 422)
    with scene.store.reading() as session:
        assert session.query(Consent).filter(Consent.version > 1).count() == 0


def test_withdrawal_waits_for_a_batch_in_progress(scene: Scene) -> None:
    """A batch that read a consent is stored before the withdrawal is answered, never after it."""
    store = scene.store
    order: list[str] = []

    def withdraw() -> None:
        with store.transaction() as session:
            user = session.get_one(Participant, scene.participant.id)
            set_paused(session, user, paused=True, time=store.now(), actor="test")
        order.append("paused")

    thread = threading.Thread(target=withdraw)
    with store.transaction() as session:
        session.execute(
            LOCKED, {"device_id": scene.device_id, "participant_id": scene.participant.id}
        ).one()
        thread.start()
        thread.join(0.3)
        order.append("stored")
    thread.join()
    assert order == ["stored", "paused"]
