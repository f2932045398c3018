"""An export that a client does not read holds nothing of the database, and ends."""

from __future__ import annotations

import asyncio
import json
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import QueuePool

from sordino.server.access.principal import Principal, Scope
from sordino.server.errors import Problem
from sordino.server.rights import download
from sordino.server.rights.download import Download, Downloads
from sordino.server.rights.routes import export
from tests.server.conftest import Scene
from tests.server.rights.conftest import SQLITE, add_releases
from tests.server.rights.test_deletion import fill

SCOPE = {"type": "http", "asgi": {"spec_version": "2.3"}}


async def stay(*_: object) -> Any:
    """A client that neither reads nor hangs up."""
    await asyncio.sleep(60)


async def keep(parts: list[bytes], message: Any) -> None:
    parts.append(message.get("body", b""))


@SQLITE
def test_unread_export_holds_no_connection(scene: Scene) -> None:
    with scene.store.transaction() as session:
        add_releases(session, scene.store, scene.device_id, scene.policies["drawn"], [1] * 1500)
    user = scene.participant
    principal = Principal(Scope.OWN, "p1", scene.study.id, participant_id=user.id, account_id=1)
    answer = export("me", principal, scene.store)
    pool = scene.store.engine.pool
    assert isinstance(answer, Download)
    assert isinstance(pool, QueuePool)
    assert pool.checkedout() == 0
    with pytest.raises(Problem) as second:
        export("me", principal, scene.store)
    assert second.value.status == 429
    parts: list[bytes] = []
    asyncio.run(answer(SCOPE, stay, partial(keep, parts)))
    assert len(json.loads(b"".join(parts))["tables"]["release"]) == 1500
    assert isinstance(export("me", principal, scene.store), Download)


@SQLITE
def test_export_is_possible_again_after_the_last(client: TestClient, scene: Scene) -> None:
    headers = fill(scene, scene.device_id, scene.participant.id)
    for _ in range(3):
        answer = client.get("/v1/participants/me/export", headers=headers)
        assert answer.status_code == 200
        assert int(answer.headers["content-length"]) == len(answer.content)


def test_exports_at_once_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    downloads = Downloads(tmp_path)
    with ExitStack() as held:
        for user in range(download.MOST_DOWNLOADS):
            held.enter_context(downloads.place(user))
        with pytest.raises(Problem, match="many exports"), downloads.place(99):
            pass
    monkeypatch.setattr(download, "LARGEST_EXPORT", 10)
    with pytest.raises(Problem, match="expected less"):
        held.enter_context(downloads.file(bytes(6) for _ in range(2)))
    file = held.enter_context(downloads.file(bytes(5) for _ in range(2)))
    assert len(file.read()) == 10
    assert not list(tmp_path.iterdir())
    held.close()


def test_a_client_that_reads_nothing_is_cut_off(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(download, "DOWNLOAD_SECONDS", 0.05)
    downloads, held = Downloads(tmp_path), ExitStack()
    held.enter_context(downloads.place(1))
    file = held.enter_context(downloads.file(bytes(5) for _ in range(2)))

    answer = Download(file, held, media_type="application/json", name="x")
    asyncio.run(answer(SCOPE, stay, stay))
    assert file.closed
    with downloads.place(1):
        pass
