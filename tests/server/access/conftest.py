"""Accounts of every role, and browsers that keep cookies."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from argon2 import PasswordHasher
from fastapi import FastAPI
from fastapi.testclient import TestClient

from sordino.server.access.context import Access
from sordino.server.access.csrf import csrf_token
from sordino.server.access.invitation import add_api_token
from sordino.server.access.password import Passwords
from sordino.server.database.account_tables import Account
from sordino.server.database.tables import Participant
from sordino.server.registry.studies import create_participant, create_study
from sordino.server.store import Store

PASSWORD = "correct horse battery"
ADDRESS = "http://127.0.0.1:8000"
SAME_ORIGIN = {"Origin": ADDRESS, "Sec-Fetch-Site": "same-origin"}


class Browser(TestClient):
    """A browser: it keeps cookies, names the origin of forms and follows no redirect."""

    def __init__(self, app: FastAPI) -> None:
        super().__init__(app, ADDRESS, raise_server_exceptions=False, follow_redirects=False)
        self.headers.update(SAME_ORIGIN)

    def sign_in(self, login: str, password: str = PASSWORD):
        return self.post("/sign-in", data={"login": login, "password": password})

    def submit(self, path: str, **fields: str):
        """Send a form of the session."""
        return self.post(path, data={**fields, "csrf": csrf_token(self.cookies["sordino"])})


@dataclass
class People:
    """Two studies, and the number of each account: its login is its key."""

    store: Store
    accounts: dict[str, int]
    participants: dict[str, Participant]

    def token(self, login: str, seconds: int = 3600, **values) -> dict[str, str]:
        with self.store.transaction() as session:
            now = self.store.now()
            token = add_api_token(session, now, self.accounts[login], "t", seconds, **values)
        return {"Authorization": f"Bearer {token}"}


@pytest.fixture
def access(app: FastAPI) -> Access:
    state: Access = app.state.access
    state.passwords = Passwords(PasswordHasher(1, 8, 1))
    return state


@pytest.fixture
def browser(app: FastAPI, access: Access) -> Iterator[Browser]:
    assert access
    with Browser(app) as browser:  # one loop for all requests
        yield browser


@pytest.fixture
def people(store: Store, access: Access) -> People:
    accounts, participants = {}, {}
    with store.transaction() as session:
        studies = {name: create_study(session, store, name).id for name in ("mood", "other")}
        rows: list[tuple[str, str, str | None]] = [("root", "operator", None)]
        rows += [(f"{study}-lab", "researcher", study) for study in studies]
        rows += [("ada", "user", "mood"), ("bob", "user", "mood"), ("eve", "user", "other")]
        for login, role, study in rows:
            study_id = studies.get(study or "")
            account = Account(role=role, login=login, created=store.now(), study_id=study_id)
            if role == "user":
                person = create_participant(session, store, study_id or 0, f"p-{login}")
                participants[login] = person
                account.participant_id = person.id
            account.password_hash = access.passwords.hash(PASSWORD)
            session.add(account)
            session.flush()
            accounts[login] = account.id
    return People(store, accounts, participants)
