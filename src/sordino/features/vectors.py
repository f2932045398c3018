"""Tables of vectors: those that were made elsewhere, such as embeddings of a pretrained model, and
ours for others.

A table has one row an utterance: `file`, `start` where a file holds several utterances, and one
column a dimension. An NPZ file has them as arrays: `x` of shape `(rows, dims)`, and optionally
`files`, `starts` and `names`; other arrays of one value a row are labels.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sordino import storage
from sordino.corpora.labels import fold
from sordino.corpora.table import Corpus
from sordino.errors import FeatureError
from sordino.features.dimensions import KNOWN, check_numbers, matrix
from sordino.features.tables import KEYS, SUFFIXES, read_table, table_suffix

__all__ = ["SUFFIXES", "read_vectors", "table_suffix", "write_vectors"]

WRITTEN: Final = ("file", "start", "end")
"""The columns that say whose vector a row is in what is written."""


def read_vectors(path: str | Path, corpus: Corpus) -> NDArray[np.float32]:
    """The vector of each utterance of a corpus, shape `(utterances, dims)`, from a Parquet, CSV or
    NPZ table.

    Rows are matched by the column `file`, and by `start` (seconds, to the millisecond) where the
    table has it. Files are compared by the last parts of their path, as few as tell all files of
    the table, and all of the corpus, apart: by base name where that is enough, else by
    `folder/name`, and so on; where the files were when the table was made does not matter. Rows of
    other files are left out. A table without `file` must have exactly the corpus' rows, in their
    order. All other columns are dimensions; the index that audformat writes is understood.

    Raises `FeatureError` for an utterance without a row or with two, for text, labels (a column
    named as one of a corpus) or unnamed columns among the dimensions, for NaN and infinity;
    `StorageError` for what cannot be read.
    """
    frame = read_table(path)
    unused = {*KEYS, *frame.attrs.get("labels", ())}
    columns = [column for column in frame.columns if column not in unused]
    labels = [name for name in columns if fold(name) in KNOWN]
    if labels:
        more = f" (and {len(labels) - 1} more)" if len(labels) > 1 else ""
        raise FeatureError(
            f"{path}: column `{labels[0]}`{more} is a label or has no name, expected vectors "
            "alone: leave it out"
        )
    check_numbers(path, frame, columns)
    if "file" in frame.columns:
        rows = _matching(path, frame, corpus)
    elif len(frame) == len(corpus):
        rows = np.arange(len(frame))
    else:
        raise FeatureError(
            f"{path}: {len(frame)} rows and no column `file`, expected {len(corpus)} in the "
            "corpus' order: add `file`"
        )
    with np.errstate(over="ignore"):
        x = matrix(frame, columns)[rows].astype(np.float32)
    bad = np.argwhere(~np.isfinite(x))
    if len(bad):
        row, column = bad[0]
        raise FeatureError(
            f"{path}: {len(bad)} values are NaN or infinite, expected numbers; the first is "
            f"`{columns[column]}` of "
            f"utterance {row}: leave the utterance or the column out"
        )
    return x


def write_vectors(
    path: str | Path, x: NDArray[np.float32], corpus: Corpus, names: Sequence[str]
) -> Path:
    """Write the vectors of a corpus as a table that `read_vectors` reads, by the suffix of `path`;
    the path.

    `names` are those of the dimensions. Of the utterances it holds file, start and end, no label
    and no speaker.

    >>> import tempfile
    >>> from sordino.corpora import table
    >>> corpus = table.make("two", pd.DataFrame({"file": ["a.wav", "b.wav"], "speaker": ["1", "2"]}))
    >>> x = np.array([[0.5], [1.5]], dtype=np.float32)
    >>> path = write_vectors(Path(tempfile.mkdtemp()) / "x.csv", x, corpus, ["loudness"])
    >>> read_vectors(path, corpus.select(np.array([1, 0])))
    array([[1.5],
           [0.5]], dtype=float32)
    """
    path = Path(path)
    if x.shape != (len(corpus), len(names)):
        raise FeatureError(
            f"{path}: vectors {x.shape}, expected ({len(corpus)}, {len(names)}): extract them anew"
        )
    keys = corpus.table[list(WRITTEN)]
    if table_suffix(path) == ".npz":
        content = io.BytesIO()
        files, starts, ends = (
            keys[key].to_numpy(dtype=str if key == "file" else float) for key in WRITTEN
        )
        np.savez(content, x=x, names=np.array(names), files=files, starts=starts, ends=ends)
        return storage.write(path, content.getvalue())
    frame = pd.concat([keys, pd.DataFrame(x, columns=list(names))], axis=1)
    if table_suffix(path) == ".csv":
        safe = frame.assign(file=frame["file"].map(storage.cell))
        return storage.write(path, lambda place: safe.to_csv(place, index=False))
    return storage.write(path, lambda place: frame.to_parquet(place, index=False))


def _matching(path: str | Path, frame: pd.DataFrame, corpus: Corpus) -> NDArray[np.intp]:
    """The table's row of each utterance of the corpus, shape `(utterances,)`."""
    theirs, ours = _parts(frame), _parts(corpus.table)
    depth = 1
    while not (_apart(theirs, depth) and _apart(ours, depth)):
        depth += 1
    cut = "start" in frame.columns
    given = _keys(path, theirs, depth, frame["start"] if cut else None)
    wanted = _keys(path, ours, depth, corpus.table["start"] if cut else None)
    for keys, where in ((given, "the table"), (wanted, "the corpus")):
        if len(set(keys)) < len(keys):
            asked = (
                "take out the copies" if cut else "add the column `start`, or take out the copies"
            )
            raise FeatureError(
                f"{path}: an utterance comes twice in {where}, expected once each: {asked}"
            )
    row_of = {key: row for row, key in enumerate(given)}
    missing = [row for row, key in enumerate(wanted) if key not in row_of]
    if missing:
        raise FeatureError(
            f"{path}: no row for {len(missing)} of {len(corpus)} utterances, expected one each, "
            "compared by the last "
            f"{depth} part(s) of `file`{' and `start`' if cut else ''}; the first is utterance "
            f"{missing[0]}: add it"
        )
    return np.array([row_of[key] for key in wanted])


def _parts(frame: pd.DataFrame) -> list[tuple[str, ...]]:
    return [PurePosixPath(str(file).replace("\\", "/")).parts for file in frame["file"]]


def _apart(files: list[tuple[str, ...]], depth: int) -> bool:
    """Whether different files still differ when only the last `depth` parts of their paths are
    looked at.
    """
    return len({parts[-depth:] for parts in files}) == len(set(files))


def _keys(
    path: str | Path, files: list[tuple[str, ...]], depth: int, start: pd.Series | None
) -> list[tuple[object, ...]]:
    """What tells utterances apart: the end of the path, and the start in milliseconds where it is
    known.
    """
    if start is None:
        return [parts[-depth:] for parts in files]
    try:
        seconds = (
            start
            if pd.api.types.is_numeric_dtype(start)
            else pd.to_timedelta(start).dt.total_seconds()
        )
    except ValueError as error:
        raise FeatureError(
            f"{path}: `start` is no time, expected seconds: write it as numbers"
        ) from error
    return [
        (*parts[-depth:], round(1000 * at))
        for parts, at in zip(files, seconds.fillna(0), strict=True)
    ]
