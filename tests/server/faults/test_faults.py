"""Nothing acknowledged is lost and nothing is doubled, whatever fails between device and disk.

`benchmarks/serving/faults.py` repeats the same faults more often.
"""

from __future__ import annotations

import datetime
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from sordino.device import read
from sordino.errors import StorageError
from sordino.server import http_server
from sordino.server.access.token import token_digest
from sordino.server.app import create_app
from sordino.server.rights.retention import delete_expired
from sordino.server.settings import ServerSettings
from sordino.server.store import Store
from tests.server.conftest import Clock, make_scene
from tests.server.faults.load import SendingDevice, outcome
from tests.server.faults.rig import (
    kill_postgresql,
    kill_server,
    limit_file_size,
    sending,
)
from tests.server.postgresql import Cluster, cluster
from tests.server.synthetic_bundle import bundle_file

KILLS = 1
DAY = 86_400


@pytest.fixture(scope="module")
def durable() -> Iterator[Cluster]:
    """A cluster that syncs every commit, so that it survives its kills."""
    with cluster(durable=True) as server:
        yield server


@pytest.mark.slow
def test_a_killed_server_on_sqlite_loses_nothing(tmp_path: Path) -> None:
    with sending(ServerSettings(tmp_path), tmp_path) as rig:
        for _ in range(KILLS):
            kill_server(rig)
        assert (result := rig.end()).is_exact, result


@pytest.mark.slow
def test_a_killed_server_and_postgresql_lose_nothing(tmp_path: Path, durable: Cluster) -> None:
    with sending(ServerSettings(tmp_path, durable.create("killed")), tmp_path, loss=0.1) as rig:
        kill_server(rig)
        for _ in range(KILLS):
            kill_postgresql(rig, durable)
        assert (result := rig.end()).is_exact, result


@pytest.mark.slow
def test_a_network_that_is_cut_doubles_nothing(tmp_path: Path) -> None:
    with sending(ServerSettings(tmp_path), tmp_path, loss=0.5) as rig:
        time.sleep(3)
        assert (result := rig.end()).is_exact, result
        assert rig.proxy.cuts > 3


@pytest.mark.slow
def test_a_full_disk_refuses_and_loses_nothing(tmp_path: Path) -> None:
    with sending(ServerSettings(tmp_path), tmp_path) as rig:
        limit_file_size(rig)
        assert rig.unavailable > 0
        assert (result := rig.end()).is_exact, result


@pytest.fixture
def url(settings: ServerSettings) -> Iterator[str]:
    """A server of this process, so that a test moves its clock."""
    app = create_app(settings)
    listener, address = http_server.open_listener("127.0.0.1", 0)
    server = http_server.server(http_server.configuration(app))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    yield address
    server.should_exit = True
    thread.join()
    listener.close()


@pytest.mark.slow
@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_a_clock_that_moves_loses_nothing(
    url: str, settings: ServerSettings, clock: Clock, tmp_path: Path
) -> None:
    store = Store(settings)
    scene = make_scene(store, "clock")
    today = datetime.datetime.fromtimestamp(clock(), datetime.UTC).date()
    device = SendingDevice(tmp_path / "d", url, scene.token, read(bundle_file()), day=today)
    delete_expired(store)
    start, refused = clock.time, []
    for days in (0, 1, -1, -4, 400, 0):
        clock.time = start + days * DAY
        device.add()
        assert device.send() == ""
        refused.append(device.aside)
        if days == 400:
            with pytest.raises(StorageError):
                delete_expired(store)
    clock.time = start
    device.today = today - datetime.timedelta(days=3)  # the clock of the device goes back
    device.add()
    assert device.send() == ""
    result = outcome(store, [device], [token_digest(scene.token)])
    store.close()
    assert refused == [0, 0, 0, 5, 10, 10]  # a wrong clock of the server: kept by the device
    assert (result.lost, result.doubled, result.changed, result.pending) == (0, 0, 0, 0)
    assert (result.stored, result.aside) == (25, 10)
