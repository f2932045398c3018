"""A batch is stored whole or not at all, once, with consent, and never holds raw features."""

from __future__ import annotations

import datetime
import json
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest
from fastapi.testclient import TestClient
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select

from sordino.server.database.payloads import decrypt_counts, release_place, vector_of
from sordino.server.database.tables import DailyCount, Device, Participant, ReleaseRow
from sordino.server.errors import Problem
from sordino.server.ingest.batch import parse_batch
from sordino.server.store import Store
from sordino.signal.audio import read
from sordino.signal.filterbank import filterbank
from tests.server.conftest import Clock, Scene, make_scene, set_consent
from tests.server.synthetic_bundle import WIDTH, bundle_file, digest, prototypes

DAY = "2026-11-28"


def batch(releases: list[dict[str, Any]], policy: str = "drawn", **changes: Any) -> dict[str, Any]:
    return {
        "format": 1,
        "bundle": digest(bundle_file()),
        "policy": policy,
        "day": DAY,
        "releases": releases,
    } | changes


def indices(first: int, *rows: int) -> list[dict[str, Any]]:
    return [{"number": first + at, "prototype": row} for at, row in enumerate(rows)]


def post(client: TestClient, scene: Scene, content: Any, key: str = "", **headers: str) -> Any:
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    headers = {
        "Idempotency-Key": key or str(uuid.uuid4()),
        "Content-Type": "application/json",
        **scene.headers,
        **headers,
    }
    return client.post("/v1/releases", content=body, headers=headers)


def stored(store: Store) -> int:
    with store.reading() as session:
        return session.scalar(select(func.count()).select_from(ReleaseRow)) or 0


def code(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.json()["type"].removeprefix("urn:sordino:")


def test_a_batch_is_stored_encrypted(client: TestClient, scene: Scene) -> None:
    answer = post(client, scene, batch(indices(41, 3, 0, 5)))
    assert (answer.status_code, answer.json()) == (201, {"stored": 3, "last_number": 43})
    cipher = scene.store.keys.cipher(scene.participant.id)
    with scene.store.reading() as session:
        rows = session.scalars(select(ReleaseRow).order_by(ReleaseRow.number)).all()
    plain = [cipher.decrypt(row.payload, release_place(row.device_id, row.number)) for row in rows]
    vectors = [vector_of(payload, scene.policies["drawn"]) for payload in plain]
    np.testing.assert_array_equal(vectors, prototypes()[[3, 0, 5]])
    assert {row.day for row in rows} == {datetime.date(2026, 11, 28)}


def test_the_vector_of_a_prototype_is_its_index(client: TestClient, scene: Scene) -> None:
    rows = [{"number": 1, "vector": prototypes()[4].tolist()}]
    assert post(client, scene, batch(rows)).status_code == 201
    cipher = scene.store.keys.cipher(scene.participant.id)
    with scene.store.reading() as session:
        row = session.scalars(select(ReleaseRow)).one()
    payload = cipher.decrypt(row.payload, release_place(row.device_id, 1))
    assert payload == (4).to_bytes(4, "little")


def test_a_vector_that_rounds_to_a_prototype_is_refused(client: TestClient, scene: Scene) -> None:
    """Exact numbers and the shortest ones of the same float32 are those of the prototype."""
    row = prototypes()[4]
    exact, shortest = row.tolist(), [float(str(number)) for number in row]
    assert exact != shortest
    near = [*exact[:-1], float(np.nextafter(exact[-1], 9))]
    mixed = [*exact[:-1], shortest[-1] * (1 + 1e-12)]
    for vector in (near, mixed):
        answer = post(client, scene, batch([{"number": 1, "vector": vector}]))
        assert code(answer) == (422, "not-a-prototype")
    rows = [{"number": 1, "vector": exact}, {"number": 2, "vector": shortest}]
    assert post(client, scene, batch(rows)).status_code == 201


def test_a_day_is_counted_by_bin(client: TestClient, scene: Scene) -> None:
    post(client, scene, batch(indices(1, 0, 1, 5)))
    post(client, scene, batch(indices(4, 3, 4)))
    with scene.store.reading() as session:
        row = session.scalars(select(DailyCount)).one()
    place = (row.participant_id, row.day, row.bundle_policy_id)
    cipher = scene.store.keys.cipher(scene.participant.id)
    assert decrypt_counts(cipher, row.payload, *place).tolist() == [2, 3]


def test_the_same_request_again_has_the_same_answer(client: TestClient, scene: Scene) -> None:
    key, content = str(uuid.uuid4()), batch(indices(1, 0, 1))
    first, second = (post(client, scene, content, key) for _ in range(2))
    assert (first.status_code, second.status_code) == (201, 200)
    assert first.json() == second.json()
    assert stored(scene.store) == 2


def test_a_key_with_another_body_is_refused(client: TestClient, scene: Scene) -> None:
    key = str(uuid.uuid4())
    post(client, scene, batch(indices(1, 0, 1)), key)
    assert code(post(client, scene, batch(indices(3, 0)), key)) == (409, "idempotency")
    assert stored(scene.store) == 2


def test_numbers_lie_above_the_last_one(client: TestClient, scene: Scene) -> None:
    post(client, scene, batch(indices(1, 0, 1)))
    answer = post(client, scene, batch(indices(2, 0, 1)))
    assert code(answer) == (409, "number")
    assert answer.json()["last_number"] == 2
    assert stored(scene.store) == 2


def test_numbers_of_a_batch_increase(client: TestClient, scene: Scene) -> None:
    for numbers in ((1, 1), (2, 1), (0,), (-1,), (1 << 53,), (1 << 200,)):
        rows = [{"number": number, "prototype": 0} for number in numbers]
        assert code(post(client, scene, batch(rows))) == (422, "invalid")


def test_raw_vectors_are_never_stored(client: TestClient, scene: Scene) -> None:
    random = np.random.default_rng(7)
    near = prototypes()[random.integers(6, size=5000)]
    raw = np.vstack([random.normal(size=(5000, WIDTH)), np.nextafter(near, np.float32(9))])
    for at in range(0, len(raw), 1000):
        rows = [
            {"number": at + i + 1, "vector": row.tolist()}
            for i, row in enumerate(raw[at : at + 1000].astype(np.float32))
        ]
        assert code(post(client, scene, batch(rows))) == (422, "not-a-prototype")
    assert stored(scene.store) == 0


@pytest.mark.slow
def test_features_of_real_speech_are_never_stored(
    client: TestClient, scene: Scene, data: Path
) -> None:
    files = sorted((data / "ravdess").rglob("03-*"))[:40]
    frames = np.vstack([filterbank(read(file)) for file in files])
    rows = frames[:, : 5 * WIDTH].reshape(-1, WIDTH)[:10_000].astype(np.float32)
    assert len(rows) == 10_000
    for at in range(0, len(rows), 1000):
        releases = [
            {"number": at + i + 1, "vector": row.tolist()}
            for i, row in enumerate(rows[at : at + 1000])
        ]
        assert code(post(client, scene, batch(releases))) == (422, "not-a-prototype")
    assert stored(scene.store) == 0


def test_one_raw_vector_refuses_its_batch(client: TestClient, scene: Scene) -> None:
    rows = [*indices(1, 0, 1), {"number": 3, "vector": [0.5] * WIDTH}]
    assert code(post(client, scene, batch(rows))) == (422, "not-a-prototype")
    assert stored(scene.store) == 0


HOSTILE_RELEASES: Final[list[dict[str, Any]]] = [
    {}, {"prototype": -1}, {"prototype": 1 << 99}, {"prototype": True}, {"prototype": "1"},
    {"prototype": 1.0}, {"prototype": None}, {"prototype": 1, "vector": [0.0]}, {"vector": []},
    {"prototype": 1, "length": 7}, {"vector": [0.0]}, {"vector": [1e39] * WIDTH},
    {"vector": [[0.0]] * WIDTH}, {"vector": "0"}, {"prototype": 1, "number": "2"},
]  # fmt: skip

HOSTILE_BATCHES: Final[list[dict[str, Any]]] = [
    {"format": 2}, {"format": "1"}, {"format": True}, {"bundle": "g" * 64}, {"bundle": "a"},
    {"bundle": "a" * 64 + "\n"}, {"policy": ""}, {"policy": "x" * 201}, {"policy": None},
    {"policy": "drawn\0"},
    {"day": "2026-13-01"}, {"day": 0}, {"day": "2026-11-28T01:00:00"}, {"day": "99999-01-01"},
    {"day": "2026-12-01"}, {"day": "2025-11-28"}, {"day": "0001-01-01"}, {"day": "9999-12-31"},
    {"releases": []}, {"releases": {}}, {"releases": [[]]}, {"time": 3},
    {"releases": indices(1, *[0] * 1001)},
]  # fmt: skip

HOSTILE_BODIES: Final = [
    b"", b"null", b"[]", b'"x"', b"{", b"[" * 100_000, b'{"a":' * 100_000, b"\xff\xfe{}",
    b'{"format": NaN}', b"\x00", b"1e999", json.dumps("\ud800").encode(), b"{}" * 2,
]  # fmt: skip


def test_a_prototype_beyond_the_last_is_refused(client: TestClient, scene: Scene) -> None:
    assert code(post(client, scene, batch(indices(1, 6)))) == (422, "not-a-prototype")


def test_hostile_requests_are_refused(client: TestClient, scene: Scene) -> None:
    releases = [batch([{"number": 1} | row]) for row in HOSTILE_RELEASES]
    batches = [batch(indices(1, 0)) | changes for changes in HOSTILE_BATCHES]
    for content in (*releases, *batches, *HOSTILE_BODIES):
        assert code(post(client, scene, content)) == (422, "invalid"), content
    assert stored(scene.store) == 0


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        lambda part: st.lists(part, max_size=3) | st.dictionaries(st.text(), part, max_size=3),
    )
)
@settings(max_examples=20)
def test_no_json_is_an_error_of_the_server(part: Any) -> None:
    for name in ("format", "bundle", "policy", "day", "releases"):
        body = json.dumps(batch(indices(1, 0)) | {name: part}).encode()
        try:
            parse_batch(body)
        except Problem as problem:
            refusal = (problem.status, problem.code)
        else:
            refusal = (422, "invalid") if name == "policy" else (200, "accepted")
        assert refusal == (422, "invalid")


def test_no_vector_has_an_infinite_number(client: TestClient, scene: Scene) -> None:
    text = json.dumps(batch([{"number": 1, "vector": [7.25] * WIDTH}]))
    for number in ("NaN", "Infinity", "-Infinity", "1e999"):
        body = text.replace("7.25", number, 1).encode()
        assert code(post(client, scene, body)) == (422, "invalid")


def test_a_policy_of_no_bundle_is_refused(client: TestClient, scene: Scene) -> None:
    for policy in ("other", "Drawn", "'; DROP TABLE release; --", "\u202e"):
        assert code(post(client, scene, batch(indices(1, 0), policy))) == (422, "bundle-unknown")


def test_a_bundle_of_another_study_is_unknown(client: TestClient, scene: Scene) -> None:
    other = make_scene(scene.store, "other")
    with scene.store.transaction() as session:
        session.delete(session.merge(other.policies["drawn"]))
    assert code(post(client, other, batch(indices(1, 0)))) == (422, "bundle-unknown")
    assert post(client, scene, batch(indices(1, 0))).status_code == 201


def test_a_bundle_that_was_retired_is_unknown(client: TestClient, scene: Scene) -> None:
    post(client, scene, batch(indices(1, 0)))
    with scene.store.transaction() as session:
        session.merge(scene.bundle).retired = 7
    assert code(post(client, scene, batch(indices(2, 0)))) == (422, "bundle-unknown")


def test_withdrawn_consent_stops_ingest(client: TestClient, scene: Scene) -> None:
    policy = scene.policies["drawn"].digest
    with scene.store.transaction() as session:
        set_consent(scene.store, session, scene.participant.id, policy, given=False)
    assert code(post(client, scene, batch(indices(1, 0)))) == (403, "consent")
    assert post(client, scene, batch(indices(1, 0), "label")).status_code == 201
    with scene.store.transaction() as session:
        set_consent(scene.store, session, scene.participant.id, policy)
    assert post(client, scene, batch(indices(2, 0))).status_code == 201


def test_a_pause_stops_ingest(client: TestClient, scene: Scene) -> None:
    with scene.store.transaction() as session:
        session.get_one(Participant, scene.participant.id).paused = True
    assert code(post(client, scene, batch(indices(1, 0)))) == (403, "consent")
    state = client.get("/v1/device", headers=scene.headers).json()
    assert {policy["consent"] for policy in state["policies"]} == {False}


def test_a_device_reads_its_state(client: TestClient, scene: Scene) -> None:
    post(client, scene, batch(indices(1, 0, 0)))
    bundle = digest(bundle_file())
    assert client.get("/v1/device", headers=scene.headers).json() == {
        "last_number": 2,
        "policies": [
            {"bundle": bundle, "policy": name, "consent": True}
            for name in ("drawn", "label", "noise")
        ],
    }


def test_another_media_type_is_refused(client: TestClient, scene: Scene) -> None:
    for headers in (
        {"Content-Type": "text/plain"},
        {"Content-Type": ""},
        {"Content-Type": "application/json; charset=utf-16"},
        {"Content-Encoding": "gzip"},
        {"Content-Encoding": "x"},
    ):
        assert post(client, scene, batch(indices(1, 0)), **headers).status_code == 415


def test_a_hostile_idempotency_key_is_refused(client: TestClient, scene: Scene) -> None:
    for key in ("x", "a" * 31, "a" * 65, "g" * 32, "A" * 32, "a" * 32 + "'"):
        assert code(post(client, scene, batch(indices(1, 0)), key)) == (422, "invalid")


def test_a_body_above_the_limit_is_refused(client: TestClient, scene: Scene) -> None:
    assert code(post(client, scene, b" " * ((4 << 20) + 1))) == (413, "too-large")

    def chunks() -> Iterator[bytes]:
        yield from [b" " * (1 << 20)] * 5

    headers = scene.headers | {"Content-Type": "application/json", "Idempotency-Key": "a" * 32}
    answer = client.post("/v1/releases", content=chunks(), headers=headers)
    assert code(answer) == (413, "too-large")


def test_a_token_ends_with_its_time(client: TestClient, scene: Scene, clock: Clock) -> None:
    with scene.store.transaction() as session:
        session.get_one(Device, scene.device_id).expires = int(clock.time) + 60
    assert post(client, scene, batch(indices(1, 0))).status_code == 201
    clock.time += 60
    assert code(post(client, scene, batch(indices(2, 0)))) == (401, "token")


def test_batches_at_the_same_time_double_nothing(client: TestClient, scene: Scene) -> None:
    content, key = batch(indices(1, *[0] * 20)), str(uuid.uuid4())
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: post(client, scene, content, key), range(8)))
    assert sorted(answer.status_code for answer in answers) == [200] * 7 + [201]
    assert stored(scene.store) == 20
