"""The gateway without HTTP: memory is overwritten, streams are bounded, vectors are queued."""

from __future__ import annotations

import io
from datetime import date
from pathlib import Path

import numpy as np
import pytest

from sordino.device import Runtime, Sender, SenderToken
from sordino.errors import ReleaseError, StorageError
from sordino.gateway import Gateway, GatewayTokens
from sordino.gateway.service import IDLE_STREAM_SECONDS, MOST_STREAMS, BusyError
from tests.device.sending.receiver import TOKEN
from tests.device.synthetic_bundles import bundled, features, talking
from tests.device.synthetic_sound_bundle import RATE, bundle
from tests.gateway.conftest import recording


def test_the_bytes_of_a_request_are_overwritten(gateway: Gateway) -> None:
    stream = gateway.open_stream("kitchen", RATE)
    for act in (
        lambda content: gateway.utterance(content, "audio/wav"),
        gateway.features,
        lambda content: gateway.push(stream, "kitchen", content),
    ):
        content = io.BytesIO(recording())
        act(content)
        assert set(content.getvalue()) == {0}


def test_samples_are_overwritten(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = list[np.ndarray]()
    runtime = Runtime(bundle(), key=1)
    gateway = Gateway(runtime)
    listen = runtime.utterance

    def utterance(samples: np.ndarray, sampling_rate: int) -> object:
        seen.append(samples)
        return listen(samples, sampling_rate)

    monkeypatch.setattr(runtime, "utterance", utterance)
    assert gateway.utterance(io.BytesIO(recording()), "audio/wav") is not None
    assert seen[0].size == RATE
    assert not seen[0].any()


def test_every_released_vector_is_queued(tmp_path: Path) -> None:
    sender = Sender(
        tmp_path / "queue",
        "https://example.org",
        SenderToken(TOKEN),
        bundle(),
        day=lambda: date(2026, 11, 28),
    )
    gateway = Gateway(Runtime(bundle(), key=1), sender)
    assert gateway.utterance(io.BytesIO(recording()), "audio/wav") is not None
    assert gateway.utterance(io.BytesIO(b"RIFF"), "audio/wav") is None
    assert sender.pending == 1


def test_streams_are_few_and_idle_ones_end() -> None:
    now = [0.0]
    gateway = Gateway(Runtime(bundle(), key=1), clock=lambda: now[0])
    first, *_ = [gateway.open_stream("kitchen", RATE) for _ in range(MOST_STREAMS)]
    with pytest.raises(BusyError):
        gateway.open_stream("kitchen", RATE)
    now[0] = IDLE_STREAM_SECONDS + 1
    assert gateway.open_stream("kitchen", RATE)
    with pytest.raises(KeyError):
        gateway.push(first, "kitchen", io.BytesIO(bytes(100)))
    gateway.close()


@pytest.mark.slow
def test_centring_is_refused_where_no_bundle_has_it() -> None:
    with pytest.raises(ReleaseError, match="no scaled space"):
        Gateway(Runtime(talking(), key=1), centring=True)


def test_a_bundle_of_features_takes_no_sound() -> None:
    assert not Gateway(Runtime(bundled("drawn"), key=1)).takes_sound


def test_two_centred_runtimes_share_models_and_no_mean() -> None:
    from sordino.device import Channel

    runtime, x = Runtime(bundled("noise-gauss"), key=1), features()[:20]
    plain = runtime.release(x)
    first, second = runtime.centred(Channel()), runtime.centred(Channel())
    np.testing.assert_array_equal(first.release(x), second.release(x))
    np.testing.assert_array_equal(runtime.release(x), plain)
    assert not np.array_equal(first.release(x), plain)


def test_a_token_is_stored_as_a_hash(tmp_path: Path) -> None:
    path = tmp_path / "tokens.json"
    tokens = GatewayTokens(path)
    token = tokens.create("kitchen")
    assert tokens.device_of(f"Bearer {token}") == "kitchen"
    assert token.partition("gateway_")[2] not in path.read_text()
    assert path.stat().st_mode & 0o777 == 0o600
    with pytest.raises(StorageError, match="has a token"):
        tokens.create("kitchen")
    with pytest.raises(StorageError, match="small letters"):
        tokens.create("../kitchen")
    with pytest.raises(StorageError, match="expected one of kitchen"):
        tokens.remove("office")


@pytest.mark.parametrize("content", ["{", "[]", '{"kitchen": "short"}', '{"kitchen": 1}'])
def test_a_damaged_file_of_tokens_lets_no_device_in(content: str, tmp_path: Path) -> None:
    path = tmp_path / "tokens.json"
    path.write_text(content)
    path.chmod(0o600)
    with pytest.raises(StorageError, match="damaged"):
        GatewayTokens(path).device_of("Bearer x")
    path.write_text("{}")
    path.chmod(0o644)
    with pytest.raises(StorageError, match="other users"):
        GatewayTokens(path).device_of("Bearer x")
