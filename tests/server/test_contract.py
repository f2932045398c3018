"""The committed description of the API is current, and a client that is generated from it works."""

from __future__ import annotations

from typing import Any

import jsonschema
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from sordino.server.contract import text
from tests.server.access.matrix import endpoints
from tests.server.api_client import FILE, ApiClient
from tests.server.conftest import Scene
from tests.server.synthetic_bundle import bundle_file, prototypes

COMMAND = (
    "python -c 'import tempfile, pathlib; from sordino.server import app, contract, settings; "
    "place = settings.ServerSettings(pathlib.Path(tempfile.mkdtemp())); "
    "print(contract.text(app.create_app(place)), "
    'end="")\' > docs/reference/openapi.json'
)


def test_the_committed_description_is_current(app: FastAPI) -> None:
    assert text(app) == FILE.read_text(encoding="utf-8"), f"run: {COMMAND}"


def test_every_number_of_a_request_is_bounded(app: FastAPI) -> None:
    """A number that the database cannot hold is refused with 422."""
    names = []
    for item in endpoints(app):
        found = item.dependant
        for field in (*found.path_params, *found.query_params, *found.body_params):
            if field.field_info.annotation is int:
                names.append(field.name)
                bounds = {type(bound).__name__ for bound in field.field_info.metadata}
                assert {"Ge", "Le"} <= bounds, f"{item.name}: {field.name}"
    assert {"after", "number", "days"} <= set(names)


def test_every_operation_has_its_own_name(app: FastAPI) -> None:
    names = [
        operation["operationId"]
        for operations in app.openapi()["paths"].values()
        for operation in operations.values()
    ]
    assert sorted(names) == sorted(set(names))


def test_a_generated_client_runs_a_study(
    client: TestClient, operator: dict[str, str], scene: Scene
) -> None:
    api = ApiClient(client, operator["Authorization"].removeprefix("Bearer "))
    study = api.post_study(body={"name": "second"})
    assert study["smallest_group"] == 10
    bundle = api.post_bundle(study="second", body=bundle_file().read_bytes())
    api.post_participant(study="second", body={"pseudonym": "p1", "cohort": "a"})
    device = api.post_device(study="second", participant="p1", body={"name": "watch"})
    rotated = api.rotate_device(study="second", participant="p1", number=device["number"])
    state = ApiClient(client, rotated["token"]).device_state()
    assert [row["bundle"] for row in state["policies"]] == [bundle["bundle"]] * 3
    watch = ApiClient(client, scene.token)
    batch = {
        "format": 1,
        "bundle": bundle["bundle"],
        "policy": "drawn",
        "day": "2026-11-28",
        "releases": [
            {"number": 1, "prototype": 2},
            {"number": 2, "vector": prototypes()[1].tolist()},
        ],
    }
    answer = watch.store_releases(body=batch, idempotency_key="a" * 32)
    assert answer == {"stored": 2, "last_number": 2}
    assert watch.store_releases(body=batch, idempotency_key="a" * 32) == answer
    problem = watch.store_releases(body=batch, idempotency_key="b" * 32)
    assert (problem["type"], problem["last_number"]) == ("urn:sordino:number", 2)
    assert api.health() == {"status": "ok"}
    assert b"sordino_requests_total" in api.metrics()
    api.revoke_device(study="mood", participant="p1", number=scene.device_id)
    assert watch.device_state()["type"] == "urn:sordino:token"


def test_the_description_refuses_what_the_server_refuses(client: TestClient) -> None:
    device = ApiClient(client, "sordino_device_" + "a" * 43)
    changes: list[dict[str, Any]] = [{"time": 1}, {"format": 2}, {"releases": []}, {"day": None}]
    for change in changes:
        batch = {
            "format": 1,
            "bundle": "a" * 64,
            "policy": "drawn",
            "day": "2026-11-28",
            "releases": [{"number": 1, "prototype": 2}],
        }
        with pytest.raises(jsonschema.ValidationError):
            device.store_releases(body=batch | change, idempotency_key="a" * 32)
