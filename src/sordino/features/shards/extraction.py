"""Extraction to shards: any number of utterances with the memory of one shard.

source -> rows -> batches of sounds -> workers -> vectors of one shard -> a table with checksum
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sordino import parallel, storage
from sordino.errors import FeatureError
from sordino.features.extract import encoding_device, extractor_config, freeze_imports, values_of
from sordino.features.shards import folder as shard_folder
from sordino.features.shards.folder import (
    FAILURES,
    SHARD_UTTERANCES,
    ShardContent,
    ShardEntry,
    ShardFailure,
)
from sordino.features.shards.rows import RowSource, SoundRow
from sordino.features.tables import SHARD_SUFFIX
from sordino.parallel import crashes
from sordino.progress import shorten, track
from sordino.signal.feature_sets import FEATURE_SETS, Extractor, FeatureSet, accepted_names

BATCH_UTTERANCES: Final = 64
"""Utterances of a batch: about a second of work for speech of some seconds."""

BATCH_BYTES: Final = 16 << 20
"""Bytes of sound that a batch holds before its last utterance."""

LONGEST_REASON: Final = 500
"""Characters of a reason in the list of failures."""


CRASH: Final = "the process that read it ended: the recording is damaged, or too large for memory"


class ShardSummary(NamedTuple):
    """The result of an extraction to shards."""

    folder: Path
    """The folder of the shards."""
    utterances: int
    """Utterances of the sources."""
    vectors: int
    """Utterances with a vector."""
    shards: int
    """Number of shards."""
    computed: int
    """Shards that this run computed; the others were there."""
    first_failures: tuple[ShardFailure, ...]
    """The first ten utterances without a vector; the file lists all."""

    @property
    def failures(self) -> int:
        """Utterances without a vector."""
        return self.utterances - self.vectors


def extract_shards(
    features: str,
    sources: Sequence[RowSource],
    folder: str | Path,
    labels: Sequence[str] = (),
    jobs: int = 0,
    size: int = SHARD_UTTERANCES,
) -> ShardSummary:
    """Write the vectors of all utterances as a folder of Parquet shards; a summary.

    - `features`: a name of `FEATURE_SETS`.
    - `sources`: `CorpusRows`, `PathRows`, `TarRows` or `ParquetRows`, one after the other.
    - `folder`: ends in `.shards`; created if absent. `sordino.features.shards.folder` has its
      layout.
    - `labels`: columns of the sources, written as text.
    - `jobs`: see `extract`. It changes no byte.
    - `size`: utterances of a shard.

    Memory holds the vectors of one shard and some batches of sounds for each process. Computed
    vectors are in no cache: a run that was killed goes on with the first shard that is absent or
    has another checksum, and writes the same bytes as an undisturbed run. Changes of a recording
    that keep path and size of its file are not noticed.

    A recording that cannot be used is listed in `failures.jsonl`. Raises `FeatureError` for an
    unknown set, absent labels, and a folder of another run; `StorageError` where it cannot be
    written.
    """
    folder = Path(folder)
    extractor = _extractor(features, labels)
    if folder.suffix.lower() != SHARD_SUFFIX:
        raise FeatureError(
            f"{folder}: suffix {folder.suffix or 'missing'}, expected {SHARD_SUFFIX} of a folder "
            "of shards: rename it"
        )
    for source in sources:
        source.check_labels(labels)
    run = _Run(folder, extractor, sources, tuple(labels), jobs, size)
    settings = run.settings()
    entries, complete = _earlier(folder, settings)
    intact = [shard_folder.is_intact(folder, number, entry) for number, entry in enumerate(entries)]
    computed = 0
    if not (complete and all(intact)):
        storage.folder(folder)
        computed = run.complete(settings, entries, intact)
    first = _write_failures(folder, entries)
    vectors = sum(entry.vectors for entry in entries)
    utterances = sum(entry.utterances for entry in entries)
    return ShardSummary(folder, utterances, vectors, len(entries), computed, first)


class _Batch(NamedTuple):
    """The vectors of some utterances, in their order."""

    keys: list[tuple[str, float, float]]
    labels: list[tuple[str | None, ...]]
    x: NDArray[np.float32]
    failures: list[ShardFailure]


@dataclass
class _Stream:
    """The rows of all sources, in the threads that start the workers. An error there would be lost,
    so it is stored.
    """

    rows: Iterator[SoundRow | None]
    count: int = 0
    error: Exception | None = field(default=None, repr=False)

    def take(self, size: int) -> Iterator[tuple[int, SoundRow | None]]:
        """Up to `size` rows with their positions."""
        try:
            for row in islice(self.rows, size):
                self.count += 1
                yield self.count - 1, row
        except Exception as error:  # raised by `check`
            self.error = error

    def check(self) -> None:
        """Raise the error of a source."""
        if self.error:
            raise self.error


@dataclass(frozen=True)
class _Run:
    """The computation of shards."""

    folder: Path
    extractor: FeatureSet
    sources: Sequence[RowSource]
    labels: tuple[str, ...]
    jobs: int
    size: int

    def settings(self) -> dict[str, Any]:
        """All that decides the bytes of the shards, as plain JSON."""
        settings = {
            "features": self.extractor.name,
            "dims": self.extractor.dims,
            "config": extractor_config(self.extractor),
            "labels": self.labels,
            "sources": [source.identity for source in self.sources],
            "shard_utterances": self.size,
        }
        plain: dict[str, Any] = json.loads(json.dumps(settings))
        return plain

    def complete(
        self, settings: dict[str, Any], entries: list[ShardEntry], intact: list[bool]
    ) -> int:
        """Compute the shards that are not intact, in order; their number. `entries` becomes the
        list of all shards.
        """
        columns = np.empty((self.extractor.dims, self.size), np.float32)
        ready = dict(enumerate(intact))
        stream = _Stream(self._rows(ready))
        number = computed = 0
        while True:
            before = stream.count
            if ready.get(number):
                for _ in stream.take(self.size):
                    pass
            else:
                content = self._shard(number, stream, columns)
            stream.check()
            if (count := stream.count - before) and not ready.get(number):
                entry = shard_folder.write_shard(self.folder, number, count, content)
                entries[number : number + 1] = [entry]
                computed += 1
            if count:
                number += 1
            if count < self.size:
                break
            shard_folder.write_manifest(self.folder, settings, entries, False)
        del entries[number:]
        shard_folder.write_manifest(self.folder, settings, entries, True)
        return computed

    def _rows(self, ready: dict[int, bool]) -> Iterator[SoundRow | None]:
        """The rows of all sources; None in place of those in a shard that is ready."""
        position = 0
        for source in self.sources:
            start = position

            def needed(row: int, start: int = start) -> bool:
                return not ready.get((start + row) // self.size)

            for row in source.rows(self.labels, needed):
                position += 1
                yield row

    def _shard(self, number: int, stream: _Stream, columns: NDArray[np.float32]) -> ShardContent:
        """The content of the next shard. Its vectors stand in `columns`."""
        processes = parallel.count_workers(self.jobs)
        compute = partial(_compute, self.extractor, encoding_device(self.extractor), processes > 1)
        batches = _batches(stream.take(self.size))
        keys: list[tuple[str, float, float]] = []
        labels: list[tuple[str | None, ...]] = []
        failures: list[ShardFailure] = []
        results = crashes.map_or(
            compute, batches, partial(_one_by_one, self.extractor, compute), jobs=self.jobs
        )
        # the number of batches is an estimate: nothing knows the length of a source
        for batch in track(results, f"shard {number}", -(-self.size // BATCH_UTTERANCES)):
            columns[:, len(keys) : len(keys) + len(batch.keys)] = batch.x.T
            keys += batch.keys
            labels += batch.labels
            failures += batch.failures
        by_column = {
            name: [values[index] for values in labels] for index, name in enumerate(self.labels)
        }
        vectors = columns[:, : len(keys)]
        return ShardContent(keys, by_column, vectors, self.extractor.names, failures)


def _batches(
    rows: Iterable[tuple[int, SoundRow | None]],
) -> Iterator[list[tuple[int, SoundRow]]]:
    """Rows in groups of about a second of work and of limited size."""
    batch: list[tuple[int, SoundRow]] = []
    size = 0
    for position, row in rows:
        if row is None:
            continue
        batch.append((position, row))
        size += row.held_bytes
        if len(batch) >= BATCH_UTTERANCES or size >= BATCH_BYTES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _compute(
    extractor: Extractor, device: str, in_worker: bool, rows: list[tuple[int, SoundRow]]
) -> _Batch:
    """The vectors of a batch."""
    compute = partial(values_of, extractor, None, device=device)
    batch = _Batch([], [], np.empty((0, 0), np.float32), [])
    vectors = []
    calls = [(position, row.sound) for position, row in rows if row.sound is not None]
    results = (values for _, values in compute(calls))
    for position, row in rows:
        reason = row.problem
        if row.sound is not None:
            values = next(results)
            if isinstance(values, np.ndarray):
                vectors.append(values)
                batch.keys.append((row.file, row.start, row.end))
                batch.labels.append(row.labels)
                continue
            reason = values.reason
        batch.failures.append(ShardFailure(position, row.file, shorten(reason, LONGEST_REASON)))
    if in_worker:
        freeze_imports()
    dims = int(getattr(extractor, "dims", 0))
    x = np.stack(vectors) if vectors else np.empty((0, dims), np.float32)
    return batch._replace(x=x.astype(np.float32, copy=False))


def _one_by_one(
    extractor: FeatureSet,
    compute: Callable[[list[tuple[int, SoundRow]]], _Batch],
    rows: list[tuple[int, SoundRow]],
) -> _Batch:
    """The vectors of a batch that ended its process: a recording that does so too is listed."""
    if len(rows) == 1:
        position, row = rows[0]
        x = np.empty((0, extractor.dims), np.float32)
        return _Batch([], [], x, [ShardFailure(position, row.file, CRASH)])
    single = partial(_one_by_one, extractor, compute)
    batches = list(crashes.map_or(compute, [[row] for row in rows], single, jobs=2))
    return _Batch(
        [key for batch in batches for key in batch.keys],
        [values for batch in batches for values in batch.labels],
        np.concatenate([batch.x for batch in batches]),
        [failure for batch in batches for failure in batch.failures],
    )


def _extractor(features: str, labels: Sequence[str]) -> FeatureSet:
    """The feature set of a name. Raises for another name, and for labels with a name of a column
    that every shard has.
    """
    if features not in FEATURE_SETS:
        raise FeatureError(f"features {features}: expected one of {accepted_names()}: choose one")
    extractor = FEATURE_SETS[features]
    reserved = {"file", "start", "end", *extractor.names}
    for index, name in enumerate(labels):
        if name in reserved or name in labels[:index]:
            raise FeatureError(
                f"labels {', '.join(labels)}: {name!r} is a column already, expected others, each "
                "once: leave it out"
            )
    return extractor


def _earlier(folder: Path, settings: dict[str, Any]) -> tuple[list[ShardEntry], bool]:
    """The shards of an earlier run with the same settings, and whether it came to its end."""
    if folder.exists() and not folder.is_dir():
        raise FeatureError(f"{folder}: a file, expected a folder of shards: choose another path")
    manifest = shard_folder.read_manifest(folder)
    if manifest is None:
        return [], False
    if manifest.settings != settings:
        differing = sorted(
            name
            for name in {*manifest.settings, *settings}
            if manifest.settings.get(name) != settings.get(name)
        )
        raise FeatureError(
            f"{folder}: shards of a run with other {', '.join(differing)}, expected the same: "
            "choose another folder, or remove this one"
        )
    return manifest.entries, manifest.complete


def _write_failures(folder: Path, entries: Sequence[ShardEntry]) -> tuple[ShardFailure, ...]:
    """Write the list of all failures; the first ten."""
    first: list[ShardFailure] = []

    def fill(path: Path) -> None:
        with path.open("w", encoding="utf-8") as file:
            for number, entry in enumerate(entries):
                if entry.vectors == entry.utterances:
                    continue
                for failure in shard_folder.failures_of(shard_folder.shard_path(folder, number)):
                    file.write(json.dumps(failure._asdict(), ensure_ascii=True) + "\n")
                    first.extend([failure] * (len(first) < 10))

    storage.write(folder / FAILURES, fill)
    return tuple(first)
