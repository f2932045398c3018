"""The sender: each release is stored once, in order, and nothing else leaves the device."""

from __future__ import annotations

import base64
import hashlib
import json
import sqlite3
import threading
import time
from collections.abc import Iterator
from datetime import date
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest

from sordino.device import Bundle, Runtime, Sender, SenderToken, read
from sordino.device.sending import token, wire
from sordino.device.sending.background import BackgroundSending
from sordino.device.sending.queue import Origin, Queue
from sordino.device.trust import ed25519
from sordino.errors import BundleError, ReleaseError, StorageError
from tests.device.sending.receiver import TOKEN, Receiver, Request, problem, reply, serving
from tests.device.synthetic_bundles import bundled, features

DAY: Final = date(2026, 11, 28)


@pytest.fixture(scope="module")
def drawn() -> Bundle:
    return read(bundled("drawn"))


@pytest.fixture
def receiver(tmp_path: Path) -> Iterator[Receiver]:
    with serving(tmp_path / "server") as running:
        yield running


def sender(folder: Path, url: str, bundle: Bundle | None, **options: Any) -> Sender:
    settings: dict[str, Any] = {"day": lambda: DAY, "wait": lambda _: None, "batch": 20}
    return Sender(folder / "queue", url, SenderToken(TOKEN), bundle, **settings | options)


def prototypes(bundle: Bundle) -> np.ndarray:
    return bundle.arrays("release-0.npz")["prototypes"]


def test_released_vectors_arrive_as_prototypes_in_order(
    drawn: Bundle, receiver: Receiver, tmp_path: Path
) -> None:
    device = sender(tmp_path, receiver.url, drawn)
    released = Runtime(drawn, key=1).release(features()[:25])
    for vector in released:
        device.add(vector)
    assert device.pending == 25
    delivery = device.send()
    assert (delivery.stored, delivery.pending, delivery.aside, delivery.reason) == (25, 0, 0, "")
    rows = receiver.store.rows()
    assert [number for number, _ in rows] == list(range(1, 26))
    np.testing.assert_array_equal(prototypes(drawn)[[row for _, row in rows]], released)
    batches = [json.loads(request.body) for request in receiver.requests if request.body]
    assert [len(batch["releases"]) for batch in batches] == [20, 5]
    assert all(set(batch) == {"format", "bundle", "policy", "day", "releases"} for batch in batches)
    assert batches[0]["bundle"] == hashlib.sha256(drawn.manifest).hexdigest()
    assert (batches[0]["policy"], batches[0]["day"]) == ("mine", "2026-11-28")


def test_features_are_never_queued(drawn: Bundle, tmp_path: Path) -> None:
    device = sender(tmp_path, "https://example.org", drawn)
    width = prototypes(drawn).shape[1]
    for vector in np.random.default_rng(0).normal(size=(100, width)).astype(np.float32):
        with pytest.raises(ReleaseError, match="no prototype of policy mine"):
            device.add(vector)
    with pytest.raises(ReleaseError, match="expected float32"):
        device.add(prototypes(drawn)[0].astype(np.float64))
    assert device.pending == 0


def test_a_continuous_family_is_signed(receiver: Receiver, tmp_path: Path) -> None:
    noise = read(bundled("noise-gauss"))
    with pytest.raises(ReleaseError, match="without a signing key"):
        sender(tmp_path, receiver.url, noise)
    private, public = ed25519.generate()
    (tmp_path / "key.pem").write_bytes(private)
    (tmp_path / "key.pub.pem").write_bytes(public)
    device = sender(tmp_path, receiver.url, noise, signing_key=tmp_path / "key.pem")
    vector = Runtime(noise, key=1).release(features()[:1])[0]
    device.add(vector)
    assert sender(tmp_path, receiver.url, None).send().is_refused  # a queue without its key waits
    assert device.send().stored == 1
    request = receiver.requests[-1]
    raw = ed25519.read_public(tmp_path / "key.pub.pem")
    own = SenderToken(TOKEN).sha256
    message = wire.signed_message(own, request.headers["Idempotency-Key"], request.body)
    signature = base64.b64decode(request.headers["Sordino-Signature"])
    assert request.headers["Sordino-Key"] == hashlib.sha256(raw).hexdigest()
    assert ed25519.verifies(raw, signature, message)
    np.testing.assert_array_equal(np.float32(receiver.store.rows()[0][1]), vector)


def test_a_repeated_request_has_the_same_bytes(drawn: Bundle, tmp_path: Path) -> None:
    failures = iter([503, 429, 500, 502])

    def flaky(request: Request, handler: BaseHTTPRequestHandler) -> bool:
        status = next(failures, None) if request.body else None
        return status is not None and reply(handler, status, b"", Retry_After="1")

    waits = list[float]()
    with serving(tmp_path / "server", flaky) as receiver:
        device = sender(tmp_path, receiver.url, drawn, wait=waits.append, jitter=lambda: 1.0)
        device.add(prototypes(drawn)[0])
        assert device.send().stored == 1
        posts = [request for request in receiver.requests if request.body]
    assert len({(post.body, post.headers["Idempotency-Key"]) for post in posts}) == 1
    assert (len(posts), waits) == (5, [2.0, 4.0, 8.0, 16.0])


def test_a_stored_batch_with_a_lost_answer_is_not_doubled(drawn: Bundle, tmp_path: Path) -> None:
    lost = iter([True])

    def cut(request: Request, handler: BaseHTTPRequestHandler) -> bool:
        if not request.body or not next(lost, False):
            return False
        running.store.post(request.headers["Idempotency-Key"], request.body)
        handler.connection.close()
        return True

    with serving(tmp_path / "server", cut) as running:
        device = sender(tmp_path, running.url, drawn)
        device.add(prototypes(drawn)[0])
        assert device.send().stored == 1
        assert len(running.store.rows()) == 1


@pytest.mark.parametrize("status", [401, 403])
def test_token_and_consent_stop_the_sender(status: int, drawn: Bundle, tmp_path: Path) -> None:
    def refuse(request: Request, handler: BaseHTTPRequestHandler) -> bool:
        return bool(request.body) and reply(handler, *problem(status, "any"))

    with serving(tmp_path / "server", refuse) as receiver:
        device = sender(tmp_path, receiver.url, drawn)
        for _ in range(21):
            device.add(prototypes(drawn)[0])
        delivery = device.send()
        assert len([request for request in receiver.requests if request.body]) == 1
    assert (delivery.stored, delivery.pending, delivery.aside) == (0, 21, 0)
    assert delivery.is_refused
    assert TOKEN not in delivery.reason


def test_a_refused_batch_is_set_aside_and_others_follow(drawn: Bundle, tmp_path: Path) -> None:
    def refuse(request: Request, handler: BaseHTTPRequestHandler) -> bool:
        first = b'"number": 1,' in request.body
        return first and reply(handler, *problem(422, "bundle-unknown"))

    with serving(tmp_path / "server", refuse) as receiver:
        device = sender(tmp_path, receiver.url, drawn)
        for _ in range(21):
            device.add(prototypes(drawn)[1])
        delivery = device.send()
    assert (delivery.stored, delivery.pending, delivery.aside) == (1, 0, 20)
    assert device.refusals == {"bundle-unknown": 20}


def test_a_new_queue_continues_the_numbers_of_the_server(
    drawn: Bundle, receiver: Receiver, tmp_path: Path
) -> None:
    for folder in ("first", "second"):
        device = sender(tmp_path / folder, receiver.url, drawn)
        for row in range(3):
            device.add(prototypes(drawn)[row])
        assert device.send().stored == 3
    assert [number for number, _ in receiver.store.rows()] == [1, 2, 3, 4, 5, 6]


def test_an_older_copy_of_a_queue_doubles_nothing(
    drawn: Bundle, receiver: Receiver, tmp_path: Path
) -> None:
    device = sender(tmp_path, receiver.url, drawn)
    device.add(prototypes(drawn)[0])
    device.send()
    for _ in range(21):
        device.add(prototypes(drawn)[0])
    copy = (tmp_path / "queue").read_bytes()
    assert device.send().stored == 21
    (tmp_path / "queue").write_bytes(copy)
    restored = sender(tmp_path, receiver.url, drawn)
    assert (restored.send().aside, restored.refusals) == (21, {"number": 21})
    assert restored.send(resend=True).stored == 0
    restored.add(prototypes(drawn)[0])
    assert restored.send().stored == 1
    assert [number for number, _ in receiver.store.rows()] == list(range(1, 24))


def test_resending_without_a_server_is_no_refusal(drawn: Bundle, tmp_path: Path) -> None:
    def refuse(request: Request, handler: BaseHTTPRequestHandler) -> bool:
        return b"number" in request.body and reply(handler, *problem(422, "bundle-unknown"))

    with serving(tmp_path / "server", refuse) as receiver:
        device = sender(tmp_path, receiver.url, drawn)
        device.add(prototypes(drawn)[0])
        assert device.send().refused == 1
    delivery = device.send(1, resend=True)
    assert (delivery.aside, delivery.refused, delivery.is_refused) == (1, 0, False)


def test_a_clock_that_goes_back_changes_the_day_alone(
    drawn: Bundle, receiver: Receiver, tmp_path: Path
) -> None:
    days = iter([date(2026, 11, 28), date(1970, 1, 1), date(9999, 12, 31)])
    device = sender(tmp_path, receiver.url, drawn, day=lambda: next(days))
    for row in range(3):
        device.add(prototypes(drawn)[row])
    assert device.send().stored == 3
    batches = [json.loads(request.body) for request in receiver.requests if request.body]
    assert [batch["day"] for batch in batches] == ["2026-11-28", "1970-01-01", "9999-12-31"]
    assert [number for number, _ in receiver.store.rows()] == [1, 2, 3]


def test_threads_share_a_queue(drawn: Bundle, receiver: Receiver, tmp_path: Path) -> None:
    device = sender(tmp_path, receiver.url, drawn)

    def work() -> None:
        for _ in range(3):
            device.add(prototypes(drawn)[0])
            device.send()

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [number for number, _ in receiver.store.rows()] == list(range(1, 10))


def test_a_queue_is_sent_beside_a_stream(drawn: Bundle, receiver: Receiver, tmp_path: Path) -> None:
    device = sender(tmp_path, receiver.url, drawn)
    with BackgroundSending(device, period_seconds=0.01) as sending:
        device.add(prototypes(drawn)[0])
        ends = time.monotonic() + 10
        while device.pending and time.monotonic() < ends:
            time.sleep(0.01)
    assert sending.last is not None
    assert len(receiver.store.rows()) == 1


def test_a_large_vector_fills_a_batch_by_bytes(receiver: Receiver, tmp_path: Path) -> None:
    from sordino.device.sending.queue import Origin, Queue

    queue = Queue(tmp_path / "queue")
    for _ in range(4):
        queue.add(Origin("b", "p", "2026-11-28", False), '"prototype": 1' + " " * (1 << 20))
    queue.begin_after(0)
    assert sender(tmp_path, receiver.url, None).send().stored == 4
    sizes = [len(request.body) for request in receiver.requests if request.body]
    assert len(sizes) == 2
    assert max(sizes) <= wire.LARGEST_BODY


def test_a_full_disk_keeps_the_queue(
    drawn: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    device = sender(tmp_path, "https://example.org", drawn)
    device.add(prototypes(drawn)[0])
    connect, pages = sqlite3.connect, (tmp_path / "queue").stat().st_size // 4096

    def full(*arguments: Any, **options: Any) -> sqlite3.Connection:
        file: sqlite3.Connection = connect(*arguments, **options)
        file.execute(f"PRAGMA max_page_count = {pages}")
        return file

    monkeypatch.setattr(sqlite3, "connect", full)
    with pytest.raises(StorageError, match="the disk is full"):  # noqa: PT012
        for _ in range(1000):
            device.add(prototypes(drawn)[0])
    monkeypatch.undo()
    before = device.pending
    device.add(prototypes(drawn)[0])
    assert device.pending == before + 1


def test_the_queue_is_private_and_of_sordino(drawn: Bundle, tmp_path: Path) -> None:
    sender(tmp_path, "https://example.org", drawn)
    path = tmp_path / "queue"
    assert path.stat().st_mode & 0o777 == 0o600
    path.chmod(0o644)
    with pytest.raises(StorageError, match="mode 644"):
        sender(tmp_path, "https://example.org", drawn)
    path.chmod(0o600)
    path.write_bytes(b"no database at all " * 100)
    with pytest.raises(StorageError, match="damaged"):
        sender(tmp_path, "https://example.org", drawn)
    path.unlink()
    with sqlite3.connect(path) as other:
        other.execute("CREATE TABLE music (title)")
    path.chmod(0o600)
    with pytest.raises(StorageError, match="the database of another program"):
        sender(tmp_path, "https://example.org", drawn)


def test_sent_vectors_leave_no_bytes(drawn: Bundle, receiver: Receiver, tmp_path: Path) -> None:
    device = sender(tmp_path, receiver.url, drawn)
    device.add(prototypes(drawn)[0])
    assert b'"prototype": ' in (tmp_path / "queue").read_bytes()
    device.send()
    assert b'"prototype": ' not in (tmp_path / "queue").read_bytes()


def test_a_token_is_in_no_text(tmp_path: Path) -> None:
    path = tmp_path / "token"
    path.write_text(TOKEN + "\n")
    path.chmod(0o600)
    assert TOKEN not in repr(token.read(path)) + str(token.read(path))
    path.chmod(0o640)
    with pytest.raises(StorageError, match="other users may read the token"):
        token.read(path)
    with pytest.raises(StorageError, match="that are no token") as refusal:
        SenderToken("secret-of-another-kind")
    assert "secret" not in str(refusal.value)


def test_wrong_settings_are_refused(drawn: Bundle, tmp_path: Path) -> None:
    for batch in (19, 1001):
        with pytest.raises(ReleaseError, match="20 to 1000"):
            sender(tmp_path, "https://example.org", drawn, batch=batch)
    with pytest.raises(BundleError, match="'other', expected one of mine"):
        Sender(tmp_path / "q", "https://a.org", SenderToken(TOKEN), drawn, "other", day=lambda: DAY)
    with pytest.raises(ReleaseError, match="a sender without a bundle"):
        sender(tmp_path, "https://example.org", None).add(prototypes(drawn)[0])


@pytest.mark.parametrize("body", [b"{", b"{}", b"\xff", b'{"releases": [3]}', b"[" * 100_000])
def test_a_damaged_batch_stays_aside(body: bytes, tmp_path: Path) -> None:
    queue = Queue(tmp_path / "queue")
    queue.add(Origin("a" * 64, "p", "2026-11-28", False), '"prototype": 1')
    batch = queue.next_batch(20)
    assert batch is not None
    queue.set_aside(batch, "invalid")
    assert not queue.renumber(batch._replace(body=body))
    assert queue.renumber(batch)
    assert not queue.renumber(batch)
    assert queue.count() == (1, 0)
