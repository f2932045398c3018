"""Foreign text files: read as UTF-8, or refused with the name of their real format.

manifests, tables, policies -> a folder? a pointer? an archive? another encoding? -> text
"""

from __future__ import annotations

import codecs
import os
from pathlib import Path
from typing import Final

from sordino import storage
from sordino.errors import SordinoError

HEAD_BYTES: Final = 4096
"""Bytes at the start of a file that identify its format."""

_MARKS: Final = (
    (codecs.BOM_UTF32_LE, "UTF-32"),
    (codecs.BOM_UTF32_BE, "UTF-32"),
    (codecs.BOM_UTF16_LE, "UTF-16"),
    (codecs.BOM_UTF16_BE, "UTF-16"),
)
_KINDS: Final = (
    (b"version https://git-lfs", "a git-lfs pointer", "run `git lfs pull`"),
    (b"\x1f\x8b", "a gzip archive", "unpack it"),
    (b"BZh", "a bzip2 archive", "unpack it"),
    (b"\xfd7zXZ\x00", "an xz archive", "unpack it"),
    (b"\x28\xb5\x2f\xfd", "a zstandard archive", "unpack it"),
    (b"PK\x03\x04", "a ZIP archive or a spreadsheet", "save it as 'CSV UTF-8'"),
    (b"\xd0\xcf\x11\xe0", "a spreadsheet", "save it as 'CSV UTF-8'"),
    (b"PAR1", "a Parquet table", "name it .parquet"),
    (b"\x93NUMPY", "a NumPy array", "save it as .npz with an array `x`"),
    (b"<!DOCTYPE", "a web page", "download the file itself"),
    (b"<html", "a web page", "download the file itself"),
)


def home(path: str | Path) -> Path:
    """The path with a leading `~` replaced by the user's folder: neither a shell, after `=`, nor a
    setting does it.

    >>> home("~/m.csv") == Path.home() / "m.csv"
    True
    """
    return Path(os.path.expanduser(path))  # noqa: PTH111 (Path.expanduser raises for unknown users)


def regular(path: Path, expected: str, error: type[SordinoError]) -> Path:
    """The path of a regular file; raises `error` for a folder, an absent file and a device."""
    if path.is_dir():
        raise error(f"{path}: a folder, expected {expected}: name the file in it")
    if not path.exists():
        raise error(f"{path}: no such file, expected {expected}: check the path")
    if not path.is_file():
        raise error(f"{path}: not a regular file, expected {expected}: save it as a file first")
    return path


def disguise(head: bytes, suffix: str = "") -> str | None:
    """The real format of a file that has another suffix, and the remedy; `None` where the first
    bytes show none.

    >>> disguise(b"version https://git-lfs.github.com/spec/v1")
    'a git-lfs pointer: run `git lfs pull`'
    """
    genuine = {".npz": b"PK\x03\x04", ".parquet": b"PAR1", ".npy": b"\x93NUMPY"}.get(suffix)
    for start, kind, remedy in _KINDS:
        if start != genuine and head.startswith(start):
            return f"{kind}: {remedy}"
    return None


def coding(head: bytes) -> str | None:
    """The encoding of text that is not UTF-8, and the remedy; `None` where the first bytes may be
    UTF-8.
    """
    for mark, name in _MARKS:
        if head.startswith(mark):
            return f"{name} text: save it as UTF-8"
    even, odd = head[::2].count(0), head[1::2].count(0)
    if min(even, odd) == 0 and 4 * max(even, odd) > len(head):
        return "UTF-16 text: save it as UTF-8"
    return None


def check_text(path: Path, head: bytes, expected: str, error: type[SordinoError]) -> None:
    """Raise `error` where the first bytes of a file show that it is not UTF-8 text."""
    problem = disguise(head) or coding(head)
    if problem:
        kind, remedy = problem.split(": ", 1)
        raise error(f"{path}: {kind}, expected {expected}: {remedy}")


def not_utf8(path: Path, content: bytes, expected: str) -> str:
    """The message for text in another encoding, with the line of the first invalid byte."""
    try:
        content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        byte = content[error.start]
        return (
            f"{path}: not UTF-8 text (byte 0x{byte:02x} in line {line}; perhaps Windows-1252), "
            f"expected {expected}: "
            "save it as 'CSV UTF-8'"
        )
    return f"{path}: not readable text, expected {expected}: save it as UTF-8"


def read(path: str | Path, expected: str, error: type[SordinoError], limit: int = 1 << 30) -> str:
    """The text of a file in UTF-8, without its byte-order mark.

    Raises `error` for a folder, an absent file, a pointer, an archive, another encoding and more
    than `limit` bytes; `StorageError` where the file cannot be read.
    """
    path = regular(home(path), expected, error)
    with storage.as_storage_error(path), path.open("rb") as file:
        content = file.read(limit + 1)
    if len(content) > limit:
        raise error(f"{path}: over {limit:,} bytes, expected {expected}: check the path")
    check_text(path, content[:HEAD_BYTES], expected, error)
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as wrong:
        raise error(not_utf8(path, content, expected)) from wrong
