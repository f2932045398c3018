"""The files of a bundle on the disk: a folder, or one zip whose parts are stored as they are.

A path is read once, within a limit of bytes. Links, packed parts, parts that lie over each other
and two parts of one name are refused.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, Protocol

from sordino import storage
from sordino.errors import BundleError

DIGEST: Final = 64
"""Hexadecimal digits of a SHA-256."""

JSON_BYTES: Final = 1 << 20
"""Bytes of a JSON file; parsed, a larger one may take a hundred times its size."""

TORN: Final = (NotImplementedError, EOFError, RuntimeError, zipfile.BadZipFile)
"""What reading a damaged zip raises."""


class Source(Protocol):
    """The files of one bundle by name."""

    def has(self, name: str) -> bool:
        """Whether there is such a file."""

    def read(self, name: str) -> bytes:
        """Its bytes. Raises `BundleError` where it is missing, a link or too large."""


def source(path: Path, most: int) -> Source:
    """The files of the bundle at a path, of which `most` bytes are read at most."""
    return Packed(path, most) if path.is_file() else Folder(path, most)


class Folder:
    """A bundle that is a folder; each file is read when it is asked for."""

    def __init__(self, folder: Path, most: int) -> None:
        self._folder, self._most, self._left = folder, most, most

    def has(self, name: str) -> bool:
        path = self._folder / name
        return path.is_symlink() or path.exists()

    def read(self, name: str) -> bytes:
        path = self._folder / name
        with storage.told(path):
            if path.is_symlink():  # its target is no part of the bundle
                raise BundleError(
                    f"{self._folder}: {name} is a link, expected a file: copy the bundle anew"
                )
            if not path.is_file():
                raise BundleError(
                    f"{self._folder}: {name} is missing, expected a whole bundle: copy it anew"
                )
        content = _content(path, self._left, self._most)
        self._left -= len(content)
        return content


class Packed:
    """A bundle that is one file; its last bytes, the comment of the zip, are the checksum of all
    before them.
    """

    def __init__(self, path: Path, most: int) -> None:
        self._path = path
        content = _content(path, most, most)
        if hashlib.sha256(memoryview(content)[:-DIGEST]).hexdigest().encode() != content[-DIGEST:]:
            raise BundleError(f"{path}: no bundle, or one that was changed: copy it anew")
        try:
            with stored(content) as archive:
                self._files = {name: archive.read(name) for name in archive.namelist()}
        except (ValueError, *TORN) as error:
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


def _content(path: Path, left: int, most: int) -> bytes:
    """The bytes of a file that is not checked yet: a file of more than `left` bytes is not read."""
    with storage.told(path), path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        if size > left:
            raise BundleError(
                f"{path}: larger than a bundle may be, {most >> 20} MB in all: write it again"
            )
        return file.read(size)


def stored(content: bytes) -> zipfile.ZipFile:
    """A zip whose parts are as they are, no larger together than it is. Raises `ValueError` for
    another.
    """
    archive = zipfile.ZipFile(io.BytesIO(content))
    parts = archive.infolist()
    if any(part.compress_type != zipfile.ZIP_STORED for part in parts):
        raise ValueError("packed parts may be of any size")
    if sum(part.file_size for part in parts) > len(content):
        raise ValueError("parts lie over each other")
    if len({part.filename for part in parts}) < len(parts):
        raise ValueError("two parts of one name: readers differ in which of them they take")
    return archive


def packed(files: Mapping[str, bytes]) -> bytes:
    """A zip with a fixed time in it, whose comment is its checksum."""
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
    """As JSON, always in the same way; a number that is not finite becomes null."""
    content = json.loads(json.dumps(content), parse_constant=lambda name: None)  # noqa: ARG005
    return (json.dumps(content, indent=2, sort_keys=True, ensure_ascii=False) + "\n").encode()


def parsed(content: bytes) -> Any:
    """JSON that all readers read alike. Raises `ValueError` for 1 MB or more, doubled keys, NaN and
    infinity.
    """
    if len(content) >= JSON_BYTES:
        raise ValueError(f"{len(content)} bytes of JSON")

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        if len(dict(pairs)) < len(pairs):
            raise ValueError("a key that comes twice")
        return dict(pairs)

    def refused(name: str) -> None:
        raise ValueError(f"{name} is no number of JSON")

    return json.loads(content, object_pairs_hook=unique, parse_constant=refused)


def digest(content: bytes) -> str:
    """The SHA-256 in hexadecimal digits."""
    return hashlib.sha256(content).hexdigest()
