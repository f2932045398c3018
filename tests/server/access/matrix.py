"""Every route of an application: its scopes, a path of an existing object, and a valid body."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.dependencies.models import Dependant

from sordino.server.access.principal import SCOPES, Scope, own_page, public, user_session
from tests.server.access.objects import Objects

OPEN = {"/openapi.json"}
"""Routes that FastAPI makes itself, open to everyone."""

PARAMETERS = {
    "studies/{study}": "study",
    "participants/{participant}": "participant",
    "participants/{name}": "participant",
    "bundles/{bundle}": "bundle",
    "devices/{number}": "device",
    "signing-keys/{key}": "signing_key",
    "tokens/{number}": "token",
    "passkeys/{number}": "passkey",
    "accounts/{number}": "account",
    "invitations/{number}": "invitation",
}
"""The object of a parameter of a path, by the part before it: a field of `Objects`."""


def json_bodies(objects: Objects, name: str) -> dict[str, Any]:
    """Valid bodies of routes that name an object in their path and read JSON, for a person."""
    consent = {"purpose": "storage", "policy": objects.policy, "given": False}
    return {
        "PUT /v1/participants/{name}/consents": {**consent, "on_paper": name.endswith("-lab")},
        "POST /v1/studies/{study}/participants": {"pseudonym": "p-new"},
        "POST /v1/studies/{study}/participants/{participant}/devices": {"name": "x"},
        "POST /v1/studies/{study}/signing-keys": {"public_key": "ab" * 32},
        "PUT /v1/studies/{study}/budget": {"epsilon": 1.0, "epsilon_per_table": 0.1},
    }


@dataclass(frozen=True)
class Endpoint:
    """One method of one route."""

    method: str
    path: str
    dependant: Dependant
    reads_body: bool

    @property
    def name(self) -> str:
        return f"{self.method} {self.path}"

    @property
    def safe(self) -> bool:
        return self.method in ("GET", "HEAD", "OPTIONS")

    @cached_property
    def calls(self) -> set[Any]:
        """Every function that the route depends on."""
        calls, waiting = set(), [self.dependant]
        while waiting:
            dependant = waiting.pop()
            calls.add(dependant.call)
            waiting += dependant.dependencies
        return calls

    @property
    def scopes(self) -> set[Scope]:
        scopes = [SCOPES[call] for call in self.calls if call in SCOPES]
        return set(frozenset.intersection(*scopes)) if scopes else set()

    @property
    def open(self) -> bool:
        return public in self.calls and not self.scopes

    def needs_session(self, scope: Scope | None = None) -> bool:
        """Whether tokens of a scope, or of every scope, are refused where the scope is right."""
        return own_page in self.calls or (scope is Scope.OWN and user_session in self.calls)

    @property
    def names_user(self) -> bool:
        """Whether the path names an object of one person."""
        return "{" in self.path.replace("{study}", "").replace("{bundle}", "").replace("{key}", "")

    def address(self, objects: Objects) -> str:
        """The path of an object that exists."""

        def value(match: re.Match[str]) -> str:
            part = match[0]
            if part not in PARAMETERS:
                pytest.fail(f"{self.name}: add {part!r} to PARAMETERS of tests/server/access")
            return f"{part.split('/')[0]}/{getattr(objects, PARAMETERS[part])}"

        return re.sub(r"[\w-]+/\{\w+\}", value, self.path)

    def content(self, objects: Objects, name: str) -> dict[str, Any]:
        """Arguments of a request of a person, with a valid body."""
        if self.safe:
            return {}
        bodies = json_bodies(objects, name)
        if self.name in bodies:
            return {"json": bodies[self.name]}
        if self.reads_body and not self.needs_session() and "{" in self.path:
            pytest.fail(f"{self.name}: add a body to json_bodies of tests/server/access")
        if self.needs_session():
            return {"data": {}}
        return {"content": b"x", "headers": {"Content-Type": "application/octet-stream"}}


def endpoints(app: FastAPI) -> Iterator[Endpoint]:
    """Every method of every route. A route that the matrix cannot read fails the test."""
    for route in app.routes:
        if getattr(route, "path", None) in OPEN:
            continue
        contexts = getattr(route, "effective_route_contexts", lambda route=route: [route])()
        for context in contexts:
            if not hasattr(context, "dependant"):
                pytest.fail(f"{context}: no scope can be declared: use a router of FastAPI")
            for method in sorted(context.methods):
                yield Endpoint(
                    method, context.path, context.dependant, context.body_field is not None
                )
