"""Foreign tables as columns: CSV, Parquet and NPZ, with columns of numbers or unchanged text.

No content of a file is executed or unpickled. Each kind of wrong table has its own message.
"""

from __future__ import annotations

import zipfile
from collections import Counter
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sordino import storage, textfile
from sordino.corpora.labels import fold
from sordino.errors import FeatureError, SordinoError
from sordino.features.csv_table import read_csv

KEY_COLUMNS: Final = ("file", "start", "end", "utterance")
"""The columns that identify the utterance of a row, in any capitals."""

EXPECTED: Final = "a table with one row an utterance"


def read_table(path: str | Path, text: Collection[str] = ()) -> pd.DataFrame:
    """The columns of a table, with a named index as a column, and with columns of lists spread to
    one column per value.

    The columns `text` of a CSV table are read as text, as are `file` and `utterance`; in Parquet
    and NPZ a column has its stored type. Raises `FeatureError` for a damaged table, a table without
    rows, and two columns of one name; `StorageError` for an unreadable file.
    """
    path = textfile.home(path)
    suffix = table_suffix(path)
    with storage.as_storage_error(path):
        path.stat()  # an absent file is an error of storage
        textfile.regular(path, EXPECTED, FeatureError)
        with path.open("rb") as file:
            problem = textfile.disguise(file.read(textfile.HEAD_BYTES), suffix)
        if problem:
            kind, remedy = problem.split(": ", 1)
            raise FeatureError(f"{path}: {kind}, expected {EXPECTED}: {remedy}")
        try:
            frame = _READERS[suffix](path, text)
        except (OSError, SordinoError):
            raise
        except Exception as error:  # parsers of damaged files raise any exception
            expected = (
                "with an array `x` (rows, dims)"
                if suffix == ".npz"
                else "with one row an utterance"
            )
            raise FeatureError(
                f"{path}: not a readable {suffix} table {expected}: write it anew"
            ) from error
    if not len(frame):
        raise FeatureError(
            f"{path}: no rows, expected one an utterance: check what wrote the table"
        )
    return frame.rename(columns=_keys(path, list(frame.columns)))


def table_suffix(path: Path) -> str:
    """The suffix of a table, in lower case; raises `FeatureError` for an unknown one."""
    suffix = path.suffix.lower()
    if suffix not in TABLE_SUFFIXES:
        remedy = _REMEDIES.get(suffix, "choose one")
        raise FeatureError(
            f"{path}: suffix {suffix or 'missing'}, expected one of {', '.join(TABLE_SUFFIXES)}: "
            f"{remedy}"
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
            table = stored.read(use_pandas_metadata=False)
            names = [str(name) for name in table.column_names]
            columns = [
                _column(path, name, column, text)
                for name, column in zip(names, table.columns, strict=True)
            ]
    except (ArrowException, OSError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        raise ValueError(str(error)) from error  # a damaged file is an OSError without a number
    return pd.DataFrame({name: values for column in columns for name, values in column.items()})


def _column(
    path: Path, name: str, column: Any, text: Collection[str]
) -> dict[str, NDArray[Any] | pd.Series]:
    """A stored column as one column, or as several if it holds lists."""
    from pyarrow import types

    kind = column.type
    if types.is_dictionary(kind):
        column = (
            column.combine_chunks().dictionary_decode()
            if column.num_chunks
            else column.cast(kind.value_type)
        )
        kind = column.type
    if types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind):
        return _spread(path, name, column, name in text)
    if name.startswith("__index_level_"):
        return {}
    if types.is_decimal(kind):
        return {
            name: np.array(
                [np.nan if value is None else float(value) for value in column.to_pylist()]
            )
        }
    if (
        types.is_string(kind)
        or types.is_large_string(kind)
        or types.is_binary(kind)
        or types.is_large_binary(kind)
    ):
        return {name: pd.Series(np.array(column.to_pylist() or [], dtype=object), dtype=object)}
    return {name: column.to_pandas().reset_index(drop=True)}


def _spread(path: Path, name: str, column: Any, label: bool) -> dict[str, NDArray[Any] | pd.Series]:
    """A column of lists of numbers, all of one length, as one column per value."""
    from pyarrow import compute, types

    kind = column.type.value_type
    if not (types.is_integer(kind) or types.is_floating(kind)):
        expected = (
            "one label a row: save one a row, or name another" if label else "numbers: leave it out"
        )
        raise FeatureError(f"{path}: column `{name}` holds lists of {kind}, expected {expected}")
    lengths = compute.list_value_length(column)
    if column.null_count or len(compute.unique(lengths)) > 1:
        raise FeatureError(
            f"{path}: column `{name}` holds lists of several lengths or none at all, expected one "
            "vector a row, all of one length: pool them over time"
        )
    width = lengths[0].as_py() if len(column) else 0
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
        shape, _, kind = header(file)
        if kind.hasobject:
            raise FeatureError(
                f"{path}: array `{name}` holds Python objects, which are never unpickled, expected "
                f"text or numbers: save it as `{name}.astype({'float' if name == 'x' else 'str'})`"
            )
        if int(np.prod(shape, dtype=object)) * kind.itemsize > archive.getinfo(member).file_size:
            raise ValueError(f"{name} is cut short")
    with archive.open(member) as file:
        array: NDArray[Any] = np.lib.format.read_array(file, allow_pickle=False)
    return array


_READERS: Final[dict[str, Callable[[Path, Collection[str]], pd.DataFrame]]] = {
    ".parquet": _read_parquet,
    ".csv": read_csv,
    ".npz": _read_npz,
}
TABLE_SUFFIXES: Final = tuple(_READERS)
"""The suffixes of tables."""
