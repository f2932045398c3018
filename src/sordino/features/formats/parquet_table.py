"""Parquet tables: read whole, or in blocks with the memory of a block.

A column of lists of numbers becomes one column per value.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sordino.errors import FeatureError
from sordino.features import table_size
from sordino.features.formats.blocks import TableBlock, TableBlocks, block_rows
from sordino.features.formats.names import key_names

_COLUMNS: Final = 64  # columns of a block: a reader holds about 2 MB of each
_BUFFER: Final = 1 << 16  # bytes that are read at once: without a limit it is a whole column


def read_parquet(path: Path, text: Collection[str]) -> pd.DataFrame:
    """The columns of a table.

    Raises `FeatureError` for columns that are neither text, numbers, times nor lists of numbers,
    and `ValueError` for a damaged file.
    """
    with _damage(), path.open("rb") as file:
        return _frame(path, _open(path, file, text).read(use_pandas_metadata=False))


def parquet_blocks(
    path: Path, files: Callable[[], Iterator[Path]], text: Collection[str]
) -> TableBlocks:
    """The tables of `files` as one table, in blocks; `path` names it in errors.

    Raises as `read_parquet` does, and for tables with different columns.
    """
    columns: dict[str, str] = {}
    first, rows = None, 0
    for part in files():
        with _damage(), part.open("rb") as file:
            stored = _open(part, file, text)
            if first is None:
                first, columns = stored.schema_arrow, _spread_names(part, stored)
            elif not stored.schema_arrow.equals(first):
                raise FeatureError(
                    f"{part}: other columns than in the first table of {path}, expected the same: "
                    "write the tables anew"
                )
            rows += stored.metadata.num_rows

    spread: dict[str, set[str]] = {}
    for name, stored_name in columns.items():
        spread.setdefault(stored_name, set()).add(name)

    def read(names: Sequence[str]) -> Iterator[TableBlock]:
        start, chosen = 0, set(names)
        stored_names = list(dict.fromkeys(columns[name] for name in names))
        for part in files():
            with _damage(), part.open("rb") as file:
                stored = _open(part, file, text)
                if not stored.schema_arrow.equals(first):
                    raise FeatureError(f"{part}: its columns changed, expected the same: repeat")
                for group in _groups(stored_names):
                    row, expected = start, set().union(*(spread[name] for name in group))
                    for frame in _frames(part, stored, group):
                        if set(frame.columns) != expected:
                            raise FeatureError(
                                f"{part}: lists of several lengths, expected one vector a row, all "
                                "of one length: pool them over time"
                            )
                        yield TableBlock(row, frame[[name for name in frame if name in chosen]])
                        row += len(frame)
                start += stored.metadata.num_rows

    return TableBlocks(tuple(columns), rows, read)


def _groups(names: list[str]) -> Iterator[list[str]]:
    for start in range(0, len(names), _COLUMNS):
        yield names[start : start + _COLUMNS]


def _frames(path: Path, stored: Any, names: list[str]) -> Iterator[pd.DataFrame]:
    """Some stored columns, block by block."""
    import pyarrow as pa

    batches = stored.iter_batches(
        block_rows(len(names)), columns=names, use_pandas_metadata=False, use_threads=False
    )
    for batch in batches:
        yield _frame(path, pa.Table.from_batches([batch]))


def _spread_names(path: Path, stored: Any) -> dict[str, str]:
    """The name of each column after lists are spread, and the stored column that it is from."""
    names: dict[str, str] = {}
    for field in stored.schema_arrow:
        if not _is_list(field.type):
            spread = [] if field.name.startswith("__index_level_") else [field.name]
        else:
            frame = next(_first_row(path, stored, field.name), pd.DataFrame())
            spread = list(map(str, frame.columns))
        names.update(dict.fromkeys(spread, field.name))
    return names


def _first_row(path: Path, stored: Any, name: str) -> Iterator[pd.DataFrame]:
    import pyarrow as pa

    for batch in stored.iter_batches(1, columns=[name], use_threads=False):
        yield _frame(path, pa.Table.from_batches([batch]))


@contextmanager
def _damage() -> Iterator[None]:
    """Raise `ValueError` for a damaged file, which for pyarrow is an `OSError` without a number."""
    from pyarrow import ArrowException

    try:
        yield
    except MemoryError:  # pyarrow's is an ArrowException too
        raise
    except (ArrowException, OSError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        raise ValueError(str(error)) from error


def _open(path: Path, file: Any, text: Collection[str]) -> Any:
    """The reader of a checked table. A file object: no folder of the path becomes a column."""
    from pyarrow import parquet

    stored = parquet.ParquetFile(file)
    schema = stored.schema_arrow
    key_names(path, schema.names)
    _check_kinds(path, schema, text)
    # text that repeats is stored once, so a small file may hold much of it
    words = [field.name for field in schema if _is_text(field.type)]
    return parquet.ParquetFile(
        file, metadata=stored.metadata, read_dictionary=words, buffer_size=_BUFFER
    )


def _frame(path: Path, table: Any) -> pd.DataFrame:
    """Decoded columns."""
    words = [field.name for field in table.schema if _is_text(field.type)]
    size = sum(table_size.text_bytes(table.column(name)) for name in words)
    table_size.check_bytes(path, size + table.nbytes)
    columns = [
        _column(path, str(name), column)
        for name, column in zip(table.column_names, table.columns, strict=True)
    ]
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
