"""Runs the gateway in this process: TLS or this machine alone, no log, no core dump."""

from __future__ import annotations

import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import uvicorn

from sordino.device.sending.exchange import is_loopback
from sordino.errors import ReleaseError, StorageError
from sordino.gateway.process import harden
from sordino.server import http_server

MOST_DEVICE_CONNECTIONS: Final = 32
"""The limit of connections at once; a further one gets status 503."""


def gateway_listener(
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
    listener, address = http_server.open_listener(host, port)
    return listener, address if certificate is None else address.replace("http:", "https:", 1)


def gateway_configuration(
    app: Callable[..., Any], certificate: Path | None = None, key: Path | None = None
) -> uvicorn.Config:
    """The limits of the gateway, without any log.

    - `certificate`, `key`: PEM files of TLS. Raises `StorageError` for files that are none.
    """
    config = http_server.configuration(app)
    config.limit_concurrency = MOST_DEVICE_CONNECTIONS
    config.ssl_certfile, config.ssl_keyfile = certificate, key
    try:
        config.load()
    except OSError as error:  # an error of TLS is one, too
        raise StorageError(
            f"{certificate}, {key}: {error}, expected a certificate and its key as PEM: check the "
            "paths"
        ) from error
    return config


def serve_gateway(config: uvicorn.Config, listener: socket.socket) -> None:
    """Serve on a socket until SIGINT or SIGTERM, in a hardened process."""
    harden()
    with listener:
        http_server.server(config).run(sockets=[listener])
