"""Runs the application: one process, bounded connections, no access log, an orderly end.

SIGTERM and SIGINT refuse new connections, and give requests in progress `STOP_SECONDS`. What was
answered with 201 is stored; an answer that was cut off is asked for again by the device.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import signal
import socket
import threading
from collections import Counter
from collections.abc import Iterator
from typing import Any, Final

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

from sordino.errors import StorageError
from sordino.server.access.limits import network_of

MOST_CONNECTIONS: Final = 2000
"""The limit of connections at once; a further one gets status 503."""

MOST_OF_ADDRESS: Final = 500
"""The limit of connections of one address, or /64 of IPv6, that is no proxy; a further one is
closed.
"""

HEADER_SECONDS: Final = 10.0
"""The limit of the time until the headers of a request are complete."""

WRITE_SECONDS: Final = 30.0
"""The limit of the time in which a client takes nothing of an answer."""

KEEP_ALIVE_SECONDS: Final = 15
STOP_SECONDS: Final = 10
BACKLOG: Final = 2048
LARGEST_HEADERS: Final = 16 << 10  # bytes


class Addresses:
    """Connections by network of the client; those of proxies are not counted.

    - `proxies`: addresses or networks, separated by commas; `*` for all.
    """

    def __init__(self, proxies: str) -> None:
        self._all = proxies.strip() == "*"
        self._proxies = [] if self._all else list(_networks(proxies))
        self._counts: Counter[str] = Counter()

    def enter(self, address: str) -> bool:
        """Count a connection. False, and not counted, above the limit of its network."""
        network = network_of(address)
        if self._counts[network] >= MOST_OF_ADDRESS and not self._is_proxy(address):
            return False
        self._counts[network] += 1
        return True

    def leave(self, address: str) -> None:
        """Forget a connection that was counted."""
        network = network_of(address)
        self._counts[network] -= 1
        if self._counts[network] <= 0:
            del self._counts[network]

    def _is_proxy(self, address: str) -> bool:
        try:
            parsed = ipaddress.ip_address(address)
        except ValueError:
            return True  # a socket of this machine
        return self._all or any(parsed in network for network in self._proxies)


def _networks(proxies: str) -> Iterator[ipaddress.IPv4Network | ipaddress.IPv6Network]:
    for text in proxies.split(","):
        with contextlib.suppress(ValueError):
            yield ipaddress.ip_network(text.strip(), strict=False)


class _Config(uvicorn.Config):
    """A configuration that counts connections by address."""

    addresses: Addresses


class _ImpatientProtocol(H11Protocol):
    """HTTP that ends a connection whose client sends its headers, or takes an answer, too slowly;
    uvicorn itself would wait.
    """

    _deadline: asyncio.TimerHandle | None = None
    _write_deadline: asyncio.TimerHandle | None = None
    _address: str | None = None

    @property
    def _config(self) -> _Config:
        assert isinstance(self.config, _Config)
        return self.config

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        address = self.client[0] if self.client else ""
        if not self._config.addresses.enter(address):
            transport.abort()
            return
        self._address = address
        self._start()

    def data_received(self, data: bytes) -> None:
        self._start()
        super().data_received(data)
        if self.cycle is not None and not self.cycle.response_complete:
            self._cancel()

    def on_response_complete(self) -> None:
        self._cancel()
        super().on_response_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        self._cancel()
        self._end_pause()
        if self._address is not None:
            self._config.addresses.leave(self._address)
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        super().pause_writing()
        self._write_deadline = self.loop.call_later(WRITE_SECONDS, self.transport.abort)

    def resume_writing(self) -> None:
        self._end_pause()
        super().resume_writing()

    def _end_pause(self) -> None:
        if self._write_deadline is not None:
            self._write_deadline.cancel()
            self._write_deadline = None

    def _start(self) -> None:
        if self._deadline is None:
            self._deadline = self.loop.call_later(HEADER_SECONDS, self._end)

    def _cancel(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _end(self) -> None:
        self._deadline = None
        waits = self.cycle is None or self.cycle.response_complete
        if waits and not self.transport.is_closing():
            self.transport.close()


class _Server(uvicorn.Server):
    """A server for which SIGINT and SIGTERM are an orderly end, and no error."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        previous = {
            number: signal.signal(number, self.handle_exit)
            for number in (signal.SIGINT, signal.SIGTERM)
        }
        try:
            yield
        finally:
            for number, handler in previous.items():
                signal.signal(number, handler)


def open_listener(host: str, port: int) -> tuple[socket.socket, str]:
    """An open socket and its address as a URL. Raises `StorageError` for an address in use."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listener = socket.create_server((host, port), family=family, backlog=BACKLOG)
    except (OSError, OverflowError) as error:
        raise StorageError(
            f"{host}:{port}: {error}, expected a free address: choose another --port or --host"
        ) from error
    # asyncio does not set this for the sockets of a listener, and an answer has two parts: the
    # second one would wait 40 ms for the acknowledgement of the first.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    shown = f"[{host}]" if ":" in host else host
    return listener, f"http://{shown}:{listener.getsockname()[1]}"


def configuration(app: ASGIApp, proxies: str = "") -> uvicorn.Config:
    """The limits of the server.

    - `proxies`: addresses or networks of proxies, separated by commas, whose `X-Forwarded-For` and
      `X-Forwarded-Proto` count; empty for none.
    """
    config = _Config(
        app,
        http=_ImpatientProtocol,
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=bool(proxies),
        forwarded_allow_ips=proxies or None,
        limit_concurrency=MOST_CONNECTIONS,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=STOP_SECONDS,
        h11_max_incomplete_event_size=LARGEST_HEADERS,
    )
    config.addresses = Addresses(proxies)
    return config


def server(config: uvicorn.Config) -> uvicorn.Server:
    """A server; `run(sockets=[...])` serves until `should_exit`, SIGINT or SIGTERM."""
    return _Server(config)
