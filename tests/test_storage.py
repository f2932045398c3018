"""A file is either whole or not there, whatever happens to the disk or the process."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from sordino import storage
from sordino.errors import StorageError

OLD = "what stood there before"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A file that a write must replace as a whole or leave alone."""
    (tmp_path / "estimates.csv").write_text(OLD)
    return tmp_path / "estimates.csv"


@pytest.fixture
def read_only(tmp_path: Path) -> Iterator[Path]:
    """A folder that this process may not write to, even where the tests are run by root."""
    place = tmp_path / "read-only"
    place.mkdir(mode=0o555)
    user = os.geteuid()
    if user == 0:
        os.seteuid(65534)
    try:
        yield place
    finally:
        os.seteuid(user)


def assert_untouched(file: Path) -> None:
    assert file.read_text() == OLD
    assert os.listdir(file.parent) == [file.name]  # noqa: PTH208


@pytest.mark.parametrize("content", ["µ = 1\n", "µ = 1\n".encode(), lambda path: path.write_bytes("µ = 1\n".encode())])
def test_text_bytes_and_a_writer_leave_the_same_file(tmp_path: Path, content: str | bytes) -> None:
    written = storage.write(tmp_path / "new" / "deep" / "run.json", content)
    assert written == tmp_path / "new" / "deep" / "run.json"
    assert written.read_bytes() == b"\xc2\xb5 = 1\n"
    assert stat.S_IMODE(written.stat().st_mode) == 0o644
    assert list(written.parent.iterdir()) == [written]


def test_a_writer_sees_the_suffix_that_it_writes_for(tmp_path: Path) -> None:
    seen: list[str] = []
    storage.write(tmp_path / "x.parquet", lambda path: seen.append(path.suffix))
    assert seen == [".parquet"]


def test_a_file_is_replaced(file: Path) -> None:
    storage.write(file, "new")
    assert file.read_text() == "new"


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_a_writer_that_stops_halfway_leaves_the_old_file(file: Path, error: type[BaseException]) -> None:
    def stop(path: Path) -> None:
        path.write_text("half")
        raise error("halfway")

    with pytest.raises(error, match="halfway"):
        storage.write(file, stop)
    assert_untouched(file)


def test_a_process_killed_halfway_leaves_the_old_file(file: Path) -> None:
    code = """
import os, signal, sys
from sordino import storage
def die(path):
    path.write_text("half")
    os.kill(os.getpid(), signal.SIGKILL)
storage.write(sys.argv[1], die)
"""
    done = subprocess.run([sys.executable, "-c", code, file], check=False)
    assert done.returncode == -signal.SIGKILL
    assert file.read_text() == OLD


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_a_full_disk_is_told_and_leaves_the_old_file(file: Path) -> None:
    with pytest.raises(StorageError, match=r"estimates\.csv: the disk is full: free some space"):
        storage.write(file, lambda _: Path("/dev/full").write_bytes(b"x"))
    assert_untouched(file)


def test_a_file_over_the_limit_is_told_and_leaves_the_old_file(file: Path) -> None:
    code = """
import resource, sys
from sordino import errors, storage
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
try:
    storage.write(sys.argv[1], b"x" * 2000)
except errors.StorageError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-B", "-c", code, file], capture_output=True, text=True, check=True)
    assert done.stdout == f"{file}: larger than a file may be there: choose another place\n"
    assert_untouched(file)


def test_a_read_only_place_is_told(read_only: Path) -> None:
    with pytest.raises(StorageError, match="no permission to write there: choose another place"):
        storage.write(read_only / "run.json", "{}")
    with pytest.raises(StorageError, match="no permission to write there: choose another place"):
        storage.folder(read_only / "report")


def test_a_file_where_a_folder_should_be_is_told(file: Path) -> None:
    with pytest.raises(StorageError, match="expected a folder: choose another place"):
        storage.folder(file)
    with pytest.raises(StorageError, match="expected a folder: choose another place"):
        storage.write(file / "run.json", "{}")
    assert_untouched(file)


def test_a_folder_where_a_file_should_be_is_told_and_kept(file: Path) -> None:
    with pytest.raises(StorageError, match="Is a directory"):
        storage.write(file.parent, "{}")
    assert_untouched(file)


def test_a_folder_may_be_made_twice(tmp_path: Path) -> None:
    assert storage.folder(tmp_path / "a" / "b") == storage.folder(tmp_path / "a" / "b")
    assert (tmp_path / "a" / "b").is_dir()


def test_two_processes_on_one_file_never_show_half_of_it(file: Path) -> None:
    code = """
import sys
from sordino import storage
for _ in range(100):
    storage.write(sys.argv[1], sys.argv[2] * 200_000)
"""
    storage.write(file, "a" * 200_000)
    writers = [subprocess.Popen([sys.executable, "-c", code, file, letter]) for letter in "ab"]
    seen: set[str] = set()
    while any(writer.poll() is None for writer in writers):
        text = file.read_text()
        seen.add(text[0])
        assert text == text[0] * 200_000
    assert [writer.returncode for writer in writers] == [0, 0]
    assert seen <= {"a", "b"}
    assert os.listdir(file.parent) == [file.name]  # noqa: PTH208
