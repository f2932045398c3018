"""Traces for a collector of OpenTelemetry, without contents: the route, never the path.

Nothing is traced or sent unless the operator names a collector.
"""

from __future__ import annotations

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import SERVICE_NAME, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter
from opentelemetry.trace import NoOpTracer, SpanKind, Tracer


class Traces:
    """Makes a span of each request.

    - `endpoint`: the URL of a collector, such as `http://127.0.0.1:4318/v1/traces`; empty for none.
    - `exporter`: replaces the sending of spans, for tests.
    """

    def __init__(self, endpoint: str, exporter: SpanExporter | None = None) -> None:
        self._provider: TracerProvider | None = None
        self._tracer: Tracer = NoOpTracer()
        if endpoint or exporter is not None:
            resource = Resource({SERVICE_NAME: "sordino"})  # and no name of the machine
            self._provider = TracerProvider(resource=resource)
            self._provider.add_span_processor(
                BatchSpanProcessor(exporter or OTLPSpanExporter(endpoint))
            )
            self._tracer = self._provider.get_tracer("sordino.server")

    def add(self, method: str, route: str, status: int, start_ns: int, end_ns: int) -> None:
        """Record a request that was answered; times are in nanoseconds since 1970."""
        span = self._tracer.start_span(
            f"{method} {route}",
            kind=SpanKind.SERVER,
            start_time=start_ns,
            attributes={
                "http.request.method": method,
                "http.route": route,
                "http.response.status_code": status,
            },
        )
        span.end(end_ns)

    def close(self) -> None:
        """Send what waits."""
        if self._provider is not None:
            self._provider.shutdown()
