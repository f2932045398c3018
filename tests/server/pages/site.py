"""A running server with a study, people of every role, and two months of releases."""

from __future__ import annotations

import datetime
import json
import random
import socket
import threading
import time
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import uvicorn
from argon2 import PasswordHasher
from fastapi import FastAPI
from fastapi.testclient import TestClient

from sordino.server.access.password import Passwords
from sordino.server.app import create_app
from sordino.server.database.account_tables import Account
from sordino.server.database.tables import BundlePolicy, BundleRow, Participant
from sordino.server.settings import ServerSettings
from sordino.server.store import Store
from tests.server.conftest import START, Scene, make_scene, make_user

PASSWORD = "correct horse battery"
TODAY = datetime.date(2026, 11, 28)
DAYS, STEP, RELEASES_A_DAY = 60, 3, 40


def rate(share: float) -> dict[str, float | int]:
    return {"share": share, "sd": 0.05, "speakers": 40, "utterances": 900}


CARD: dict[str, Any] = {
    "audit": {
        "drawn": {
            "bounds": [
                {"secret": "gender", "known": "", "speakers": 91, "auc_high": 0.583},
                {"secret": "angry-vs-neutral", "known": "", "speakers": 91, "auc_high": 0.64},
            ],
            "measured": [{"leaks": {"speaker": {"high": 0.61}}}],
            "rates": {
                "emotions": {
                    "sad": {**rate(0.8), "role": "required"},
                    "angry": {**rate(0.1), "role": "sensitive"},
                    "neutral": {**rate(0.2), "role": "neutral"},
                },
                "roles": {"required": rate(0.8), "others": rate(0.15)},
            },
        }
    }
}


@dataclass
class Site:
    """The address of a running server, and its content."""

    address: str
    app: FastAPI
    scene: Scene

    @property
    def store(self) -> Store:
        return self.scene.store

    def account(self, login: str, role: str, participant_id: int | None = None) -> None:
        with self.store.transaction() as session:
            session.add(
                Account(
                    role=role,
                    login=login,
                    created=self.store.now(),
                    study_id=None if role == "operator" else self.scene.study.id,
                    participant_id=participant_id,
                    password_hash=self.app.state.access.passwords.hash(PASSWORD),
                )
            )

    def user(self, login: str) -> None:
        """A user with an account, a device and two months of releases."""
        participant, token = self.participant(f"p-{login}")
        self.account(login, "user", participant.id)
        self.release(token, range(0, DAYS, STEP))

    def participant(self, pseudonym: str) -> tuple[Participant, str]:
        """A participant without an account, and the token of a device."""
        scene = self.scene
        participant, _, token = make_user(self.store, scene.study, scene.policies, pseudonym)
        return participant, token

    def release(self, token: str, days: Iterable[int]) -> None:
        """Send releases of some of the last `DAYS` days; the last third has more of the emotion."""
        draw = random.Random(token)
        client = TestClient(self.app, "http://127.0.0.1")
        for day in days:
            share = 0.25 if day < 2 * DAYS // 3 else 0.6
            batch = {
                "format": 1,
                "bundle": self.scene.bundle.digest,
                "policy": "drawn",
                "day": (TODAY - datetime.timedelta(DAYS - 1 - day)).isoformat(),
                "releases": [
                    {
                        "number": day * RELEASES_A_DAY + count + 1,
                        "prototype": draw.choice((3, 4, 5) if draw.random() < share else (0, 1, 2)),
                    }
                    for count in range(RELEASES_A_DAY)
                ],
            }
            answer = client.post(
                "/v1/releases",
                content=json.dumps(batch),
                headers={
                    "Authorization": f"Bearer {token}",
                    "Idempotency-Key": str(uuid.UUID(int=draw.getrandbits(128))),
                    "Content-Type": "application/json",
                },
            )
            assert answer.status_code == 201, answer.text


@contextmanager
def prepared_site(folder: Path, port: int = 8000) -> Iterator[Site]:
    """The application of a server with a bundle, its rates and its limits."""
    address = f"http://localhost:{port}"
    app = create_app(ServerSettings(folder=folder, address=address, clock=lambda: float(START)))
    app.state.access.passwords = Passwords(PasswordHasher(1, 8, 1))
    site = Site(address, app, make_scene(app.state.store, "mood"))
    with site.store.transaction() as session:
        session.get_one(BundleRow, site.scene.bundle.id).card = CARD
        policy = session.get_one(BundlePolicy, site.scene.policies["drawn"].id)
        policy.rates = CARD["audit"]["drawn"]["rates"]
    try:
        yield site
    finally:
        app.state.store.close()


@contextmanager
def running_site(folder: Path) -> Iterator[Site]:
    """A server on the loopback, stopped at the end."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with prepared_site(folder, port) as site:
        config = uvicorn.Config(site.app, port=port, log_level="error", ws="none")
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run)
        thread.start()
        try:
            while not server.started:
                time.sleep(0.01)
            yield site
        finally:
            server.should_exit = True
            thread.join()
