"""The server as a process: its first start, its limits, its end."""

from __future__ import annotations

import datetime
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from tests.server.synthetic_bundle import bundle_file, digest

pytestmark = pytest.mark.slow


@dataclass
class Process:
    """A server that runs."""

    process: subprocess.Popen[str]
    lines: list[str]

    @property
    def address(self) -> str:
        return re.findall(r"http://[\d.:]+\d", self.lines[0])[0]

    @property
    def port(self) -> int:
        return int(self.address.rpartition(":")[2])

    def secret(self, name: str) -> str:
        return next(line.split()[1] for line in self.lines if line.strip().startswith(name))


def start(folder: Path, *options: str, lines: int) -> Process:
    command = [sys.executable, "-m", "sordino", "serve", "--folder", str(folder), "--port", "0"]
    process = subprocess.Popen(
        [*command, *options], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    return Process(process, [process.stdout.readline() for _ in range(lines)])


def end(server: Process) -> tuple[int, str]:
    server.process.send_signal(signal.SIGTERM)
    _, log = server.process.communicate(timeout=60)
    return server.process.returncode, log


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("served")


@pytest.fixture(scope="module")
def server(folder: Path) -> Iterator[Process]:
    running = start(folder, "--bundle", str(bundle_file()), lines=7)
    yield running
    running.process.kill()
    running.process.communicate()


def wait(server: Process) -> None:
    transport = httpx.HTTPTransport(retries=20)
    with httpx.Client(transport=transport) as client:
        assert client.get(f"{server.address}/health").status_code == 200


def test_the_first_start_prints_tokens_once(server: Process, folder: Path) -> None:
    wait(server)
    token = {"Authorization": f"Bearer {server.secret('device')}"}
    state = httpx.get(f"{server.address}/v1/device", headers=token).json()
    assert {row["consent"] for row in state["policies"]} == {True}
    operator = {"Authorization": f"Bearer {server.secret('token')}"}
    studies = httpx.get(f"{server.address}/v1/studies", headers=operator).json()
    assert [study["name"] for study in studies] == ["first"]
    for path in folder.iterdir():
        assert path.stat().st_mode & 0o077 == 0
        content = path.read_bytes()
        for name in ("token", "device"):
            assert server.secret(name).encode() not in content
    again = start(folder, "--bundle", str(bundle_file()), lines=1)
    wait(again)
    status, _ = end(again)
    assert again.process.stdout is not None
    assert (status, again.process.stdout.closed) == (0, True)
    assert len(again.lines) == 1


def test_a_device_sends_to_a_real_server(server: Process) -> None:
    wait(server)
    headers = {
        "Authorization": f"Bearer {server.secret('device')}",
        "Idempotency-Key": "0" * 32,
    }
    batch = {
        "format": 1,
        "bundle": digest(bundle_file()),
        "policy": "drawn",
        "day": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "releases": [{"number": number, "prototype": 1} for number in range(1, 21)],
    }
    answer = httpx.post(f"{server.address}/v1/releases", json=batch, headers=headers)
    assert (answer.status_code, answer.json()) == (201, {"stored": 20, "last_number": 20})
    chunked = (b" " * 65536 for _ in range(80))
    headers["Content-Type"] = "application/json"
    answer = httpx.post(f"{server.address}/v1/releases", content=chunked, headers=headers)
    assert answer.status_code == 413


def test_a_slow_client_is_cut_off(server: Process) -> None:
    wait(server)
    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as slow:
        slow.sendall(b"GET /health HTTP/1.1\r\nHost: x\r\n")
        assert slow.recv(100) == b""


def test_large_headers_are_refused(server: Process) -> None:
    wait(server)
    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as client:
        client.sendall(b"GET /health HTTP/1.1\r\nX: " + b"a" * 100_000)
        try:
            answer = client.recv(100)
        except ConnectionResetError:
            answer = b""
    assert not answer.startswith(b"HTTP/1.1 200")


def test_the_server_ends_in_order(tmp_path: Path) -> None:
    server = start(tmp_path, lines=4)
    wait(server)
    status, log = end(server)
    assert status == 0
    assert "Traceback" not in log


def test_a_port_in_use_is_one_line(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        command = [sys.executable, "-m", "sordino", "serve", "--folder", str(tmp_path), "--port"]
        port = str(taken.getsockname()[1])
        done = subprocess.run([*command, port], capture_output=True, text=True)
    assert done.returncode == 2
    assert "expected a free address" in done.stderr
    assert len(done.stderr.splitlines()) == 1
