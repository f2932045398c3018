"""A gateway of a bundle that listens, and a client of its application."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import soundfile

from sordino.device import Runtime
from sordino.gateway import Gateway, GatewayTokens, application
from tests.device.synthetic_sound_bundle import RATE, bundle, speech


@pytest.fixture
def tokens(tmp_path: Path) -> GatewayTokens:
    return GatewayTokens(tmp_path / "tokens.json")


@pytest.fixture
def gateway() -> Iterator[Gateway]:
    running = Gateway(Runtime(bundle(), key=1))
    yield running
    running.close()


def client(gateway: Gateway, tokens: GatewayTokens, name: str = "kitchen") -> httpx.AsyncClient:
    """A client of one device, which gets a token."""
    transport = httpx.ASGITransport(application(gateway, tokens))
    headers = {"Authorization": f"Bearer {tokens.create(name)}"}
    return httpx.AsyncClient(transport=transport, base_url="http://gateway", headers=headers)


def recording(kind: str = "WAV", seconds: float = 1.0) -> bytes:
    """A recording of speech-like sound in a file format."""
    content = io.BytesIO()
    samples = speech()[RATE : RATE + round(seconds * RATE)]
    soundfile.write(content, samples, RATE, format=kind)
    return content.getvalue()
