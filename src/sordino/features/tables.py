"""Foreign tables as columns: CSV, Parquet and NPZ, with columns of numbers or unchanged text.

No content of a file is executed or unpickled. Each kind of wrong table has its own message.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pandas as pd

from sordino import storage, textfile
from sordino.errors import FeatureError, SordinoError
from sordino.features import table_size
from sordino.features.formats.csv_table import read_csv
from sordino.features.formats.names import key_names
from sordino.features.formats.npz_table import read_npz
from sordino.features.formats.parquet_table import read_parquet
from sordino.storage import Location

LARGEST_DOWNLOAD: Final = 1 << 36
"""The limit of a table behind a URL: it is copied to a temporary folder of this machine."""

EXPECTED: Final = "a table with one row an utterance"

SHARD_SUFFIX: Final = ".shards"
"""The end of the name of a folder of shards (`sordino.features.shards`), read like a table."""


def read_table(path: str | Location, text: Collection[str] = ()) -> pd.DataFrame:
    """The columns of a table, with a named index as a column, and with columns of lists spread to
    one column per value.

    The columns `text` of a CSV table are read as text, as are `file` and `utterance`; in Parquet
    and NPZ a column has its stored type. A folder of shards is read as one table, after a check of
    its checksums. Raises `FeatureError` for a damaged table, a table without
    rows, two columns of one name, a column of structures, and for a table that is too large for
    memory (before it is decoded) or for the limits of `table_size`; `StorageError` for an
    unreadable file.
    """
    path = storage.location(path)
    if path.suffix.lower() == SHARD_SUFFIX:
        return _read(storage.on_this_machine(path, "a folder of shards"), text)
    table_suffix(path)
    with storage.local_copy(path, LARGEST_DOWNLOAD) as file:
        return _read(file, text)


def _read(path: Path, text: Collection[str]) -> pd.DataFrame:
    """`read_table` of a file of this machine."""
    path = textfile.home(path)
    if path.suffix.lower() == SHARD_SUFFIX:
        table_size.check_memory(path)
        shards = list(_shard_tables(path, text))
        frame = pd.concat(shards, ignore_index=True) if shards else pd.DataFrame()
    else:
        frame = _decoded(path, table_suffix(path), text)
    check_rows(path, *frame.shape)
    return frame.rename(columns=key_names(path, list(frame.columns)))


def check_rows(path: Path, rows: int, columns: int) -> None:
    """Raise `FeatureError` for a table without rows, and for one beyond the limits."""
    table_size.check_shape(path, rows, columns)
    if not rows:
        raise FeatureError(
            f"{path}: no rows, expected one an utterance: check what wrote the table"
        )


def read_shards(folder: str | Path) -> Iterator[pd.DataFrame]:
    """The table of each shard of a folder in order, with the memory of one shard: the columns
    `file`, `start`, `end`, labels and dimensions, one row per utterance.

    A shard is checked against the checksum of the manifest before it is decoded; shards without a
    vector are left out. Raises `FeatureError` for an unfinished run, and for a shard that is absent
    or changed; `StorageError` for an unreadable folder.
    """
    yield from _shard_tables(textfile.home(folder), ())


def _shard_tables(folder: Path, text: Collection[str]) -> Iterator[pd.DataFrame]:
    from sordino.features.shards.folder import verified_shards  # which imports this module

    for path in verified_shards(folder):
        yield _decoded(path, ".parquet", text)


def _decoded(path: Path, suffix: str, text: Collection[str]) -> pd.DataFrame:
    """The columns of one file."""
    with readable(path, suffix):
        table_size.check_memory(path)
        return _READERS[suffix](path, text)


@contextmanager
def readable(path: Path, suffix: str) -> Iterator[None]:
    """Check the kind of a file, and give the errors of its reader their messages."""
    with decoding(path, suffix):
        path.stat()  # an absent file is an error of storage
        textfile.regular(path, EXPECTED, FeatureError)
        with path.open("rb") as file:
            problem = textfile.disguise(file.read(textfile.HEAD_BYTES), suffix)
        if problem:
            kind, remedy = problem.split(": ", 1)
            raise FeatureError(f"{path}: {kind}, expected {EXPECTED}: {remedy}")
        yield


@contextmanager
def decoding(path: Path, suffix: str) -> Iterator[None]:
    """Give each error of a reader the message of a damaged or too large table."""
    with storage.as_storage_error(path):
        try:
            yield
        except (OSError, SordinoError):
            raise
        except MemoryError as error:
            raise table_size.no_memory(path) from error
        except Exception as error:  # parsers of damaged files raise any exception
            expected = (
                "with an array `x` (rows, dims)"
                if suffix in (".npz", ".npy")
                else "with one row an utterance"
            )
            raise FeatureError(
                f"{path}: not a readable {suffix} table {expected}: write it anew"
            ) from error


def check_table_name(path: Location) -> None:
    """Raise `FeatureError` for a path that is not UTF-8, which no record or page can hold."""
    try:
        str(path).encode()
    except UnicodeEncodeError as error:
        raise FeatureError(
            f"{str(path)!a}: a name that is not UTF-8, which no record can hold, expected "
            "one of UTF-8: rename the file or its folder"
        ) from error


def table_suffix(path: Location) -> str:
    """The suffix of a table in one file, in lower case; raises `FeatureError` for another one and
    as `check_table_name` does.
    """
    check_table_name(path)
    suffix = path.suffix.lower()
    if suffix not in _READERS:
        remedy = _REMEDIES.get(suffix, "choose one")
        raise FeatureError(
            f"{path}: suffix {suffix or 'missing'}, expected one of {', '.join(_READERS)}: {remedy}"
        )
    return suffix


def distinct_ends(files: list[tuple[str, ...]], depth: int) -> bool:
    """Whether different paths, as tuples of parts, still differ in their last `depth` parts."""
    return len({parts[-depth:] for parts in files}) == len(set(files))


_REMEDIES: Final = {
    **dict.fromkeys((".gz", ".bz2", ".xz", ".zst", ".zip"), "unpack it first"),
    **dict.fromkeys(
        (".pkl", ".pickle", ".pt", ".joblib"),
        "a pickle is never read, save numbers and labels alone",
    ),
    **dict.fromkeys(
        (".tsv", ".tab", ".txt"), "name it .csv, which may have tabs or semicolons too"
    ),
    **dict.fromkeys((".xlsx", ".xls", ".ods"), "save it as 'CSV UTF-8'"),
    ".npy": "save it as .npz with an array `x` and one a label, or use `audit --array-labels`",
}


_READERS: Final[dict[str, Callable[[Path, Collection[str]], pd.DataFrame]]] = {
    ".parquet": read_parquet,
    ".csv": read_csv,
    ".npz": read_npz,
}
TABLE_SUFFIXES: Final = (*_READERS, SHARD_SUFFIX)
"""The suffixes of tables that are read, a folder of shards included."""
