"""Files of this machine or behind a URL: `location` alone decides which of the two a text means."""

from __future__ import annotations

import hashlib
import re
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol, overload

from sordino.errors import SordinoError, StorageError
from sordino.storage import local
from sordino.storage.remote import Remote, parse_url

_LOST_SLASH = r"[A-Za-z][A-Za-z0-9+.-]+:"
"""The first part of a URL that became a `Path`."""


class Location(Protocol):
    """A path of this machine (`pathlib.Path`) or a URL (`Remote`)."""

    @property
    def name(self) -> str:
        """The last part."""

    @property
    def stem(self) -> str:
        """The name without its suffix."""

    @property
    def suffix(self) -> str:
        """The last dot of the name and the text after it."""

    @property
    def parent(self) -> Location:
        """The folder."""

    def __truediv__(self, name: str, /) -> Location:
        """The file of this name in the folder."""

    def with_name(self, name: str, /) -> Location:
        """The file of another name in the same folder."""

    def with_suffix(self, suffix: str, /) -> Location:
        """The file with another suffix."""


@overload
def location(text: Path) -> Path: ...
@overload
def location(text: str | Location) -> Path | Remote: ...
def location(text: str | Location) -> Path | Remote:
    """The file or folder that a text names: a path, or a URL that fsspec knows. A URL of `file` is
    a path.

    Raises `StorageError` for a URL with credentials.

    >>> location("runs/first").name, str(location("s3://bucket/runs/first"))
    ('first', 's3://bucket/runs/first')
    """
    if isinstance(text, Path | Remote):
        return text
    url = parse_url(str(text))
    if url is None:
        return Path(str(text))
    if url.scheme != "file":
        return url
    from urllib.request import url2pathname

    path = Path(url2pathname(url.address.removeprefix("localhost")))
    if not path.is_absolute():
        raise StorageError(
            "file://...: a file of another machine, expected file:///folder: add a slash"
        )
    return path


def writable_location(text: str | Location) -> Path | Remote:
    """The `location` of a text, to write there later: a URL is checked now, a path is not.

    Raises `StorageError` for the URL of a store that may show half a file, `DependencyError`
    without the extra `storage`.
    """
    path = location(text)
    if isinstance(path, Remote):
        path.check_writable()
    return path


def on_this_machine(place: str | Location, purpose: str) -> Path:
    """The path of a folder that cannot be behind a URL. Raises `StorageError` for a URL."""
    path = location(place)
    if isinstance(path, Remote):
        raise StorageError(
            f"{path}: a URL, expected a path for {purpose}: choose one of this machine"
        )
    return path


@overload
def folder(path: Path, mode: int = ...) -> Path: ...
@overload
def folder(path: str | Location, mode: int = ...) -> Path | Remote: ...
def folder(path: str | Location, mode: int = 0o777) -> Path | Remote:
    """The folder at `path`, created when absent (`mode` less the umask); behind a URL no folder
    needs to be created.

    Raises `StorageError` where it cannot be created, and for the URL of a store that may show half
    a file; `DependencyError` without the extra `storage`.
    """
    path = writable_location(path)
    if isinstance(path, Remote):
        return path
    first = Path(*path.parts[:1])
    if re.fullmatch(_LOST_SLASH, str(first)) and not first.is_dir():
        raise StorageError(
            f"{first}/...: looks like a URL, expected a folder of this machine: choose one, or "
            f"create {first} yourself (in Python, a URL is text and no Path)"
        )
    return local.folder(path, mode)


@overload
def write(
    path: Path,
    content: bytes | str | Callable[[Path], object],
    durable: bool = ...,
    mode: int = ...,
) -> Path: ...
@overload
def write(
    path: str | Location,
    content: bytes | str | Callable[[Path], object],
    durable: bool = ...,
    mode: int = ...,
) -> Path | Remote: ...
def write(
    path: str | Location,
    content: bytes | str | Callable[[Path], object],
    durable: bool = False,
    mode: int = local.SHARED,
) -> Path | Remote:
    """Write a file: readers get the old file or the new file, never a part.

    `content` is the bytes or text, or a function that writes to a path. Two processes may write the
    same file: the last one wins. Behind a URL the store decides who may read the file, and a file
    is durable when this function returns. `durable` and `mode` (`SHARED` or `PRIVATE`) are for
    files of this machine, and so are these rules:

    - The file has a temporary name until it is complete. A `durable` file is on the disk when this
      function returns and survives a power cut; the function waits for the disk.
    - A replaced file keeps its permissions; owner and group become those of the process. A new file
      has `mode` less the umask.
    - The file replaces a symbolic link, and the target of the link does not change. A device, pipe
      or socket is refused.

    Raises `StorageError`; then the temporary file is removed and an older file does not change.
    """
    path = location(path)
    if not isinstance(path, Remote):
        # A budget is written before each release: every call counts.
        if not local.is_folder(path.parent):
            folder(path.parent)
        return local.write(path, content, durable, mode)
    if callable(content):
        with _temporary_folder() as temporary:
            content(temporary / path.name)
            content = (temporary / path.name).read_bytes()
    path.write(content.encode() if isinstance(content, str) else content)
    return path


def read_regular(path: str | Location, limit: int, offset: int = 0) -> bytes:
    """Up to `limit` bytes of a regular file, or of the file that a link names, from `offset` on.

    Raises `StorageError` for any other kind: a pipe would wait for its other end without end.
    """
    path = location(path)
    if not isinstance(path, Remote):
        return local.read_regular(path, limit, offset)
    with local.as_storage_error(path):
        return path.read(limit, offset)


def exists(path: Location) -> bool:
    """Whether a file, folder or link is there. Behind a URL there are only files.

    Raises `StorageError` for a store that does not answer.
    """
    path = location(path)
    return path.exists() if isinstance(path, Remote) else local.exists(path)


def files(path: Location) -> list[Path | Remote]:
    """The regular files in a folder, without links; none where it is absent.

    A store may list a file late. Raises `StorageError`.
    """
    path = location(path)
    if isinstance(path, Remote):
        return list(path.files())
    with local.as_storage_error(path):
        return [*local.files(path)]


def remove(path: Location) -> None:
    """Remove a file, if it is there. Raises `StorageError`."""
    path = location(path)
    with local.as_storage_error(path):
        if isinstance(path, Remote):
            path.unlink()
        else:
            path.unlink(missing_ok=True)


@contextmanager
def local_copy(path: Location, limit: int) -> Iterator[Path]:
    """The file itself on this machine; for a URL a temporary copy of at most `limit` bytes.

    An error of sordino that names the copy names the URL instead. Raises `StorageError`.
    """
    path = location(path)
    if not isinstance(path, Remote):
        yield path
        return
    with _temporary_folder() as temporary:
        copy = temporary / path.name
        with local.as_storage_error(path):
            path.download(copy, limit)
        try:
            yield copy
        except SordinoError as error:
            raise type(error)(f"{error}".replace(str(copy), str(path))) from error


def file_sha256(path: Location, limit: int) -> str:
    """The SHA-256 of a file in hexadecimal digits; a URL may have at most `limit` bytes.

    Raises `StorageError`.
    """
    with local_copy(path, limit) as file, local.as_storage_error(path), file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


@contextmanager
def _temporary_folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="sordino-") as path:
        yield Path(path)
