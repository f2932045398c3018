"""Metrics, logs and traces tell how the server works, and nothing about users."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from sordino.server.monitoring.logs import JsonFormatter
from sordino.server.monitoring.traces import Traces
from tests.server.conftest import Scene
from tests.server.synthetic_bundle import bundle_file, digest, prototypes

SECRET_NUMBER = 48151623


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    """What the server would write to standard error, at every level."""
    stream, root = io.StringIO(), logging.getLogger()
    handler, level = logging.StreamHandler(stream), root.level
    handler.setFormatter(JsonFormatter())
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    yield stream
    root.removeHandler(handler)
    root.setLevel(level)


def traffic(client: TestClient, scene: Scene) -> list[str]:
    """Requests that succeed and fail; the texts that no log may hold."""
    vector = [*prototypes()[0][:-1].tolist(), 0.123456789]
    content = {
        "format": 1,
        "bundle": digest(bundle_file()),
        "policy": "drawn",
        "day": "2026-11-28",
        "releases": [{"number": SECRET_NUMBER, "prototype": 5}],
    }
    headers = scene.headers | {"Idempotency-Key": "a1b2c3d4" * 4}
    assert client.post("/v1/releases", json=content, headers=headers).status_code == 201
    raw = content | {"releases": [{"number": SECRET_NUMBER + 1, "vector": vector}]}
    assert client.post("/v1/releases", json=raw, headers=headers).status_code == 409
    headers["Idempotency-Key"] = "b1b2c3d4" * 4
    assert client.post("/v1/releases", json=raw, headers=headers).status_code == 422
    client.get(f"/v1/studies/mood/participants/{scene.participant.pseudonym}/devices?after=secret")
    client.get(f"/nowhere/{scene.token}", headers={"X-Name": "secret"})
    client.get("/v1/device", headers={"Authorization": f"Bearer {scene.token}x"})
    client.get("/v1/device", headers=scene.headers)
    return [
        scene.token, scene.participant.pseudonym + '"', f"/{scene.participant.pseudonym}", "secret",
        str(SECRET_NUMBER), "0.1234567", "a1b2c3d4", "b1b2c3d4", "testclient",
    ]  # fmt: skip


def test_logs_hold_no_contents(client: TestClient, scene: Scene, log: io.StringIO) -> None:
    secrets = traffic(client, scene)
    lines = [json.loads(line) for line in log.getvalue().splitlines()]
    requests = [line for line in lines if line["event"] == "request"]
    assert {"method": "POST", "route": "/v1/releases", "status": 201}.items() <= requests[0].items()
    assert [line.get("problem") for line in requests[1:3]] == ["idempotency", "not-a-prototype"]
    for secret in secrets:
        assert secret not in log.getvalue(), secret


def test_a_message_of_another_package_is_not_logged(log: io.StringIO) -> None:
    try:
        raise ValueError("secret-7c1")
    except ValueError:
        logging.getLogger("other.package").exception("failed with %s", "secret-7c1")
    line = json.loads(log.getvalue())
    assert line["exception"] == "ValueError"
    assert "secret" not in log.getvalue()


def test_metrics_are_for_the_operator(
    client: TestClient, scene: Scene, operator: dict[str, str]
) -> None:
    secrets = traffic(client, scene)
    assert client.get("/metrics").status_code == 401
    assert client.get("/metrics", headers=scene.headers).status_code == 403
    text = client.get("/metrics", headers=operator).text
    assert "sordino_releases_stored_total 1.0" in text
    assert 'problem="not-a-prototype",route="/v1/releases",status="422"' in text
    assert 'route="other",status="404"' in text
    for secret in secrets:
        assert secret not in text, secret


def test_traces_hold_the_route_alone(app: FastAPI, client: TestClient, scene: Scene) -> None:
    exporter = InMemorySpanExporter()
    traces = Traces("", exporter)
    app.middleware_stack = None
    for middleware in app.user_middleware:
        if "traces" in middleware.kwargs:
            middleware.kwargs["traces"] = traces
    secrets = traffic(client, scene)
    traces.close()
    spans = exporter.get_finished_spans()
    assert spans[0].name == "POST /v1/releases"
    text = "".join(span.to_json() for span in spans)
    for secret in secrets:
        assert secret not in text, secret


def test_nothing_is_traced_by_default() -> None:
    traces = Traces("")
    traces.add("GET", "/health", 200, 1, 2)
    assert traces._provider is None


def test_health_asks_both_stores(client: TestClient) -> None:
    assert client.get("/health").json() == {"status": "ok"}
