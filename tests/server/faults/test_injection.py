"""SQL, HTML, headers and paths in every text that a client or a file brings: data, never code."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlalchemy import update

from sordino.server.access.principal import Scope
from sordino.server.app import create_app
from sordino.server.database.account_tables import Account, ApiToken, Passkey
from sordino.server.database.tables import BundlePolicy, BundleRow, Device, Participant, StudyRow
from sordino.server.settings import ServerSettings
from tests.server.access.matrix import endpoints
from tests.server.access.objects import Objects, make_objects

SQL = ("' OR '1'='1", "'; DROP TABLE release; --", '" UNION SELECT * FROM account --', "%", "_")
HTML = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>"
PATHS = (
    "/static/../server.key",
    "/static/..%2f..%2fserver.key",
    "/static/%2e%2e%2fkeys.sqlite3",
    "/static/....//server.key",
    "/static/%00",
    "/static//etc/passwd",
    "/invitation/..%2f..%2fserver.key",
)


@dataclass
class Target:
    """An application with objects of every kind."""

    app: FastAPI
    client: TestClient
    objects: Objects
    folder: Path

    def ask(self, method: str, path: str, person: str = "", **options: Any) -> Any:
        """The answer to a person with a token; without one, to a stranger."""
        headers = options.pop("headers", {})
        if person:
            headers = {"Authorization": f"Bearer {self.objects.tokens[person]}", **headers}
        return self.client.request(method, path, headers=headers, **options)


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    folder = tmp_path_factory.mktemp("injection")
    app = create_app(ServerSettings(folder))
    with TestClient(
        app, "http://127.0.0.1:8000", raise_server_exceptions=False, follow_redirects=False
    ) as client:
        yield Target(app, client, make_objects(app), folder)
    app.state.store.close()


@pytest.mark.parametrize("text", SQL)
def test_sql_in_a_request_reads_and_changes_nothing(target: Target, text: str) -> None:
    before = target.objects.rows()
    answers = [
        target.ask("GET", f"/v1/participants/{text}/trend", "mood-lab"),
        target.ask("GET", f"/v1/studies/{text}", "root"),
        target.ask("GET", "/v1/participants/me/trend", "ada", params={"policy": text}),
        target.ask("GET", "/v1/cohort", "mood-lab", params={"first": text}),
        target.ask("GET", "/v1/audit", "root", params={"after": text}),
        target.ask("POST", "/v1/studies", "root", json={"name": text}),
        target.ask("POST", "/sign-in", data={"login": text, "password": text}),
        target.ask("GET", "/v1/device", headers={"Authorization": f"Bearer {text}"}),
        target.ask("POST", "/v1/releases", "watch", json={}, headers={"Idempotency-Key": text}),
    ]
    wrong = [
        (answer.request.url.path, answer.status_code)
        for answer in answers
        if not 400 <= answer.status_code < 500
    ]
    after = target.objects.rows()
    assert [item for item in wrong if item[0] != "/v1/audit"] == []
    assert after == before


@pytest.mark.parametrize("path", PATHS)
def test_a_path_leads_out_of_no_folder(target: Target, path: str) -> None:
    answer = target.ask("GET", path)
    assert answer.status_code in (404, 400, 307)
    assert (target.folder / "server.key").read_bytes() not in answer.content
    assert b"SQLite format" not in answer.content
    assert b"root:" not in answer.content


@pytest.mark.parametrize(
    "name", ["Host", "X-Forwarded-Host", "X-Forwarded-Proto", "Forwarded", "Origin"]
)
def test_no_header_changes_an_address(target: Target, name: str) -> None:
    body = {"role": "operator"}
    evil = {name: "evil.example"}
    answer = target.ask("POST", "/v1/invitations", "root", json=body, headers=evil)
    assert "evil.example" not in answer.text
    for path in ("/", "/me", "/sign-in?next=//evil.example", "/me/?done=x%0d%0aSet-Cookie:a=b"):
        answer = target.ask("GET", path, "ada", headers=evil)
        location = answer.headers.get("location", "")
        assert not location.startswith(("//", "http://evil", "https://evil"))
        assert "a=b" not in str(answer.headers.get_list("set-cookie"))


def test_stored_html_is_shown_as_text(target: Target) -> None:
    """Texts that the API would refuse are put into the database itself, as a bundle may."""
    with target.objects.store.transaction() as session:
        for column in (
            StudyRow.name, Participant.cohort, Device.name, BundleRow.name, BundlePolicy.name,
            BundlePolicy.required, BundlePolicy.family, ApiToken.name, Passkey.name,
        ):  # fmt: skip
            unique = column in (StudyRow.name, BundlePolicy.name)
            text = column.concat(HTML) if unique else HTML
            session.execute(update(column.class_).values({column.key: text}))
        session.execute(
            update(Account).where(Account.login != "").values(login=Account.login + HTML)
        )
    shown = 0
    for endpoint in endpoints(target.app):
        if endpoint.method != "GET" or endpoint.path.startswith("/v1") or "token" in endpoint.path:
            continue
        for scope in endpoint.scopes - {Scope.RELEASE}:
            person = target.objects.owners[scope]
            cookie = {"Cookie": f"sordino={target.objects.cookies[person]}", "Accept": "text/html"}
            path = endpoint.address(target.objects)
            answer = target.ask("GET", path, headers=cookie)
            assert answer.status_code < 400, (path, person, answer.status_code)
            assert "<script>alert" not in answer.text, path
            assert "<img src=x" not in answer.text, path
            shown += "alert(1)" in answer.text
    assert shown > 4


def test_an_error_repeats_nothing_of_a_request(target: Target) -> None:
    for path in (f"/v1/studies/{HTML}", f"/{HTML}", f"/sign-in?next={HTML}", f"/static/{HTML}"):
        for accept in ("text/html", "application/json"):
            answer = target.ask("GET", path, "root", headers={"Accept": accept})
            assert "alert(1)" not in answer.text, path


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 100_000,
        b'{"a":' * 20_000,
        b'{"format": 1' + b"0" * 100_000 + b"}",
        b'{"format": 1, "format": 1e400}',
        b'{"releases": [' + b"{}," * 1001 + b"{}]}",
        json.dumps({"releases": [{"number": 1, "vector": [0.0] * 70_000}]}).encode(),
        b"\xff\xfe\x00",
        b"\x00" * 1000,
        b"",
    ],
    ids=["deep", "deep-object", "digits", "infinite", "many", "wide", "utf-16", "zeros", "empty"],
)
def test_a_body_beyond_a_limit_is_refused(target: Target, body: bytes) -> None:
    headers = {"Idempotency-Key": "a" * 32, "Content-Type": "application/json"}
    answer = target.ask("POST", "/v1/releases", "watch", content=body, headers=headers)
    assert answer.status_code in (400, 413, 422)
    assert len(answer.content) < 1000
