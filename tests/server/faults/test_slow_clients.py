"""Clients that send one byte after another on real sockets: they end, and others are served."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from sordino.server import body_limit, http_server
from sordino.server.app import create_app
from sordino.server.settings import ServerSettings
from tests.server.conftest import make_scene

LIMIT = 0.5
"""Seconds for headers and for a body, here."""
SLACK = 10.0
"""Seconds until a test on a busy machine gives up."""
CLIENTS = 30
HEAD = b"POST /v1/releases HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"


@dataclass
class Address:
    """A server on a socket, and the token of a device."""

    place: tuple[str, int]
    token: bytes


@pytest.fixture
def address(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Address]:
    monkeypatch.setattr(http_server, "HEADER_SECONDS", LIMIT)
    app = create_app(ServerSettings(tmp_path))
    monkeypatch.setattr(body_limit, "BODY_SECONDS", LIMIT)
    token = make_scene(app.state.store, "slow").token.encode()
    listener, _ = http_server.open_listener("127.0.0.1", 0)
    server = http_server.server(http_server.configuration(app))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    yield Address(listener.getsockname(), token)
    server.should_exit = True
    thread.join()
    listener.close()


def drip(client: socket.socket, content: bytes) -> bytes:
    """Send a byte at a time; the answer, empty where the connection was closed without one."""
    client.settimeout(0.02)
    end = time.monotonic() + SLACK
    for position in range(len(content)):
        assert time.monotonic() < end, "a slow client was served for too long"
        try:
            client.sendall(content[position : position + 1])
            return client.recv(1000)
        except TimeoutError:
            continue
        except OSError:
            return b""
    pytest.fail("the whole content was taken")


def test_dripped_headers_end(address: Address) -> None:
    with socket.create_connection(address.place) as client:
        assert drip(client, b"GET /health HTTP/1.1\r\nX: " + b"a" * 10_000) == b""


def test_a_dripped_body_ends(address: Address) -> None:
    with socket.create_connection(address.place) as client:
        client.sendall(
            HEAD + b"Authorization: Bearer " + address.token + b"\r\nIdempotency-Key: "
            + b"a" * 32 + b"\r\nContent-Length: 100000\r\n\r\n"
        )  # fmt: skip
        assert drip(client, b"[" * 10_000).startswith(b"HTTP/1.1 408")


def test_a_stranger_sends_no_body(address: Address) -> None:
    with socket.create_connection(address.place, timeout=SLACK) as client:
        client.sendall(HEAD + b"Content-Length: 100000\r\n\r\n[")
        assert client.recv(1000).startswith((b"HTTP/1.1 401", b"HTTP/1.1 408"))


def test_slow_clients_stop_no_other(address: Address) -> None:
    with ExitStack() as stack:
        for _ in range(CLIENTS):
            client = stack.enter_context(socket.create_connection(address.place))
            client.sendall(HEAD + b"Content-Length: 100000\r\n\r\n[")
        answer = httpx.get(f"http://127.0.0.1:{address.place[1]}/health", timeout=SLACK)
        assert answer.status_code == 200


def test_two_lengths_of_a_body_are_refused(address: Address) -> None:
    for lengths in (
        b"Content-Length: 5\r\nContent-Length: 6\r\n",
        b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
        b"Content-Length: -1\r\n",
        b"Transfer-Encoding: xchunked\r\n",
    ):
        with socket.create_connection(address.place, timeout=SLACK) as client:
            client.sendall(HEAD + lengths + b"\r\n0\r\n\r\nGET /health HTTP/1.1\r\nHost: x\r\n\r\n")
            answers = b""
            while part := client.recv(1000):
                answers += part
            assert b" 200 " not in answers, lengths
