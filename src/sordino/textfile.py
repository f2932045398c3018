"""Text files from outside: read as UTF-8, or refused with the name of what they are instead.

manifests, tables, policies -> a folder? a pointer? an archive? another encoding? -> text
"""

from __future__ import annotations

import codecs
import os
from pathlib import Path
from typing import Final

from sordino import storage
from sordino.errors import SordinoError

HEAD: Final = 4096
"""How many bytes tell what a file is."""

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
    """The path, a leading `~` as the user's folder: a shell leaves it as it is behind `=`, and so
    do settings.

    >>> home("~/m.csv") == Path.home() / "m.csv"
    True
    """
    return Path(os.path.expanduser(path))  # noqa: PTH111 (Path.expanduser raises for a user that is not known)


def regular(path: Path, expected: str, error: type[SordinoError]) -> Path:
    """The path, where a regular file stands there; raises `error` for a folder, for nothing and for
    a device.
    """
    if path.is_dir():
        raise error(f"{path}: a folder, expected {expected}: name the file in it")
    if not path.exists():
        raise error(f"{path}: no such file, expected {expected}: check the path")
    if not path.is_file():
        raise error(f"{path}: not a regular file, expected {expected}: save it as a file first")
    return path


def disguise(head: bytes, suffix: str = "") -> str | None:
    """What a file is in place of what its suffix says, and the way out; `None` where the first
    bytes do not tell.

    >>> disguise(b"version https://git-lfs.github.com/spec/v1")
    'a git-lfs pointer: run `git lfs pull`'
    """
    genuine = {".npz": b"PK\x03\x04", ".parquet": b"PAR1"}.get(suffix)
    for start, kind, remedy in _KINDS:
        if start != genuine and head.startswith(start):
            return f"{kind}: {remedy}"
    return None


def coding(head: bytes) -> str | None:
    """What text is encoded as in place of UTF-8, and the way out; `None` where the first bytes may
    be UTF-8.
    """
    for mark, name in _MARKS:
        if head.startswith(mark):
            return f"{name} text: save it as UTF-8"
    even, odd = head[::2].count(0), head[1::2].count(0)
    if min(even, odd) == 0 and 4 * max(even, odd) > len(head):
        return "UTF-16 text: save it as UTF-8"
    return None


def check(path: Path, head: bytes, expected: str, error: type[SordinoError]) -> None:
    """Raise `error` where the first bytes of a file are not those of UTF-8 text."""
    problem = disguise(head) or coding(head)
    if problem:
        kind, remedy = problem.split(": ", 1)
        raise error(f"{path}: {kind}, expected {expected}: {remedy}")


def not_utf8(path: Path, content: bytes, expected: str) -> str:
    """The sentence for text in another encoding: the line of the first such byte, and what it may
    be.
    """
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


def read(path: str | Path, expected: str, error: type[SordinoError], most: int = 1 << 30) -> str:
    """The text of a file in UTF-8, without its byte-order mark.

    Raises `error` for a folder, an absent file, a pointer, an archive, another encoding and more
    than `most` bytes; `StorageError` where the file cannot be read.
    """
    path = regular(home(path), expected, error)
    with storage.told(path), path.open("rb") as file:
        content = file.read(most + 1)
    if len(content) > most:
        raise error(f"{path}: over {most:,} bytes, expected {expected}: check the path")
    check(path, content[:HEAD], expected, error)
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as wrong:
        raise error(not_utf8(path, content, expected)) from wrong
