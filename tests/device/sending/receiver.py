"""A small server of the wire contract, for tests: SQLite, one device, batches whole or not at all.

python -m tests.device.sending.receiver PORT FILE    a process that can be killed at any moment
with serving(script) as receiver:                    in this process; `script` answers in place
"""

from __future__ import annotations

import contextlib
import json
import sqlite3
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final

TOKEN: Final = "sordino_device_" + "t" * 43


class Store:
    """The rows of one device."""

    def __init__(self, path: Path | str) -> None:
        self.path, self._lock = path, threading.Lock()
        with self._open() as file:
            file.execute("CREATE TABLE IF NOT EXISTS batch (key TEXT PRIMARY KEY, body, answer)")
            file.execute("CREATE TABLE IF NOT EXISTS release (number PRIMARY KEY, item TEXT)")

    @contextlib.contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        with contextlib.closing(sqlite3.connect(self.path, timeout=10)) as file, file:
            yield file

    def last(self) -> int:
        with self._open() as file:
            return int(file.execute("SELECT coalesce(max(number), 0) FROM release").fetchone()[0])

    def rows(self) -> list[tuple[int, Any]]:
        with self._open() as file:
            rows = file.execute("SELECT number, item FROM release ORDER BY number").fetchall()
        return [(number, json.loads(item)) for number, item in rows]

    def post(self, key: str, body: bytes) -> tuple[int, dict[str, Any]]:
        with self._lock, self._open() as file:
            file.execute("BEGIN IMMEDIATE")
            known = file.execute("SELECT body, answer FROM batch WHERE key = ?", (key,)).fetchone()
            if known and known[0] != body:
                return problem(409, "idempotency")
            if known:
                return 200, json.loads(known[1])
            releases = json.loads(body)["releases"]
            last = file.execute("SELECT coalesce(max(number), 0) FROM release").fetchone()[0]
            numbers = [release["number"] for release in releases]
            if numbers != sorted(set(numbers)) or numbers[0] <= last:
                return problem(409, "number", last_number=last)
            answer = {"stored": len(releases), "last_number": numbers[-1]}
            file.execute("INSERT INTO batch VALUES (?, ?, ?)", (key, body, json.dumps(answer)))
            for release in releases:
                item = release.get("vector", release.get("prototype"))
                file.execute(
                    "INSERT INTO release VALUES (?, ?)", (release["number"], json.dumps(item))
                )
        return 201, answer


def problem(status: int, code: str, **more: object) -> tuple[int, dict[str, Any]]:
    return status, {"type": f"urn:sordino:{code}", "title": code, "status": status, **more}


@dataclass
class Request:
    """One request that a receiver got."""

    path: str
    headers: dict[str, str]
    body: bytes


Script = Callable[[Request, BaseHTTPRequestHandler], bool]
"""Answers a request in its own way; false leaves it to the store."""


@dataclass
class Receiver:
    """A running server."""

    port: int
    store: Store
    requests: list[Request] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


def reply(handler: BaseHTTPRequestHandler, status: int, content: object, **headers: str) -> bool:
    """Answer with JSON, or with bytes as they are."""
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    kind = "application/json" if status < 300 else "application/problem+json"
    handler.send_response(status)
    for name, value in ({"Content_Type": kind} | headers).items():
        handler.send_header(name.replace("_", "-"), value)
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body)
    return True


def _handler(receiver: Receiver, script: Script | None) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

        def do_GET(self) -> None:
            if not self._scripted(b""):
                reply(self, 200, {"last_number": receiver.store.last(), "policies": []})

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self._scripted(body):
                return
            if self.headers["Authorization"] != f"Bearer {TOKEN}":
                reply(self, *problem(401, "token"))
                return
            reply(self, *receiver.store.post(self.headers["Idempotency-Key"], body))

        def _scripted(self, body: bytes) -> bool:
            request = Request(self.path, dict(self.headers), body)
            receiver.requests.append(request)
            return script is not None and script(request, self)

    return Handler


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, address: object) -> None:
        """A killed client is no error."""


@contextlib.contextmanager
def serving(path: Path, script: Script | None = None) -> Iterator[Receiver]:
    """A receiver in this process, until the end of the block."""
    receiver = Receiver(0, Store(path))
    server = _Server(("127.0.0.1", 0), _handler(receiver, script))
    receiver.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield receiver
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


if __name__ == "__main__":
    receiver = Receiver(int(sys.argv[1]), Store(sys.argv[2]))
    server = _Server(("127.0.0.1", receiver.port), _handler(receiver, None))
    print("ready", flush=True)
    server.serve_forever(0.01)
