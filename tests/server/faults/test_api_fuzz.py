"""The whole API with generated requests, valid and not: no request is an error of the server."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from fastapi import FastAPI
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode

from sordino.server.access.principal import Scope
from sordino.server.app import create_app
from sordino.server.settings import DATABASE_FILE, KEYS_FILE, ServerSettings
from tests.server.access.matrix import PARAMETERS, endpoints
from tests.server.access.objects import Objects, make_objects

EXAMPLES = 15  # of each operation
GENERATED = settings(
    max_examples=EXAMPLES,
    derandomize=True,
    database=None,
    deadline=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)


@dataclass
class Fuzzed:
    """An application with objects of every kind, and a copy of its databases."""

    app: FastAPI
    client: TestClient
    objects: Objects
    folder: Path

    def copy(self, source: str, target: str) -> None:
        """Copy both databases from one ending of the name to another."""
        for name in (DATABASE_FILE, KEYS_FILE):
            with (
                closing(sqlite3.connect(self.folder / f"{name}{source}")) as origin,
                closing(sqlite3.connect(self.folder / f"{name}{target}")) as copy,
            ):
                origin.backup(copy)


@pytest.fixture
def fuzzed(tmp_path: Path) -> Iterator[Fuzzed]:
    app = create_app(ServerSettings(tmp_path))
    objects = make_objects(app)
    with TestClient(app, "http://127.0.0.1:8000", raise_server_exceptions=False) as client:
        fuzzed = Fuzzed(app, client, objects, tmp_path)
        fuzzed.copy("", ".copy")
        yield fuzzed
    app.state.store.close()


def existing(objects: Objects, path: str) -> dict[str, Any]:
    """Parameters of a path that name objects of the user ada."""
    return {
        part.partition("{")[2].rstrip("}"): getattr(objects, name)
        for part, name in PARAMETERS.items()
        if part in path
    }


def statuses(fuzzed: Fuzzed, operation: Any, owners: list[str]) -> set[int]:
    """The statuses of generated requests of owners of the objects."""
    real = existing(fuzzed.objects, operation.path)
    found: set[int] = set()

    @GENERATED
    @given(
        case=st.one_of(
            operation.as_strategy(generation_mode=GenerationMode.POSITIVE),
            operation.as_strategy(generation_mode=GenerationMode.NEGATIVE),
        ),
        owner=st.sampled_from(owners),
        known=st.booleans(),
    )
    def ask(case: schemathesis.Case[Any], owner: str, known: bool) -> None:
        if known:
            case.path_parameters = {**(case.path_parameters or {}), **real}
        headers = {"Authorization": f"Bearer {fuzzed.objects.tokens[owner]}"}
        try:
            sent = case.as_transport_kwargs(base_url="http://127.0.0.1:8000", headers=headers)
            sent.pop("cookies", None)  # the token counts
            if isinstance(sent.get("data"), bytes | str):
                sent["content"] = sent.pop("data")
            answer = fuzzed.client.request(**sent)
        except UnicodeError:  # no client could send it
            return
        found.add(answer.status_code)

    ask()
    return found


@pytest.mark.slow
def test_no_generated_request_is_an_error(fuzzed: Fuzzed) -> None:
    schema = schemathesis.openapi.from_dict(fuzzed.app.openapi())
    scopes = {item.name: item.scopes for item in endpoints(fuzzed.app)}
    answers: dict[str, set[int]] = {}
    for result in schema.get_all_operations():
        operation: Any = getattr(result, "ok")()  # noqa: B009
        name = f"{operation.method.upper()} {operation.path}"
        owners = [fuzzed.objects.owners[scope] for scope in sorted(scopes[name] or {Scope.OWN})]
        answers[name] = statuses(fuzzed, operation, owners)
        fuzzed.copy(".copy", "")
    assert {name: seen for name, seen in answers.items() if max(seen) >= 500} == {}
    accepted = [name for name, seen in answers.items() if min(seen) < 300]
    assert len(accepted) > len(answers) / 2
