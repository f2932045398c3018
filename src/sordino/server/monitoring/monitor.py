"""Counts, logs and traces every request by its route. Paths, queries, headers and bodies are not
read, since they name users and hold tokens and releases.
"""

from __future__ import annotations

import logging
import time
from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sordino.server.monitoring.logs import FIELDS
from sordino.server.monitoring.metrics import Metrics
from sordino.server.monitoring.traces import Traces

METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"})
OTHER: Final = "other"
"""The route of a path that the server does not know, and a method that it does not know."""

QUIET: Final = frozenset({"/health", "/metrics"})
"""Routes that monitoring itself calls, every few seconds; they are not logged."""

_LOG: Final = logging.getLogger(__name__)


class Monitor:
    """ASGI middleware around the application."""

    def __init__(self, app: ASGIApp, metrics: Metrics, traces: Traces) -> None:
        self._app, self._metrics, self._traces = app, metrics, traces

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, and count its answer."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        status, start, start_ns = 500, time.perf_counter(), time.time_ns()

        async def observed(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, observed)
        finally:
            self._observe(scope, status, time.perf_counter() - start, start_ns)

    def _observe(self, scope: Scope, status: int, seconds: float, start_ns: int) -> None:
        method = scope["method"] if scope["method"] in METHODS else OTHER
        route = getattr(scope.get("route"), "path", OTHER)
        problem = scope.get("state", {}).get("problem", "")
        self._metrics.count_request(method, route, status, problem, seconds)
        self._traces.add(method, route, status, start_ns, start_ns + round(seconds * 1e9))
        if route not in QUIET:
            fields = {"method": method, "route": route, "status": status} | (
                {"problem": problem} if problem else {}
            )
            _LOG.info("request", extra={FIELDS: fields | {"seconds": round(seconds, 4)}})
