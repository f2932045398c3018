"""Foreign tables as columns: CSV, Parquet and NPZ, with columns of numbers or unchanged text.

No content of a file is executed or unpickled. Each kind of wrong table has its own message.
"""

from __future__ import annotations

import zipfile
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sordino import storage, textfile
from sordino.corpora.labels import fold
from sordino.errors import FeatureError, SordinoError
from sordino.features import table_size
from sordino.features.csv_table import read_csv
from sordino.storage import Location

KEY_COLUMNS: Final = ("file", "start", "end", "utterance")
"""The columns that identify the utterance of a row, in any capitals."""

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
    table_size.check_shape(path, *frame.shape)
    if not len(frame):
        raise FeatureError(
            f"{path}: no rows, expected one an utterance: check what wrote the table"
        )
    return frame.rename(columns=_keys(path, list(frame.columns)))


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
    with storage.as_storage_error(path):
        path.stat()  # an absent file is an error of storage
        textfile.regular(path, EXPECTED, FeatureError)
        with path.open("rb") as file:
            problem = textfile.disguise(file.read(textfile.HEAD_BYTES), suffix)
        if problem:
            kind, remedy = problem.split(": ", 1)
            raise FeatureError(f"{path}: {kind}, expected {EXPECTED}: {remedy}")
        table_size.check_memory(path)
        try:
            return _READERS[suffix](path, text)
        except (OSError, SordinoError):
            raise
        except MemoryError as error:
            raise table_size.no_memory(path) from error
        except Exception as error:  # parsers of damaged files raise any exception
            expected = (
                "with an array `x` (rows, dims)"
                if suffix == ".npz"
                else "with one row an utterance"
            )
            raise FeatureError(
                f"{path}: not a readable {suffix} table {expected}: write it anew"
            ) from error


def table_suffix(path: Location) -> str:
    """The suffix of a table in one file, in lower case; raises `FeatureError` for another one."""
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
    ".npy": "save it as .npz with an array `x` and one array a label",
}


def _keys(path: Path, names: list[str]) -> dict[str, str]:
    """New names of columns: lower case for key columns. Raises for two columns of one name."""
    if not all(str(name).isprintable() for name in names):
        raise FeatureError(
            f"{path}: a column's name has characters that cannot be shown, expected text: rename it"
        )
    renamed = {name: fold(str(name)) for name in names if fold(str(name)) in KEY_COLUMNS}
    twice = [
        name
        for name, count in Counter(renamed.get(name, name) for name in names).items()
        if count > 1
    ]
    if twice:
        extra = f" (and {len(twice) - 1} more)" if len(twice) > 1 else ""
        raise FeatureError(
            f"{path}: column `{twice[0]}`{extra} is there twice, expected once: rename one"
        )
    return renamed


def _read_parquet(path: Path, text: Collection[str]) -> pd.DataFrame:
    from pyarrow import ArrowException, parquet

    try:
        with path.open("rb") as file:
            # a file object: no folder of the path becomes a column
            stored = parquet.ParquetFile(file)
            _keys(path, stored.schema_arrow.names)
            _check_kinds(path, stored.schema_arrow, text)
            words = [field.name for field in stored.schema_arrow if _is_text(field.type)]
            # text that repeats is stored once, so a small file may hold much of it
            packed = parquet.ParquetFile(file, metadata=stored.metadata, read_dictionary=words)
            table = packed.read(use_pandas_metadata=False)
            size = sum(table_size.text_bytes(table.column(name)) for name in words)
            table_size.check_bytes(path, size + table.nbytes)
            names = [str(name) for name in table.column_names]
            columns = [
                _column(path, name, column)
                for name, column in zip(names, table.columns, strict=True)
            ]
    except MemoryError:  # pyarrow's is an ArrowException too
        raise
    except (ArrowException, OSError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        raise ValueError(str(error)) from error  # a damaged file is an OSError without a number
    return pd.DataFrame({name: values for column in columns for name, values in column.items()})


def _check_kinds(path: Path, schema: Any, text: Collection[str]) -> None:
    """Raise for columns of other types than text, numbers, times and lists of numbers, whose size
    is known before they are decoded.
    """
    from pyarrow import types

    for field in schema:
        kind = field.type
        if _is_list(kind):
            element = kind.value_type
            if not (types.is_integer(element) or types.is_floating(element)):
                expected = (
                    "one label a row: save one a row, or name another"
                    if field.name in text
                    else "numbers: leave it out"
                )
                raise FeatureError(
                    f"{path}: column `{field.name}` holds lists of {element}, expected {expected}"
                )
            continue
        if types.is_dictionary(kind):
            kind = kind.value_type
        plain = (types.is_primitive, types.is_decimal, types.is_null, types.is_fixed_size_binary)
        if not (_is_text(kind) or any(test(kind) for test in plain)):
            raise FeatureError(
                f"{path}: column `{field.name}` is not of numbers, it holds {kind}, expected text, "
                "numbers or lists of numbers: leave it out"
            )


def _is_list(kind: Any) -> bool:
    from pyarrow import types

    tests = (types.is_list, types.is_large_list, types.is_fixed_size_list)
    return any(test(kind) for test in tests)


def _is_text(kind: Any) -> bool:
    """Whether a column holds text or bytes, also as categories."""
    from pyarrow import types

    if types.is_dictionary(kind):
        kind = kind.value_type
    tests = (types.is_string, types.is_large_string, types.is_binary, types.is_large_binary)
    views = (types.is_string_view, types.is_binary_view)
    return any(test(kind) for test in (*tests, *views))


def _column(path: Path, name: str, column: Any) -> dict[str, NDArray[Any] | pd.Series]:
    """A stored column as one column, or as several if it holds lists."""
    from pyarrow import types

    kind = column.type
    if _is_list(kind):
        return _spread(path, name, column)
    if name.startswith("__index_level_"):
        return {}
    if types.is_dictionary(kind) and _is_text(kind):
        parts = [_texts(chunk) for chunk in column.chunks]
        values = np.concatenate(parts) if parts else np.empty(0, dtype=object)
        return {name: pd.Series(values, dtype=object)}
    if types.is_dictionary(kind):
        column = column.cast(kind.value_type)
    if types.is_decimal(column.type):
        return {
            name: np.array(
                [np.nan if value is None else float(value) for value in column.to_pylist()]
            )
        }
    return {name: column.to_pandas().reset_index(drop=True)}


def _texts(chunk: Any) -> NDArray[Any]:
    """The texts `(rows,)` of a part of a column, None where one is missing; equal texts are one
    object.
    """
    dictionary = np.array([*chunk.dictionary.to_pylist(), None], dtype=object)
    texts: NDArray[Any] = dictionary[chunk.indices.fill_null(-1).to_numpy(zero_copy_only=False)]
    return texts


def _spread(path: Path, name: str, column: Any) -> dict[str, NDArray[Any] | pd.Series]:
    """A column of lists of numbers, all of one length, as one column per value."""
    from pyarrow import compute

    lengths = compute.list_value_length(column)
    if column.null_count or len(compute.unique(lengths)) > 1:
        raise FeatureError(
            f"{path}: column `{name}` holds lists of several lengths or none at all, expected one "
            "vector a row, all of one length: pool them over time"
        )
    width = lengths[0].as_py() if len(column) else 0
    table_size.check_shape(path, len(column), width)
    flat = compute.list_flatten(column).to_numpy()
    rows = np.asarray(flat, dtype=np.float64).reshape(len(column), width)
    return {f"{name}[{index}]": rows[:, index] for index in range(width)}


def _read_npz(path: Path, _: Collection[str]) -> pd.DataFrame:
    with zipfile.ZipFile(path) as archive:
        members = archive.namelist()
        _keys(path, [member.removesuffix(".npy") for member in members])
        arrays = {member.removesuffix(".npy"): _array(path, archive, member) for member in members}
    if "x" not in arrays:
        members_text = ", ".join(list(arrays)[:8]) or "none"
        raise FeatureError(
            f"{path}: not a readable .npz table with an array `x` (rows, dims), its arrays: "
            f"{members_text}: write it anew"
        )
    x = arrays.pop("x")
    if x.ndim != 2 or x.dtype.kind not in "fiub":
        raise FeatureError(
            f"{path}: not a readable .npz table with an array `x` (rows, dims), its `x` is "
            f"{x.dtype} of shape {x.shape}: write it anew"
        )
    titles = arrays.pop("names", np.array([f"x{column}" for column in range(x.shape[1])]))
    names = list(map(str, titles.ravel().tolist()))
    if len(names) != x.shape[1]:
        raise FeatureError(
            f"{path}: {len(names)} names for {x.shape[1]} dimensions of `x`, expected one each: "
            "mend it"
        )
    labels = {_singular(name): values for name, values in arrays.items()}
    _keys(path, [*names, *labels])
    sized = {
        name: values for name, values in labels.items() if values.shape in ((len(x),), (len(x), 1))
    }
    columns = {name: _labels(values) for name, values in sized.items()}
    frame = pd.concat(
        [pd.DataFrame(x, columns=names), pd.DataFrame(columns, index=range(len(x)))], axis=1
    )
    frame.attrs = {
        "labels": tuple(sized),
        "unused": tuple(name for name in labels if name not in sized),
    }
    return frame


def _labels(values: NDArray[Any]) -> pd.Series:
    """An array of one label per row; text becomes Python text."""
    flat = values.reshape(-1)
    return pd.Series(flat, dtype=object if flat.dtype.kind in "SU" else flat.dtype)


def _singular(name: str) -> str:
    return name[:-1] if name in {f"{key}s" for key in KEY_COLUMNS} else name


def _array(path: Path, archive: zipfile.ZipFile, member: str) -> NDArray[Any]:
    """One array of an archive. Objects are refused and never unpickled, and so is a header that
    promises more than the file has.
    """
    name = member.removesuffix(".npy")
    with archive.open(member) as file:
        version = np.lib.format.read_magic(file)
        header = (
            np.lib.format.read_array_header_1_0
            if version == (1, 0)
            else np.lib.format.read_array_header_2_0
        )
        try:
            shape, _, kind = header(file)
        except MemoryError as error:  # Python's parser has no other error for deep nesting
            raise ValueError(f"{name} has a nested header") from error
        if kind.hasobject:
            raise FeatureError(
                f"{path}: array `{name}` holds Python objects, which are never unpickled, expected "
                f"text or numbers: save it as `{name}.astype({'float' if name == 'x' else 'str'})`"
            )
        if int(np.prod(shape, dtype=object)) * kind.itemsize > archive.getinfo(member).file_size:
            raise ValueError(f"{name} is cut short")
        table_size.check_shape(path, *[*shape[:2], 1, 1][:2])
        if kind.kind in "fiub":
            table_size.check_bytes(path, 8 * int(np.prod(shape, dtype=object)))
    with archive.open(member) as file:
        array: NDArray[Any] = np.lib.format.read_array(file, allow_pickle=False)
    return array


_READERS: Final[dict[str, Callable[[Path, Collection[str]], pd.DataFrame]]] = {
    ".parquet": _read_parquet,
    ".csv": read_csv,
    ".npz": _read_npz,
}
TABLE_SUFFIXES: Final = (*_READERS, SHARD_SUFFIX)
"""The suffixes of tables that are read, a folder of shards included."""
