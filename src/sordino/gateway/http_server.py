"""Runs the gateway in this process: TLS or this machine alone, no log, no core dump."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from sordino.device.sending.exchange import is_loopback
from sordino.errors import ReleaseError, StorageError
from sordino.gateway.process import harden

MOST_CONNECTIONS: Final = 32
"""The limit of connections at once; a further one gets status 503."""

REQUEST_SECONDS: Final = 10.0
"""The limit of the time until the headers of a request are complete."""

STOP_SECONDS: Final = 5
"""The time for requests in progress when the gateway stops."""


class _ImpatientProtocol(H11Protocol):
    """HTTP that ends a connection whose headers take too long. uvicorn itself would wait."""

    _deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self._deadline = self.loop.call_later(REQUEST_SECONDS, self._end_if_silent)

    def data_received(self, data: bytes) -> None:
        is_idle = self.cycle is None or self.cycle.response_complete
        if is_idle and self._deadline is None:
            self._deadline = self.loop.call_later(REQUEST_SECONDS, self._end_if_silent)
        super().data_received(data)
        if self.cycle is not None and not self.cycle.response_complete:
            self._cancel()

    def connection_lost(self, exc: Exception | None) -> None:
        self._cancel()
        super().connection_lost(exc)

    def _cancel(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _end_if_silent(self) -> None:
        self._deadline = None
        if not self.transport.is_closing():
            self.transport.close()


def open_listener(
    host: str, port: int, certificate: Path | None, insecure_http: bool
) -> tuple[socket.socket, str]:
    """An open socket and its address. Raises `ReleaseError` for http beyond this machine,
    `StorageError` where the address cannot be used.
    """
    if certificate is None and not (insecure_http or is_loopback(host)):
        raise ReleaseError(
            f"{host} without TLS, expected 127.0.0.1: every reader of the network would hear the "
            "recordings; pass --tls-certificate and --tls-key, or --insecure-http"
        )
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listener = socket.create_server((host, port), family=family, backlog=64)
    except (OSError, OverflowError) as error:
        raise StorageError(
            f"{host}:{port}: {error}, expected a free address: choose another --port or --host"
        ) from error
    shown = f"[{host}]" if ":" in host else host
    scheme = "http" if certificate is None else "https"
    return listener, f"{scheme}://{shown}:{listener.getsockname()[1]}"


def configuration(
    app: Callable[..., Any], certificate: Path | None = None, key: Path | None = None
) -> uvicorn.Config:
    """The limits of the server, without any log.

    - `certificate`, `key`: PEM files of TLS. Raises `StorageError` for files that are none.
    """
    config = uvicorn.Config(
        app,
        http=_ImpatientProtocol,
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        limit_concurrency=MOST_CONNECTIONS,
        timeout_keep_alive=5,
        timeout_graceful_shutdown=STOP_SECONDS,
        h11_max_incomplete_event_size=16 << 10,
        ssl_certfile=certificate,
        ssl_keyfile=key,
    )
    try:
        config.load()
    except OSError as error:  # an error of TLS is one, too
        raise StorageError(
            f"{certificate}, {key}: {error}, expected a certificate and its key as PEM: check the "
            "paths"
        ) from error
    return config


def serve(config: uvicorn.Config, listener: socket.socket) -> None:
    """Serve on a socket until SIGINT or SIGTERM, in a hardened process."""
    harden()
    uvicorn.Server(config).run(sockets=[listener])
