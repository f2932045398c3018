"""Every error is a problem, and repeats no content of the request."""

from __future__ import annotations

import json

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from pydantic import BaseModel

from sordino.server.errors import Problem, invalid
from tests.server.conftest import Scene


class _Body(BaseModel):
    number: int


def test_an_unknown_path_is_a_problem(client: TestClient) -> None:
    answer = client.get("/v1/nothing")
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["type"] == "urn:sordino:absent"


def test_an_invalid_body_is_not_repeated(app: FastAPI, client: TestClient) -> None:
    @app.post("/check")
    def check(body: _Body) -> None: ...

    answer = client.post("/check", json={"number": "secret-7c1"})
    assert answer.status_code == 422
    assert "number: int_parsing" in answer.json()["detail"]
    assert "secret" not in answer.text


def test_a_further_member_is_not_repeated(client: TestClient, scene: Scene) -> None:
    release = {"number": 1, "prototype": 0, "secret_7c2": 1}
    content = {"format": 1, "secret_7c1": 1, "releases": [release]}
    headers = scene.headers | {"Content-Type": "application/json", "Idempotency-Key": "a" * 32}
    answer = client.post("/v1/releases", content=json.dumps(content), headers=headers)
    assert (answer.status_code, "secret" in answer.text) == (422, False)
    parts = [{"type": "extra_forbidden", "loc": ("body", "rows", 2, "secret")}]
    assert "(body.rows.2: extra_forbidden)" in invalid(parts).detail


def test_an_unexpected_error_is_not_repeated(
    app: FastAPI, client: TestClient, caplog: pytest.LogCaptureFixture
) -> None:
    @app.get("/fail")
    def fail() -> None:
        raise ValueError("secret-7c1")

    answer = client.get("/fail")
    assert answer.status_code == 500
    assert answer.json()["type"] == "urn:sordino:server"
    assert "secret" not in answer.text + caplog.text


def test_a_problem_has_its_code_and_members(app: FastAPI, client: TestClient) -> None:
    @app.get("/fail")
    def fail() -> None:
        raise Problem("number", 409, "too low", last_number=7)

    assert client.get("/fail").json() == {
        "type": "urn:sordino:number",
        "title": "Number",
        "status": 409,
        "detail": "too low",
        "last_number": 7,
    }


def test_a_scene_is_whole_on_both_databases(scene: Scene) -> None:
    assert sorted(scene.policies) == ["drawn", "label", "noise"]
    assert scene.policies["noise"].prototypes is None
