"""Tables of vectors: those that were made elsewhere, such as embeddings of a pretrained model, and ours for others.

A table has one row an utterance: `file`, `start` where a file holds several utterances, and one column a dimension. An
NPZ file has them as arrays: `x` of shape `(rows, dims)`, and optionally `files`, `starts` and `names`; other arrays of
one value a row are labels.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path, PurePosixPath
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sordino import storage
from sordino.corpora.table import COLUMNS, OPTIONAL, Corpus
from sordino.errors import FeatureError

KEYS: Final = ("file", "start", "end", "utterance")
"""The columns that say whose vector a row is. `end` and `utterance` are allowed and not looked at."""


def read_vectors(path: str | Path, corpus: Corpus) -> NDArray[np.float32]:
    """The vector of each utterance of a corpus, shape `(utterances, dims)`, from a Parquet, CSV or NPZ table.

    Rows are matched by the column `file`, and by `start` (seconds, to the millisecond) where the table has it. Files
    are compared by the last parts of their path, as few as tell all files of the table, and all of the corpus, apart:
    by base name where that is enough, else by `folder/name`, and so on; where the files were when the table was made
    does not matter. Rows of other files are left out. A table without `file` must have exactly the corpus' rows, in
    their order. All other columns are dimensions; the index that audformat writes is understood.

    Raises `FeatureError` for an utterance without a row or with two, for text, labels (a column named as one of a
    corpus) or unnamed columns among the dimensions, for NaN and infinity; `StorageError` for what cannot be read.
    """
    frame = _read(Path(path))
    columns = [column for column in frame.columns if column not in KEYS]
    _check(path, frame[columns])
    if "file" in frame.columns:
        rows = _matching(path, frame, corpus)
    elif len(frame) == len(corpus):
        rows = np.arange(len(frame))
    else:
        raise FeatureError(
            f"{path}: {len(frame)} rows and no column `file`, expected {len(corpus)} in the corpus' order: add `file`"
        )
    with np.errstate(over="ignore"):
        x = frame[columns].to_numpy(dtype=np.float64)[rows].astype(np.float32)
    bad = np.argwhere(~np.isfinite(x))
    if len(bad):
        row, column = bad[0]
        raise FeatureError(
            f"{path}: {len(bad)} values are NaN or infinite, expected numbers; the first is `{columns[column]}` of "
            f"utterance {row}: leave the utterance or the column out"
        )
    return x


def read_labelled(
    path: str | Path, labels: Sequence[str], ignore: Sequence[str] = ()
) -> tuple[NDArray[np.float64], pd.DataFrame]:
    """The vectors `(rows, dims)` of a table that holds labels too, and these labels, one column each.

    Every other column is a dimension, but for those to `ignore`, those that say which utterance it is, and those named
    as a corpus' labels. Raises `FeatureError` for a label that is not there and for text among the dimensions;
    `StorageError` for what cannot be read.
    """
    frame = _read(Path(path))
    missing = [name for name in labels if name not in frame.columns]
    if missing:
        shown = ", ".join(map(str, frame.columns[:8])) + (", ..." if len(frame.columns) > 8 else "")
        raise FeatureError(f"{path}: no column `{missing[0]}`, expected one of the table's ({shown}): name another")
    known = {*labels, *ignore, *KEYS, *COLUMNS, *OPTIONAL}
    columns = [column for column in frame.columns if column not in known]
    _check(path, frame[columns])
    return frame[columns].to_numpy(dtype=np.float64), frame[list(labels)]


def write_vectors(path: str | Path, x: NDArray[np.float32], corpus: Corpus, names: Sequence[str]) -> Path:
    """Write the vectors of a corpus as a table that `read_vectors` reads, by the suffix of `path`; the path.

    `names` are those of the dimensions. Of the utterances it holds file, start and end, no label and no speaker.

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
        raise FeatureError(f"{path}: vectors {x.shape}, expected ({len(corpus)}, {len(names)}): extract them anew")
    keys = corpus.table[list(KEYS[:3])]
    if table_suffix(path) == ".npz":
        content = io.BytesIO()
        files, starts, ends = (keys[key].to_numpy(dtype=str if key == "file" else float) for key in KEYS[:3])
        np.savez(content, x=x, names=np.array(names), files=files, starts=starts, ends=ends)
        return storage.write(path, content.getvalue())
    frame = pd.concat([keys, pd.DataFrame(x, columns=list(names))], axis=1)
    if table_suffix(path) == ".csv":
        safe = frame.assign(file=frame["file"].map(storage.cell))
        return storage.write(path, lambda place: safe.to_csv(place, index=False))
    return storage.write(path, lambda place: frame.to_parquet(place, index=False))


def _read(path: Path) -> pd.DataFrame:
    """The table, its index (where it is named) as columns."""
    reader = _READERS[table_suffix(path)]
    with storage.told(path):
        try:
            frame = reader(path)
        except (ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile) as error:
            expected = (
                "with an array `x` (rows, dims)" if path.suffix.lower() == ".npz" else "with one row an utterance"
            )
            raise FeatureError(f"{path}: not a readable {path.suffix} table {expected}: write it anew") from error
    named = [name for name in frame.index.names if name is not None]
    return frame.reset_index(named) if named else frame


def _read_npz(path: Path) -> pd.DataFrame:
    with np.load(path, allow_pickle=False) as arrays:
        x = arrays["x"]
        if x.ndim != 2:
            raise ValueError(f"x of shape {x.shape}")
        names = arrays["names"].tolist() if "names" in arrays else [f"x{column}" for column in range(x.shape[1])]
        frame = pd.DataFrame(x, columns=names)
        for key in KEYS:
            if f"{key}s" in arrays:
                frame[key] = arrays[f"{key}s"]
        known = {"x", "names", *(f"{key}s" for key in KEYS)}
        labels = {name: values for name in arrays.files if name not in known and (values := arrays[name]).ndim == 1}
        for name, values in labels.items():
            if len(values) == len(frame):
                frame[name] = values
    return frame


_READERS: Final[dict[str, Callable[[Path], pd.DataFrame]]] = {
    ".parquet": pd.read_parquet,
    ".csv": lambda path: pd.read_csv(path, low_memory=False),
    ".npz": _read_npz,
}
SUFFIXES: Final = tuple(_READERS)
"""The kinds of table."""


def table_suffix(path: Path) -> str:
    """The suffix of a table, in lower case; raises `FeatureError` for one that is not known."""
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise FeatureError(f"{path}: suffix {suffix or 'missing'}, expected one of {', '.join(SUFFIXES)}: choose one")
    return suffix


def _check(path: str | Path, dimensions: pd.DataFrame) -> None:
    """Raise for columns that are no dimension of a vector."""
    if dimensions.columns.empty:
        raise FeatureError(f"{path}: no column of numbers, expected one a dimension: check what wrote the table")
    labels = [name for name in dimensions.columns if name in {*COLUMNS, *OPTIONAL} or str(name).startswith("Unnamed: ")]
    text = [name for name in dimensions.columns if not pd.api.types.is_numeric_dtype(dimensions[name])]
    for names, what in ((labels, "a label or has no name"), (text, "not of numbers")):
        if names:
            more = f" (and {len(names) - 1} more)" if len(names) > 1 else ""
            raise FeatureError(f"{path}: column `{names[0]}`{more} is {what}, expected vectors alone: leave it out")


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
            asked = "take out the copies" if cut else "add the column `start`, or take out the copies"
            raise FeatureError(f"{path}: an utterance comes twice in {where}, expected once each: {asked}")
    row_of = {key: row for row, key in enumerate(given)}
    missing = [row for row, key in enumerate(wanted) if key not in row_of]
    if missing:
        raise FeatureError(
            f"{path}: no row for {len(missing)} of {len(corpus)} utterances, expected one each, compared by the last "
            f"{depth} part(s) of `file`{' and `start`' if cut else ''}; the first is utterance {missing[0]}: add it"
        )
    return np.array([row_of[key] for key in wanted])


def _parts(frame: pd.DataFrame) -> list[tuple[str, ...]]:
    return [PurePosixPath(str(file).replace("\\", "/")).parts for file in frame["file"]]


def _apart(files: list[tuple[str, ...]], depth: int) -> bool:
    """Whether different files still differ when only the last `depth` parts of their paths are looked at."""
    return len({parts[-depth:] for parts in files}) == len(set(files))


def _keys(
    path: str | Path, files: list[tuple[str, ...]], depth: int, start: pd.Series | None
) -> list[tuple[object, ...]]:
    """What tells utterances apart: the end of the path, and the start in milliseconds where it is known."""
    if start is None:
        return [parts[-depth:] for parts in files]
    try:
        seconds = start if pd.api.types.is_numeric_dtype(start) else pd.to_timedelta(start).dt.total_seconds()
    except ValueError as error:
        raise FeatureError(f"{path}: `start` is no time, expected seconds: write it as numbers") from error
    return [(*parts[-depth:], round(1000 * at)) for parts, at in zip(files, seconds.fillna(0), strict=True)]
