"""Released vectors as a table: one row per utterance with its name and its numbers, or as the rows
of the server (`.jsonl`).

The name is the path of the recording, in a column `file`, or an id in a column `utterance`. A path
may reveal what the vector hides: names in RAVDESS contain emotion and actor. A new table is
readable by its owner only (mode 600).
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import numpy as np

from sordino import storage
from sordino.device.reader import Reader
from sordino.device.sending import wire
from sordino.errors import DependencyError, ReleaseError, StorageError
from sordino.types import Vectors

FILE: Final = "file"
UTTERANCE: Final = "utterance"
"""The column of names: paths, or ids."""


def utterance_id(key: int, name: str, number: int, vector: Vectors) -> str:
    """An id for a row. It reveals neither the name of the recording nor its position.

    It follows from a 128-bit key that the reader of a table does not have: without the key, no name
    can be tried. The same key, recording, `number` in the call and vector give the same id, so that
    a repeated call writes the same table.

    >>> utterance_id(1, "03-01-05.wav", 0, np.zeros(2, np.float32))
    '17b61d1154b08466'
    """
    content = (
        f"{number} {name}\0".encode("utf-8", "surrogateescape")
        + np.asarray(vector, "<f4").tobytes()
    )
    return hashlib.blake2b(
        content, digest_size=8, key=key.to_bytes(16, "little"), person=b"utterance id"
    ).hexdigest()


def _npz(names: Sequence[str], vectors: Vectors, column: str) -> bytes:
    content = io.BytesIO()
    # mypy of numpy 2.0 takes the name of an array for `allow_pickle`.
    arrays = {"x": vectors, f"{column}s": np.array(names, str)}
    np.savez(content, **arrays)  # type: ignore[arg-type]
    return content.getvalue()


def _csv(names: Sequence[str], vectors: Vectors, column: str) -> str:
    lines = [_line(name, vector) for name, vector in zip(names, vectors, strict=True)]
    return "".join([_header(column, vectors.shape[1]), *lines])


def _header(column: str, width: int) -> str:
    return f"{column},{','.join(_names(width))}\n"


def _line(name: str, vector: Vectors) -> str:
    """A row of a CSV table. (`csv.writer` leaves a carriage return bare.)"""
    name = storage.cell(_spelled(name))
    quoted = '"' + name.replace('"', '""') + '"' if set(name) & set(',"\r\n') else name
    return f"{quoted},{','.join(map(str, vector))}\n"


def _parquet(names: Sequence[str], vectors: Vectors, column: str) -> bytes:
    try:
        import pyarrow
        from pyarrow import parquet
    except ModuleNotFoundError as error:
        raise DependencyError(
            "pyarrow is not installed, expected it for Parquet: pip install pyarrow, or write .npz "
            "or .csv"
        ) from error
    columns = dict(zip(_names(vectors.shape[1]), np.ascontiguousarray(vectors.T), strict=True))
    content = io.BytesIO()
    parquet.write_table(pyarrow.table({column: list(map(_spelled, names)), **columns}), content)
    return content.getvalue()


WRITERS: Final[dict[str, Callable[[Sequence[str], Vectors, str], bytes | str]]] = {
    ".npz": _npz,
    ".csv": _csv,
    ".parquet": _parquet,
}
"""The kinds of table, by suffix; `sordino audit` reads each."""


WIRE_SUFFIX: Final = ".jsonl"
"""The suffix of a file of rows as the server takes them (`WireTable`)."""


def suffix(path: str | Path) -> str:
    """The suffix of a table, in lower case. Raises `ReleaseError` for an unknown one."""
    ending = Path(path).suffix.lower()
    kinds = (*WRITERS, WIRE_SUFFIX)
    if ending not in kinds:
        raise ReleaseError(
            f"{path}: suffix {ending or 'missing'}, expected one of {', '.join(kinds)}: choose one"
        )
    return ending


def check_absent(path: str | Path) -> None:
    """Raise `StorageError` where a file stands at a path: its vectors would be lost."""
    if storage.exists(Path(path)):
        raise StorageError(
            f"{path}: a file stands there, expected none: choose another path, or add --replace"
        )


def write(path: str | Path, names: Sequence[str], vectors: Vectors, column: str = FILE) -> Path:
    """Write vectors `(n, k)` and the name of each, in a column `file` or `utterance`; the path.

    A table at the path is replaced; `check_absent` refuses one. Raises `ReleaseError` for another
    suffix, `DependencyError` for Parquet without pyarrow, `StorageError`.
    """
    ending = suffix(path)
    if ending not in WRITERS:
        raise ReleaseError(f"{path}: rows of the server, expected a table: use `WireTable`")
    return storage.write(Path(path), WRITERS[ending](names, vectors, column), mode=storage.PRIVATE)


class WholeTable:
    """A table that is written when it is closed, unless it has no rows.

    Rows are in the order of `add`, or sorted `by_name`, so that the order of random names reveals
    nothing.
    """

    def __init__(self, path: str | Path, column: str = FILE, by_name: bool = False) -> None:
        self._path, self._column, self._by_name = Path(path), column, by_name
        self._rows = list[tuple[str, Vectors]]()

    @property
    def count(self) -> int:
        """Rows so far."""
        return len(self._rows)

    def add(self, name: str, vector: Vectors) -> None:
        """Add a row."""
        self._rows.append((name, vector))

    def close(self) -> None:
        """Write the rows. Without any, an earlier table at the path is removed: its vectors are of
        other recordings. Raises as `write` does.
        """
        rows = sorted(self._rows, key=lambda row: row[0]) if self._by_name else self._rows
        if rows:
            vectors = np.stack([vector for _, vector in rows])
            write(self._path, [name for name, _ in rows], vectors, self._column)
        elif self._path.is_file():
            with storage.as_storage_error(self._path):
                self._path.unlink()


class GrowingTable:
    """A CSV table that grows during an endless stream: every row is complete in the file before the
    next one.

    Rows are appended to an existing table with vectors of the same `width`; a last line that a
    power cut left incomplete is ended by a line break. Raises `ReleaseError` for any other file,
    `StorageError`.

    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "released.csv"
    >>> GrowingTable(path, 2).add("microphone", np.array([0.5, 1.0], np.float32))
    >>> GrowingTable(path, 2).add("microphone", np.array([0.0, 0.25], np.float32))
    >>> path.read_text().split()
    ['file,x0,x1', 'microphone,0.5,1.0', 'microphone,0.0,0.25']
    """

    def __init__(self, path: str | Path, width: int, column: str = FILE) -> None:
        self._path, self.count = Path(path), 0
        storage.folder(self._path.parent)
        header = _header(column, width).encode()
        before = b""
        if self._path.exists():
            before = storage.read_regular(self._path, len(header))
            with storage.as_storage_error(self._path), self._path.open("rb") as file:
                file.seek(max(0, self._path.stat().st_size - 1))
                last = file.read(1)
        if before and before != header:
            raise ReleaseError(
                f"{path}: another table stands there, expected `{column}` and vectors of {width} "
                "numbers: choose a path"
            )
        self._append(header if not before else b"" if last == b"\n" else b"\n")

    def add(self, name: str, vector: Vectors) -> None:
        """Add a row. If it cannot be written completely, no part of it remains."""
        self._append(_line(name, vector).encode())
        self.count += 1

    def close(self) -> None:
        """Do nothing: every row is written already."""

    def _append(self, line: bytes) -> None:
        storage.append(self._path, line, mode=storage.PRIVATE)


class WireTable:
    """A file of rows as the server takes them in `releases`: one line of JSON per released vector,
    complete in the file before the next one.

        {"number": 1, "prototype": 3}

    Numbers count the rows of the file from 1; the server counts all rows of a device, so a sender
    of its own numbers them on. A file at the path is replaced. Raises `StorageError`.
    """

    def __init__(self, path: str | Path, reader: Reader) -> None:
        self._path, self._reader, self.count = Path(path), reader, 0
        storage.folder(self._path.parent)
        storage.write(self._path, b"", mode=storage.PRIVATE)

    def add(self, name: str, vector: Vectors) -> None:  # noqa: ARG002 (the wire has no names)
        """Add a row. If it cannot be written completely, no part of it remains."""
        line = wire.release_bytes(self.count + 1, self._reader.item(vector))
        storage.append(self._path, line + b"\n", mode=storage.PRIVATE)
        self.count += 1

    def close(self) -> None:
        """Remove a file without rows; every row is written already."""
        if not self.count:
            with storage.as_storage_error(self._path):
                self._path.unlink(missing_ok=True)


def _spelled(name: str) -> str:
    """A name with escapes for bytes that are not Unicode, which file names may contain."""
    return name.encode("utf-8", "backslashreplace").decode()


def _names(width: int) -> list[str]:
    return [f"x{column}" for column in range(width)]
