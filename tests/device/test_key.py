"""The key of a device: one for all processes, whole or not there, and never one that others may
know.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from sordino.device.key import KEY_BYTES, read_or_create
from sordino.errors import StorageError

GOOD = bytes(range(KEY_BYTES))


def put(path: Path, content: bytes = GOOD, mode: int = 0o600) -> Path:
    path.write_bytes(content)
    path.chmod(mode)
    return path


def test_a_new_key_is_private_whole_and_stays(tmp_path: Path) -> None:
    path = tmp_path / "state" / "key"
    first = read_or_create(path)
    assert (read_or_create(path), path.stat().st_size, path.stat().st_mode & 0o777) == (
        first,
        KEY_BYTES,
        0o600,
    )
    assert list(path.parent.iterdir()) == [path]
    assert read_or_create(tmp_path / "other") != first


@pytest.mark.slow
def test_processes_that_start_at_once_have_one_key(tmp_path: Path) -> None:
    code = """
import sys, time
from sordino.device.key import read_or_create
print("ready", flush=True)
sys.stdin.readline()
print([read_or_create(f"{sys.argv[1]}/{round}/key") for round in range(40)])
"""
    command = [sys.executable, "-c", code, str(tmp_path)]
    starts = [
        subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(4)
    ]
    for process in starts:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in starts:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    ends = [process.communicate(timeout=60) for process in starts]
    assert [error for _, error in ends] == [""] * 4
    assert len({keys for keys, _ in ends}) == 1
    assert {path.name for path in tmp_path.rglob("*") if path.is_file()} == {"key"}


def test_a_full_disk_leaves_no_key_and_the_next_start_makes_one(tmp_path: Path) -> None:
    code = """
import resource, signal, sys
from sordino import errors
from sordino.device.key import read_or_create
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), resource.RLIM_INFINITY))
try:
    read_or_create(sys.argv[1])
except errors.StorageError as error:
    print(error)
"""
    for size in (0, 7):
        command = [sys.executable, "-B", "-c", code, str(tmp_path / "key"), str(size)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        assert (
            done.stdout
            == f"{tmp_path}/key: larger than a file may be there: choose another place\n"
        )
        assert list(tmp_path.iterdir()) == []
    assert read_or_create(tmp_path / "key") == read_or_create(tmp_path / "key")


@pytest.mark.parametrize(
    ("content", "mode", "message"),
    [
        (b"\0" * KEY_BYTES, 0o600, "constant bytes, expected random ones: remove it"),
        (b"\xff" * KEY_BYTES, 0o600, "constant bytes, expected random ones: remove it"),
        (b"ab" * 8, 0o600, "constant bytes, expected random ones: remove it"),
        (b"", 0o600, "0 bytes, expected a key of 16: remove it to begin a new one"),
        (b"short", 0o600, "5 bytes, expected a key of 16: remove it to begin a new one"),
        (GOOD + b"\n", 0o600, "17 bytes, expected a key of 16: remove it to begin a new one"),
        (GOOD, 0o644, "other users may read the key, expected mode 600: run `chmod 600`"),
        (GOOD, 0o640, "other users may read the key, expected mode 600: run `chmod 600`"),
        (GOOD, 0o620, "other users may read the key, expected mode 600: run `chmod 600`"),
    ],
)
def test_a_weak_or_damaged_key_is_refused_and_stays(
    tmp_path: Path, content: bytes, mode: int, message: str
) -> None:
    path = put(tmp_path / "key", content, mode)
    with pytest.raises(StorageError, match=message):
        read_or_create(path)
    assert (path.read_bytes(), path.stat().st_mode & 0o777) == (content, mode)


def test_a_huge_file_is_refused_unread(tmp_path: Path) -> None:
    with put(tmp_path / "key").open("r+b") as file:
        file.truncate(3 << 30)
    begin = time.perf_counter()
    with pytest.raises(StorageError, match="3221225472 bytes, expected a key of 16"):
        read_or_create(tmp_path / "key")
    assert time.perf_counter() - begin < 0.5


def test_a_link_to_a_key_is_refused(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(put(tmp_path / "key"))
    (tmp_path / "nowhere").symlink_to(tmp_path / "absent")
    for name in ("link", "nowhere"):
        with pytest.raises(StorageError, match="a link, expected the key itself"):
            read_or_create(tmp_path / name)
    assert not (tmp_path / "absent").exists()


def test_a_pipe_or_a_folder_is_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe", 0o600)
    (tmp_path / "folder").mkdir()
    for name in ("pipe", "folder"):
        with pytest.raises(StorageError, match="not a file, expected a key of 16 bytes: remove it"):
            read_or_create(tmp_path / name)


@pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root may give a file away"
)
def test_the_key_of_another_user_is_refused(tmp_path: Path) -> None:
    os.chown(put(tmp_path / "key"), 65534, 65534)
    with pytest.raises(StorageError, match="the key of another user, expected one of yours"):
        read_or_create(tmp_path / "key")
