"""Finished units of an audit or a study in a folder or behind a URL: a killed run resumes after its
last unit, and no unit is trusted.

A unit is a table and a record, in two files. Their name holds the digest of all inputs of the unit:

    NAME-DIGEST.parquet     the table
    NAME-DIGEST.json        unit, key and version; size and SHA-256 of the table; the record; the
                            SHA-256 of all of these

The record binds the table, so that parts of two units do not combine. The key binds the unit to its
inputs, so that a renamed file is refused. Files are read like foreign data: no links, no devices, a
limit on the size, plain columns only, no pickles. A unit that does not match is named in a warning
and computed again. Checksums find damage and mistakes. They do not prove the author of a file:
protect the folder from other users.
"""

from __future__ import annotations

import hashlib
import io
import itertools
import json
import os
import stat
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import metadata, resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any, Final

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

import sordino
from sordino import storage
from sordino.errors import StorageError
from sordino.progress import track
from sordino.storage import Location

Unit = tuple[pd.DataFrame, dict[str, Any]]
"""A table and its record."""

Finished = tuple[str, pd.DataFrame, dict[str, Any]]
"""The name of a unit, its table and its record."""

Check = Callable[[pd.DataFrame, dict[str, Any]], object]
"""Raises for a unit of another kind than its reader expects."""

RECORD_BYTES: Final = 64 << 20
TABLE_BYTES: Final = 1 << 30
"""The largest record and the largest table, on disk and in memory."""

_FIELDS: Final = ("unit", "key", "version", "bytes", "table", "record")


class DamagedUnitError(ValueError):
    """A file of a unit was changed after it was written."""


@dataclass(frozen=True)
class Checkpoints:
    """The units of one run in one folder.

    - `keys`: all inputs of each unit, by its name (`identity` has the inputs that most units
      share).
    - `folder`: the folder of finished units; `None` stores none.
    - `title`: the name of the units on the progress bar.
    - `check`: raises for a table and a record that no unit of this run has.
    """

    keys: Mapping[str, str]
    folder: Location | None
    title: str
    check: Check | None = None

    def gather(self, compute: Callable[[Sequence[str]], Iterable[Finished]]) -> dict[str, Unit]:
        """Every unit by name, in the order of the keys; `compute` receives the names of the units
        that are not on disk.

        Each unit is on disk before the next is computed. Raises `StorageError` where the folder
        cannot be written.
        """
        units = {name: unit for name in self.keys if (unit := self.find(name)) is not None}
        missing = [name for name in self.keys if name not in units]
        for name, table, record in track(compute(missing), self.title, len(missing)):
            units[name] = self.keep(name, table, record)
        return {name: units[name] for name in self.keys}

    def path(self, name: str) -> Location:
        """The file of a unit's table; its record stands beside it."""
        if self.folder is None:
            raise StorageError(
                f"unit {name} has no folder, expected a folder for the units: name one"
            )
        digest = hashlib.sha256(f"{name} {self._key(name)}".encode()).hexdigest()[:12]
        return self.folder / f"{storage.safe_name(name)}-{digest}.parquet"

    def find(self, name: str) -> Unit | None:
        """A unit from disk, `None` where it is absent. A unit that does not match gives a warning
        and `None`.
        """
        if self.folder is None or not storage.exists(self.path(name)):
            return None
        path = self.path(name)
        try:
            table, record = _unpacked(path, name, self._key(name))
            if self.check is not None:
                self.check(table, record)
        except StorageError:  # a store that does not answer has lost no unit
            raise
        except Exception as error:  # parsers of damaged files raise any exception
            reason = " ".join(f"{error}".split())[:200] or type(error).__name__
            warnings.warn(
                f"{path}: {reason}, expected the unit {name} as it was written: computed anew",
                stacklevel=2,
            )
            return None
        return table, record

    def keep(self, name: str, table: pd.DataFrame, record: Mapping[str, Any]) -> Unit:
        """Write a unit, the record before the table: a unit with a table is complete. Returns the
        unit as it is read.
        """
        content = _parquet(table)
        text = _record(name, self._key(name), content, record)
        if self.folder is not None:
            storage.folder(self.folder)
            for path, file in (
                (self.path(name).with_suffix(".json"), text),
                (self.path(name), content),
            ):
                _make_room(path)
                storage.write(path, file, durable=True)
        return _table(content), json.loads(text)["record"]

    def _key(self, name: str) -> str:
        return hashlib.sha256(f"{sordino.__version__} {self.keys[name]}".encode()).hexdigest()


def identity(
    rooms: Sequence[str], packages: Sequence[str] = ("numpy", "scipy", "scikit-learn")
) -> str:
    """The common inputs of units: the code of these rooms of sordino and of its top-level modules,
    and the versions of these packages.

    The version of sordino alone does not suffice, since a checkout changes many times under one
    version. A digest of the sources computes some units again and never uses a stale one.
    """
    return json.dumps(
        [_code(tuple(rooms)), {name: metadata.version(name) for name in packages}], sort_keys=True
    )


@cache
def _code(rooms: tuple[str, ...]) -> str:
    """SHA-256 of the sources of some rooms, and of the modules beside them."""
    sha, package = hashlib.sha256(), resources.files(sordino)
    modules = [
        (path.name, path.read_bytes())
        for path in sorted(package.iterdir(), key=lambda path: path.name)
        if path.name.endswith(".py")
    ]
    in_rooms = [_sources(package / room, room) for room in sorted(rooms)]
    for name, content in itertools.chain(modules, *in_rooms):
        sha.update(f"{name} {len(content)} ".encode() + content)
    return sha.hexdigest()


def _sources(folder: Traversable, name: str) -> list[tuple[str, bytes]]:
    files = []
    for path in sorted(folder.iterdir(), key=lambda path: path.name):
        inside = f"{name}/{path.name}"
        if path.name.endswith(".py"):
            files.append((inside, path.read_bytes()))
        elif path.is_dir() and path.name != "__pycache__":
            files += _sources(path, inside)
    return files


def read_bounded(path: Location, limit: int) -> bytes:
    """The content of a regular file of at most `limit` bytes.

    Raises `DamagedUnitError` for a link, a folder, a device or a larger file.
    """
    path = storage.location(path)
    if not isinstance(path, Path):
        return _within(path.read(limit + 1), limit)
    if path.is_symlink():
        raise DamagedUnitError("a link")
    if path.is_dir():
        raise DamagedUnitError("a folder")
    with os.fdopen(storage.open_file(path), "rb") as stream:
        status = os.fstat(stream.fileno())
        if not stat.S_ISREG(status.st_mode):
            raise DamagedUnitError("not a regular file")
        if status.st_size > limit:
            raise DamagedUnitError(f"{status.st_size:,} bytes, more than {limit:,}")
        return _within(stream.read(limit + 1), limit)


def _within(content: bytes, limit: int) -> bytes:
    if len(content) > limit:
        raise DamagedUnitError(f"more than {limit:,} bytes")
    return content


def _make_room(path: Location) -> None:
    """Remove a link, pipe or device and rename a folder at a path; `storage.write` replaces none of
    them.
    """
    if not isinstance(path, Path) or not os.path.lexists(path):
        return
    if stat.S_ISREG(path.lstat().st_mode):
        return
    if stat.S_ISDIR(path.lstat().st_mode):
        warnings.warn(
            f"{path}: a folder, expected a file: renamed to {storage.set_aside(path).name}",
            stacklevel=2,
        )
        return
    with storage.as_storage_error(path):
        path.unlink(missing_ok=True)


def _record(name: str, key: str, table: bytes, record: Mapping[str, Any]) -> str:
    content: dict[str, Any] = {
        "unit": name,
        "key": key,
        "version": sordino.__version__,
        "bytes": len(table),
    }
    content |= {"table": hashlib.sha256(table).hexdigest(), "record": dict(record)}
    return json.dumps(content | {"checksum": _checksum(content)}, indent=1)


def _checksum(content: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()


def _unpacked(path: Location, name: str, key: str) -> Unit:
    """The table and the record of a unit. Raises `DamagedUnitError` where either was changed."""
    try:
        content = json.loads(read_bounded(path.with_suffix(".json"), RECORD_BYTES))
    except FileNotFoundError as error:
        raise DamagedUnitError("no record beside it") from error
    except (ValueError, RecursionError) as error:
        raise (
            error
            if isinstance(error, DamagedUnitError)
            else DamagedUnitError("its record is no JSON")
        ) from error
    if not isinstance(content, dict) or set(content) != {*_FIELDS, "checksum"}:
        raise DamagedUnitError("its record has other entries")
    if content.pop("checksum") != _checksum(content) or not isinstance(content["record"], dict):
        raise DamagedUnitError("its record does not match its checksum")
    if (content["unit"], content["key"]) != (name, key):
        raise DamagedUnitError("the record of another unit")
    table = read_bounded(path, TABLE_BYTES)
    if hashlib.sha256(table).hexdigest() != content["table"]:
        raise DamagedUnitError("the table does not match the checksum in its record")
    return _table(table), content["record"]


def _parquet(table: pd.DataFrame) -> bytes:
    stream = io.BytesIO()
    table.to_parquet(stream, index=False)
    return stream.getvalue()


def _table(content: bytes) -> pd.DataFrame:
    """A table of plain columns.

    Raises `DamagedUnitError` for other types and for more than `TABLE_BYTES` of memory, before that
    memory is used.
    """
    source = pa.BufferReader(content)
    head = pq.read_metadata(source)
    schema = pq.read_schema(pa.BufferReader(content))
    odd = [field.name for field in schema if not _plain(field.type)]
    if odd:
        raise DamagedUnitError(f"column {odd[0]} is of type {schema.field(odd[0]).type}")
    pages = sum(head.row_group(group).total_byte_size for group in range(head.num_row_groups))
    if max(8 * head.num_rows * max(head.num_columns, 1), pages) > TABLE_BYTES:
        raise DamagedUnitError(f"{head.num_rows:,} rows of {head.num_columns:,} columns")
    text = [field.name for field in schema if not pa.types.is_primitive(field.type)]
    packed = pq.read_table(pa.BufferReader(content), read_dictionary=text, memory_map=False)
    if sum(_size(packed.column(name)) for name in packed.column_names) > TABLE_BYTES:
        raise DamagedUnitError("more text than a table may hold")
    table: pd.DataFrame = packed.cast(schema.remove_metadata()).to_pandas()
    return table


def _plain(kind: pa.DataType) -> bool:
    tests = (pa.types.is_primitive, pa.types.is_string, pa.types.is_large_string, pa.types.is_null)
    return any(test(kind) for test in tests)


def _size(column: pa.ChunkedArray) -> int:
    """Bytes of a column after its dictionary of texts is decoded."""
    if not pa.types.is_dictionary(column.type):
        return int(column.nbytes)
    lengths = (
        pc.sum(pc.binary_length(chunk.dictionary).take(chunk.indices)) for chunk in column.chunks
    )
    return sum(total.as_py() or 0 for total in lengths)
