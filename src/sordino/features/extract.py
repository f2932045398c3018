"""Feature extraction for a corpus: all cores in parallel, each recording once."""

from __future__ import annotations

import functools
import gc
import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, NamedTuple

import joblib
import numpy as np
from numpy.typing import NDArray

from sordino import plugins
from sordino.corpora.checks.recordings import Bad, no_recording, summarise_bad
from sordino.corpora.table import Corpus, checksums
from sordino.errors import AudioError, FeatureError, StorageError
from sordino.features.cache import Cache
from sordino.features.vectors import TABLE_SUFFIXES, read_vectors
from sordino.progress import track
from sordino.signal import audio
from sordino.signal.feature_sets import FEATURE_SETS, Extractor

CACHE: Final = Path("~/.cache/sordino")
"""The default folder of the cache."""


class Extraction(NamedTuple):
    """The vectors of a corpus."""

    x: NDArray[np.float32]
    """The vectors of the usable utterances, `(utterances, dims)`, in row order."""
    unusable: list[Bad]
    """The other utterances, with reasons."""
    checksums: NDArray[np.str_]
    """Checksums of the recordings of `x`, `(utterances,)`; empty for a table of vectors."""


def extract(
    features: str, corpus: Corpus, cache: str | Path | None = CACHE, jobs: int = 0
) -> NDArray[np.float32]:
    """The vector of each utterance, shape `(utterances, dims)`, in the corpus' row order.

    `features` is a name of `FEATURE_SETS`, or the path of a Parquet, CSV or NPZ table of foreign
    vectors (see `read_vectors`). `cache` is the folder of computed vectors, by the checksum of the
    recording and the extractor's configuration; `None` caches nothing. `jobs` is the number of
    processes, 0 for one per core; it changes no value. Byte-identical recordings are computed once.
    A vector is cached at once: a run that was killed, or stopped by bad recordings or a full disk,
    resumes from the cache.

    Raises `FeatureError` for an unknown set, `AudioError` for unusable recordings (one message
    lists all; `extract_usable` leaves them out), `DependencyError` without openSMILE for its sets,
    `StorageError` where the cache cannot be written.

    >>> import tempfile, pandas
    >>> from sordino.corpora import table
    >>> folder = Path(tempfile.mkdtemp())
    >>> noise = np.random.default_rng(0).normal(0, 0.1, 16000)
    >>> file = audio.write(folder / "noise.wav", noise)
    >>> rows = pandas.DataFrame({"file": [str(file)], "speaker": ["anna"]})
    >>> extract("mel", table.make("noise", rows), cache=folder, jobs=1).shape
    (1, 927)
    """
    if features not in FEATURE_SETS and Path(features).suffix.lower() in TABLE_SUFFIXES:
        return read_vectors(features, corpus)
    extraction = extract_usable(features, corpus, cache, jobs)
    _refuse(extraction.unusable, len(corpus))
    return extraction.x


def extract_usable(
    features: str, corpus: Corpus, cache: str | Path | None = CACHE, jobs: int = 0
) -> Extraction:
    """The vectors of the usable utterances, and a list of the unusable ones.

    Arguments are those of `extract`. `corpus.select(mask)` without the rows of the list is the
    corpus of the vectors.

    Raises the errors of `extract`, except for bad recordings. Without usable utterances the vectors
    have no row.
    """
    if features not in FEATURE_SETS:
        if Path(features).suffix.lower() in TABLE_SUFFIXES:
            return Extraction(read_vectors(features, corpus), [], np.empty(0, np.str_))
        names = ", ".join(FEATURE_SETS)
        raise FeatureError(
            f"features {features}: expected {names} or a {', '.join(TABLE_SUFFIXES)} file: choose "
            "one of them"
        )
    extractor = FEATURE_SETS[features]
    values, bad, sums = _compute_all(extractor, (extractor.dims,), corpus, cache, jobs)
    vectors = [vector for vector in values if vector is not None]
    x = np.stack(vectors) if vectors else np.empty((0, extractor.dims), np.float32)
    return Extraction(x, bad, sums)


def compute(
    extractor: Extractor,
    shape: tuple[int, ...],
    corpus: Corpus,
    cache: str | Path | None,
    jobs: int,
) -> list[NDArray[np.float32]]:
    """The values of an extractor for each utterance, in row order and read-only; byte-identical
    recordings share one array.

    `shape` is the shape of the values, -1 for the time axis. `cache`, `jobs` and errors: see
    `extract`.
    """
    values, bad, _ = _compute_all(extractor, shape, corpus, cache, jobs)
    _refuse(bad, len(corpus))
    return [array for array in values if array is not None]


def _refuse(bad: Sequence[Bad], utterances: int) -> None:
    """Raise one error for all unusable recordings."""
    if not bad:
        return
    kinds = {recording.kind for recording in bad}
    kind = kinds.pop() if len(kinds) == 1 else AudioError
    if len(bad) == 1:
        raise kind(f"utterance {bad[0].row}: {bad[0]}")
    raise kind(
        f"{summarise_bad(bad, utterances)} (`sordino corpus check` lists all): correct them or "
        "leave them out"
    )


def _compute_all(
    extractor: Extractor,
    shape: tuple[int, ...],
    corpus: Corpus,
    cache: str | Path | None,
    jobs: int,
) -> tuple[list[NDArray[np.float32] | None], list[Bad], NDArray[np.str_]]:
    """The values of each utterance, `None` for an unusable one, a list of the unusable, and the
    checksums of the usable.
    """
    store = (
        None
        if cache is None
        else Cache.of(Path(cache) / "features", extractor.name, _config(extractor))
    )
    absent = _absent_files(corpus)
    rows = np.setdiff1d(np.arange(len(corpus)), list(absent))
    keys = (
        dict(zip(rows.tolist(), checksums(corpus.select(rows)), strict=True)) if len(rows) else {}
    )
    first = {str(key): row for row, key in reversed(keys.items())}  # the first row of each key
    values: dict[str, NDArray[np.float32] | Bad] = (
        dict(_cached(shape, store, np.array(sorted(first)))) if store else {}
    )
    missing = {
        row: key
        for key, row in sorted(first.items(), key=lambda item: item[1])
        if key not in values
    }
    values |= _compute_missing(extractor, store, corpus, missing, jobs)
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
    sums = [str(keys[row]) for row, array in enumerate(arrays) if array is not None]
    return arrays, bad, np.array(sums, dtype=np.str_)


def _config(extractor: Extractor) -> dict[str, object]:
    """All that decides the values; of a user's own feature set also the digest of its source."""
    source = plugins.source(extractor)
    return {**extractor.config, "source": source} if source else extractor.config


def _absent_files(corpus: Corpus) -> dict[int, Bad]:
    """The rows without a readable file."""
    bad = {}
    for row, file in enumerate(corpus.table["file"]):
        if reason := no_recording(file):
            bad[row] = Bad(row, file, reason, StorageError)
        elif not os.access(file, os.R_OK):
            bad[row] = Bad(row, file, "no permission to read it: change its mode", StorageError)
    return bad


def _cached(
    shape: tuple[int, ...], store: Cache, keys: NDArray[np.str_]
) -> dict[str, NDArray[np.float32]]:
    """The cached values by key."""
    pairs = ((key, store.find(key, *shape)) for key in keys)
    return {key: values for key, values in pairs if values is not None}


def _compute_missing(
    extractor: Extractor, store: Cache | None, corpus: Corpus, keys: dict[int, str], jobs: int
) -> dict[str, NDArray[np.float32] | Bad]:
    """The values of these rows by key, each computed and cached by one of `jobs` processes."""
    if not keys:
        return {}
    workers = min(jobs or joblib.cpu_count(), len(keys))
    delayed = joblib.delayed(_values_in_worker if workers > 1 else _values)
    # joblib's processes may have another working folder
    files = [str(Path(file).absolute()) for file in corpus.table["file"]]
    cuts = corpus.table[["start", "end"]].to_numpy(dtype=float).tolist()
    tasks = (
        delayed(extractor, store, key, row, files[row], *cuts[row]) for row, key in keys.items()
    )
    # single tasks, so that all processes end together
    parallel = joblib.Parallel(n_jobs=workers, return_as="generator_unordered", batch_size=1)
    return dict(track(parallel(tasks), f"features {extractor.name}", len(keys)))


def _values(
    extractor: Extractor,
    store: Cache | None,
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
        values = _checked_values(extractor, samples)
    except (AudioError, FeatureError) as error:
        return key, Bad.from_error(row, file, error)
    if store:
        store.keep(key, values)
    return key, values


def _checked_values(extractor: Extractor, samples: NDArray[np.float32]) -> NDArray[np.float32]:
    """The values of a recording. Of a user's own feature set they are checked first.

    Raises `FeatureError` where it raises, and for values that no table can hold.
    """
    if type(extractor).__module__.partition(".")[0] == "sordino":
        return extractor(samples)
    step = "see sordino.testing.check_extractor"
    with plugins.errors_of(extractor, f"features {extractor.name!r}", FeatureError, step):
        values = np.asarray(extractor(samples), dtype=np.float32)
    dims = getattr(extractor, "dims", None)
    if (dims is not None and values.shape != (dims,)) or not np.isfinite(values).all():
        raise FeatureError(
            f"features {extractor.name}: values of shape {values.shape}, expected ({dims},) and "
            "finite numbers: see sordino.testing.check_extractor"
        )
    return values


def _values_in_worker(*arguments: Any) -> tuple[str, NDArray[np.float32] | Bad]:
    """`_values` in a worker process."""
    result = _values(*arguments)
    _freeze()
    return result


@functools.cache
def _freeze() -> None:
    """Exclude imported modules from the garbage collection that joblib starts every second.

    It would take over 40 ms, about as long as an utterance.
    """
    gc.freeze()
