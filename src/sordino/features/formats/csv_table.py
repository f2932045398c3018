"""CSV tables of vectors: numbers as numbers, labels as text without changes. They are read whole
and in parallel, or in blocks.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sordino import textfile
from sordino.corpora import separators
from sordino.corpora.labels import fold
from sordino.errors import FeatureError
from sordino.features.formats.blocks import TableBlock, TableBlocks
from sordino.features.formats.names import key_names

EXPECTED: Final = "a CSV table with one row an utterance"
TEXT_COLUMNS: Final = ("file", "utterance")
"""Columns that are always text."""

_BLOCK: Final = 1 << 22
_DECIMAL_COMMA: Final = re.compile(r"[+-]?\d+,\d+([eE][+-]?\d+)?")


def read_csv(path: Path, text: Collection[str]) -> pd.DataFrame:
    """The columns of a CSV table: those of `text` as text, others as numbers where all cells are
    numbers.

    Separators may be commas, tabs, semicolons or bars. Raises `FeatureError` for other files.
    """
    from pyarrow import csv as reader

    layout = _layout(path)
    with _refusals(path, layout):
        table = reader.read_csv(
            path, layout.reading(), layout.parsing(), layout.conversion(text, layout.names)
        )
    _check_quotes(path)
    frame = _decoded(table)
    frame.attrs["separated"] = layout.separated
    return frame


def csv_blocks(path: Path, text: Collection[str]) -> TableBlocks:
    """A CSV table in blocks, with the types of columns in its first block.

    Rows are counted in a first pass. Raises as `read_csv` does, and for a later cell of another
    type.
    """
    import pyarrow as arrow
    from pyarrow import csv as reader

    layout = _layout(path)
    _check_quotes(path)

    def read(names: Sequence[str], types: Any = None) -> Iterator[TableBlock]:
        start, conversion = 0, layout.conversion(text, names, types)
        if _layout(path) != layout:
            raise FeatureError(
                f"{path}: other columns than before, expected the same: it changed while it was "
                "read; repeat the command"
            )
        with (
            _refusals(path, layout),
            reader.open_csv(path, layout.reading(), layout.parsing(), conversion) as stream,
        ):
            for batch in stream:
                if batch.num_rows:
                    yield TableBlock(start, _decoded(batch))
                    start += batch.num_rows

    whole = layout.conversion(text, layout.names)
    with (
        _refusals(path, layout),
        reader.open_csv(path, layout.reading(), layout.parsing(), whole) as stream,
    ):
        types = _wide_types(stream.schema)
    first = layout.names[:1]
    rows = sum(len(block.frame) for block in read(first, dict.fromkeys(first, arrow.string())))

    def chosen(names: Sequence[str]) -> Iterator[TableBlock]:
        wanted = set(names)
        return read([name for name in layout.names if name in wanted], types)

    return TableBlocks(tuple(layout.names), rows, chosen, {"separated": layout.separated})


@dataclass(frozen=True)
class _Layout:
    """The header of a CSV table."""

    separator: str
    names: list[str]
    lines: int
    """Rows before the first data row."""

    @property
    def separated(self) -> str:
        """The name of a separator that is no comma."""
        return "" if self.separator == "," else separators.SEPARATORS[self.separator]

    def reading(self) -> Any:
        from pyarrow import csv as reader

        block = max(_BLOCK, 64 * sum(map(len, self.names)))
        return reader.ReadOptions(
            column_names=self.names, skip_rows_after_names=self.lines, block_size=block
        )

    def parsing(self) -> Any:
        from pyarrow import csv as reader

        return reader.ParseOptions(delimiter=self.separator, newlines_in_values=True)

    def conversion(self, text: Collection[str], names: Sequence[str], types: Any = None) -> Any:
        """The conversion of some columns, with types that are not inferred."""
        import pyarrow as arrow
        from pyarrow import csv as reader

        as_text = {
            name: arrow.string() for name in names if name in text or fold(name) in TEXT_COLUMNS
        }
        return reader.ConvertOptions(
            column_types={**(types or {}), **as_text},
            strings_can_be_null=False,
            include_columns=list(names),
        )


def _layout(path: Path) -> _Layout:
    with path.open("rb") as file:
        textfile.check_text(path, file.read(textfile.HEAD_BYTES), EXPECTED, FeatureError)
    return _Layout(*_header(path))


@contextmanager
def _refusals(path: Path, layout: _Layout) -> Iterator[None]:
    """Raise `FeatureError` for a table that pyarrow refuses."""
    from pyarrow import ArrowInvalid

    try:
        yield
    except ArrowInvalid as error:
        message = _reason(path, str(error), len(layout.names), layout.separator)
        raise FeatureError(message) from error


def _wide_types(schema: Any) -> dict[str, Any]:
    """The types of columns for all blocks: a number may have a fraction in a later one, and a cell
    that is empty in the first block may be a number.
    """
    import pyarrow as arrow
    from pyarrow import types

    return {
        field.name: arrow.float64()
        if types.is_integer(field.type) or types.is_null(field.type)
        else field.type
        for field in schema
    }


def _decoded(table: Any) -> pd.DataFrame:
    """The columns of a table or of a batch."""
    return pd.DataFrame(
        {
            name: _values(column)
            for name, column in zip(table.schema.names, table.columns, strict=True)
        }
    )


def decimal_commas(column: NDArray[Any]) -> bool:
    """Whether a column of text holds numbers with decimal commas.

    >>> decimal_commas(np.array(["0,25", "-1,5"], dtype=object))
    True
    """
    return all(
        isinstance(cell, str) and _DECIMAL_COMMA.fullmatch(cell.strip())
        for cell in column[:100].tolist()
    )


def _header(path: Path) -> tuple[str, list[str], int]:
    """The separator, the names of the columns, and the number of rows before the first data row."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            separator, cells, header_row = separators.find_header(file.read(separators.WIDEST))
    except UnicodeDecodeError as error:
        raise FeatureError(textfile.not_utf8(path, path.read_bytes(), EXPECTED)) from error
    except csv.Error as error:
        raise FeatureError(
            f"{path}: not a readable .csv table, {error}, expected {EXPECTED}: write it anew"
        ) from error
    if not cells:
        raise FeatureError(
            f"{path}: not a readable .csv table, it is empty, expected {EXPECTED}: write it anew"
        )
    names = [cell.strip() or f"Unnamed: {index}" for index, cell in enumerate(cells)]
    key_names(path, names)
    return separator, names, header_row + 1


def _reason(path: Path, message: str, width: int, separator: str) -> str:
    """The message for a refused table, without its cells, which may contain names of people."""
    cells = re.search(r"(?:Row #(\d+): )?Expected (\d+) columns, got (\d+)", message)
    if cells:
        where = f" in row {cells[1]}" if cells[1] else ""
        return (
            f"{path}: {cells[3]} cells{where}, expected {width} as in the header, separated by "
            f"{separators.SEPARATORS[separator]}: put text that has the separator in double quotes"
        )
    cell = re.search(r"In CSV column #(\d+): .*?conversion error to (\w+)", message)
    if cell:
        kind = "number" if cell[2] in ("double", "int64") else cell[2]
        return (
            f"{path}: column {int(cell[1]) + 1} has a cell that is no {kind}, expected the kind "
            "of its first rows: correct the cell, or leave the column out"
        )
    if "UTF8" in message:
        return textfile.not_utf8(path, path.read_bytes(), EXPECTED)
    if "straddl" in message:
        return (
            f"{path}: no rows below the header, or a row without an end, expected one an "
            "utterance: write it anew"
        )
    return f"{path}: not a readable .csv table with one row an utterance: write it anew"


def _check_quotes(path: Path) -> None:
    """Raise for an odd number of double quotes: a cell would contain the rows below it."""
    with path.open("rb") as file:
        count = sum(block.count(b'"') for block in iter(lambda: file.read(1 << 20), b""))
    if count % 2:
        raise FeatureError(
            f"{path}: a double quote is not closed, expected pairs of them: "
            'write "" for one in a cell'
        )


def _values(column: Any) -> NDArray[Any] | pd.Series:
    from pyarrow import types

    if types.is_string(column.type):
        return pd.Series(np.array(column.to_pylist(), dtype=object), dtype=object)
    if types.is_null(column.type):
        return pd.Series(np.full(len(column), None, dtype=object), dtype=object)
    if types.is_integer(column.type) and column.null_count:
        column = column.cast("float64")
    plain = types.is_floating(column.type) or types.is_integer(column.type)
    values: NDArray[Any] | pd.Series = (
        column.to_numpy(zero_copy_only=False) if plain else column.to_pandas()
    )
    return values
