"""Feature extraction for a corpus: all cores in parallel, each recording once."""

from __future__ import annotations

import functools
import gc
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Final, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from sordino import parallel, plugins, storage
from sordino.corpora.checks.recordings import Bad, no_recording, summarise_bad
from sordino.corpora.table import Corpus
from sordino.errors import AudioError, FeatureError, StorageError
from sordino.features.cache import Cache
from sordino.features.sounds import SoundSource, recordings_of
from sordino.features.vectors import TABLE_SUFFIXES, read_vectors
from sordino.parallel.compute_device import compute_device
from sordino.progress import track
from sordino.signal.feature_sets import (
    FEATURE_SETS,
    Extractor,
    accepted_names,
    computes_batches,
)
from sordino.storage import Location

CACHE: Final = Path("~/.cache/sordino")
"""The default folder of the cache."""

BATCH_SOUNDS: Final = 64
"""Sounds that a process gives to a GPU at once."""

_Result = TypeVar("_Result")


class Extraction(NamedTuple):
    """The vectors of a corpus."""

    x: NDArray[np.float32]
    """The vectors of the usable utterances, `(utterances, dims)`, in row order."""
    unusable: list[Bad]
    """The other utterances, with reasons."""
    checksums: NDArray[np.str_]
    """Checksums of the recordings of `x`, `(utterances,)`; empty for a table of vectors."""


def extract(
    features: str, corpus: Corpus, cache: str | Location | None = CACHE, jobs: int = 0
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
    >>> from sordino.signal import audio
    >>> folder = Path(tempfile.mkdtemp())
    >>> noise = np.random.default_rng(0).normal(0, 0.1, 16000)
    >>> file = audio.write(folder / "noise.wav", noise)
    >>> rows = pandas.DataFrame({"file": [str(file)], "speaker": ["anna"]})
    >>> extract("mel", table.make("noise", rows), cache=folder, jobs=1).shape
    (1, 927)
    """
    if features not in FEATURE_SETS and storage.location(features).suffix.lower() in TABLE_SUFFIXES:
        return read_vectors(features, corpus)
    extraction = extract_usable(features, corpus, cache, jobs)
    refuse(extraction.unusable, len(corpus))
    return extraction.x


def extract_usable(
    features: str, corpus: Corpus, cache: str | Location | None = CACHE, jobs: int = 0
) -> Extraction:
    """The vectors of the usable utterances, and a list of the unusable ones.

    Arguments are those of `extract`. `corpus.select(mask)` without the rows of the list is the
    corpus of the vectors.

    Raises the errors of `extract`, except for bad recordings. Without usable utterances the vectors
    have no row.
    """
    if features not in FEATURE_SETS:
        if storage.location(features).suffix.lower() in TABLE_SUFFIXES:
            return Extraction(read_vectors(features, corpus), [], np.empty(0, np.str_))
        raise FeatureError(
            f"features {features}: expected one of {accepted_names()}, or a table of vectors "
            f"({', '.join(TABLE_SUFFIXES)}): choose one"
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
    cache: str | Location | None,
    jobs: int,
) -> list[NDArray[np.float32]]:
    """The values of an extractor for each utterance, in row order and read-only; byte-identical
    recordings share one array.

    `shape` is the shape of the values, -1 for the time axis. `cache`, `jobs` and errors: see
    `extract`.
    """
    values, bad, _ = _compute_all(extractor, shape, corpus, cache, jobs)
    refuse(bad, len(corpus))
    return [array for array in values if array is not None]


def refuse(bad: Sequence[Bad], utterances: int) -> None:
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


class Values(NamedTuple):
    """Values of sounds by key, read-only, and the unusable sounds by key."""

    arrays: dict[str, NDArray[np.float32]]
    """The values of each usable sound by key, read-only."""
    unusable: dict[str, Bad]
    """The other sounds by key, with reasons."""

    @property
    def bad(self) -> list[Bad]:
        """The unusable sounds."""
        return list(self.unusable.values())


def compute_sounds(
    extractor: Extractor,
    shape: tuple[int, ...],
    sounds: Mapping[int, SoundSource],
    cache: str | Location | None,
    jobs: int,
    *,
    label: str = "",
    settings: Mapping[str, object] | None = None,
) -> Values:
    """The values of an extractor for sounds by row. Sounds with one key are computed once.

    `label` is the name on the progress bar. `settings` are those of the sounds, beside the
    extractor's in the configuration of the cache. `shape`, `cache` and `jobs`: see `compute`.
    """
    store = None
    if cache is not None:
        config = {**extractor_config(extractor), **(settings or {})}
        store = Cache.of(storage.location(cache) / "features", extractor.name, config)
    first = {
        sound.key: row for row, sound in reversed(list(sounds.items()))
    }  # the first row of each key
    arrays = dict(_cached(shape, store, sorted(first))) if store else {}
    missing = {row: sounds[row] for key, row in first.items() if key not in arrays}
    unusable = {}
    label = label or f"features {extractor.name}"
    tasks = dict(sorted(missing.items()))
    for key, value in _compute_missing(extractor, store, tasks, label, jobs):
        if isinstance(value, Bad):
            unusable[key] = value
        else:
            value.setflags(write=False)
            arrays[key] = value
    return Values(arrays, unusable)


def _compute_all(
    extractor: Extractor,
    shape: tuple[int, ...],
    corpus: Corpus,
    cache: str | Location | None,
    jobs: int,
) -> tuple[list[NDArray[np.float32] | None], list[Bad], NDArray[np.str_]]:
    """The values of each utterance, `None` for an unusable one, a list of the unusable, and the
    checksums of the usable.
    """
    absent = _absent_files(corpus)
    rows = np.setdiff1d(np.arange(len(corpus)), list(absent))
    sounds = (
        dict(zip(rows.tolist(), recordings_of(corpus.select(rows)), strict=True))
        if len(rows)
        else {}
    )
    values = compute_sounds(extractor, shape, sounds, cache, jobs)
    arrays: list[NDArray[np.float32] | None] = []
    bad, sums = [], []
    for row, file in enumerate(corpus.table["file"]):
        key = sounds[row].key if row in sounds else ""
        arrays.append(values.arrays.get(key))
        if arrays[-1] is not None:
            sums.append(key)
        else:
            reason = absent.get(row) or values.unusable[key]
            bad.append(replace(reason, row=row, file=file))
    return arrays, bad, np.array(sums, dtype=np.str_)


def extractor_config(extractor: Extractor) -> dict[str, object]:
    """All that decides the values; of a user's own feature set also the digest of its source, and
    the device of values of a GPU, which have other last digits.
    """
    source, device = plugins.source(extractor), encoding_device(extractor)
    config = {**extractor.config, "source": source} if source else extractor.config
    return config if device == "cpu" else {**config, "device": device}


def encoding_device(extractor: Extractor) -> str:
    """`cuda` if a GPU computes the values in batches, else `cpu`."""
    batches = _is_own(extractor) and computes_batches(extractor)
    return compute_device() if batches else "cpu"


def _is_own(extractor: Extractor) -> bool:
    """Whether a feature set is one of sordino."""
    return type(extractor).__module__.partition(".")[0] == "sordino"


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
    shape: tuple[int, ...], store: Cache, keys: Sequence[str]
) -> dict[str, NDArray[np.float32]]:
    """The cached values by key."""
    pairs = ((key, store.find(key, *shape)) for key in keys)
    return {key: values for key, values in pairs if values is not None}


def _compute_missing(
    extractor: Extractor,
    store: Cache | None,
    sounds: Mapping[int, SoundSource],
    label: str,
    jobs: int,
) -> Iterable[tuple[str, NDArray[np.float32] | Bad]]:
    """The key and the values of each sound, computed and cached by one of `jobs` processes."""
    if not sounds:
        return []
    if (device := encoding_device(extractor)) != "cpu":
        values_on = partial(values_of, extractor, store, device=device)
        calls = list(sounds.items())
        groups = [
            calls[start : start + BATCH_SOUNDS] for start in range(0, len(calls), BATCH_SOUNDS)
        ]
        batches = parallel.map(values_on, groups, jobs=jobs)
        return track(chain.from_iterable(batches), label, len(sounds))
    processes = min(parallel.count_workers(jobs), len(sounds))
    values = partial(_values_in_worker if processes > 1 else sound_values, extractor, store)
    return track(parallel.map(values, sounds.items(), jobs=processes), label, len(sounds))


def sound_values(
    extractor: Extractor, store: Cache | None, call: tuple[int, SoundSource]
) -> tuple[str, NDArray[np.float32] | Bad]:
    """The key of a sound and its values, or the reason why it has none. `call` is its row and the
    sound.
    """
    key = call[1].key
    values = _of_sound(partial(_checked_values, extractor), extractor.sampling_rate, call)
    if store and not isinstance(values, Bad):
        store.keep(key, values)
    return key, values


def values_of(
    extractor: Extractor,
    store: Cache | None,
    calls: Sequence[tuple[int, SoundSource]],
    device: str,
) -> Iterable[tuple[str, NDArray[np.float32] | Bad]]:
    """`sound_values` of several sounds; with another device than `cpu`, of all at once there."""
    if device == "cpu" or not computes_batches(extractor):
        return (sound_values(extractor, store, call) for call in calls)
    keys = [sound.key for _, sound in calls]
    inputs = [_of_sound(extractor.prepare, extractor.sampling_rate, call) for call in calls]
    usable = [values for values in inputs if not isinstance(values, Bad)]
    computed = iter(extractor.compute_batch(usable, device) if usable else [])
    results = [values if isinstance(values, Bad) else next(computed) for values in inputs]
    for key, values in zip(keys, results, strict=True):
        if store and not isinstance(values, Bad):
            store.keep(key, values)
    return list(zip(keys, results, strict=True))


def _of_sound(
    function: Callable[[NDArray[np.float32]], _Result],
    sampling_rate: int,
    call: tuple[int, SoundSource],
) -> _Result | Bad:
    """A function of the samples of a sound, or the reason why it has none."""
    row, sound = call
    try:
        samples = sound.read(sampling_rate)
    except (AudioError, StorageError) as error:
        return Bad.from_error(row, sound.file, error)
    try:
        return function(samples)
    except (AudioError, FeatureError) as error:
        return Bad.from_error(row, sound.file, error)


def _checked_values(extractor: Extractor, samples: NDArray[np.float32]) -> NDArray[np.float32]:
    """The values of a recording. Of a user's own feature set they are checked first.

    Raises `FeatureError` where it raises, and for values that no table can hold.
    """
    if _is_own(extractor):
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


def _values_in_worker(
    extractor: Extractor, store: Cache | None, call: tuple[int, SoundSource]
) -> tuple[str, NDArray[np.float32] | Bad]:
    """`sound_values` in a worker process."""
    result = sound_values(extractor, store, call)
    freeze_imports()
    return result


@functools.cache
def freeze_imports() -> None:
    """Exclude imported modules from the garbage collection that joblib starts every second.

    It would take over 40 ms, about as long as an utterance.
    """
    gc.freeze()
