"""`sordino serve`: what it refuses before it makes anything, and what it prints."""

from __future__ import annotations

from pathlib import Path

import pytest

from sordino import cli
from sordino.server.database.migration import upgrade
from sordino.server.first_start import first_start, waits_for_operator
from sordino.server.settings import ServerSettings
from sordino.server.store import Store


def test_a_wrong_bundle_makes_no_server(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder, forged = tmp_path / "server", tmp_path / "forged.sordino"
    forged.write_bytes(b"no bundle")
    for bundle in (tmp_path / "absent.sordino", forged):
        with pytest.raises(SystemExit):
            cli.main(["serve", "--port", "0", "--folder", str(folder), "--bundle", str(bundle)])
        assert bundle.name in capsys.readouterr().err
    assert not folder.exists()


def test_a_lost_first_address_is_noticed(tmp_path: Path) -> None:
    store = Store(ServerSettings(tmp_path))
    upgrade(store.engine)
    assert not waits_for_operator(store)
    assert first_start(store).operator_invitation
    assert first_start(store).operator_invitation is None
    assert waits_for_operator(store)
    store.close()
