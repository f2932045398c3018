"""The files of a bundle on the disk: a folder, or one zip without compression.

A path is read once, within a limit of bytes. Links, compressed parts, overlapping parts and two
parts of one name are refused.
"""

from __future__ import annotations

import hashlib
import io
import json
import math
import os
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, NoReturn, Protocol

from sordino import storage
from sordino.errors import BundleError

DIGEST: Final = 64
"""Hexadecimal digits of a SHA-256."""

JSON_BYTES: Final = 1 << 20
"""The limit of a JSON file in bytes. Parsed JSON may need a hundred times its size in memory."""

ZIP_ERRORS: Final = (NotImplementedError, EOFError, RuntimeError, zipfile.BadZipFile)
"""The errors of reading a damaged zip."""


class Source(Protocol):
    """The files of one bundle by name."""

    def has(self, name: str) -> bool:
        """Whether there is a file of this name."""

    def read(self, name: str) -> bytes:
        """The bytes of a file. Raises `BundleError` if it is missing, a link or too large."""


def open_source(path: Path, limit: int) -> Source:
    """The files of the bundle at a path; at most `limit` bytes are read."""
    return FileSource(path, limit) if path.is_file() else FolderSource(path, limit)


class FolderSource:
    """A bundle that is a folder; each file is read on request."""

    def __init__(self, folder: Path, limit: int) -> None:
        self._folder, self._limit, self._remaining = folder, limit, limit

    def has(self, name: str) -> bool:
        path = self._folder / name
        return path.is_symlink() or path.exists()

    def read(self, name: str) -> bytes:
        path = self._folder / name
        with storage.as_storage_error(path):
            if path.is_symlink():  # its target is not a part of the bundle
                raise BundleError(
                    f"{self._folder}: {name} is a link, expected a file: copy the bundle anew"
                )
            if not path.is_file():
                raise BundleError(
                    f"{self._folder}: {name} is missing, expected a whole bundle: copy it anew"
                )
        content = _content(path, self._remaining, self._limit)
        self._remaining -= len(content)
        return content


class FileSource:
    """A bundle that is one file. Its last bytes, the comment of the zip, are the checksum of all
    other bytes.
    """

    def __init__(self, path: Path, limit: int) -> None:
        self._path = path
        content = _content(path, limit, limit)
        if hashlib.sha256(memoryview(content)[:-DIGEST]).hexdigest().encode() != content[-DIGEST:]:
            raise BundleError(f"{path}: no bundle, or one that was changed: copy it anew")
        try:
            with storage.open_stored(content) as archive:
                self._files = {name: archive.read(name) for name in archive.namelist()}
        except (ValueError, *ZIP_ERRORS) as error:
            raise BundleError(
                f"{path}: not a bundle, expected what `write` wrote: write it again"
            ) from error

    def has(self, name: str) -> bool:
        return name in self._files

    def read(self, name: str) -> bytes:
        if name not in self._files:
            raise BundleError(
                f"{self._path}: {name} is missing, expected a whole bundle: copy it anew"
            )
        return self._files[name]


def _content(path: Path, remaining: int, limit: int) -> bytes:
    """The bytes of an unchecked file: a file of more than `remaining` bytes is not read."""
    with storage.as_storage_error(path), path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        if size > remaining:
            raise BundleError(
                f"{path}: larger than a bundle may be, {limit >> 20} MB in all: write it again"
            )
        return file.read(size)


def pack(files: Mapping[str, bytes]) -> bytes:
    """A zip with fixed times; its comment is its checksum."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name, content in files.items():
            entry = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
            entry.create_system, entry.external_attr = 3, 0o644 << 16
            archive.writestr(entry, content)
        archive.comment = b"0" * DIGEST
    content = buffer.getvalue()[:-DIGEST]
    return content + hashlib.sha256(content).hexdigest().encode()


def json_bytes(content: Any) -> bytes:
    """Content as JSON, the same bytes for the same content; NaN and infinity become null."""
    content = json.loads(json.dumps(content), parse_constant=lambda name: None)  # noqa: ARG005
    return (json.dumps(content, indent=2, sort_keys=True, ensure_ascii=False) + "\n").encode()


def parse_json(content: bytes) -> Any:
    """JSON that every reader understands in the same way.

    Raises `ValueError` for 1 MB or more, another encoding than UTF-8 without a mark, duplicate
    keys, NaN and infinity (also as `1e999`), and for half a character (`"\\ud800"`).
    """
    if len(content) >= JSON_BYTES:
        raise ValueError(f"{len(content)} bytes of JSON")

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        if len(dict(pairs)) < len(pairs):
            raise ValueError("a duplicate key")
        return dict(pairs)

    def refuse(name: str) -> NoReturn:
        raise ValueError(f"{name} is not a number in JSON")

    def finite(digits: str) -> float:
        return float(digits) if math.isfinite(float(digits)) else refuse(digits)

    parsed = json.loads(
        content.decode(), object_pairs_hook=unique, parse_constant=refuse, parse_float=finite
    )
    json.dumps(parsed, ensure_ascii=False).encode()  # half a character has no UTF-8
    return parsed


def sha256(content: bytes) -> str:
    """The SHA-256 of bytes in hexadecimal digits."""
    return hashlib.sha256(content).hexdigest()
