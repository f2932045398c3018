"""From a corpus to its feature vectors, or whatever else is computed of each recording: every core, nothing twice."""

from __future__ import annotations

import functools
import gc
from pathlib import Path
from typing import Any, Final, Protocol

import joblib
import numpy as np
from numpy.typing import NDArray

from sordino.corpora.table import Corpus, checksums
from sordino.errors import AudioError, FeatureError
from sordino.features.cache import Cache
from sordino.features.vectors import SUFFIXES, read_vectors
from sordino.progress import track
from sordino.signal import audio
from sordino.signal.feature_sets import FEATURE_SETS

CACHE: Final = Path("~/.cache/sordino")
"""Where vectors are kept unless another place is given."""


def extract(features: str, corpus: Corpus, cache: str | Path | None = CACHE, jobs: int = 0) -> NDArray[np.float32]:
    """The vector of each utterance, shape `(utterances, dims)`, in the corpus' row order.

    `features` is a name of `FEATURE_SETS`, or the path of a Parquet, CSV or NPZ table of vectors made elsewhere (see
    `read_vectors`). `cache` is the folder where computed vectors are kept, by the checksum of the recording and the
    extractor's configuration; `None` keeps nothing. `jobs` is the number of processes, 0 one for every core; it changes
    no value. Byte-identical recordings are computed once. A vector is kept as soon as it is computed: a run that is
    killed, or stopped by one bad recording or a full disk, goes on from there when it is started again.

    Raises `FeatureError` for a set that is not known, `AudioError` for a recording that cannot be used,
    `DependencyError` without openSMILE, `StorageError` where the cache cannot be written.

    >>> import tempfile, pandas
    >>> from sordino.corpora import table
    >>> folder = Path(tempfile.mkdtemp())
    >>> noise = np.random.default_rng(0).normal(0, 0.1, 16000)
    >>> rows = pandas.DataFrame({"file": [str(audio.write(folder / "noise.wav", noise))], "speaker": ["one"]})
    >>> extract("eGeMAPSv02", table.make("noise", rows), cache=folder, jobs=1).shape
    (1, 88)
    """
    if features not in FEATURE_SETS:
        if Path(features).suffix.lower() in SUFFIXES:
            return read_vectors(features, corpus)
        known = ", ".join(FEATURE_SETS)
        raise FeatureError(f"features {features}: expected {known} or a {', '.join(SUFFIXES)} file: choose one of them")
    extractor = FEATURE_SETS[features]
    return np.stack(each(extractor, (extractor.dims,), corpus, cache, jobs))


class Extractor(Protocol):
    """Samples to values, which `name`, `sampling_rate` (Hz) and `config` decide."""

    @property
    def name(self) -> str: ...

    @property
    def sampling_rate(self) -> int: ...

    @property
    def config(self) -> dict[str, object]: ...

    def __call__(self, samples: NDArray[np.float32]) -> NDArray[np.float32]: ...


def each(
    extractor: Extractor, shape: tuple[int, ...], corpus: Corpus, cache: str | Path | None, jobs: int
) -> list[NDArray[np.float32]]:
    """What an extractor makes of each utterance, in row order, read-only; byte-identical recordings share one array.

    `shape` is that of the values, -1 for an axis as long as the utterance. `cache`, `jobs` and errors: see `extract`.
    """
    kept = None if cache is None else Cache.of(Path(cache) / "features", extractor.name, extractor.config)
    keys = checksums(corpus)
    _, first = np.unique(keys, return_index=True)
    found = _found(shape, kept, keys[first]) if kept else {}
    missing = {int(row): keys[row] for row in np.sort(first) if keys[row] not in found}
    found |= _computed(extractor, kept, corpus, missing, jobs)
    for values in found.values():
        values.setflags(write=False)
    return [found[key] for key in keys]


def _found(shape: tuple[int, ...], kept: Cache, keys: NDArray[np.str_]) -> dict[str, NDArray[np.float32]]:
    """Key to values of what is kept already."""
    found = ((key, kept.find(key, *shape)) for key in keys)
    return {key: values for key, values in found if values is not None}


def _computed(
    extractor: Extractor, kept: Cache | None, corpus: Corpus, keys: dict[int, str], jobs: int
) -> dict[str, NDArray[np.float32]]:
    """Key to values of the rows that `keys` names, each computed and kept by one of `jobs` processes."""
    if not keys:
        return {}
    workers = min(jobs or joblib.cpu_count(), len(keys))
    compute = joblib.delayed(_values_elsewhere if workers > 1 else _values)
    files = [str(Path(file).absolute()) for file in corpus.table["file"]]  # joblib's processes may stand elsewhere
    cuts = corpus.table[["start", "end"]].to_numpy(dtype=float).tolist()
    tasks = (compute(extractor, kept, key, row, files[row], *cuts[row]) for row, key in keys.items())
    parallel = joblib.Parallel(n_jobs=workers, return_as="generator_unordered", batch_size=1)  # nobody ends late
    return dict(track(parallel(tasks), f"features {extractor.name}", len(keys)))


def _values(
    extractor: Extractor, kept: Cache | None, key: str, row: int, file: str, start: float, end: float
) -> tuple[str, NDArray[np.float32]]:
    try:
        values = extractor(audio.read(file, start, end, extractor.sampling_rate))
    except (AudioError, FeatureError) as error:
        raise type(error)(f"utterance {row}: {error}") from error
    if kept:
        kept.keep(key, values)
    return key, values


def _values_elsewhere(*given: Any) -> tuple[str, NDArray[np.float32]]:
    """`_values` in a process that was started for it."""
    found = _values(*given)
    _freeze()
    return found


@functools.cache
def _freeze() -> None:
    """Once a process: its garbage collector, which joblib calls every second, need not look through what was imported.

    That look takes 40 ms and more, about what an utterance takes.
    """
    gc.freeze()
