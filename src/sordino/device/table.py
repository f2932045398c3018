"""Released vectors as a table: one row an utterance, its file and its numbers, nothing else."""

from __future__ import annotations

import csv
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
    rows.writerow(["file", *_names(vectors)])
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
    columns = dict(zip(_names(vectors), np.ascontiguousarray(vectors.T), strict=True))
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


def _names(vectors: Vectors) -> list[str]:
    return [f"x{column}" for column in range(vectors.shape[1])]
