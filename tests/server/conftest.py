"""A server on SQLite and on PostgreSQL, with a study, a user, a device and consent."""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from sordino.server.access.invitation import add_api_token, first_operator
from sordino.server.access.server_key import SERVER_KEY_FILE
from sordino.server.app import create_app
from sordino.server.database.account_tables import Account
from sordino.server.database.engine import connect
from sordino.server.database.migration import upgrade
from sordino.server.database.tables import (
    BundlePolicy,
    BundleRow,
    Consent,
    Participant,
    Purpose,
    StudyRow,
)
from sordino.server.registry.bundles import parse_bundle, register_bundle
from sordino.server.registry.devices import create_device
from sordino.server.registry.studies import create_participant, create_study
from sordino.server.settings import ServerSettings
from sordino.server.store import Store
from tests.server.postgresql import Cluster, cluster
from tests.server.synthetic_bundle import bundle_file

START = 1_795_824_000
"""Saturday 2026-11-28, 00:00 UTC."""


class Clock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.time = float(START)

    def __call__(self) -> float:
        return self.time


@dataclass
class Scene:
    """A study with a registered bundle, a user who consented, and their device."""

    store: Store
    study: StudyRow
    bundle: BundleRow
    policies: dict[str, BundlePolicy]
    participant: Participant
    device_id: int
    token: str

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"}


@pytest.fixture(scope="session")
def postgresql() -> Iterator[Cluster]:
    """The cluster of all tests; a database `migrated` is the template of theirs."""
    with cluster() as server:
        engine = connect(ServerSettings(Path(), server.create("migrated")).database_url)
        upgrade(engine)
        engine.dispose()
        yield server


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.slow)])
def database(request: pytest.FixtureRequest) -> str:
    """The URL of an empty database; empty text is SQLite."""
    if request.param == "sqlite":
        return ""
    server: Cluster = request.getfixturevalue("postgresql")
    return server.create(f"t{uuid.uuid4().hex}", "migrated")


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a new server on SQLite, which tests copy: migrations take a while."""
    folder = tmp_path_factory.mktemp("migrated")
    create_app(ServerSettings(folder, clock=Clock())).state.store.close()
    (folder / SERVER_KEY_FILE).unlink()
    return folder


@pytest.fixture
def settings(tmp_path: Path, database: str, clock: Clock, migrated: Path) -> ServerSettings:
    if not database:
        shutil.copytree(migrated, tmp_path, dirs_exist_ok=True)
    return ServerSettings(folder=tmp_path, database=database, clock=clock)


@pytest.fixture
def app(settings: ServerSettings) -> Iterator[FastAPI]:
    application = create_app(settings)
    yield application
    application.state.store.close()


@pytest.fixture
def store(app: FastAPI) -> Store:
    found: Store = app.state.store
    return found


@pytest.fixture
def client(app: FastAPI) -> Iterator[TestClient]:
    with TestClient(app, "http://127.0.0.1:8000", raise_server_exceptions=False) as http:
        yield http


@pytest.fixture
def scene(store: Store) -> Scene:
    return make_scene(store, "mood")


@pytest.fixture
def operator(store: Store) -> dict[str, str]:
    """The header of the first operator."""
    first = first_operator(store)
    assert first is not None
    return {"Authorization": f"Bearer {first.token}"}


def researcher(store: Store, study_id: int, login: str = "lab") -> dict[str, str]:
    """The header of a new researcher of a study."""
    with store.transaction() as session:
        account = Account(role="researcher", login=login, created=store.now(), study_id=study_id)
        session.add(account)
        session.flush()
        token = add_api_token(session, store.now(), account.id, "t", 3600)
    return {"Authorization": f"Bearer {token}"}


def make_scene(store: Store, name: str, pseudonym: str = "p1") -> Scene:
    """A study of this name with one user, who consented to every policy and purpose."""
    with store.transaction() as session:
        study = create_study(session, store, name)
        bundle = register_bundle(session, store, study.id, parse_bundle(bundle_file().read_bytes()))
        policies = {
            row.name: row for row in session.query(BundlePolicy).filter_by(bundle_id=bundle.id)
        }
    participant, device_id, token = make_user(store, study, policies, pseudonym)
    return Scene(store, study, bundle, policies, participant, device_id, token)


def make_user(
    store: Store, study: StudyRow, policies: dict[str, BundlePolicy], pseudonym: str
) -> tuple[Participant, int, str]:
    """A user who consented, their device and its token."""
    with store.transaction() as session:
        participant = create_participant(session, store, study.id, pseudonym)
        for policy in policies.values():
            for purpose in Purpose:
                set_consent(store, session, participant.id, policy.digest, purpose)
        device, token = create_device(session, store, participant.id, "watch")
    return participant, device.id, token


def set_consent(
    store, session, participant_id, policy, purpose=Purpose.STORAGE, *, given=True
) -> None:
    """Record the next version of a consent."""
    where = {"participant_id": participant_id, "policy": policy, "purpose": purpose}
    version = session.query(Consent).filter_by(**where).count() + 1
    session.add(Consent(**where, version=version, given=given, time=store.now()))
    session.flush()
