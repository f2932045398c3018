"""Tables of vectors: foreign tables, such as embeddings of a pretrained model, and our own output.

A table has one row per utterance: `file`, `start` for files with several utterances, and one column
per dimension. An NPZ file has arrays: `x` of shape `(rows, dims)`, and optionally `files`, `starts`
and `names`; other arrays with one value per row are labels.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Sequence
from pathlib import PurePosixPath
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sordino import storage
from sordino.corpora.labels import fold, quote
from sordino.corpora.table import NUMBERS, Corpus
from sordino.errors import FeatureError
from sordino.features.dimensions import RESERVED, check_numbers
from sordino.features.formats.names import KEY_COLUMNS
from sordino.features.tables import (
    SHARD_SUFFIX,
    TABLE_SUFFIXES,
    distinct_ends,
    table_suffix,
)
from sordino.storage import Location

__all__ = ["TABLE_SUFFIXES", "read_vectors", "table_suffix", "write_vectors"]

WRITTEN_KEYS: Final = ("file", "start", "end")
"""The key columns of a written table."""

WRITTEN_ARRAYS: Final = ("x", "names", "files", "starts", "ends")
"""The arrays of a written NPZ file, beside those of labels."""


def read_vectors(path: str | Location, corpus: Corpus) -> NDArray[np.float32]:
    """The vector of each utterance of a corpus, shape `(utterances, dims)`, from a Parquet, CSV or
    NPZ table.

    Rows are matched by the column `file`, and by `start` (seconds, to the millisecond) where the
    table has it. Files are compared by the fewest last parts of their paths that identify all files
    of the table and of the corpus: by base name, else by `folder/name`, and so on. So the folder of
    the files has no effect. Rows of other files are left out. A table without `file` must have
    exactly the corpus' rows, in their order. Labels that the corpus has with equal values, as of
    `sordino extract --labels`, are left out with a warning. All other columns are dimensions; the
    index of audformat is supported.

    A table with more than 256 MB of numbers is read in blocks, and its vectors stand in a temporary
    file (`sordino.features.large`); NaN is refused in all its rows then.

    Raises `FeatureError` for an utterance without a row or with two rows, for text, other labels
    (columns with the name of a corpus column) and unnamed columns among the dimensions, for NaN and
    infinity; `StorageError` for an unreadable file.
    """
    from sordino.features.large import VectorRows, open_vectors, read_mapped  # imports this module

    path = storage.location(path)
    if path.suffix.lower() != SHARD_SUFFIX:
        table_suffix(path)
    table = open_vectors(path, RESERVED - {"start", "end"})
    frame = table.sample  # all rows of a small table
    unused = {*KEY_COLUMNS, *frame.attrs.get("labels", ())}
    columns = [column for column in frame.columns if column not in unused]
    labels = [name for name in columns if fold(name) in RESERVED]
    columns = [name for name in columns if name not in labels]
    check_numbers(path, frame, columns)
    keys = table.cells([name for name in frame.columns if name in {"file", "start", *labels}])
    if "file" in keys.columns:
        rows = _matching(path, keys, corpus.table)
    elif len(table) == len(corpus):
        rows = np.arange(len(table))
    else:
        raise FeatureError(
            f"{path}: {len(table)} rows and no column `file`, expected {len(corpus)} in the "
            "corpus' order: add `file`"
        )
    _check_labels(path, keys.iloc[rows], corpus.table, labels)
    vectors = table.vectors(columns)
    if isinstance(vectors, VectorRows):
        return read_mapped(vectors, rows)
    with np.errstate(over="ignore"):
        x = vectors[rows].astype(np.float32)
    bad = np.argwhere(~np.isfinite(x))
    if len(bad):
        row, column = bad[0]
        raise FeatureError(
            f"{path}: {len(bad)} values are NaN or infinite, expected numbers; the first is "
            f"`{columns[column]}` of "
            f"utterance {row}: leave the utterance or the column out"
        )
    return x


def corpus_labels(corpus: Corpus) -> list[str]:
    """The columns of a corpus that are no key of an utterance, in the order of the corpus: speaker,
    gender, emotion and so on.
    """
    return [str(name) for name in corpus.table.columns if name not in WRITTEN_KEYS]


def write_vectors(
    path: str | Location,
    x: NDArray[np.float32],
    corpus: Corpus,
    names: Sequence[str],
    labels: Sequence[str] = (),
) -> Location:
    """Write the vectors of a corpus as a table, by the suffix of `path`; the path.

    `x` is `(utterances, dims)`, and `names` are the names of the dimensions. The table has file,
    start and end of each utterance. `labels` are further columns of the corpus (`corpus_labels`),
    such as speaker and gender: `sordino audit` reads them, and `read_vectors` leaves them out.
    Vectors may reveal the speaker: a new file has mode 0600.

    Raises `FeatureError` for another shape of `x`, an unknown suffix, and a label with the name of
    a dimension or of an array of an NPZ file.

    >>> import tempfile
    >>> from pathlib import Path
    >>> from sordino.corpora import table
    >>> rows = pd.DataFrame({"file": ["a.wav", "b.wav"], "speaker": ["1", "2"]})
    >>> corpus = table.make("two", rows)
    >>> x = np.array([[0.5], [1.5]], dtype=np.float32)
    >>> path = write_vectors(Path(tempfile.mkdtemp()) / "x.csv", x, corpus, ["loudness"])
    >>> read_vectors(path, corpus.select(np.array([1, 0])))
    array([[1.5],
           [0.5]], dtype=float32)
    """
    path = storage.location(path)
    if x.shape != (len(corpus), len(names)):
        raise FeatureError(
            f"{path}: vectors {x.shape}, expected ({len(corpus)}, {len(names)}): extract them anew"
        )
    if clash := sorted({*labels} & {*names, *WRITTEN_ARRAYS}):
        raise FeatureError(
            f"{path}: label `{clash[0]}` has the name of a dimension or of an array, expected "
            "another: leave it out"
        )
    keys = corpus.table[[*WRITTEN_KEYS, *labels]]
    if table_suffix(path) == ".npz":
        content = io.BytesIO()
        files, starts, ends = (
            keys[key].to_numpy(dtype=str if key == "file" else float) for key in WRITTEN_KEYS
        )
        arrays: dict[str, Any] = {
            label: keys[label].to_numpy(dtype=float if label in NUMBERS else str)
            for label in labels
        }
        arrays |= {"x": x, "names": np.array(names)}
        arrays |= {"files": files, "starts": starts, "ends": ends}
        np.savez(content, **arrays)
        return storage.write(path, content.getvalue(), mode=storage.PRIVATE)
    frame = pd.concat([keys, pd.DataFrame(x, columns=list(names))], axis=1)
    if table_suffix(path) == ".csv":
        texts = [name for name in ("file", *labels) if name not in NUMBERS]
        safe = frame.assign(**{name: frame[name].map(storage.cell) for name in texts})
        return storage.write(
            path, lambda temporary: safe.to_csv(temporary, index=False), mode=storage.PRIVATE
        )
    return storage.write(
        path, lambda temporary: frame.to_parquet(temporary, index=False), mode=storage.PRIVATE
    )


def _check_labels(
    path: str | Location, frame: pd.DataFrame, utterances: pd.DataFrame, labels: Sequence[str]
) -> None:
    """Raise `FeatureError` for labels that differ from those of the corpus; warn of the others."""
    differing = [name for name in labels if not _agree(frame, utterances, name)]
    if differing:
        extra = f" (and {len(differing) - 1} more)" if len(differing) > 1 else ""
        raise FeatureError(
            f"{path}: column `{differing[0]}`{extra} is a label or has no name, expected vectors "
            "alone or the labels of the corpus: leave it out (`sordino extract` without --labels "
            "writes no label)"
        )
    if labels:
        warnings.warn(
            f"{path}: {', '.join(labels)}: labels of the corpus with equal values, left out",
            stacklevel=3,
        )


def _agree(frame: pd.DataFrame, utterances: pd.DataFrame, name: str) -> bool:
    """Whether a column has the values of the corpus, row by row."""
    if name not in utterances.columns:
        return False
    if name in NUMBERS:
        numbers = pd.to_numeric(frame[name], errors="coerce").to_numpy(dtype=float)
        return np.array_equal(numbers, utterances[name].to_numpy(dtype=float), equal_nan=True)
    texts = frame[name].fillna("").astype(str)
    return all(
        text in (value, storage.cell(value))
        for text, value in zip(texts, utterances[name].astype(str), strict=True)
    )


def _matching(
    path: str | Location, frame: pd.DataFrame, utterances: pd.DataFrame
) -> NDArray[np.intp]:
    """The row in `frame` of each utterance of a corpus table, shape `(utterances,)`."""
    theirs, ours = _parts(frame), _parts(utterances)
    depth = 1
    while not (distinct_ends(theirs, depth) and distinct_ends(ours, depth)):
        depth += 1
    cut = "start" in frame.columns
    table_keys = _keys(path, theirs, depth, frame["start"] if cut else None)
    corpus_keys = _keys(path, ours, depth, utterances["start"] if cut else None)
    for keys, where in ((table_keys, "the table"), (corpus_keys, "the corpus")):
        if len(set(keys)) < len(keys):
            remedy = (
                "take out the copies" if cut else "add the column `start`, or take out the copies"
            )
            raise FeatureError(
                f"{path}: an utterance comes twice in {where}, expected once each: {remedy}"
            )
    row_of = {key: row for row, key in enumerate(table_keys)}
    missing = [row for row, key in enumerate(corpus_keys) if key not in row_of]
    compared = f"the last {depth} part(s) of `file`{' and `start`' if cut else ''}"
    if len(missing) == len(utterances):
        raise FeatureError(
            f"{path}: no row for any utterance, expected one each, compared by {compared}: was the "
            "table made from this corpus?"
        )
    if missing:
        first = quote(PurePosixPath(utterances["file"].iloc[missing[0]]).name)
        raise FeatureError(
            f"{path}: no row for {len(missing)} of {len(utterances)} utterances, expected one "
            f"each, compared by {compared}; the first is utterance {missing[0]} "
            f"({first}): add it"
        )
    return np.array([row_of[key] for key in corpus_keys])


def _parts(frame: pd.DataFrame) -> list[tuple[str, ...]]:
    return [PurePosixPath(str(file).replace("\\", "/")).parts for file in frame["file"]]


def _keys(
    path: str | Location, files: list[tuple[str, ...]], depth: int, start: pd.Series | None
) -> list[tuple[object, ...]]:
    """The keys of utterances: the end of the path, and the start in milliseconds if known."""
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
