"""The server of the gateway on a real socket: connections are bounded in number and in time."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import uvicorn

from sordino.errors import ReleaseError, StorageError
from sordino.gateway import Gateway, GatewayTokens, application, http_server
from tests.device.sending.test_exchange import self_signed
from tests.gateway.conftest import recording


@contextlib.contextmanager
def serving(
    gateway: Gateway, tokens: GatewayTokens, certificate: Path | None = None
) -> Iterator[str]:
    """The address of a gateway that runs in a thread."""
    config = http_server.gateway_configuration(
        application(gateway, tokens), certificate, certificate
    )
    listener, address = http_server.gateway_listener("127.0.0.1", 0, certificate, False)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, args=([listener],))
    thread.start()
    while not server.started:
        time.sleep(0.005)
    try:
        yield address
    finally:
        server.should_exit = True
        thread.join()
        listener.close()


def token_header(tokens: GatewayTokens) -> dict[str, str]:
    return {"Authorization": f"Bearer {tokens.create('kitchen')}"}


def test_a_silent_connection_is_ended(
    gateway: Gateway, tokens: GatewayTokens, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sordino.server.http_server.HEADER_SECONDS", 0.1)
    headers = token_header(tokens)
    with serving(gateway, tokens) as address:
        url = httpx.URL(address)
        whole = b"GET /v1/gateway HTTP/1.1\r\nHost: a\r\n\r\n"
        for start in (b"", whole[:-4], whole + whole[:-4]):
            with socket.create_connection((url.host, url.port or 0)) as connection:
                connection.settimeout(3)
                connection.sendall(start)
                while connection.recv(4096):
                    pass
        wav = {"Content-Type": "audio/wav", **headers}
        answer = httpx.post(f"{address}/v1/utterance", content=recording(), headers=wav)
        assert answer.status_code == 200
        assert "server" not in answer.headers


def test_further_connections_are_refused(
    gateway: Gateway, tokens: GatewayTokens, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http_server, "MOST_DEVICE_CONNECTIONS", 3)
    headers = token_header(tokens)
    with serving(gateway, tokens) as address, contextlib.ExitStack() as silent:
        url = httpx.URL(address)
        for _ in range(3):
            silent.enter_context(socket.create_connection((url.host, url.port or 0)))
        assert httpx.get(f"{address}/v1/gateway", headers=headers).status_code == 503
        silent.close()
        time.sleep(0.05)
        assert httpx.get(f"{address}/v1/gateway", headers=headers).status_code == 200


def test_tls_protects_recordings_on_a_network(
    gateway: Gateway, tokens: GatewayTokens, tmp_path: Path
) -> None:
    headers, certificate = token_header(tokens), self_signed(tmp_path)
    with serving(gateway, tokens, certificate) as address:
        assert address.startswith("https://127.0.0.1:")
        port = httpx.URL(address).port
        context = ssl.create_default_context(cafile=certificate)
        answer = httpx.get(f"https://localhost:{port}/v1/gateway", headers=headers, verify=context)
        assert answer.status_code == 200


def test_another_machine_needs_tls(gateway: Gateway, tokens: GatewayTokens, tmp_path: Path) -> None:
    with pytest.raises(ReleaseError, match=r"0\.0\.0\.0 without TLS, expected 127\.0\.0\.1"):
        http_server.gateway_listener("0.0.0.0", 0, None, False)
    with pytest.raises(StorageError, match="expected a free address"):
        http_server.gateway_listener("192.0.2.1", 0, None, True)
    (tmp_path / "no.pem").write_text("no certificate")
    with pytest.raises(StorageError, match="expected a certificate"):
        http_server.gateway_configuration(
            application(gateway, tokens), tmp_path / "no.pem", tmp_path / "no.pem"
        )
