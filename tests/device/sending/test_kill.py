"""A sender and a server that are killed at random moments lose nothing and double nothing."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Final

import numpy as np
import pytest

from sordino.device import Sender, SenderToken, read
from sordino.device.trust import ed25519
from tests.device.sending.receiver import TOKEN, Store
from tests.device.synthetic_bundles import bundled

pytestmark = pytest.mark.slow

KILLS: Final = 12
SECONDS: Final = 0.3
"""The longest life of a process after its start."""

DEVICE: Final = """
import os, sys
from datetime import date
import numpy as np
from sordino.device import SenderToken, Sender, read
folder, url, token, path = sys.argv[1:]
bundle = read(path)
width = bundle.entry().width

def tell(event, number):
    os.write(1, f"{event} {number}\\n".encode())  # in one piece

def live(number):
    device = Sender(folder + "/queue", url, SenderToken(token), bundle, batch=20,
                    day=lambda: date(2026, 11, 28), signing_key=folder + "/key.pem")
    while True:
        tell("begin", number)
        device.add(np.full(width, number, np.float32))
        tell("added", number)
        number += 1
        if number % 3 == 0:
            device.send(attempts=1)

print("ready", flush=True)
for line in sys.stdin:
    process = os.fork()
    if not process:
        live(int(line))
    tell("process", process)
    os.waitpid(process, 0)
    tell("dead", 0)
"""
"""A process that starts a device for each line: the number of its first vector."""


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


@contextlib.contextmanager
def running(*command: str) -> Iterator[subprocess.Popen[str]]:
    """A Python process that has printed a line; killed at the end of the block."""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    with subprocess.Popen(
        [sys.executable, *command],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
    ) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
            yield process
        finally:
            process.send_signal(signal.SIGKILL)


def life(device: subprocess.Popen[str], first: int) -> Iterator[tuple[str, int]]:
    """The lines of one life, which the caller ends by killing the process of the first line."""
    assert device.stdin is not None
    assert device.stdout is not None
    print(first, file=device.stdin, flush=True)
    for line in device.stdout:
        event, number = line.split()
        if event == "dead":
            return
        yield event, int(number)


def test_kills_on_either_side_lose_and_double_nothing(tmp_path: Path) -> None:
    chance, port = random.Random(7), free_port()
    url, store, bundle = f"http://127.0.0.1:{port}", tmp_path / "server", bundled("noise-gauss")
    (tmp_path / "key.pem").write_bytes(ed25519.generate()[0])
    server = ("-m", "tests.device.sending.receiver", str(port), str(store))
    added, first = set[int](), 1
    with contextlib.ExitStack() as servers:
        device = servers.enter_context(
            running("-c", DEVICE, str(tmp_path), url, TOKEN, str(bundle))
        )
        receiver = servers.enter_context(running(*server))
        for _ in range(KILLS):
            events = life(device, first)
            process = next(number for event, number in events if event == "process")
            time.sleep(chance.uniform(0, SECONDS))
            if chance.random() < 0.3:
                receiver.kill()
                time.sleep(chance.uniform(0, SECONDS / 3))
                receiver = servers.enter_context(running(*server))
            os.kill(process, signal.SIGKILL)
            for event, number in events:
                first = max(first, number + 1)
                added |= {number} if event == "added" else set()
    with running(*server):
        remaining = Sender(
            tmp_path / "queue",
            url,
            SenderToken(TOKEN),
            read(bundle),
            day=lambda: date(2026, 11, 28),
            signing_key=tmp_path / "key.pem",
        )
        assert remaining.send().reason == ""
        assert remaining.pending == 0
    rows = Store(store).rows()
    values = [int(vector[0]) for _, vector in rows]
    assert len(values) == len(set(values)) > KILLS
    assert added <= set(values)
    assert values == sorted(values)
    assert [number for number, _ in rows] == list(range(1, len(rows) + 1))
    np.testing.assert_array_equal(rows[0][1], np.full(read(bundle).entry().width, values[0]))
