"""The gateway over HTTP. Every request has a token, a limit of bytes and a limit of time.

    GET    /v1/gateway                     the policy, and the input that the bundle takes
    POST   /v1/utterance                   audio/wav, audio/flac, audio/ogg or application/json:
                                           200 {"vector": [...]}, or 204 without a vector
    POST   /v1/streams?sampling_rate=HZ    201 {"stream": ID}
    POST   /v1/streams/ID                  application/octet-stream, 16 bits, little-endian, mono:
                                           200 {"vectors": [[...], ...]}, or 204 without a vector
    DELETE /v1/streams/ID                  the same for the last utterance; the stream is gone

204 is the answer to every utterance without a vector, whatever the reason. Errors of the request
itself are `application/problem+json`: 401 `token`, 404 `stream`, 408 `slow`, 409 `busy`, 413
`too-large`, 415 `media-type`, 422 `invalid`, 429 `streams`, 503 `storage`.
"""

from __future__ import annotations

import asyncio
import io
import json
import re
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final, TypeVar

import numpy as np
from fastapi import FastAPI, Request, Response

from sordino.device.sending import wire
from sordino.errors import ReleaseError, StorageError
from sordino.gateway.service import STARTS, BusyError, Gateway
from sordino.gateway.tokens import GatewayTokens
from sordino.types import Vectors

LARGEST_SOUND: Final = 16 << 20
"""The limit of a request in bytes: eight minutes of 16 kHz in 16 bits."""

LARGEST_FEATURES: Final = 1 << 20
"""The limit of features as JSON in bytes."""

UPLOAD_SECONDS: Final = 30.0
"""The limit of the time in which the body of a request arrives."""

THREADS: Final = 4
"""Requests that compute at once; others wait."""

_RATE: Final = re.compile(r"[0-9]{1,6}")
_HEADERS: Final = {"Cache-Control": "no-store"}

Computed = TypeVar("Computed")
Endpoint = Callable[[Request], Awaitable[Response]]


class _RefusedError(Exception):
    """A request that is refused for its form, never for the content of a recording."""

    def __init__(self, status: int, code: str, title: str) -> None:
        super().__init__(code)
        self.status, self.code, self.title = status, code, title

    def response(self) -> Response:
        content = {"type": wire.PROBLEM_URN + self.code, "title": self.title, "status": self.status}
        headers = {**_HEADERS, "Connection": "close"}
        if self.status == 401:
            headers["WWW-Authenticate"] = "Bearer"
        return Response(json.dumps(content), self.status, headers, media_type=wire.PROBLEM_TYPE)


class _Endpoints:
    """The requests of a gateway."""

    def __init__(self, gateway: Gateway, tokens: GatewayTokens, body_seconds: float) -> None:
        self._gateway, self._tokens, self._seconds = gateway, tokens, body_seconds
        self._threads = ThreadPoolExecutor(THREADS, "gateway")

    async def describe(self, request: Request) -> Response:
        self._device(request)
        return _content(200, self._gateway.description())

    async def utterance(self, request: Request) -> Response:
        self._device(request)
        kind = _kind(request)
        if kind == "application/json":
            content = await self._body(request, LARGEST_FEATURES)
            try:
                return _one(await self._compute(self._gateway.features, content))
            except ReleaseError as error:
                raise _RefusedError(422, "invalid", str(error)) from error
        if kind not in STARTS or not self._gateway.takes_sound:
            sound = ", ".join(STARTS) if self._gateway.takes_sound else "no sound"
            raise _RefusedError(415, "media-type", f"expected application/json, {sound}")
        content = await self._body(request, LARGEST_SOUND)
        return _one(await self._compute(self._gateway.utterance, content, kind))

    async def open_stream(self, request: Request) -> Response:
        device, rate = self._device(request), request.query_params.get("sampling_rate", "16000")
        if not self._gateway.takes_sound:
            raise _RefusedError(
                415, "media-type", "a bundle of features, expected application/json"
            )
        if not _RATE.fullmatch(rate):
            raise _RefusedError(422, "invalid", "expected sampling_rate in Hz")
        try:
            identity = await self._compute(self._gateway.open_stream, device, int(rate))
        except BusyError as error:
            raise _RefusedError(429, "streams", "too many streams: end one") from error
        except ReleaseError as error:
            raise _RefusedError(422, "invalid", "expected sampling_rate 8000 to 384000") from error
        return _content(201, {"stream": identity})

    async def push(self, request: Request) -> Response:
        device = self._device(request)
        if _kind(request) != "application/octet-stream":
            raise _RefusedError(415, "media-type", "expected application/octet-stream")
        content = await self._body(request, LARGEST_SOUND)
        return await self._of_stream(self._gateway.push, request, device, content)

    async def close_stream(self, request: Request) -> Response:
        return await self._of_stream(self._gateway.close_stream, request, self._device(request))

    async def _of_stream(
        self, act: Callable[..., list[Vectors]], request: Request, device: str, *rest: io.BytesIO
    ) -> Response:
        try:
            vectors = await self._compute(act, request.path_params["stream"], device, *rest)
        except KeyError as error:
            raise _RefusedError(404, "stream", "no such stream, or it has ended") from error
        except BusyError as error:
            raise _RefusedError(409, "busy", "another request of this stream: wait") from error
        return _content(200, {"vectors": list(map(_floats, vectors))}) if vectors else _nothing()

    def _device(self, request: Request) -> str:
        """The device of a token. Raises `_RefusedError` for any other."""
        device = self._tokens.device_of(request.headers.get("authorization", ""))
        if device is None:
            raise _RefusedError(401, "token", "an unknown token: `sordino gateway keys` makes one")
        return device

    async def _body(self, request: Request, limit: int) -> io.BytesIO:
        """The body of a request. Raises `_RefusedError` for a large one and for a slow one."""
        content, size = io.BytesIO(), 0
        try:
            async with asyncio.timeout(self._seconds):
                async for chunk in request.stream():
                    size += len(chunk)
                    if size > limit:
                        raise _RefusedError(413, "too-large", f"expected at most {limit} bytes")
                    content.write(chunk)
        except TimeoutError as error:
            raise _RefusedError(408, "slow", f"expected within {self._seconds:g} s") from error
        return content

    async def _compute(self, act: Callable[..., Computed], *arguments: Any) -> Computed:
        return await asyncio.get_running_loop().run_in_executor(self._threads, act, *arguments)


def application(
    gateway: Gateway, tokens: GatewayTokens, body_seconds: float = UPLOAD_SECONDS
) -> FastAPI:
    """The gateway as an ASGI application.

    - `body_seconds`: the limit of the time in which the body of a request arrives.
    """
    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None)
    endpoints = _Endpoints(gateway, tokens, body_seconds)
    routes: list[tuple[str, str, Endpoint]] = [
        ("GET", "/v1/gateway", endpoints.describe),
        ("POST", "/v1/utterance", endpoints.utterance),
        ("POST", "/v1/streams", endpoints.open_stream),
        ("POST", "/v1/streams/{stream}", endpoints.push),
        ("DELETE", "/v1/streams/{stream}", endpoints.close_stream),
    ]
    for method, path, endpoint in routes:
        app.add_api_route(path, endpoint, methods=[method], response_model=None)

    async def refuse(request: Request, error: Exception) -> Response:  # noqa: ARG001
        assert isinstance(error, _RefusedError)
        return error.response()

    async def fail(request: Request, error: Exception) -> Response:  # noqa: ARG001
        return _RefusedError(503, "storage", "the gateway cannot write its files").response()

    app.add_exception_handler(_RefusedError, refuse)
    app.add_exception_handler(StorageError, fail)
    return app


def _kind(request: Request) -> str:
    """The media type of a request."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


def _one(vector: Vectors | None) -> Response:
    return _nothing() if vector is None else _content(200, {"vector": _floats(vector)})


def _nothing() -> Response:
    """The one answer without a vector."""
    return Response(status_code=204, headers=_HEADERS)


def _content(status: int, content: dict[str, Any]) -> Response:
    return Response(json.dumps(content), status, _HEADERS, media_type="application/json")


def _floats(vector: Vectors) -> list[float]:
    """Numbers for JSON: the same float32, bit for bit."""
    return [float(str(number)) for number in np.asarray(vector, np.float32)]
