"""The server on real sockets: its first start, its limits, its end."""

from __future__ import annotations

import datetime
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from sordino.errors import StorageError
from sordino.server import body_limit, http_server
from sordino.server.app import create_app
from sordino.server.settings import ServerSettings
from tests.server.synthetic_bundle import bundle_file, digest

START_SECONDS = 60.0


@dataclass
class Process:
    """`sordino serve` with a bundle."""

    process: subprocess.Popen[str]
    lines: list[str]

    def secret(self, name: str) -> str:
        return next(line.split()[1] for line in self.lines if line.strip().startswith(name))

    def end(self) -> tuple[int, str]:
        self.process.send_signal(signal.SIGTERM)
        _, log = self.process.communicate(timeout=START_SECONDS)
        return self.process.returncode, log


def start(folder: Path, lines: int) -> tuple[Process, httpx.Client]:
    """A server on a free port, and a client that waited until it answers."""
    command = [sys.executable, "-m", "sordino", "serve", "--folder", str(folder), "--port", "0"]
    process = subprocess.Popen(
        [*command, "--bundle", str(bundle_file())],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    server = Process(process, [process.stdout.readline() for _ in range(lines)])
    address = re.findall(r"http://[\d.:]+\d", server.lines[0])[0]
    client = httpx.Client(base_url=address, timeout=START_SECONDS)
    assert client.get("/health").status_code == 200
    return server, client


@pytest.mark.slow
def test_the_first_start_prints_tokens_once(tmp_path: Path) -> None:
    server, client = start(tmp_path, lines=7)
    batch = {
        "format": 1,
        "bundle": digest(bundle_file()),
        "policy": "drawn",
        "day": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "releases": [{"number": number, "prototype": 1} for number in range(1, 21)],
    }
    device = {"Authorization": f"Bearer {server.secret('device')}"}
    answer = client.post("/v1/releases", json=batch, headers=device | {"Idempotency-Key": "0" * 32})
    assert (answer.status_code, answer.json()) == (201, {"stored": 20, "last_number": 20})
    operator = {"Authorization": f"Bearer {server.secret('token')}"}
    studies = client.get("/v1/studies", headers=operator).json()
    assert [study["name"] for study in studies] == ["first"]
    status, log = server.end()
    assert status == 0
    assert "Traceback" not in log
    for path in tmp_path.iterdir():
        assert path.stat().st_mode & 0o077 == 0
        for name in ("token", "device"):
            assert server.secret(name).encode() not in path.read_bytes()
            assert server.secret(name) not in log
    client.close()
    again, client = start(tmp_path, lines=1)
    assert client.get("/v1/device", headers=device).json()["last_number"] == 20
    client.close()
    again.process.send_signal(signal.SIGTERM)
    rest, _ = again.process.communicate(timeout=START_SECONDS)
    assert rest == ""


@pytest.fixture
def address(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[str, int]]:
    """A server of this process on a real socket; clients have 0.3 s for headers, and for a body."""
    monkeypatch.setattr(http_server, "HEADER_SECONDS", 0.3)
    monkeypatch.setattr(body_limit, "BODY_SECONDS", 0.3)
    app: FastAPI = create_app(ServerSettings(tmp_path))
    listener, _ = http_server.open_listener("127.0.0.1", 0)
    server = http_server.server(http_server.configuration(app))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    yield listener.getsockname()
    server.should_exit = True
    thread.join()
    listener.close()


def test_a_slow_client_is_cut_off(address: tuple[str, int]) -> None:
    with socket.create_connection(address, timeout=START_SECONDS) as slow:
        slow.sendall(b"GET /health HTTP/1.1\r\nHost: x\r\n")
        assert slow.recv(100) == b""
    with socket.create_connection(address, timeout=START_SECONDS) as silent:
        assert silent.recv(100) == b""


def test_a_slow_body_is_cut_off(address: tuple[str, int]) -> None:
    body = b"POST /sign-in HTTP/1.1\r\nHost: x\r\nContent-Length: 99\r\n"
    form = b"Content-Type: application/x-www-form-urlencoded\r\n\r\nlogin="
    with socket.create_connection(address, timeout=START_SECONDS) as slow:
        slow.sendall(body + form)
        assert slow.recv(100).startswith(b"HTTP/1.1 408")


def test_a_connection_serves_many_requests(address: tuple[str, int]) -> None:
    with httpx.Client(base_url=f"http://{address[0]}:{address[1]}") as client:
        for _ in range(2):
            assert client.get("/health").status_code == 200
            time.sleep(0.4)  # longer than a client has for its headers


def test_large_headers_and_bodies_are_refused(address: tuple[str, int]) -> None:
    with socket.create_connection(address, timeout=START_SECONDS) as client:
        client.sendall(b"GET /health HTTP/1.1\r\nX: " + b"a" * 60_000)
        assert client.recv(100).startswith(b"HTTP/1.1 4")
    headers = {"Content-Type": "application/json", "Transfer-Encoding": "chunked"}
    with httpx.Client(base_url=f"http://{address[0]}:{address[1]}") as http:
        answer = http.post("/v1/releases", content=b" " * (5 << 20))
        assert answer.status_code == 413
        answer = http.post("/v1/releases", content=iter([b" " * 99] * 3), headers=headers)
        assert answer.status_code == 401


def test_an_address_in_use_is_an_error(address: tuple[str, int]) -> None:
    with pytest.raises(StorageError, match="expected a free address"):
        http_server.open_listener(*address)


def test_an_address_has_a_bounded_share(
    address: tuple[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http_server, "MOST_OF_ADDRESS", 2)
    held = [socket.create_connection(address, timeout=START_SECONDS) for _ in range(2)]
    request = b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n"
    for connection in held:
        connection.sendall(request)
        assert connection.recv(100).startswith(b"HTTP/1.1 200")
    with socket.create_connection(address, timeout=START_SECONDS) as third:
        assert third.recv(100) == b""
    for connection in held:
        connection.close()
    time.sleep(0.1)
    with socket.create_connection(address, timeout=START_SECONDS) as again:
        again.sendall(request)
        assert again.recv(100).startswith(b"HTTP/1.1 200")


def test_connections_of_a_proxy_are_not_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_server, "MOST_OF_ADDRESS", 1)
    addresses = http_server.Addresses("127.0.0.1, 10.0.0.0/8")
    for address, second in (("10.1.2.3", True), ("192.0.2.7", False), ("2001:db8::1", False)):
        assert addresses.enter(address)
        assert addresses.enter(address) is second
        addresses.leave(address)
        assert addresses.enter(address)


def test_a_client_that_takes_nothing_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_server, "WRITE_SECONDS", 0.2)
    ended = threading.Event()

    async def flood(scope: Any, _: Any, send: Any) -> None:
        if scope["type"] == "http":
            await send({"type": "http.response.start", "status": 200, "headers": []})
            body = {"type": "http.response.body", "body": bytes(1 << 20), "more_body": True}
            for _ in range(64):
                await send(body)
            ended.set()

    listener, _ = http_server.open_listener("127.0.0.1", 0)
    config = http_server.configuration(flood)
    config.lifespan = "off"
    server = http_server.server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    with socket.create_connection(listener.getsockname(), timeout=START_SECONDS) as client:
        client.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert ended.wait(START_SECONDS)
    server.should_exit = True
    thread.join()
    listener.close()
