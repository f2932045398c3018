"""A file is either whole or not there, whatever happens to the disk or the process."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

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
    path = tmp_path / "read-only"
    path.mkdir(mode=0o555)
    user = os.geteuid()
    if user == 0:
        os.seteuid(65534)
    try:
        yield path
    finally:
        os.seteuid(user)


def assert_untouched(file: Path) -> None:
    assert file.read_text() == OLD
    assert os.listdir(file.parent) == [file.name]  # noqa: PTH208


@pytest.mark.parametrize(
    "content", ["µ = 1\n", "µ = 1\n".encode(), lambda path: path.write_bytes("µ = 1\n".encode())]
)
def test_text_bytes_and_a_writer_leave_the_same_file(tmp_path: Path, content: str | bytes) -> None:
    written = storage.write(tmp_path / "new" / "deep" / "run.json", content)
    assert written == tmp_path / "new" / "deep" / "run.json"
    assert written.read_bytes() == b"\xc2\xb5 = 1\n"
    assert list(written.parent.iterdir()) == [written]


def test_a_writer_sees_the_suffix_that_it_writes_for(tmp_path: Path) -> None:
    seen: list[str] = []
    storage.write(tmp_path / "x.parquet", lambda path: seen.append(path.suffix))
    assert seen == [".parquet"]


def test_a_file_is_replaced(file: Path) -> None:
    storage.write(file, "new")
    assert file.read_text() == "new"


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_a_writer_that_stops_halfway_leaves_the_old_file(
    file: Path, error: type[BaseException]
) -> None:
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
    done = subprocess.run(
        [sys.executable, "-B", "-c", code, file], capture_output=True, text=True, check=True
    )
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


@pytest.fixture(params=[0o022, 0o027, 0o077, 0o000], ids=oct)
def umask(request: pytest.FixtureRequest) -> Iterator[int]:
    """What the user takes off every new file."""
    mask: int = request.param
    before = os.umask(mask)
    try:
        yield mask
    finally:
        os.umask(before)


def permissions(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.parametrize("content", ["text", lambda path: path.write_text("text")])
def test_a_new_file_and_its_folders_honour_the_umask(
    tmp_path: Path, umask: int, content: str | Callable[[Path], object]
) -> None:
    path = storage.write(tmp_path / "new" / "run.json", content)
    assert permissions(path) == 0o666 & ~umask
    assert permissions(path.parent) == 0o777 & ~umask


def test_a_private_file_is_for_its_owner_alone(tmp_path: Path, umask: int) -> None:
    path = storage.write(tmp_path / "released.npz", b"x", mode=storage.PRIVATE)
    assert permissions(path) == 0o600 & ~umask


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o644, 0o664, 0o400])
def test_a_replaced_file_keeps_its_permissions(file: Path, umask: int, mode: int) -> None:
    del umask  # has no say here
    file.chmod(mode)
    storage.write(file, "new")
    storage.write(file, "newer", mode=storage.PRIVATE)
    assert (file.read_text(), permissions(file)) == ("newer", mode)


def test_a_private_file_is_private_while_it_is_written(file: Path) -> None:
    file.chmod(0o600)
    modes = list[int]()
    storage.write(file, lambda path: modes.append(permissions(path)))
    assert modes == [0o600]


def test_a_link_is_replaced_and_its_target_kept(file: Path) -> None:
    link = file.with_name("link")
    link.symlink_to(file)
    file.chmod(0o600)
    storage.write(link, "new")
    assert not link.is_symlink()
    assert (link.read_text(), permissions(link), file.read_text()) == ("new", 0o600, OLD)


def test_a_pipe_is_refused_and_stays(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(
        StorageError, match="a device, pipe or socket, expected a file: choose another path"
    ):
        storage.write(tmp_path / "pipe", "x")
    assert (tmp_path / "pipe").is_fifo()
    assert len(list(tmp_path.iterdir())) == 1


def test_a_name_of_the_longest_length_is_written(tmp_path: Path) -> None:
    path = storage.write(tmp_path / f"{'n' * 247}.parquet", "x")
    assert path.read_text() == "x"


HOSTILE = [
    "",
    ".",
    "..",
    "../../../escaped",
    "/etc/passwd",
    "a/b",
    "a\\b",
    "C:\\x",
    "con",
    "NUL.txt",
    "com1",
    "lpt9.x",
    "x.",
    "x ",
    " x",
    "-rf",
    ".hidden",
    "a\0b",
    "a\nb",
    "\x1b[2J",
    "Sad",
    "n" * 300,
    "é",
    "e\u0301",
    "\udcff",
    "a:b",
    "a*b?",
    "a|b<c>",
    '"',
    "sad-0123456789ab",
]


@pytest.mark.parametrize("text", HOSTILE, ids=ascii)
def test_no_text_leaves_its_folder_as_a_name(tmp_path: Path, text: str) -> None:
    path = storage.write(tmp_path / "units" / f"{storage.safe_name(text)}.json", "x")
    assert list(tmp_path.rglob("*")) == [tmp_path / "units", path]


@given(st.lists(st.text(max_size=40) | st.sampled_from(HOSTILE), unique=True, max_size=20))
def test_different_texts_have_different_safe_names(texts: list[str]) -> None:
    names = [storage.safe_name(text) for text in texts]
    assert len({name.casefold() for name in names}) == len(texts)
    assert all(
        name.isascii() and not set(name) & set('/\\:*?"<>|\0 ') and len(name) <= 100
        for name in names
    )


@given(st.text())
def test_a_safe_name_is_not_changed_into_itself_again(text: str) -> None:
    name = storage.safe_name(text)
    assert name == text or storage.safe_name(name) != name  # no text can name the file of another


def test_plain_names_stay_as_they_are() -> None:
    for name in ("sad-0", "rae-grl+", "speech+mel", "lambda=0.5", "mine"):
        assert storage.safe_name(name) == name


def test_a_link_is_not_opened_and_a_pipe_does_not_wait(tmp_path: Path, file: Path) -> None:
    (tmp_path / "link").symlink_to(file)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OSError, match="symbolic links"):
        storage.open_file(tmp_path / "link")
    with os.fdopen(storage.open_file(tmp_path / "pipe"), "rb") as pipe:
        assert pipe.read() == b""
    with os.fdopen(storage.open_file(file), "rb") as content:
        assert content.read() == OLD.encode()
