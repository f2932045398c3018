"""A server, devices that send to it through a proxy, and the faults between and behind them."""

from __future__ import annotations

import os
import random
import resource
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sordino.device import read
from sordino.server.access.token import token_digest
from sordino.server.database.migration import upgrade
from sordino.server.settings import ServerSettings
from sordino.server.store import Store
from tests.server.conftest import make_scene, make_user
from tests.server.faults.load import Outcome, SendingDevice, ServerProcess, outcome
from tests.server.faults.load import wait_for_progress as wait
from tests.server.faults.proxy import LossyProxy
from tests.server.postgresql import Cluster
from tests.server.synthetic_bundle import bundle_file

RESTART_SECONDS: Final = 30.0
_SMALLEST: Final = 4096  # bytes; the write-ahead log of SQLite is larger


@dataclass
class Rig:
    """All parts of one run."""

    store: Store
    server: ServerProcess
    proxy: LossyProxy
    devices: list[SendingDevice]
    tokens: list[bytes]
    random: random.Random

    @property
    def unavailable(self) -> int:
        """Attempts that the server answered with 503."""
        return sum(device.unavailable for device in self.devices)

    def pause(self, longest: float) -> None:
        """Wait for a random time, so that faults meet any moment of a request."""
        time.sleep(self.random.uniform(0, longest))

    def end(self) -> Outcome:
        """Heal the network, empty the queues and compare."""
        self.proxy.loss = 0.0
        for device in self.devices:
            device.end()
        return outcome(self.store, self.devices, self.tokens)


@contextmanager
def sending(
    settings: ServerSettings, folder: Path, *, devices: int = 3, loss: float = 0.0, seed: int = 0
) -> Iterator[Rig]:
    """A server of `settings` and devices that send to it, each with a queue in `folder`."""
    store = Store(settings)
    upgrade(store.engine)
    scene = make_scene(store, "faults")
    tokens = [scene.token] + [
        make_user(store, scene.study, scene.policies, f"p{user}")[2]
        for user in range(2, devices + 1)
    ]
    server = ServerProcess(settings, free_port())
    proxy = LossyProxy(server.port, loss, seed)
    bundle = read(bundle_file())
    try:
        server.start()
        senders = [
            SendingDevice(folder / f"device-{number}", proxy.url, token, bundle)
            for number, token in enumerate(tokens)
        ]
        for sender in senders:
            sender.start()
        digests = [token_digest(token) for token in tokens]
        wait(senders)
        yield Rig(store, server, proxy, senders, digests, random.Random(seed))
    finally:
        server.kill()
        proxy.close()
        store.close()


def free_port() -> int:
    """A port of the loopback that is free now."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def kill_server(rig: Rig) -> None:
    """SIGKILL, and a new process on the same port."""
    rig.pause(1.0)
    rig.server.kill()
    rig.pause(0.3)
    rig.server.start()
    wait(rig.devices)


def kill_postgresql(rig: Rig, cluster: Cluster) -> None:
    """An immediate stop or SIGKILL of the postmaster, and a start with recovery."""
    rig.pause(1.0)
    if rig.random.random() < 0.5:
        cluster.stop("immediate")
    else:
        os.kill(int((cluster.folder / "data/postmaster.pid").read_text().split()[0]), 9)
    rig.pause(0.3)
    _start(cluster)
    rig.store.engine.dispose()  # the connections of the test are dead, too
    wait(rig.devices)


def _start(cluster: Cluster) -> None:
    """Start; the children of a killed postmaster take a moment to leave its memory."""
    end = time.monotonic() + RESTART_SECONDS
    while True:
        try:
            cluster.start()
        except subprocess.CalledProcessError:
            if time.monotonic() > end:
                raise
            time.sleep(0.3)
        else:
            return


def limit_file_size(rig: Rig) -> None:
    """Let no file of the server grow, as a full disk or a quota does, then free it again."""
    hard = resource.prlimit(rig.server.process, resource.RLIMIT_FSIZE)[1]
    resource.prlimit(rig.server.process, resource.RLIMIT_FSIZE, (_SMALLEST, hard))
    _hold(lambda: None)
    resource.prlimit(rig.server.process, resource.RLIMIT_FSIZE, (hard, hard))
    wait(rig.devices)


def fill_disk(rig: Rig, ballast: Path, cluster: Cluster | None = None) -> None:
    """Fill the file system of `ballast`, then free it again.

    - `cluster`: PostgreSQL on it, which ends where it cannot write its log, and is started again.
    """

    def fill() -> None:
        with ballast.open("ab", buffering=0) as file:
            for size in (1 << 16, 1 << 12):
                try:
                    while file.write(bytes(size)) == size:
                        pass
                except OSError:
                    continue

    _hold(fill)
    ballast.unlink()
    if cluster is not None and not cluster.runs():
        _start(cluster)
        rig.store.engine.dispose()
    wait(rig.devices)


def _hold(fill: Callable[[], None], seconds: float = 3.0) -> None:
    """Keep the disk full for some seconds, while devices try again and again."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        fill()
        time.sleep(0.1)
