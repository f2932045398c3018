"""A table of vectors with labels, in memory or in blocks.

Both kinds have a sample of rows to judge the columns by, all cells of labels, and vectors by row:

    table.sample            all columns of some rows, of a small table all rows
    table.cells(names)      some columns of all rows
    table.vectors(names)    an array, or `VectorRows`, which reads the rows that it is asked for
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from itertools import islice
from pathlib import Path
from typing import Final, overload

import numpy as np
import pandas as pd

from sordino import storage, textfile
from sordino.errors import FeatureError
from sordino.features import table_size
from sordino.features.dimensions import matrix
from sordino.features.formats.blocks import TableBlock, TableBlocks
from sordino.features.formats.csv_table import csv_blocks
from sordino.features.formats.names import key_names
from sordino.features.formats.npz_table import npy_blocks, npz_blocks
from sordino.features.formats.parquet_table import parquet_blocks
from sordino.features.shards.folder import SHARD_MANIFEST, verified_shards
from sordino.features.tables import (
    SHARD_SUFFIX,
    check_rows,
    check_table_name,
    decoding,
    read_table,
    readable,
    table_suffix,
)
from sordino.storage import Location
from sordino.types import Matrix, Rows

LARGEST_WHOLE: Final = 1 << 28
"""Bytes of the decoded numbers of a table that is read whole; a larger one is read in blocks."""

ARRAY_SUFFIX: Final = ".npy"
"""The suffix of an array without labels."""

SAMPLE_CELLS: Final = 1 << 23
"""Cells of the sample of rows by which the columns of a table in blocks are judged."""

MOST_TEXT: Final = 1 << 30
"""Characters of different texts in the labels of a table in blocks."""


@overload
def stated_file(path: Path) -> Path: ...
@overload
def stated_file(path: Location) -> Location: ...
def stated_file(path: Location) -> Location:
    """The file whose state and checksum stand for a table: the manifest of a folder of shards, and
    any other table itself.

    >>> stated_file(Path("x.csv")).name, stated_file(Path("x.shards")).name
    ('x.csv', 'manifest.json')
    """
    file = textfile.home(path) if isinstance(path, Path) else path
    return file / SHARD_MANIFEST if file.suffix.lower() == SHARD_SUFFIX else file


@dataclass(frozen=True)
class MemoryTable:
    """A table in memory."""

    sample: pd.DataFrame

    def __len__(self) -> int:
        return len(self.sample)

    def cells(self, names: Sequence[str]) -> pd.DataFrame:
        """Some columns, `(rows, names)`."""
        return self.sample[list(names)]

    def vectors(self, names: Sequence[str]) -> Matrix:
        """Columns of numbers, `(rows, names)`."""
        return matrix(self.sample, names)


@dataclass(frozen=True)
class BlockTable:
    """A table of which a block is in memory at a time."""

    path: Path
    blocks: TableBlocks
    labels: pd.DataFrame = field(default_factory=pd.DataFrame)
    """Columns of another table with the same rows."""
    state: tuple[int, int, int] = field(init=False, repr=False)
    """The `file_state` when the table was opened."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "state", self._now())

    def __len__(self) -> int:
        return self.blocks.rows

    @cached_property
    def sample(self) -> pd.DataFrame:
        """All columns of rows that are drawn evenly, in their order; the same rows each time."""
        columns = len(self.blocks.names) + self.labels.shape[1]
        size = min(len(self), max(1, SAMPLE_CELLS // columns))
        random = np.random.default_rng(0)
        rows = np.sort(random.choice(len(self), size, replace=False, shuffle=False))
        frame = self._rows(rows.astype(np.intp), [*self._stored])
        if len(self.labels):
            frame = pd.concat([frame, self.labels.iloc[rows].reset_index(drop=True)], axis=1)
        frame.attrs.update(self.blocks.attrs)
        return frame

    def cells(self, names: Sequence[str]) -> pd.DataFrame:
        """Some columns of all rows, `(rows, names)`; equal texts are one object."""
        stored = [name for name in names if name not in self.labels.columns]
        texts: dict[str, str] = {}
        parts: dict[str, list[pd.Series]] = {name: [] for name in stored}
        size = 0
        for block in self._read(stored) if stored else ():
            before = len(texts)
            for name in block.frame.columns:
                parts[name].append(_shared(block.frame[name], texts))
            size += sum(map(len, islice(reversed(texts), len(texts) - before)))  # the new texts
            if size > MOST_TEXT:
                raise FeatureError(
                    f"{self.path}: labels of more than {MOST_TEXT:,} characters, expected short "
                    "ones: name other columns"
                )
        columns = {name: pd.concat(parts[name], ignore_index=True) for name in stored}
        return pd.DataFrame(
            {name: columns.get(name, self.labels.get(name)) for name in names},
            index=range(len(self)),
        )

    def vectors(self, names: Sequence[str]) -> VectorRows:
        """Columns of numbers, `(rows, names)`, read when rows are asked for."""
        return VectorRows(self, tuple(names))

    def numbers(self, names: Sequence[str]) -> Iterator[tuple[int, list[str], Matrix]]:
        """The first row of each block, its columns, and its numbers `(rows, columns)`.

        Raises `FeatureError` for NaN and infinity.
        """
        for start, frame in self._read(names):
            columns = [str(name) for name in frame.columns]
            values = matrix(frame, columns)
            bad = int((~np.isfinite(values)).any(axis=1).sum())
            if bad:
                raise FeatureError(
                    f"{self.path}: {bad} of the rows from {start + 1:,} to "
                    f"{start + len(frame):,} are not finite, expected numbers: drop those rows"
                )
            yield start, columns, values

    def _read(self, names: Sequence[str]) -> Iterator[TableBlock]:
        """The blocks of some columns, with their names in this package.

        Raises `FeatureError` where the file changed since it was opened.
        """
        self._check(self._now() == self.state)
        stored = self._stored
        new = {stored[name]: name for name in names}
        blocks = self.blocks.read([stored[name] for name in names])
        rows = dict.fromkeys(new, 0)
        while True:
            with decoding(self.path, self.path.suffix.lower()):
                block = next(blocks, None)
            if block is None:
                break
            self._check(
                new.keys() >= {*block.frame.columns} and block.start + len(block.frame) <= len(self)
            )
            for column in block.frame.columns:
                rows[column] += len(block.frame)
            yield TableBlock(block.start, block.frame.rename(columns=new))
        self._check(not set(rows.values()) - {len(self)} and self._now() == self.state)

    def _now(self) -> tuple[int, int, int]:
        return storage.file_state(stated_file(self.path))

    def _check(self, unchanged: bool) -> None:
        """Raise `FeatureError` for a file that changed."""
        if not unchanged:
            raise FeatureError(
                f"{self.path}: another table than before, expected the same {len(self):,} rows: "
                "it changed while it was read; repeat the command"
            )

    def _rows(self, rows: Rows, names: Sequence[str]) -> pd.DataFrame:
        """Some columns of ascending rows."""
        parts: dict[str, list[pd.Series]] = {name: [] for name in names}
        for start, frame in self._read(names):
            first, last = np.searchsorted(rows, [start, start + len(frame)])
            part = frame.iloc[rows[first:last] - start]
            for name in frame.columns:
                parts[name].append(part[name])
        return pd.DataFrame({name: pd.concat(parts[name], ignore_index=True) for name in names})

    @cached_property
    def _stored(self) -> Mapping[str, str]:
        """The name of each column in this package, and in the file."""
        renamed = key_names(self.path, self.blocks.names)
        return {renamed.get(name, name): name for name in self.blocks.names}


@dataclass(frozen=True)
class VectorRows:
    """The vectors of a table in blocks, `(rows, dims)`. The last rows are kept."""

    table: BlockTable
    names: tuple[str, ...]
    _last: dict[bytes, Matrix] = field(default_factory=dict, repr=False)

    def __len__(self) -> int:
        return len(self.table)

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and dimensions."""
        return len(self.table), len(self.names)

    def read_rows(self, rows: Rows) -> Matrix:
        """The vectors at some positions, `(positions, dims)`, after one pass over the table.

        Raises `FeatureError` for NaN and infinity anywhere in the table.
        """
        key = np.asarray(rows, dtype=np.intp).tobytes()
        if key not in self._last:
            self._last.clear()
            self._last[key] = self._gathered(rows)
        return self._last[key].copy()

    def _gathered(self, rows: Rows) -> Matrix:
        positions, order = np.unique(rows, return_inverse=True)
        x = np.empty((len(positions), len(self.names)))
        place = {name: column for column, name in enumerate(self.names)}
        for start, columns, values in self.table.numbers(self.names):
            first, last = np.searchsorted(positions, [start, start + len(values)])
            if last > first:
                part = values[positions[first:last] - start]
                x[first:last, [place[name] for name in columns]] = part
        return x[order]


def open_vectors(
    path: Location,
    text: Collection[str] = (),
    labels: Location | None = None,
    largest: int = LARGEST_WHOLE,
) -> MemoryTable | BlockTable:
    """A table for an audit: in memory up to `largest` bytes of numbers, else in blocks.

    `text` as in `read_table`; `labels` is the table with the labels of an array (`.npy`), one row
    for each of its rows. A table behind a URL and a compressed NPZ are read whole. Raises the
    errors of `read_table`.
    """
    check_table_name(path)
    suffix = path.suffix.lower()
    if suffix == ARRAY_SUFFIX:
        return _array(storage.on_this_machine(path, "an array"), text, labels)
    if labels is not None:
        raise FeatureError(
            f"{path}: has labels itself, expected an array ({ARRAY_SUFFIX}) with "
            "--array-labels: leave out --array-labels"
        )
    if isinstance(path, Path):
        file = textfile.home(path)
        if table_size.decoded_bytes(file) > largest:
            blocks = _blocks(file, suffix, text)
            if blocks is not None:
                check_rows(file, blocks.rows, len(blocks.names))
                return BlockTable(file, blocks)
    return MemoryTable(read_table(path, text))


def _array(path: Path, text: Collection[str], labels: Location | None) -> BlockTable:
    """An array of vectors with labels from another table."""
    path = textfile.home(path)
    with readable(path, ARRAY_SUFFIX):
        blocks = npy_blocks(path)
    check_rows(path, blocks.rows, len(blocks.names))
    if labels is None:
        return BlockTable(path, blocks)
    columns = read_table(labels, text)
    if len(columns) != blocks.rows:
        raise FeatureError(
            f"{labels}: {len(columns):,} rows, expected the {blocks.rows:,} of {path}, in their "
            "order: write it anew"
        )
    if clash := sorted({*map(str, columns.columns)} & {*blocks.names}):
        raise FeatureError(
            f"{labels}: column `{clash[0]}` has the name of a dimension, expected another: "
            "rename it"
        )
    return BlockTable(path, blocks, columns)


def _blocks(path: Path, suffix: str, text: Collection[str]) -> TableBlocks | None:
    """The blocks of a table; None for one that is read whole only."""
    if suffix == SHARD_SUFFIX:
        with decoding(path, suffix):
            return parquet_blocks(path, partial(verified_shards, path), text)
    with readable(path, table_suffix(path)):
        if suffix == ".npz":
            return npz_blocks(path)
        if suffix == ".csv":
            return csv_blocks(path, text)
        return parquet_blocks(path, lambda: iter((path,)), text)


def _shared(column: pd.Series, texts: dict[str, str]) -> pd.Series:
    """A column in which equal texts are one object."""
    if column.dtype != object:
        return column
    cells = [
        texts.setdefault(cell, cell) if isinstance(cell, str) else cell for cell in column.tolist()
    ]
    return pd.Series(cells, dtype=object)
