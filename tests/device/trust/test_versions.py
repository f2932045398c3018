"""The version of a signed bundle does not go back on a device, whatever stands where it is kept."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest

from sordino.device import Runtime
from sordino.device.table import GrowingTable
from sordino.device.trust import ed25519, floor
from sordino.device.trust.signature import read_revoked
from sordino.device.trust.versions import admit
from sordino.errors import SignatureError, StorageError
from tests.device.trust.synthetic_keys import TODAY, signed, trusting


def test_a_version_does_not_go_back(tmp_path: Path) -> None:
    trusts = trusting("maker", "other", versions=tmp_path / "state" / "versions")
    old, new = signed(tmp_path / "1.sordino", version=1), signed(tmp_path / "2.sordino", version=2)
    for path in (old, old, new, new):
        Runtime(path, trusted=trusts)
    with pytest.raises(SignatureError, match="version 1 of policy mine, expected 2 or more"):
        Runtime(old, trusted=trusts)
    assert Runtime(
        signed(tmp_path / "o.sordino", "other", version=1), trusted=trusts
    )  # another key counts for itself
    assert (tmp_path / "state" / "versions").stat().st_mode & 0o777 == 0o600


def test_a_refused_bundle_moves_no_version(tmp_path: Path) -> None:
    versions = tmp_path / "versions"
    path = signed(tmp_path / "b.sordino", version=9, expires=date(2020, 1, 1))
    with pytest.raises(SignatureError, match="expired"):
        Runtime(path, trusted=trusting(versions=versions, today=lambda: TODAY))
    assert not versions.exists()


@pytest.mark.parametrize("name", ["versions", "versions.lock"])
def test_a_pipe_or_a_link_for_versions_is_refused_at_once(name: str, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    path = tmp_path / "state" / name
    path.parent.mkdir()
    for put in (lambda: os.mkfifo(path), lambda: path.symlink_to(tmp_path / "elsewhere")):
        put()
        with pytest.raises(StorageError, match="versions"):
            admit(tmp_path / "state" / "versions", "k", "sad", 1)
        path.unlink()
    assert not (tmp_path / "elsewhere").exists()


def test_the_folder_of_versions_is_its_owners_alone(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        admit(tmp_path / "state" / "versions", "k", "sad", 1)
    finally:
        os.umask(before)
    assert (tmp_path / "state").stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in (tmp_path / "state").iterdir()} == {0o600}


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b'{"a": -1}', b'{"a": true}', b'{"a": 1, "a": 2}', b"\xff"]
)
def test_a_damaged_file_of_versions_stops_everything(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "versions").write_bytes(content)
    with pytest.raises(
        StorageError, match="damaged, expected the versions of bundles that have run"
    ):
        Runtime(signed(tmp_path / "b.sordino"), trusted=trusting(versions=tmp_path / "versions"))


def test_starts_at_once_forget_no_version(tmp_path: Path) -> None:
    versions = tmp_path / "versions"

    def start(index: int) -> None:
        admit(versions, "0" * 16, f"policy {index}", 1)

    threads = [threading.Thread(target=start, args=(index,)) for index in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert json.loads(versions.read_bytes()) == {
        f"{'0' * 16} policy {index}": 1 for index in range(16)
    }


@pytest.mark.skipif(os.name != "posix", reason="modes of files are POSIX")
def test_another_user_cannot_hold_the_lock_of_the_versions(tmp_path: Path) -> None:
    before = os.umask(0o022)
    try:
        admit(tmp_path / "versions", "a" * 16, "b" * 64, 1)
    finally:
        os.umask(before)
    modes = {file.name: file.stat().st_mode & 0o777 for file in tmp_path.iterdir()}
    assert modes == {"versions": 0o600, "versions.lock": 0o600}


def test_an_older_bundle_does_not_return_under_a_new_name(tmp_path: Path) -> None:
    versions = tmp_path / "versions"
    admit(versions, "a" * 16, "mute", 2)
    with pytest.raises(SignatureError, match="version 1 of policy sad, expected 2 or more"):
        admit(versions, "a" * 16, "sad", 1)
    admit(versions, "a" * 16, "sad", 3)
    admit(versions, "a" * 16, "mute", 2)  # a policy that has run keeps its own count
    admit(versions, "b" * 16, "sad", 1)
    assert json.loads(versions.read_bytes()) == {
        f"{'a' * 16} mute": 2,
        f"{'a' * 16} sad": 3,
        f"{'b' * 16} sad": 1,
    }


def test_versions_are_never_more_than_can_be_read_again(tmp_path: Path) -> None:
    path = tmp_path / "versions"
    path.write_text(json.dumps({"a" * ((1 << 20) - 20): 1}))
    before = path.read_bytes()
    with pytest.raises(StorageError, match="expected 1048576 at most"):
        admit(path, "b" * 16, "sad", 1)
    assert path.read_bytes() == before


READERS = {
    "public key": ed25519.read_public,
    "private key": ed25519.public_of,
    "floor": floor.read,
    "revoked keys": read_revoked,
    "table": lambda path: GrowingTable(path, 2),
}


@pytest.mark.parametrize("reader", READERS.values(), ids=READERS)
def test_a_pipe_in_place_of_a_file_is_refused_at_once(
    reader: Callable[[Path], object], tmp_path: Path
) -> None:
    os.mkfifo(tmp_path / "pipe.csv")
    with pytest.raises(StorageError, match="a device, pipe or socket, expected a file"):
        reader(tmp_path / "pipe.csv")
