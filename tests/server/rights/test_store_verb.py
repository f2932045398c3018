"""`sordino store`, on the folder of a server."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sordino import cli
from sordino.server.access.context import Access
from sordino.server.rights.deletion import delete_user
from tests.server.conftest import Scene


@pytest.fixture
def database() -> str:
    """SQLite: PostgreSQL has commands of its own for copies."""
    return ""


def run(*arguments: object) -> int:
    with pytest.raises(SystemExit) as exit_info:
        cli.main(["store", *map(str, arguments)])
    return int(exit_info.value.code or 0)


def test_deletion_survives_backup_and_restoration(
    scene: Scene, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = scene.store.settings.folder
    place = ("--folder", folder)
    copy, receipt = tmp_path / "copy", tmp_path / "receipt.json"
    assert run("backup", copy, *place) == 0
    assert run("backup", tmp_path / "keys", "--of-keys", *place) == 0
    content = delete_user(
        scene.store, Access(scene.store.settings).key, scene.participant.id, "test"
    )
    receipt.write_text(json.dumps(content))
    assert run("verify", "--receipt", receipt, *place) == 0
    assert "signed by this server" in capsys.readouterr().out
    scene.store.close()
    assert run("restore", copy, *place) == 0
    assert "users deleted again: 1" in capsys.readouterr().out
    # the restored log is an earlier one: the receipt says that entries are missing
    assert run("verify", "--receipt", receipt, *place) == 2
    assert "audit log" in capsys.readouterr().err


def test_what_is_no_server_or_receipt_is_refused(
    scene: Scene, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "list").write_text("[1]")
    place = ("--folder", scene.store.settings.folder)
    for arguments, expected in (
        (("verify", "--folder", tmp_path / "absent"), "expected the folder of a server"),
        (("verify", "--receipt", tmp_path / "list", *place), "no receipt"),
        (("restore", tmp_path / "list", *place), "expected a copy"),
        (("backup", tmp_path / "new", "--database", "postgresql://x/y"), "pg_dump"),
    ):
        assert run(*arguments) == 2
        assert expected in capsys.readouterr().err.replace("\n", " ")


def test_upkeep_asks_for_the_clock(scene: Scene, capsys: pytest.CaptureFixture[str]) -> None:
    """The study is from 2026; the clock of this machine may be years after it."""
    scene.study.created = 0
    with scene.store.transaction() as session:
        session.merge(scene.study)
    place = ("--folder", scene.store.settings.folder)
    assert run("upkeep", *place) == 2
    assert "--clock-is-right" in capsys.readouterr().err.replace("\n", " ")
    assert run("upkeep", "--clock-is-right", "--json", "-", *place) == 0
    assert json.loads(capsys.readouterr().out)["expired"]["release"] == 0
