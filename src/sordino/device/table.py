"""Released vectors as a table: one row an utterance, its file and its numbers, nothing else."""

from __future__ import annotations

import csv
import errno
import io
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from sordino import storage
from sordino.errors import DependencyError, ReleaseError

Vectors = NDArray[np.float32]


def _npz(files: Sequence[str], vectors: Vectors) -> bytes:
    content = io.BytesIO()
    np.savez(content, allow_pickle=False, x=vectors, files=np.array(files, str))
    return content.getvalue()


def _csv(files: Sequence[str], vectors: Vectors) -> str:
    content = io.StringIO()
    rows = csv.writer(content, lineterminator="\n")
    rows.writerow(["file", *_names(vectors.shape[1])])
    rows.writerows([file, *map(str, vector)] for file, vector in zip(files, vectors, strict=True))
    return content.getvalue()


def _parquet(files: Sequence[str], vectors: Vectors) -> bytes:
    try:
        import pyarrow
        from pyarrow import parquet
    except ModuleNotFoundError as error:
        raise DependencyError(
            "pyarrow is not installed, expected it for Parquet: pip install pyarrow, or write .npz or .csv"
        ) from error
    columns = dict(zip(_names(vectors.shape[1]), np.ascontiguousarray(vectors.T), strict=True))
    content = io.BytesIO()
    parquet.write_table(pyarrow.table({"file": list(files), **columns}), content)
    return content.getvalue()


WRITERS: Final[dict[str, Callable[[Sequence[str], Vectors], bytes | str]]] = {
    ".npz": _npz,
    ".csv": _csv,
    ".parquet": _parquet,
}
"""The kinds of table, by suffix; `sordino audit` reads each."""


def suffix(path: str | Path) -> str:
    """The suffix of a table, in lower case. Raises `ReleaseError` for one that is not known."""
    found = Path(path).suffix.lower()
    if found not in WRITERS:
        raise ReleaseError(f"{path}: suffix {found or 'missing'}, expected one of {', '.join(WRITERS)}: choose one")
    return found


def write(path: str | Path, files: Sequence[str], vectors: Vectors) -> Path:
    """Write vectors `(n, k)` and the file of each; the path.

    Raises `ReleaseError` for another suffix, `DependencyError` for Parquet without pyarrow, `StorageError`.
    """
    return storage.write(path, WRITERS[suffix(path)](files, vectors))


class Whole:
    """A table that is written when all its rows are there; without a row none is."""

    def __init__(self, path: str | Path) -> None:
        self._path, self._rows = path, list[tuple[str, Vectors]]()

    @property
    def count(self) -> int:
        """Rows so far."""
        return len(self._rows)

    def add(self, name: str, vector: Vectors) -> None:
        """Add a row."""
        self._rows.append((name, vector))

    def close(self) -> None:
        """Write what is there. Raises as `write` does."""
        if self._rows:
            write(self._path, [name for name, _ in self._rows], np.stack([vector for _, vector in self._rows]))


class Lines:
    """A CSV table that grows as an endless stream is heard: every row is in the file, whole, before the next one.

    A table that stands there is added to, as long as its vectors have the same `width`; a last line that a power cut
    left half is completed by a line break. Raises `ReleaseError` for any other file, `StorageError`.

    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "released.csv"
    >>> Lines(path, 2).add("microphone", np.array([0.5, 1.0], np.float32))
    >>> Lines(path, 2).add("microphone", np.array([0.0, 0.25], np.float32))
    >>> path.read_text().split()
    ['file,x0,x1', 'microphone,0.5,1.0', 'microphone,0.0,0.25']
    """

    def __init__(self, path: str | Path, width: int) -> None:
        self._path, self.count = Path(path), 0
        storage.folder(self._path.parent)
        header = f"file,{','.join(_names(width))}\n".encode()
        with storage.told(self._path):
            before = b""
            if self._path.exists():
                with self._path.open("rb") as file:
                    before = file.read(len(header))
                    file.seek(max(0, self._path.stat().st_size - 1))
                    last = file.read(1)
        if before and before != header:
            raise ReleaseError(
                f"{path}: another table stands there, expected vectors of {width} numbers: choose a path"
            )
        self._append(header if not before else b"" if last == b"\n" else b"\n")

    def add(self, name: str, vector: Vectors) -> None:
        """Add a row. Where it cannot be written as a whole, nothing of it is left."""
        quoted = '"' + name.replace('"', '""') + '"' if set(name) & set(',"\r\n') else name
        self._append(f"{quoted},{','.join(map(str, vector))}\n".encode())
        self.count += 1

    def close(self) -> None:
        """Everything is written already."""

    def _append(self, line: bytes) -> None:
        with storage.told(self._path), self._path.open("ab", buffering=0) as file:
            size = file.tell()
            try:
                if file.write(line) != len(line):
                    raise OSError(errno.ENOSPC, "no space")
            except BaseException:
                file.truncate(size)
                raise


def _names(width: int) -> list[str]:
    return [f"x{column}" for column in range(width)]
