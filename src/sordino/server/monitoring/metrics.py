"""Counts of a server for Prometheus. No label names a study, a user, a device or a policy."""

from __future__ import annotations

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Histogram
from prometheus_client.exposition import generate_latest

MEDIA_TYPE = CONTENT_TYPE_LATEST

_BUCKETS = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0)


class Metrics:
    """The counts of one application."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._requests = Counter(
            "sordino_requests",
            "Requests by method, route, status and the code of the problem.",
            ("method", "route", "status", "problem"),
            registry=self._registry,
        )
        self._seconds = Histogram(
            "sordino_request_seconds",
            "Seconds from a request to the end of its answer.",
            ("route",),
            buckets=_BUCKETS,
            registry=self._registry,
        )
        self._releases = Counter(
            "sordino_releases_stored", "Stored releases.", registry=self._registry
        )

    def count_request(
        self, method: str, route: str, status: int, problem: str, seconds: float
    ) -> None:
        """Count a request that was answered."""
        self._requests.labels(method, route, status, problem).inc()
        self._seconds.labels(route).observe(seconds)

    def count_releases(self, stored: int) -> None:
        """Count the releases of a new batch."""
        self._releases.inc(stored)

    def text(self) -> bytes:
        """All counts in the format of Prometheus."""
        return generate_latest(self._registry)
