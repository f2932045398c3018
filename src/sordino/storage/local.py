"""Files of this machine that are complete or absent."""

from __future__ import annotations

import errno
import io
import os
import stat
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from sordino import system
from sordino.errors import StorageError

SHARED: Final = 0o666
"""Mode of a new file that other users may read, as far as the umask of the process allows."""

PRIVATE: Final = 0o600
"""Mode of a new file that its owner alone may read: released vectors, counts, keys."""

PRIVATE_FOLDER: Final = 0o700
"""Mode of a new folder with a device's key, count or versions: a user with write access could
replace them.
"""

LONGEST_PATH: Final = 4096
"""Characters of a path that common systems accept."""

_NEW: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)

_REASONS = {
    errno.ENOSPC: "the disk is full: free some space, or choose another place",
    errno.EDQUOT: "the disk quota is used up: free some space, or choose another place",
    errno.EFBIG: "larger than a file may be there: choose another place",
    errno.EROFS: "the place is read-only: choose another one",
    errno.EACCES: "no permission to write there: choose another place",
    errno.EPERM: "no permission to write there: choose another place",
    errno.ENOTDIR: "a part of the path is a file, expected a folder: choose another place",
    errno.EEXIST: "a file of that name stands there, expected a folder: choose another place",
}


@contextmanager
def as_storage_error(path: object) -> Iterator[None]:
    """Turn an `OSError` on `path` into a `StorageError` with the next step."""
    try:
        yield
    except OSError as error:
        reason = _REASONS.get(error.errno or 0, f"{error.strerror or error}: check the path")
        raise StorageError(f"{path}: {reason}") from error


def folder(path: Path, mode: int) -> Path:
    """The folder at `path`, created when absent. Raises `StorageError` where that fails."""
    with as_storage_error(path):
        path.mkdir(mode, parents=True, exist_ok=True)
    return path


def create(path: Path, content: bytes) -> None:
    """Write a new file that its owner alone may read, complete and on the disk; a file that another
    process wrote first remains. Raises `OSError`.
    """
    temporary = path.with_name(f".{path.name[:40]}-{os.urandom(8).hex()}")
    handle = os.open(temporary, _NEW, PRIVATE)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(temporary, path)
        except FileExistsError:
            return
        temporary.unlink()
        system.to_disk(path.parent)
    finally:
        temporary.unlink(missing_ok=True)


def write(
    path: Path,
    content: bytes | str | Callable[[Path], object],
    durable: bool = False,
    mode: int = SHARED,
) -> Path:
    """Write a file into a folder that exists (see `sordino.storage.write`): under a temporary name
    beside it, then rename it.
    """
    with as_storage_error(path):
        permissions = _permissions(path)
        temporary, handle = _new_file(path, mode if permissions is None else PRIVATE)
        try:
            _fill(temporary, handle, content, durable)
            if permissions is not None:
                os.chmod(temporary, permissions)  # noqa: PTH101
            os.replace(temporary, path)  # noqa: PTH105
            if durable:
                system.to_disk(path.parent)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise
    return path


def _fill(
    path: str, handle: int, content: bytes | str | Callable[[Path], object], durable: bool
) -> None:
    """Write the content of a new, open file and close it."""
    with os.fdopen(handle, "wb") as file:
        if not callable(content):
            file.write(content.encode() if isinstance(content, str) else content)
            if durable:
                file.flush()
                os.fsync(handle)
            return
    content(Path(path))
    if durable:
        system.to_disk(path)


def open_file(path: str | Path, flags: int = os.O_RDONLY, mode: int = PRIVATE) -> int:
    """A descriptor of the file at a path: a link is not followed, and a pipe does not wait for its
    other end.

    - `flags`: as of `os.open`; with `os.O_CREAT` a new file has `mode` less the umask.

    The caller closes it, and checks what kind of file it is. Raises `OSError`, of number
    `errno.ELOOP` for a link.
    """
    return system.open_itself(path, flags, mode)


def exists(path: Path) -> bool:
    """Whether a file, folder or link is there."""
    return os.path.lexists(path)


def is_folder(path: Path) -> bool:
    """Whether a folder is there, in less time than `Path.is_dir`."""
    return os.path.isdir(path)  # noqa: PTH112


def file_state(path: Path) -> tuple[int, int, int]:
    """The size of a file, the nanosecond of its last change, and its number: other ones mean that
    the file changed. Raises `StorageError`.
    """
    with as_storage_error(path):
        status = path.stat()
    return status.st_size, status.st_mtime_ns, status.st_ino


def files(path: Path) -> list[Path]:
    """The regular files in a folder, without links; none where it is absent. Raises `OSError`."""
    if not path.is_dir():
        return []
    return [file for file in path.iterdir() if file.is_file() and not file.is_symlink()]


def read_regular(path: Path, limit: int, offset: int = 0) -> bytes:
    """Up to `limit` bytes of a regular file (see `sordino.storage.read_regular`)."""
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    with as_storage_error(path):
        handle = os.open(path, flags)
        try:
            mode = os.fstat(handle).st_mode
            if not stat.S_ISREG(mode):
                kind = "a folder" if stat.S_ISDIR(mode) else "a device, pipe or socket"
                raise StorageError(f"{path}: {kind}, expected a file: choose another path")
            with os.fdopen(handle, "rb", closefd=False) as file:
                file.seek(offset)
                return file.read(limit)
        finally:
            os.close(handle)


def append(path: str | Path, content: bytes | str, mode: int = SHARED) -> None:
    """Add to the end of a file: all of the content or nothing. A new file has `mode` less the
    umask.

    Raises `StorageError`, also for a device, pipe or socket.
    """
    path, data = Path(path), content.encode() if isinstance(content, str) else content
    with as_storage_error(path):
        _permissions(path)
        handle = os.open(
            path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | getattr(os, "O_BINARY", 0), mode
        )
        try:
            size = os.fstat(handle).st_size
            try:
                if os.write(handle, data) != len(data):
                    raise OSError(errno.ENOSPC, "no space")
            except BaseException:
                os.ftruncate(handle, size)
                raise
        finally:
            os.close(handle)


def set_aside(path: Path) -> Path:
    """Rename a file or folder to `NAME.unusable`, or `NAME.unusable-2`, ...; the new path.

    >>> path = folder(Path(tempfile.mkdtemp()) / "unit.json", 0o777)
    >>> set_aside(path).name, path.exists()
    ('unit.json.unusable', False)
    """
    number, aside = 1, path.with_name(f"{path.name}.unusable")
    while os.path.lexists(aside):
        number += 1
        aside = path.with_name(f"{path.name}.unusable-{number}")
    with as_storage_error(path):
        return path.rename(aside)


def _permissions(path: Path) -> int | None:
    """The permissions of the file at a path, `None` where it is absent. Raises for a device, pipe
    or socket.
    """
    try:
        mode = os.stat(path).st_mode  # noqa: PTH116
    except FileNotFoundError:
        return None
    if not stat.S_ISREG(mode) and not stat.S_ISDIR(
        mode
    ):  # a rename onto a folder fails, with a clear reason
        raise StorageError(
            f"{path}: a device, pipe or socket, expected a file: choose another path"
        )
    return stat.S_IMODE(mode) & 0o777


def _new_file(path: Path, mode: int) -> tuple[str, int]:
    """An empty file with an unused name beside `path`, and its handle; the system takes the umask
    off `mode`.
    """
    folder, name = os.path.split(path)
    stem, suffix = os.path.splitext(name)  # noqa: PTH122
    unused = f".{stem[:40]}-{os.urandom(8).hex()}{suffix if len(suffix) < 20 else ''}"
    temporary = os.path.join(folder, unused)  # noqa: PTH118
    return temporary, os.open(
        temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), mode
    )


@contextmanager
def temporary_setting(variable: str) -> Iterator[None]:
    """Set an environment variable to a temporary folder, which is removed at the end; leave a
    user's setting alone.

    For packages that write caches to the user's home when they are imported.
    """
    if os.environ.get(variable):
        yield
        return
    with tempfile.TemporaryDirectory(prefix="sordino-") as path:
        os.environ[variable] = path
        try:
            yield
        finally:
            del os.environ[variable]


ARCHIVE_BYTES: Final = 1 << 30
"""The limit of a file of arrays: a release or a preprocessing."""


def open_stored(content: bytes) -> zipfile.ZipFile:
    """A zip with uncompressed parts that do not overlap: its arrays take no more than its bytes.

    Raises `ValueError` for any other, `zipfile.BadZipFile` for no zip.
    """
    archive = zipfile.ZipFile(io.BytesIO(content))
    parts = archive.infolist()
    if any(part.compress_type != zipfile.ZIP_STORED for part in parts):
        raise ValueError("compressed parts may have any size")
    if sum(part.file_size for part in parts) > len(content):
        raise ValueError("parts overlap")
    if len({part.filename for part in parts}) < len(parts):
        raise ValueError("two parts of one name: readers differ in their choice")
    return archive
