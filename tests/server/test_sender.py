"""The sender of a device against the real server: both sides read the contract in the same way."""

from __future__ import annotations

import datetime
import hashlib
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import uvicorn
from fastapi import FastAPI

from sordino.device import Bundle, Sender, SenderToken, read
from sordino.device.sending.queue import Queue
from sordino.device.trust import ed25519
from sordino.server import http_server
from sordino.server.database.tables import ReleaseRow, SigningKey
from tests.server.conftest import Clock, Scene, set_consent
from tests.server.synthetic_bundle import WIDTH, bundle_file, prototypes


@pytest.fixture
def url(app: FastAPI) -> Iterator[str]:
    listener, address = http_server.open_listener("127.0.0.1", 0)
    server = uvicorn.Server(http_server.configuration(app))
    thread = threading.Thread(target=server.run, args=([listener],))
    thread.start()
    while not server.started:
        time.sleep(0.005)
    yield address
    server.should_exit = True
    thread.join()
    listener.close()


@pytest.fixture
def bundle() -> Bundle:
    return read(bundle_file())


class Device:
    """The sender of the device of a scene, with a queue in a folder."""

    def __init__(self, folder: Path, url: str, scene: Scene, bundle: Bundle, clock: Clock) -> None:
        self.queue, self._url, self._bundle = folder / "queue", url, bundle
        self._token, self._clock = SenderToken(scene.token), clock

    def sender(self, policy: str, **options: Any) -> Sender:
        return Sender(
            self.queue,
            self._url,
            self._token,
            self._bundle,
            policy,
            day=lambda: datetime.datetime.fromtimestamp(self._clock(), datetime.UTC).date(),
            wait=lambda _: None,
            **options,
        )


@pytest.fixture
def device(tmp_path: Path, url: str, scene: Scene, bundle: Bundle, clock: Clock) -> Device:
    return Device(tmp_path / "device", url, scene, bundle, clock)


def numbers(scene: Scene) -> list[int]:
    with scene.store.reading() as session:
        return sorted(number for (number,) in session.query(ReleaseRow.number))


def test_every_release_is_stored_once(device: Device, scene: Scene) -> None:
    drawn, label = device.sender("drawn"), device.sender("label")
    for row in range(6):
        drawn.add(prototypes()[row])
    label.add(prototypes()[3])
    assert label.send().stored == 7
    assert numbers(scene) == list(range(1, 8))


def test_an_older_copy_of_a_queue_doubles_nothing(device: Device, scene: Scene) -> None:
    sender = device.sender("drawn")
    sender.add(prototypes()[0])
    assert sender.send().stored == 1
    sender.add(prototypes()[1])
    copy = device.queue.read_bytes()
    assert sender.send().stored == 1
    device.queue.write_bytes(copy)
    assert (device.sender("drawn").send().aside, numbers(scene)) == (1, [1, 2])


def test_a_repeated_batch_is_recognised(device: Device, scene: Scene) -> None:
    sender = device.sender("drawn")
    sender.add(prototypes()[0])
    Queue(device.queue).begin_after(0)
    assert Queue(device.queue).next_batch(20)
    frozen = device.queue.read_bytes()
    for _ in range(2):
        device.queue.write_bytes(frozen)
        assert device.sender("drawn").send().stored == 1
    assert numbers(scene) == [1]


WRONG_CLOCK = 1_577_836_800.0
"""2020, before the retention of every study."""


def test_resend_after_a_wrong_clock(device: Device, scene: Scene, clock: Clock) -> None:
    sender, right = device.sender("drawn"), clock.time
    for day in (WRONG_CLOCK, right):
        sender.add(prototypes()[0])
        sender.add(prototypes()[1])
        clock.time = day
        sender.send()
        clock.time = right
    assert (sender.refusals, numbers(scene)) == ({"invalid": 2}, [3, 4])
    sender.add(prototypes()[2])
    copy = device.queue.read_bytes()
    assert (sender.send(resend=True).stored, numbers(scene)) == (3, [3, 4, 5, 6, 7])
    device.queue.write_bytes(copy)
    restored = device.sender("drawn").send(resend=True)
    assert (restored.stored, restored.aside) == (0, 3)  # the server may have all of them
    assert numbers(scene) == [3, 4, 5, 6, 7]


def test_a_stored_batch_is_known_at_any_time(device: Device, scene: Scene, clock: Clock) -> None:
    """The answer was lost, then the server has a wrong clock: the batch is stored once."""
    sender = device.sender("drawn")
    sender.add(prototypes()[0])
    Queue(device.queue).begin_after(0)
    assert Queue(device.queue).next_batch(20)
    frozen = device.queue.read_bytes()
    assert sender.send().stored == 1
    device.queue.write_bytes(frozen)
    clock.time = WRONG_CLOCK
    assert (device.sender("drawn").send().stored, numbers(scene)) == (1, [1])


def test_a_late_attempt_and_resend_store_once(device: Device, scene: Scene, clock: Clock) -> None:
    first, late = device.sender("drawn"), Queue(device.queue)
    for row in range(3):
        first.add(prototypes()[row])
    late.begin_after(0)
    batch = late.next_batch(20)
    assert batch is not None
    right, clock.time = clock.time, WRONG_CLOCK
    assert (first.send().refused, first.send().refused) == (3, 0)
    clock.time = right
    assert device.sender("drawn").send(resend=True).stored == 3
    first.add(prototypes()[0])
    assert late.next_batch(20) is not None
    late.set_aside(batch, "invalid")
    assert (first.send().stored, numbers(scene)) == (1, [1, 2, 3, 4])


def test_a_lost_queue_continues_the_numbers(device: Device, scene: Scene) -> None:
    for _ in range(2):
        sender = device.sender("drawn")
        sender.add(prototypes()[0])
        assert sender.send().stored == 1
        device.queue.unlink()
    assert numbers(scene) == [1, 2]


def test_a_signed_batch_of_vectors_is_stored(device: Device, scene: Scene, tmp_path: Path) -> None:
    private, public = ed25519.generate()
    (tmp_path / "key.pem").write_bytes(private)
    (tmp_path / "key.pub.pem").write_bytes(public)
    sender = device.sender("noise", signing_key=tmp_path / "key.pem")
    vectors = np.random.default_rng(0).normal(size=(2, WIDTH)).astype(np.float32)
    sender.add(vectors[0])
    assert (sender.send().aside, sender.refusals) == (1, {"signature": 1})
    raw = ed25519.read_public(tmp_path / "key.pub.pem")
    with scene.store.transaction() as session:
        session.add(
            SigningKey(
                study_id=scene.study.id,
                key_id=hashlib.sha256(raw).hexdigest(),
                public_key=raw,
                created=scene.store.now(),
            )
        )
    sender.add(vectors[1])
    assert sender.send().stored == 1
    assert numbers(scene) == [2]
    assert sender.send(resend=True).stored == 1
    assert numbers(scene) == [2, 3]


def test_a_withdrawn_consent_keeps_the_queue(device: Device, scene: Scene) -> None:
    sender = device.sender("drawn")
    sender.add(prototypes()[0])
    with scene.store.transaction() as session:
        set_consent(
            scene.store,
            session,
            scene.participant.id,
            scene.policies["drawn"].digest,
            given=False,
        )
    delivery = sender.send()
    assert (delivery.pending, delivery.is_refused) == (1, True)
    assert "consent" in delivery.reason
