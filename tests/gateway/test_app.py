"""The gateway over HTTP: a released vector or nothing, for devices with a token."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Final

import httpx
import numpy as np
import pytest

from sordino.device import Runtime
from sordino.gateway import Gateway, GatewayTokens, application
from sordino.gateway.app import LARGEST_FEATURES
from sordino.signal.feature_sets import FEATURE_SETS
from tests.device.synthetic_bundles import bundled, features, talking
from tests.device.synthetic_sound_bundle import RATE, bundle, prototypes, speech
from tests.gateway.conftest import client, recording

WAV: Final = {"Content-Type": "audio/wav"}
JSON: Final = {"Content-Type": "application/json"}


def run(act: Callable[[httpx.AsyncClient], Awaitable[Any]], device: httpx.AsyncClient) -> Any:
    async def within() -> Any:
        async with device:
            return await act(device)

    return asyncio.run(within())


@pytest.mark.parametrize(
    ("kind", "media"), [("WAV", "audio/wav"), ("FLAC", "audio/flac"), ("OGG", "audio/ogg")]
)
def test_a_recording_becomes_a_released_vector(
    kind: str, media: str, gateway: Gateway, tokens: GatewayTokens
) -> None:
    answer = run(
        lambda device: device.post(
            "/v1/utterance", content=recording(kind), headers={"Content-Type": media}
        ),
        client(gateway, tokens),
    )
    assert answer.status_code == 200
    assert set(answer.json()) == {"vector"}
    assert np.float32(answer.json()["vector"]).tobytes() in prototypes()


def test_features_give_the_vector_of_the_runtime(tokens: GatewayTokens) -> None:
    runtime, x = Runtime(bundled("drawn"), key=1), features()[:3]
    content = [json.dumps({"features": row.astype(float).tolist()}) for row in x]

    async def post(device: httpx.AsyncClient) -> list[Any]:
        return [
            (await device.post("/v1/utterance", content=text, headers=JSON)).json()["vector"]
            for text in content
        ]

    vectors = run(post, client(Gateway(runtime), tokens))
    np.testing.assert_array_equal(np.float32(vectors), runtime.release(x))


@pytest.mark.slow
def test_streams_of_a_clip_are_accepted_as_json(tokens: GatewayTokens) -> None:
    frames = np.random.default_rng(0).normal(size=(20, 40)).round(3)
    content = json.dumps({"streams": {"audio": frames.tolist()}})
    answer = run(
        lambda device: device.post("/v1/utterance", content=content, headers=JSON),
        client(Gateway(Runtime(talking(), key=1)), tokens),
    )
    assert np.isfinite(answer.json()["vector"]).all()


NOTHING: Final = {
    "silence": (WAV, recording()[:44] + bytes(32000)),
    "no sound": (WAV, b"RIFF" + bytes(100)),
    "another format": (WAV, recording("FLAC")),
    "empty": (WAV, b""),
    "cut short": (WAV, recording()[:5000]),
    "too short": (WAV, recording(seconds=0.01)),
    "other dims": (JSON, b'{"features": [1.0, 2.0]}'),
    "no JSON": (JSON, b"{"),
    "deep JSON": (JSON, b'{"features": ' + b"[" * 5000 + b"]" * 5000 + b"}"),
    "text": (JSON, b'{"features": ["1.0"]}'),
    "true": (JSON, b'{"features": [true]}'),
    "huge": (JSON, b'{"features": [1e300]}'),
    "huge integer": (JSON, b'{"features": [' + b"9" * 4000 + b"]}"),
    "another name": (JSON, b'{"samples": [1.0]}'),
    "a list": (JSON, b"[1.0]"),
    "null": (JSON, b'{"streams": null}'),
    "no streams": (JSON, b'{"streams": {"audio": [[1.0]]}}'),
}


@pytest.mark.parametrize(("headers", "content"), NOTHING.values(), ids=NOTHING)
def test_nothing_has_one_answer(
    headers: dict[str, str], content: bytes, gateway: Gateway, tokens: GatewayTokens
) -> None:
    answer = run(
        lambda device: device.post("/v1/utterance", content=content, headers=headers),
        client(gateway, tokens),
    )
    assert (answer.status_code, answer.content) == (204, b"")
    assert dict(answer.headers) == {"cache-control": "no-store"}


def test_a_spent_budget_looks_like_silence(tmp_path: Path, tokens: GatewayTokens) -> None:
    from datetime import date

    from sordino.device import DailyBudget

    budget = DailyBudget(tmp_path / "budget", lambda: date(2026, 11, 28))
    limited = Gateway(Runtime(bundle(per_day=1), key=1, budget=budget))

    async def post(device: httpx.AsyncClient) -> list[httpx.Response]:
        return [
            await device.post("/v1/utterance", content=recording(), headers=WAV) for _ in range(2)
        ]

    first, second = run(post, client(limited, tokens))
    assert (first.status_code, second.status_code) == (200, 204)
    assert dict(second.headers) == {"cache-control": "no-store"}


ROUTES: Final = [
    ("GET", "/v1/gateway"),
    ("POST", "/v1/utterance"),
    ("POST", "/v1/streams"),
    ("POST", "/v1/streams/0"),
    ("DELETE", "/v1/streams/0"),
]


def test_every_route_is_in_the_table_of_tokens(gateway: Gateway, tokens: GatewayTokens) -> None:
    routes = application(gateway, tokens).routes
    paths = {
        (method, getattr(route, "path", "").replace("{stream}", "0"))
        for route in routes
        for method in getattr(route, "methods", ())
    }
    assert paths == set(ROUTES)


@pytest.mark.parametrize(("method", "path"), ROUTES)
@pytest.mark.parametrize(
    "header", ["", "Bearer", "Bearer sordino_gateway_" + "A" * 43, "Basic TOKEN", "Bearer TOKEN2"]
)
def test_a_request_without_its_token_is_refused(
    header: str, method: str, path: str, gateway: Gateway, tokens: GatewayTokens
) -> None:
    token = tokens.create("office")
    device = client(gateway, tokens)
    device.headers["Authorization"] = header.replace("TOKEN2", token + "x").replace("TOKEN", token)
    answer = run(lambda device: device.request(method, path), device)
    assert (answer.status_code, answer.json()["type"]) == (401, "urn:sordino:token")
    assert answer.headers["www-authenticate"] == "Bearer"


def test_a_removed_token_ends_at_once(gateway: Gateway, tokens: GatewayTokens) -> None:
    async def twice(device: httpx.AsyncClient) -> list[int]:
        first = await device.get("/v1/gateway")
        tokens.remove("kitchen")
        return [first.status_code, (await device.get("/v1/gateway")).status_code]

    assert run(twice, client(gateway, tokens)) == [200, 401]


def test_the_form_of_a_request_has_errors_of_its_own(
    gateway: Gateway, tokens: GatewayTokens
) -> None:
    async def statuses(device: httpx.AsyncClient) -> list[int]:
        large = b" " * (LARGEST_FEATURES + 1)
        requests = [
            device.post("/v1/utterance", content=b"", headers={"Content-Type": "audio/mpeg"}),
            device.post("/v1/utterance", content=b""),
            device.post("/v1/utterance", content=large, headers=JSON),
            device.post("/v1/streams?sampling_rate=8001k"),
            device.post("/v1/streams?sampling_rate=7999"),
            device.post("/v1/streams/0", content=b"", headers=WAV),
            device.delete("/v1/streams/0"),
            device.get("/docs"),
        ]
        return [(await request).status_code for request in requests]

    assert run(statuses, client(gateway, tokens)) == [415, 415, 413, 422, 422, 415, 404, 404]


def test_a_slow_body_is_ended(gateway: Gateway, tokens: GatewayTokens) -> None:
    async def drip() -> Any:
        for _ in range(100):
            yield b" "
            await asyncio.sleep(0.01)

    transport = httpx.ASGITransport(application(gateway, tokens, body_seconds=0.05))
    device = httpx.AsyncClient(
        transport=transport,
        base_url="http://gateway",
        headers={"Authorization": f"Bearer {tokens.create('slow')}"},
    )
    answer = run(lambda device: device.post("/v1/utterance", content=drip(), headers=JSON), device)
    assert (answer.status_code, answer.json()["type"]) == (408, "urn:sordino:slow")


BLOCK: Final = {"Content-Type": "application/octet-stream"}


def blocks(sound: np.ndarray) -> list[bytes]:
    steps = np.round(sound * 32768).astype("<i2")
    return [part.tobytes() for part in np.array_split(steps, 10)]


async def streamed(device: httpx.AsyncClient, sound: np.ndarray) -> tuple[list[Any], set[int]]:
    """The vectors of a stream and the statuses of its requests."""
    path = "/v1/streams/" + (await device.post("/v1/streams")).json()["stream"]
    answers = [await device.post(path, content=part, headers=BLOCK) for part in blocks(sound)]
    answers.append(await device.delete(path))
    assert (await device.delete(path)).status_code == 404
    vectors = [answer.json()["vectors"] for answer in answers if answer.status_code == 200]
    return [vector for part in vectors for vector in part], {
        answer.status_code for answer in answers
    }


def test_a_stream_gives_the_vectors_of_the_runtime(gateway: Gateway, tokens: GatewayTokens) -> None:
    runtime, sound = Runtime(bundle(), key=1), speech()
    steps = (np.round(sound * 32768) / 32768).astype(np.float32)
    results = [*runtime.push(steps), *runtime.end()]
    vectors, statuses = run(lambda device: streamed(device, sound), client(gateway, tokens))
    assert statuses == {200, 204}
    assert len(vectors) == 4
    np.testing.assert_array_equal(
        np.float32(vectors),
        [result.vector for result in results],  # type: ignore[union-attr]
    )


def test_a_mean_ends_with_its_stream(tokens: GatewayTokens) -> None:
    centring = Gateway(Runtime(bundle(), key=1), centring=True)

    async def twice(device: httpx.AsyncClient) -> list[Any]:
        return [(await streamed(device, speech()))[0] for _ in range(2)]

    first, second = run(twice, client(centring, tokens))
    assert first == second


def test_a_stream_belongs_to_its_device(gateway: Gateway, tokens: GatewayTokens) -> None:
    identity = gateway.open_stream("kitchen", RATE)
    answer = run(
        lambda device: device.delete(f"/v1/streams/{identity}"), client(gateway, tokens, "office")
    )
    assert answer.status_code == 404


def test_a_description_states_the_input(gateway: Gateway, tokens: GatewayTokens) -> None:
    answer = run(lambda device: device.get("/v1/gateway"), client(gateway, tokens))
    mel = FEATURE_SETS["mel"]
    assert answer.json()["features"] == {"set": "mel", "dims": mel(speech()[:RATE]).size}
    assert answer.json()["policy"] == "mine"
