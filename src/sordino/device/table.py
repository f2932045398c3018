"""Released vectors as a table: one row an utterance, its name and its numbers, nothing else.

The name is the path of the recording, in a column `file`, or an id in a column `utterance`. A path
may tell what the vector hides: the names of RAVDESS tell emotion and actor. Tables are for their
owner alone (mode 600 when new).
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import numpy as np

from sordino import storage
from sordino.errors import DependencyError, ReleaseError
from sordino.types import Vectors

FILE: Final = "file"
UTTERANCE: Final = "utterance"
"""The column of names: paths, or ids."""


def utterance_id(key: int, name: str, number: int, vector: Vectors) -> str:
    """An id for a row: it tells neither the name of the recording, nor its place among others.

    It follows from a 128-bit key that the reader of a table does not have: without it, no name can
    be tried. The same key, recording, `number` in the call and vector give the same id, so that a
    repeated call writes the same table.

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
    np.savez(content, x=vectors, **{f"{column}s": np.array(names, str)})  # type: ignore[arg-type]  # numpy 2.0: no `allow_pickle`
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


def suffix(path: str | Path) -> str:
    """The suffix of a table, in lower case. Raises `ReleaseError` for one that is not known."""
    found = Path(path).suffix.lower()
    if found not in WRITERS:
        raise ReleaseError(
            f"{path}: suffix {found or 'missing'}, expected one of {', '.join(WRITERS)}: choose one"
        )
    return found


def write(path: str | Path, names: Sequence[str], vectors: Vectors, column: str = FILE) -> Path:
    """Write vectors `(n, k)` and the name of each, in a column `file` or `utterance`; the path.

    Raises `ReleaseError` for another suffix, `DependencyError` for Parquet without pyarrow,
    `StorageError`.
    """
    return storage.write(path, WRITERS[suffix(path)](names, vectors, column), mode=storage.PRIVATE)


class Whole:
    """A table that is written when all its rows are there; without a row none is.

    Rows are in the order of `add`, or `by_name`, so that the order of random names tells nothing.
    """

    def __init__(self, path: str | Path, column: str = FILE, by_name: bool = False) -> None:
        self._path, self._column, self._by_name, self._rows = (
            path,
            column,
            by_name,
            list[tuple[str, Vectors]](),
        )

    @property
    def count(self) -> int:
        """Rows so far."""
        return len(self._rows)

    def add(self, name: str, vector: Vectors) -> None:
        """Add a row."""
        self._rows.append((name, vector))

    def close(self) -> None:
        """Write what is there. Raises as `write` does."""
        rows = sorted(self._rows, key=lambda row: row[0]) if self._by_name else self._rows
        if rows:
            vectors = np.stack([vector for _, vector in rows])
            write(self._path, [name for name, _ in rows], vectors, self._column)


class Lines:
    """A CSV table that grows as an endless stream is heard: every row is in the file, whole, before
    the next one.

    A table that stands there is added to, as long as its vectors have the same `width`; a last line
    that a power cut left half is completed by a line break. Raises `ReleaseError` for any other
    file, `StorageError`.

    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "released.csv"
    >>> Lines(path, 2).add("microphone", np.array([0.5, 1.0], np.float32))
    >>> Lines(path, 2).add("microphone", np.array([0.0, 0.25], np.float32))
    >>> path.read_text().split()
    ['file,x0,x1', 'microphone,0.5,1.0', 'microphone,0.0,0.25']
    """

    def __init__(self, path: str | Path, width: int, column: str = FILE) -> None:
        self._path, self.count = Path(path), 0
        storage.folder(self._path.parent)
        header = _header(column, width).encode()
        with storage.told(self._path):
            before = b""
            if self._path.exists():
                with self._path.open("rb") as file:
                    before = file.read(len(header))
                    file.seek(max(0, self._path.stat().st_size - 1))
                    last = file.read(1)
        if before and before != header:
            raise ReleaseError(
                f"{path}: another table stands there, expected `{column}` and vectors of {width} "
                "numbers: choose a path"
            )
        self._append(header if not before else b"" if last == b"\n" else b"\n")

    def add(self, name: str, vector: Vectors) -> None:
        """Add a row. Where it cannot be written as a whole, nothing of it is left."""
        self._append(_line(name, vector).encode())
        self.count += 1

    def close(self) -> None:
        """Everything is written already."""

    def _append(self, line: bytes) -> None:
        storage.append(self._path, line, mode=storage.PRIVATE)


def _spelled(name: str) -> str:
    """A name with escapes for the bytes that are no Unicode, which file names may have."""
    return name.encode("utf-8", "backslashreplace").decode()


def _names(width: int) -> list[str]:
    return [f"x{column}" for column in range(width)]
