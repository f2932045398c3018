"""A real server of S3 on the loopback, and a proxy before it that breaks connections.

    client -> Proxy -> S3Server (moto)

The proxy passes bytes on, closes a connection after some bytes, or never answers.
"""

from __future__ import annotations

import contextlib
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

ACCESS_KEY: Final = "test-access-key"
SECRET_KEY: Final = "test-secret-key-0123456789"
BUCKET: Final = "vectors"

_SERVER: Final = """
import sys
from moto.server import ThreadedMotoServer
server = ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
server.start()
print(server.get_host_and_port()[1], flush=True)
sys.stdin.read()
server.stop()
"""


@contextmanager
def running() -> Iterator[int]:
    """The port of a server of S3, which ends with the block."""
    with subprocess.Popen(
        [sys.executable, "-c", _SERVER],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        assert process.stdin
        assert process.stdout
        try:
            yield int(process.stdout.readline())
        finally:
            process.stdin.close()
            process.wait(timeout=10)


class Proxy:
    """A proxy before a port of this machine. `mode` is `pass`, `cut` or `hang`, for connections
    that begin later; `cut` closes a connection after `most` bytes of its client.
    """

    def __init__(self, target: int) -> None:
        self.mode, self.most = "pass", 0
        self._target = target
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._sockets: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def url(self) -> str:
        """The address for clients."""
        return f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def switch(self, mode: str, most: int = 0) -> None:
        """Change the mode, and close the connections that are open."""
        self.mode, self.most = mode, most
        self._close_all()

    def close(self) -> None:
        """Stop."""
        self._listener.close()
        self._close_all()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                self._sockets.append(client)
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        if self.mode == "hang":
            return
        server = socket.create_connection(("127.0.0.1", self._target))
        self._sockets.append(server)
        threading.Thread(target=self._pump, args=(server, client, None), daemon=True).start()
        self._pump(client, server, self.most if self.mode == "cut" else None)

    def _pump(self, source: socket.socket, target: socket.socket, most: int | None) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(1 << 16 if most is None else min(most, 1 << 16) or 1):
                if most is not None and len(data) > most:
                    break
                most = None if most is None else most - len(data)
                target.sendall(data)
        for end in (source, target):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def _close_all(self) -> None:
        while self._sockets:
            end = self._sockets.pop()
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()
