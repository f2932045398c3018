"""Bounds on the body of every request, before any route reads it: bytes and seconds."""

from __future__ import annotations

import asyncio
from typing import Final

from fastapi import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sordino.server.errors import Problem

BODY_SECONDS: Final = 30.0
"""A client that sends its body more slowly is cut off."""

UPLOAD_BYTES: Final = 65 << 20
"""The limit of a route that takes the file of a bundle."""

UPLOADS: Final = "/bundles"
"""The end of the path of such a route."""

_TWO_LENGTHS: Final = (
    "a body with Content-Length and Transfer-Encoding, expected one of them: a proxy may read "
    "another request than this server"
)


class BodyLimit:
    """ASGI middleware that answers 413 to a longer body, and 408 to a slower one."""

    def __init__(self, app: ASGIApp, largest: int) -> None:
        self._app, self._largest = app, largest

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, with a body that is counted while it arrives."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        if {b"content-length", b"transfer-encoding"} <= {name for name, _ in scope["headers"]}:
            problem = Problem("invalid", 400, _TWO_LENGTHS, headers={"Connection": "close"})
            await problem.response()(scope, receive, send)
            return
        upload = scope["method"] == "POST" and scope["path"].endswith(UPLOADS)
        limit = UPLOAD_BYTES if upload else self._largest
        if _content_length(scope) > limit:
            problem = Problem("too-large", 413, _sentence(limit), headers={"Connection": "close"})
            await problem.response()(scope, receive, send)
            return
        await self._app(scope, self._counted(receive, limit), send)

    def _counted(self, receive: Receive, limit: int) -> Receive:
        received, complete = 0, False
        loop = asyncio.get_running_loop()
        end = loop.time() + BODY_SECONDS

        async def counted() -> Message:
            nonlocal received, complete
            if complete:  # the route now waits for the client to leave
                return await receive()
            try:
                async with asyncio.timeout_at(end):
                    message = await receive()
            except TimeoutError:
                raise HTTPException(408) from None
            received += len(message.get("body", b""))
            complete = not message.get("more_body", False)
            if received > limit:
                raise HTTPException(413, _sentence(limit))
            return message

        return counted


def _sentence(limit: int) -> str:
    return f"a body of more than {limit} bytes, expected a smaller one: send it in parts"


def _content_length(scope: Scope) -> int:
    """The stated length; 0 where there is none, and the server refuses one that is no number."""
    for name, value in scope["headers"]:
        if name == b"content-length" and value.isdigit() and len(value) < 20:
            return int(value)
    return 0
