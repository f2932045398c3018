"""Files that are either whole or not there."""

from __future__ import annotations

import errno
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from sordino.errors import StorageError

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
def told(path: str | Path) -> Iterator[None]:
    """Turn an `OSError` on `path` into a `StorageError` that says what to do next."""
    try:
        yield
    except OSError as error:
        reason = _REASONS.get(error.errno or 0, f"{error.strerror or error}: check the path")
        raise StorageError(f"{path}: {reason}") from error


def folder(path: str | Path) -> Path:
    """The folder at `path`, made when absent. Raises `StorageError` where that cannot be."""
    with told(path):
        Path(path).mkdir(parents=True, exist_ok=True)
    return Path(path)


def write(
    path: str | Path, content: bytes | str | Callable[[Path], object], durable: bool = False, mode: int = 0o644
) -> Path:
    """Write a file under a temporary name beside it, then rename: readers see the old file or the new, never half.

    `content` is the bytes or text, or a function that writes to the path it is given. Two processes may write the same
    file: the last rename wins. A `durable` file is on the disk when this returns, and there after a power cut, at the
    price of waiting for the disk. `mode` says who may read it. Raises `StorageError`; the temporary file is removed, an
    older one is left as it was.
    """
    path = Path(path)
    folder(path.parent)
    with told(path):
        handle, name = tempfile.mkstemp(prefix=f".{path.stem}-", suffix=path.suffix, dir=path.parent)
        os.close(handle)
        temporary = Path(name)
        try:
            if callable(content):
                content(temporary)
            else:
                temporary.write_bytes(content.encode() if isinstance(content, str) else content)
            temporary.chmod(mode)
            if durable:
                _to_disk(temporary)
            temporary.replace(path)
            if durable:
                _to_disk(path.parent)
        finally:
            temporary.unlink(missing_ok=True)
    return path


def _to_disk(path: Path) -> None:
    """Wait until a file, or the names in a folder, are on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def safe_name(text: str) -> str:
    """Text as a file name: letters, digits, `.`, `_` and `-`, at most 100, never a hidden file or a folder above.

    >>> safe_name("../../escaped")
    '_.._escaped'
    """
    kept = "".join(letter if letter.isascii() and (letter.isalnum() or letter in "._-") else "_" for letter in text)
    return kept.lstrip(".")[:100] or "_"
