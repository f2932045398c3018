"""Every route with every credential. The routes are those of the application: a new one takes part
by itself, and fails where it declares no scope.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from sordino.server.access.csrf import csrf_token
from sordino.server.access.principal import Scope
from sordino.server.app import create_app
from sordino.server.settings import ServerSettings
from tests.server.access.matrix import Endpoint, endpoints
from tests.server.access.objects import Objects, make_objects
from tests.server.conftest import Clock

ADDRESS = "http://127.0.0.1:8000"
ACCOUNTS = {Scope.OWN, Scope.RESEARCH, Scope.OPERATE}
USERS = {"ada", "bob", "eve"}


class Server:
    """A server with objects, its endpoints, and requests with one credential each."""

    def __init__(self, folder: Path) -> None:
        self.app: FastAPI = create_app(ServerSettings(folder, clock=Clock()))
        self.objects: Objects = make_objects(self.app)
        self.endpoints = list(endpoints(self.app))
        self.client = TestClient(
            self.app, ADDRESS, raise_server_exceptions=False, follow_redirects=False
        )

    @property
    def guarded(self) -> list[Endpoint]:
        return [endpoint for endpoint in self.endpoints if not endpoint.open]

    def ask(self, endpoint, *, token=None, cookie=None, csrf=True, body_of=""):
        """The answer to a request for the object of the path."""
        content = endpoint.content(self.objects, body_of) if body_of else {}
        headers = {"Sec-Fetch-Site": "same-origin", **content.pop("headers", {})}
        if token is not None:
            headers["Authorization"] = f"Bearer {token}"
        if cookie is not None:
            headers["Cookie"] = f"sordino={cookie}"
            if csrf:
                headers["X-CSRF-Token"] = csrf_token(cookie)
        return self.client.request(
            endpoint.method, endpoint.address(self.objects), headers=headers, **content
        )

    def as_person(self, endpoint, name):
        """The answer to a person: by session where a route takes no token."""
        scope = Scope.OWN if name in USERS else None
        if endpoint.needs_session(scope):
            return self.ask(endpoint, cookie=self.objects.cookies[name], body_of=name)
        return self.ask(endpoint, token=self.objects.tokens[name], body_of=name)


@pytest.fixture(scope="module")
def server(tmp_path_factory) -> Iterator[Server]:
    server = Server(tmp_path_factory.mktemp("matrix"))
    before = server.objects.rows()
    with server.client:  # one loop for all requests
        yield server
    assert server.objects.rows() == before, "a refused request changed the database"
    server.app.state.store.close()


def problem(answer) -> tuple[int, str]:
    """Status and code of a refusal."""
    try:
        return answer.status_code, answer.json()["type"].removeprefix("urn:sordino:")
    except (ValueError, KeyError, TypeError):
        return answer.status_code, ""


def test_every_route_declares_a_scope(server):
    undeclared = [item.name for item in server.endpoints if not item.open and not item.scopes]
    assert undeclared == [], "declare require(...) or public"
    assert len(server.guarded) > 20


def test_a_route_without_a_scope_is_noticed():
    app = FastAPI(docs_url=None, redoc_url=None)
    app.add_api_route("/new", lambda: "secret", methods=["GET", "POST"])
    items = list(endpoints(app))
    assert [(item.method, item.open, item.scopes) for item in items] == [
        ("GET", False, set()),
        ("POST", False, set()),
    ]


def test_open_routes_are_those_that_are_meant(server):
    assert {item.path for item in server.endpoints if item.open} <= {
        "/",
        "/health",
        "/metrics",
        "/static/{name}",
        "/sign-in",
        "/sign-in/code",
        "/sign-in/passkey",
        "/sign-in/passkey/options",
        "/sign-in/provider",
        "/sign-in/provider/callback",
        "/invitation/{token}",
        "/invitation/{token}/provider",
        "/v1/receipt-key",
    }


def test_without_a_valid_credential_the_answer_is_401(server):
    wrong = []
    objects = server.objects
    for endpoint in server.guarded:
        answers = {"none": server.ask(endpoint)}
        answers |= {
            name: server.ask(endpoint, token=token) for name, token in objects.bad_tokens.items()
        }
        answers |= {
            name: server.ask(endpoint, cookie=cookie)
            for name, cookie in objects.bad_cookies.items()
        }
        wrong += [
            (endpoint.name, name, problem(answer))
            for name, answer in answers.items()
            if problem(answer) != (401, "token")
        ]
    assert wrong == []


def test_another_scope_is_answered_403(server):
    wrong = []
    for endpoint in server.guarded:
        for scope, name in server.objects.owners.items():
            if scope in endpoint.scopes and not endpoint.needs_session(scope):
                continue
            answer = server.ask(endpoint, token=server.objects.tokens[name])
            if problem(answer) != (403, "scope"):
                wrong.append((endpoint.name, f"token of {name}", problem(answer)))
            if scope in ACCOUNTS - endpoint.scopes:
                answer = server.ask(endpoint, cookie=server.objects.cookies[name])
                if problem(answer) != (403, "scope"):
                    wrong.append((endpoint.name, f"session of {name}", problem(answer)))
    assert wrong == []


def test_a_form_without_its_token_is_answered_403(server):
    wrong = []
    for endpoint in server.guarded:
        for scope, name in server.objects.owners.items():
            if endpoint.safe or scope not in endpoint.scopes & ACCOUNTS:
                continue
            answer = server.ask(endpoint, cookie=server.objects.cookies[name], csrf=False)
            if problem(answer) != (403, "csrf"):
                wrong.append((endpoint.name, name, problem(answer)))
    assert wrong == []


def strangers(endpoint: Endpoint) -> set[str]:
    """The people of a right scope who may not see the object of a path."""
    names = set()
    if Scope.RESEARCH in endpoint.scopes:
        names.add("other-lab")
    if Scope.OWN in endpoint.scopes:
        names.add("eve")
        if endpoint.names_user:
            names.add("bob")
    if "/account/" in endpoint.path:
        names |= {"mood-lab", "root"}
    return names


def test_an_object_of_another_is_answered_404(server):
    wrong = []
    for endpoint in server.guarded:
        if "{" in endpoint.path:
            for name in strangers(endpoint):
                answer = server.as_person(endpoint, name)
                if problem(answer)[0] != 404:
                    wrong.append((endpoint.name, name, problem(answer)))
    assert wrong == []


def test_the_owner_reads_every_object(server):
    wrong = []
    for endpoint in server.guarded:
        for scope, name in server.objects.owners.items():
            if endpoint.safe and scope in endpoint.scopes:
                answer = server.as_person(endpoint, name)
                own = "/account/" not in endpoint.path or scope is Scope.OWN
                if own and answer.status_code in (401, 403, 404, 500):
                    wrong.append((endpoint.name, name, problem(answer)))
    assert wrong == []


@pytest.mark.slow
def test_the_owner_may_change_every_object(server, migrated, tmp_path):
    """The refusals above are no mistakes of the matrix: the same requests of the owner work."""
    wrong = []
    for number, endpoint in enumerate(server.guarded):
        if endpoint.safe or "{" not in endpoint.path:
            continue
        folder = tmp_path / str(number)
        shutil.copytree(migrated, folder)
        other = Server(folder)
        scope = next(scope for scope in other.objects.owners if scope in endpoint.scopes)
        answer = other.as_person(endpoint, other.objects.owners[scope])
        if answer.status_code in (401, 403, 404, 500):
            wrong.append((endpoint.name, scope, problem(answer)))
        other.app.state.store.close()
    assert wrong == []
