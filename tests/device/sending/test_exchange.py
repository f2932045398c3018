"""One exchange with a hostile server: bounded in bytes and in time, and never redirected."""

from __future__ import annotations

import contextlib
import json
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sordino.device import Sender, SenderToken, read
from sordino.device.sending import exchange, wire
from sordino.device.sending.exchange import Server, UnreachableError
from sordino.errors import ReleaseError
from tests.device.sending.receiver import TOKEN
from tests.device.synthetic_bundles import bundled

JSON: Final = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
STORED: Final = b'{"stored": 1, "last_number": 1}'


class Raw:
    """A server that answers every connection with the same bytes, or drips them."""

    def __init__(self, answer: bytes, drip_seconds: float = 0.0) -> None:
        self._answer, self._drip, self.connections = answer, drip_seconds, 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._reply, args=(connection,), daemon=True).start()

    def _reply(self, connection: socket.socket) -> None:
        with connection:
            connection.recv(1 << 16)
            step = 1 if self._drip else 1 << 20
            for at in range(0, len(self._answer), step):
                try:
                    connection.sendall(self._answer[at : at + step])
                except OSError:
                    return
                time.sleep(self._drip)

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()


@pytest.fixture
def raw() -> Iterator[list[Raw]]:
    servers = list[Raw]()
    yield servers
    for server in servers:
        server.close()


HOSTILE: Final = {
    "endless answer": JSON + b"Content-Length: 9999999999\r\n\r\n" + b" " * (1 << 20),
    "cut short": JSON + b"Content-Length: 100\r\n\r\n" + STORED,
    "no HTTP": b"\x00\xff" * 1000,
    "endless header": b"HTTP/1.1 200 OK\r\nX: " + b"a" * (1 << 20),
    "many headers": b"HTTP/1.1 200 OK\r\n" + b"X: a\r\n" * 1000 + b"\r\n",
    "chunks that are none": JSON + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n",
    "nothing": b"",
}


@pytest.mark.parametrize("answer", HOSTILE.values(), ids=HOSTILE)
def test_an_answer_without_an_end_is_no_answer(answer: bytes, raw: list[Raw]) -> None:
    raw.append(Raw(answer))
    with pytest.raises(UnreachableError):
        Server(raw[0].url).request("GET", "/v1/device", {})


@pytest.mark.parametrize(
    "answer",
    [
        JSON + b"Content-Length: 31\r\n\r\n" + STORED,
        b"HTTP/1.1 100 Continue\r\n\r\n" * 1000,
        b"HTTP/1.1 200 OK\r\n" + b"X: a\r\n" * 90,
    ],
    ids=["body", "continue", "headers"],
)
def test_a_slow_drip_ends_at_the_limit(answer: bytes, raw: list[Raw]) -> None:
    raw.append(Raw(answer, drip_seconds=0.02))
    began = time.monotonic()
    with pytest.raises(UnreachableError, match=r"no whole answer within 0\.2 s"):
        Server(raw[0].url, seconds=0.2).request("GET", "/v1/device", {})
    assert time.monotonic() - began < 3


def with_body(status: str, kind: str, body: bytes, *headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Type: {kind}", f"Content-Length: {len(body)}"]
    return "\r\n".join([*lines, *headers, "", ""]).encode() + body


ANSWERS: Final = {
    "redirect": (with_body("302 Found", "text/html", b"", "Location: http://127.0.0.1:1/"), True),
    "redirect with a body": (
        with_body("308 Moved", "application/json", STORED, "Location: http://127.0.0.1:1/"),
        True,
    ),
    "page of a hotel": (with_body("200 OK", "text/html", STORED), False),
    "no JSON": (with_body("200 OK", "application/json", b"{"), False),
    "deep JSON": (with_body("200 OK", "application/json", b"[" * 60_000), False),
    "other count": (with_body("201 C", "application/json", b'{"stored":2,"last_number":1}'), False),
    "true": (with_body("201 C", "application/json", b'{"stored":1,"last_number":true}'), False),
    "huge": (with_body("201 C", "application/json", b'{"stored":1,"last_number":1e400}'), False),
    "not found": (with_body("404 Not Found", "text/html", b"no"), True),
    "no problem of ours": (with_body("422 U", "application/problem+json", b'{"type":"x"}'), True),
    "a list": (with_body("409 C", "application/problem+json", b"[]"), True),
    "error": (with_body("500 E", "text/html", b"Traceback"), False),
}


@pytest.mark.parametrize(("answer", "stops"), ANSWERS.values(), ids=ANSWERS)
def test_a_foreign_answer_keeps_the_queue(
    answer: bytes, stops: bool, raw: list[Raw], tmp_path: Path
) -> None:
    raw.append(Raw(answer))
    bundle = read(bundled("drawn"))
    device = Sender(
        tmp_path / "queue",
        raw[0].url,
        SenderToken(TOKEN),
        bundle,
        day=lambda: date(2026, 11, 28),
        wait=lambda _: None,
    )
    device._queue.begin_after(0)
    device.add(bundle.arrays("release-0.npz")["prototypes"][0])
    delivery = device.send(attempts=2)
    assert (delivery.stored, delivery.pending, delivery.aside) == (0, 1, 0)
    assert delivery.is_refused == stops
    assert raw[0].connections == (1 if stops else 2)
    assert delivery.reason.isprintable()


def test_a_hostile_wait_is_bounded(raw: list[Raw]) -> None:
    for value in ("999999999", "-1", "1e9", "Wed, 21 Oct 2099 07:28:00 GMT", "9" * 4000):
        raw.append(Raw(with_body("429 T", "text/html", b"", f"Retry-After: {value}")))
        answer = Server(raw[-1].url).request("GET", "/v1/device", {})
        assert answer.retry_seconds in (0, 3600)


def test_a_hostile_number_is_refused() -> None:
    for text in (b'{"last_number": -1}', b'{"last_number": 4503599627370497}', b"{}", b"1"):
        with pytest.raises(ValueError, match="no last number"):
            wire.last_number(wire.BATCH_TYPE, text)


def test_a_refusal_of_some_sentences_is_shown_whole() -> None:
    detail = "a sentence of the server that says what to do next. " * 5
    body = json.dumps({"type": "urn:sordino:invalid", "detail": detail}).encode()
    refusal = wire.problem(wire.PROBLEM_TYPE, body)
    assert refusal is not None
    assert refusal.detail == detail


KINDS: Final = (wire.BATCH_TYPE, wire.PROBLEM_TYPE, "text/html")


@settings(max_examples=30)
@given(
    st.sampled_from(KINDS),
    st.binary(max_size=300)
    | st.recursive(
        st.none() | st.booleans() | st.floats() | st.integers() | st.text(),
        lambda inner: (
            st.lists(inner)
            | st.dictionaries(st.sampled_from(["type", "detail", "last_number", "stored"]), inner)
        ),
        max_leaves=6,
    ).map(lambda content: json.dumps(content).encode()),
)
def test_any_answer_is_parsed_or_refused(kind: str, body: bytes) -> None:
    refusal = wire.problem(kind, body)
    if refusal is not None:
        assert refusal.detail.isprintable()
        assert 0 <= refusal.last_number <= wire.LARGEST_STATED_NUMBER
    assert wire.confirms(kind, body, 1, 1) in (True, False)
    with contextlib.suppress(ValueError):
        assert 0 <= wire.last_number(kind, body) <= wire.LARGEST_STATED_NUMBER


@pytest.mark.parametrize(
    "url",
    [
        "http://example.org",
        "http://10.0.0.1:8000",
        "ftp://example.org",
        "file:///etc/passwd",
        "https://user:secret@example.org",
        "https://example.org/?key=1",
        "https://example.org:port",
        "https://",
        "example.org",
        "https://a b.org",
        "https://a.org/\r\nHost: evil",
        "http://localhost.example.org",
    ],
)
def test_only_https_leaves_this_machine(url: str) -> None:
    with pytest.raises(ReleaseError, match="expected https") as refusal:
        Server(url)
    assert "secret" not in str(refusal.value)


def test_plain_http_needs_its_option() -> None:
    assert Server("http://10.0.0.1:8000", insecure_http=True)
    assert Server("http://localhost:8000")


def test_a_certificate_without_an_authority_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(self_signed(tmp_path))
    listener = socket.create_server(("127.0.0.1", 0))
    url = f"https://localhost:{listener.getsockname()[1]}"

    def answer() -> None:
        for _ in range(2):
            connection, _ = listener.accept()
            try:
                with context.wrap_socket(connection, server_side=True) as secure:
                    secure.recv(1 << 16)
                    secure.sendall(with_body("200 OK", "application/json", b"{}"))
            except OSError:
                connection.close()

    thread = threading.Thread(target=answer)
    thread.start()
    with pytest.raises(UnreachableError, match="CERTIFICATE_VERIFY_FAILED"):
        Server(url).request("GET", "/v1/device", {})
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "server.pem"))  # its own authority
    assert Server(url).request("GET", "/v1/device", {}).status == 200
    thread.join()
    listener.close()


def self_signed(folder: Path) -> Path:
    """A certificate of `localhost` and its key, in one file."""
    from datetime import UTC, datetime, timedelta

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(1))
        .not_valid_after(now + timedelta(1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), True)
        .sign(key, hashes.SHA256())
    )
    path = folder / "server.pem"
    plain = serialization.NoEncryption()
    encoding, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    path.write_bytes(certificate.public_bytes(encoding) + key.private_bytes(encoding, form, plain))
    return path


def test_no_variable_adds_a_proxy(raw: list[Raw], monkeypatch: pytest.MonkeyPatch) -> None:
    raw.append(Raw(with_body("200 OK", "application/json", b"{}")))
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    assert Server(raw[0].url).request("GET", "/v1/device", {}).status == 200
    assert exchange.ANSWER_SECONDS == 30
