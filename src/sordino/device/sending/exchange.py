"""One request to a server and its answer, within limits of bytes and of time.

certificate        of the server's name and of a known authority, TLS 1.2 or later; else OSError
plain http         to this machine only, unless asked for
redirect           an answer like any other: no request follows it
proxy              none; variables such as `https_proxy` have no effect
huge answer        `UnreachableError` after 64 KiB
slow drip          `UnreachableError` after `seconds`, however the bytes arrive
endless headers    the same
"""

from __future__ import annotations

import contextlib
import http.client
import ipaddress
import re
import socket
import ssl
import threading
from collections.abc import Mapping
from typing import Final, NamedTuple
from urllib.parse import SplitResult, urlsplit

from sordino.device.sending.wire import LARGEST_ANSWER
from sordino.errors import ReleaseError
from sordino.progress import printable, shorten

ANSWER_SECONDS: Final = 30.0
"""The limit of one exchange, from the connection to the last byte."""

CONNECT_SECONDS: Final = 10.0
"""The limit of one connection, and of a TLS handshake."""

_LONGEST_WAIT: Final = 3600  # seconds of Retry-After
_DIGITS: Final = re.compile(r"[0-9]{1,9}")


class UnreachableError(Exception):
    """No whole answer came. The request may have arrived, so it is repeated as it was."""


class HttpAnswer(NamedTuple):
    """The answer of a server, not trusted."""

    status: int
    """The status of HTTP."""
    kind: str
    """The media type of the body, in lower case."""
    body: bytes
    """At most 64 KiB."""
    retry_seconds: int
    """The wait that the server asks for; 0 where it asks for none."""


class Server:
    """The address of a server, checked.

    - `url`: `https://HOST[:PORT][/PATH]`, or http to this machine.
    - `insecure_http`: also http to other machines, where every reader of the network sees token
      and vectors.
    - `seconds`: the limit of one exchange.

    Raises `ReleaseError` for any other address.
    """

    def __init__(
        self, url: str, *, insecure_http: bool = False, seconds: float = ANSWER_SECONDS
    ) -> None:
        parts = _parts(url)
        self._secure = parts.scheme == "https"
        self._host, self._port = parts.hostname or "", parts.port
        self._prefix, self._seconds = parts.path.rstrip("/"), seconds
        if not (self._secure or insecure_http or is_loopback(self._host)):
            raise ReleaseError(
                f"{shorten(printable(url))}: http to another machine, expected https: every reader "
                "of the network would see token and vectors; correct the address, or pass "
                "--insecure-http"
            )

    def request(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes | None = None
    ) -> HttpAnswer:
        """The answer to one request. Raises `UnreachableError` without a whole answer."""
        connection = self._connection()
        late = threading.Event()
        try:
            connection.connect()
            timer = threading.Timer(self._seconds, _end, (connection.sock, late))
            timer.daemon = True
            timer.start()
            try:
                connection.request(method, self._prefix + path, body, dict(headers))
                answer = _answer(connection.getresponse())
            finally:
                timer.cancel()
        except (OSError, http.client.HTTPException, ValueError) as error:
            if late.is_set():
                raise UnreachableError(f"no whole answer within {self._seconds:g} s") from error
            raise UnreachableError(
                shorten(printable(f"{type(error).__name__}: {error}"))
            ) from error
        finally:
            connection.close()
        if late.is_set():
            raise UnreachableError(f"no whole answer within {self._seconds:g} s")
        return answer

    def _connection(self) -> http.client.HTTPConnection:
        if self._secure:
            context = ssl.create_default_context()
            return http.client.HTTPSConnection(
                self._host, self._port, timeout=CONNECT_SECONDS, context=context
            )
        return http.client.HTTPConnection(self._host, self._port, timeout=CONNECT_SECONDS)


def _parts(url: str) -> SplitResult:
    """The parts of an address. Raises `ReleaseError` for an address of another kind."""
    try:
        parts = urlsplit(url)
        valid = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:  # a port that is no number, a bracket without its other half
        valid = False
    plain = url.isascii() and url.isprintable() and " " not in url
    if not (valid and plain) or parts.query or parts.fragment or "@" in parts.netloc:
        shown = "an address" if "@" in url else shorten(printable(url))  # it may hold a password
        raise ReleaseError(
            f"{shown} that is no server, expected https://HOST[:PORT][/PATH] without user, query "
            "and fragment: correct it"
        )
    return parts


def is_loopback(host: str) -> bool:
    """Whether a host is this machine.

    >>> [is_loopback(host) for host in ("localhost", "127.0.0.1", "::1", "10.0.0.1", "a.org")]
    [True, True, True, False, False]
    """
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _answer(response: http.client.HTTPResponse) -> HttpAnswer:
    body = response.read(LARGEST_ANSWER + 1)
    if len(body) > LARGEST_ANSWER:
        raise ValueError(f"an answer of more than {LARGEST_ANSWER >> 10} KiB")
    if response.length:  # the promised bytes that did not come
        raise ValueError("an answer that is cut short")
    kind = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    wait = response.headers.get("Retry-After", "").strip()
    seconds = min(_LONGEST_WAIT, int(wait)) if _DIGITS.fullmatch(wait) else 0
    return HttpAnswer(response.status, kind, body, seconds)


def _end(connection: socket.socket, late: threading.Event) -> None:
    """End a connection, whatever it is doing."""
    late.set()
    with contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
