"""A TCP proxy between a device and a server that loses requests and answers."""

from __future__ import annotations

import contextlib
import random
import socket
import threading
from typing import Final

_CHUNK: Final = 1 << 16
_SECONDS: Final = 10.0
"""The longest wait for the next bytes."""


class LossyProxy:
    """Forwards connections to `port`. A share `loss` of them is cut, at one of three moments.

    - before the request arrives,
    - within the request, after half of its first bytes,
    - after the whole request arrived, before its answer: the server may have stored the batch.

    One connection carries one request, as those of `Sender` do.
    """

    def __init__(self, port: int, loss: float, seed: int = 0) -> None:
        self.loss, self.cuts = loss, 0
        self._target, self._random = port, random.Random(seed)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        threading.Thread(target=self._listen, name="proxy", daemon=True).start()

    @property
    def url(self) -> str:
        """The address for devices."""
        return f"http://127.0.0.1:{self.port}"

    def close(self) -> None:
        """Accept no more connections."""
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _listen(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            cut = self._random.choice((1, 2, 3)) if self._random.random() < self.loss else 0
            self.cuts += cut > 0
            threading.Thread(target=self._serve, args=(client, cut), daemon=True).start()

    def _serve(self, client: socket.socket, cut: int) -> None:
        with client, contextlib.suppress(OSError):
            client.settimeout(_SECONDS)
            first = client.recv(_CHUNK)
            if cut == 1 or not first:
                return
            with socket.create_connection(("127.0.0.1", self._target), _SECONDS) as server:
                if cut == 2:
                    server.sendall(first[: len(first) // 2])
                    return
                server.sendall(first)
                up = threading.Thread(target=_forward, args=(client, server), daemon=True)
                up.start()
                answer = server.recv(_CHUNK)
                while answer and cut == 0:
                    client.sendall(answer)
                    answer = server.recv(_CHUNK)
                client.shutdown(socket.SHUT_RDWR)  # ends the other direction, too


def _forward(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while content := source.recv(_CHUNK):
            target.sendall(content)
