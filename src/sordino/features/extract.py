"""From a corpus to its feature vectors, or whatever else is computed of each recording: every core,
nothing twice.
"""

from __future__ import annotations

import functools
import gc
import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import joblib
import numpy as np
from numpy.typing import NDArray

from sordino.corpora.checks.recordings import Bad, describe, no_recording
from sordino.corpora.table import Corpus, checksums
from sordino.errors import AudioError, FeatureError, StorageError
from sordino.features.cache import Cache
from sordino.features.vectors import SUFFIXES, read_vectors
from sordino.progress import track
from sordino.signal import audio
from sordino.signal.feature_sets import FEATURE_SETS, Extractor

CACHE: Final = Path("~/.cache/sordino")
"""Where vectors are kept unless another place is given."""


def extract(
    features: str, corpus: Corpus, cache: str | Path | None = CACHE, jobs: int = 0
) -> NDArray[np.float32]:
    """The vector of each utterance, shape `(utterances, dims)`, in the corpus' row order.

    `features` is a name of `FEATURE_SETS`, or the path of a Parquet, CSV or NPZ table of vectors
    made elsewhere (see `read_vectors`). `cache` is the folder where computed vectors are kept, by
    the checksum of the recording and the extractor's configuration; `None` keeps nothing. `jobs` is
    the number of processes, 0 one for every core; it changes no value. Byte-identical recordings
    are computed once. A vector is kept as soon as it is computed: a run that is killed, or stopped
    by bad recordings or a full disk, goes on from there when it is started again.

    Raises `FeatureError` for a set that is not known, `AudioError` for recordings that cannot be
    used (all are tried, and one message lists them; `usable` leaves them out), `DependencyError`
    without openSMILE where the set is its, `StorageError` where the cache cannot be written.

    >>> import tempfile, pandas
    >>> from sordino.corpora import table
    >>> folder = Path(tempfile.mkdtemp())
    >>> noise = np.random.default_rng(0).normal(0, 0.1, 16000)
    >>> rows = pandas.DataFrame({"file": [str(audio.write(folder / "noise.wav", noise))], "speaker": ["one"]})
    >>> extract("mel", table.make("noise", rows), cache=folder, jobs=1).shape
    (1, 927)
    """
    x, bad = usable(features, corpus, cache, jobs)
    _refuse(bad, len(corpus))
    return x


def usable(
    features: str, corpus: Corpus, cache: str | Path | None = CACHE, jobs: int = 0
) -> tuple[NDArray[np.float32], list[Bad]]:
    """The vectors of the utterances that can be used, in row order, and a list of those that
    cannot.

    Arguments are those of `extract`. `corpus.select(mask)` without the rows of the list is the
    corpus of the vectors.

    Raises what `extract` raises, but for bad recordings. Where no utterance is left, the vectors
    have no row.
    """
    if features not in FEATURE_SETS:
        if Path(features).suffix.lower() in SUFFIXES:
            return read_vectors(features, corpus), []
        known = ", ".join(FEATURE_SETS)
        raise FeatureError(
            f"features {features}: expected {known} or a {', '.join(SUFFIXES)} file: choose one of "
            "them"
        )
    extractor = FEATURE_SETS[features]
    values, bad = _tried(extractor, (extractor.dims,), corpus, cache, jobs)
    good = [vector for vector in values if vector is not None]
    return np.stack(good) if good else np.empty((0, extractor.dims), np.float32), bad


def each(
    extractor: Extractor,
    shape: tuple[int, ...],
    corpus: Corpus,
    cache: str | Path | None,
    jobs: int,
) -> list[NDArray[np.float32]]:
    """What an extractor makes of each utterance, in row order, read-only; byte-identical recordings
    share one array.

    `shape` is that of the values, -1 for an axis as long as the utterance. `cache`, `jobs` and
    errors: see `extract`.
    """
    values, bad = _tried(extractor, shape, corpus, cache, jobs)
    _refuse(bad, len(corpus))
    return [array for array in values if array is not None]


def _refuse(bad: Sequence[Bad], utterances: int) -> None:
    """Raise one error for all recordings that cannot be used."""
    if not bad:
        return
    kinds = {recording.kind for recording in bad}
    kind = kinds.pop() if len(kinds) == 1 else AudioError
    if len(bad) == 1:
        raise kind(f"utterance {bad[0].row}: {bad[0]}")
    raise kind(
        f"{describe(bad, utterances)} (`sordino corpus check` lists all): mend them or leave them out"
    )


def _tried(
    extractor: Extractor,
    shape: tuple[int, ...],
    corpus: Corpus,
    cache: str | Path | None,
    jobs: int,
) -> tuple[list[NDArray[np.float32] | None], list[Bad]]:
    """The values of each utterance, `None` where its recording cannot be used, and a list of these."""
    kept = (
        None
        if cache is None
        else Cache.of(Path(cache) / "features", extractor.name, extractor.config)
    )
    absent = _absent(corpus)
    rows = np.setdiff1d(np.arange(len(corpus)), list(absent))
    keys = (
        dict(zip(rows.tolist(), checksums(corpus.select(rows)), strict=True)) if len(rows) else {}
    )
    first = {
        str(key): row for row, key in reversed(keys.items())
    }  # key to the first row that has it
    values: dict[str, NDArray[np.float32] | Bad] = (
        dict(_found(shape, kept, np.array(sorted(first)))) if kept else {}
    )
    missing = {
        row: key
        for key, row in sorted(first.items(), key=lambda item: item[1])
        if key not in values
    }
    values |= _computed(extractor, kept, corpus, missing, jobs)
    for value in values.values():
        if not isinstance(value, Bad):
            value.setflags(write=False)
    arrays: list[NDArray[np.float32] | None] = []
    bad = []
    for row, file in enumerate(corpus.table["file"]):
        value = absent[row] if row in absent else values[str(keys[row])]
        arrays.append(None if isinstance(value, Bad) else value)
        if isinstance(value, Bad):
            bad.append(replace(value, row=row, file=file))
    return arrays, bad


def _absent(corpus: Corpus) -> dict[int, Bad]:
    """Rows whose recording is no file that may be read."""
    bad = {}
    for row, file in enumerate(corpus.table["file"]):
        if reason := no_recording(file):
            bad[row] = Bad(row, file, reason, StorageError)
        elif not os.access(file, os.R_OK):
            bad[row] = Bad(row, file, "no permission to read it: change its mode", StorageError)
    return bad


def _found(
    shape: tuple[int, ...], kept: Cache, keys: NDArray[np.str_]
) -> dict[str, NDArray[np.float32]]:
    """Key to values of what is kept already."""
    found = ((key, kept.find(key, *shape)) for key in keys)
    return {key: values for key, values in found if values is not None}


def _computed(
    extractor: Extractor, kept: Cache | None, corpus: Corpus, keys: dict[int, str], jobs: int
) -> dict[str, NDArray[np.float32] | Bad]:
    """Key to values of the rows that `keys` names, each computed and kept by one of `jobs`
    processes.
    """
    if not keys:
        return {}
    workers = min(jobs or joblib.cpu_count(), len(keys))
    compute = joblib.delayed(_values_elsewhere if workers > 1 else _values)
    files = [
        str(Path(file).absolute()) for file in corpus.table["file"]
    ]  # joblib's processes may stand elsewhere
    cuts = corpus.table[["start", "end"]].to_numpy(dtype=float).tolist()
    tasks = (
        compute(extractor, kept, key, row, files[row], *cuts[row]) for row, key in keys.items()
    )
    parallel = joblib.Parallel(
        n_jobs=workers, return_as="generator_unordered", batch_size=1
    )  # nobody ends late
    return dict(track(parallel(tasks), f"features {extractor.name}", len(keys)))


def _values(
    extractor: Extractor,
    kept: Cache | None,
    key: str,
    row: int,
    file: str,
    start: float,
    end: float,
) -> tuple[str, NDArray[np.float32] | Bad]:
    try:
        samples = audio.read(file, start, end, extractor.sampling_rate)
    except (AudioError, StorageError) as error:
        return key, Bad.from_error(row, file, error)
    try:
        values = extractor(samples)
    except (AudioError, FeatureError) as error:
        return key, Bad.from_error(row, file, error)
    if kept:
        kept.keep(key, values)
    return key, values


def _values_elsewhere(*given: Any) -> tuple[str, NDArray[np.float32] | Bad]:
    """`_values` in a process that was started for it."""
    found = _values(*given)
    _freeze()
    return found


@functools.cache
def _freeze() -> None:
    """Once a process: its garbage collector, which joblib calls every second, need not look through
    what was imported.

    That look takes 40 ms and more, about what an utterance takes.
    """
    gc.freeze()
