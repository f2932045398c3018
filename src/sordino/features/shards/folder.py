"""A folder of shards: Parquet tables of vectors with checksums, each whole or absent.

    NAME.shards/shard-000000.parquet    vectors of the first 10,000 utterances, keys and labels
    NAME.shards/shard-000001.parquet    the next ones ...
    NAME.shards/manifest.json           inputs and settings; rows, size and SHA-256 of each shard
    NAME.shards/failures.jsonl          utterances without a vector, one JSON object a line

The manifest is written after each shard, whole or not at all. A shard that it does not list, or
that has another checksum, counts as absent. The failures of a shard are stored in it too, so that a
run that goes on lists them again.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from io import BufferedReader
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sordino import storage
from sordino.errors import FeatureError, StorageError

SHARD_UTTERANCES: Final = 10_000
"""Utterances of a source that one shard holds, those without a vector included."""

SHARD_MANIFEST: Final = "manifest.json"
"""The manifest of a folder of shards."""

FAILURES: Final = "failures.jsonl"
"""The list of utterances without a vector."""

LARGEST_SHARD: Final = 4 << 30
"""Bytes of a shard that is read."""

_LARGEST_MANIFEST: Final = 1 << 28  # bytes: about a million shards
_FAILURES_KEY: Final = b"sordino.failures"
_FORMAT: Final = 1


class ShardFailure(NamedTuple):
    """An utterance without a vector."""

    utterance: int
    """Its position in the source, from 0."""
    file: str
    """Its name in the source."""
    reason: str
    """The fault, the expected value and the remedy."""


@dataclass(frozen=True)
class ShardEntry:
    """A shard as the manifest lists it."""

    utterances: int
    """Utterances of the source, with a vector or not."""
    vectors: int
    bytes: int
    sha256: str


class ShardContent(NamedTuple):
    """The content of a shard."""

    keys: Sequence[tuple[str, float, float]]
    """File, start and end of each vector."""
    labels: Mapping[str, Sequence[str | None]]
    """The labels of each vector by column."""
    columns: NDArray[np.float32]
    """The vectors, `(dims, vectors)`: one contiguous row for each column of the table."""
    names: Sequence[str]
    """The names of the dimensions."""
    failures: Sequence[ShardFailure]
    """The utterances without a vector."""


def shard_path(folder: Path, number: int) -> Path:
    """The table of a shard, from 0.

    >>> shard_path(Path("x.shards"), 3).name
    'shard-000003.parquet'
    """
    return folder / f"shard-{number:06d}.parquet"


def write_shard(folder: Path, number: int, utterances: int, content: ShardContent) -> ShardEntry:
    """Write a shard, whole or not at all; its entry. A new file has mode 0600, since vectors may
    reveal the speaker.
    """
    import pyarrow as pa
    from pyarrow import parquet

    files, starts, ends = zip(*content.keys, strict=True) if content.keys else ((), (), ())
    arrays = {
        "file": pa.array(files, pa.string()),
        "start": pa.array(starts, pa.float64()),
        "end": pa.array(np.array(ends, dtype=float), pa.float64(), from_pandas=True),
        **{name: pa.array(values, pa.string()) for name, values in content.labels.items()},
        **{
            name: pa.array(column)
            for name, column in zip(content.names, content.columns, strict=True)
        },
    }
    failures = json.dumps(content.failures, ensure_ascii=True).encode()
    table = pa.table(arrays, metadata={_FAILURES_KEY: failures})
    digests = []

    def fill(path: Path) -> None:
        parquet.write_table(
            table, path, use_dictionary=list(content.labels), write_statistics=False
        )
        with path.open("rb") as file:
            digests.append((path.stat().st_size, digest_of(file)))

    storage.write(shard_path(folder, number), fill, durable=True, mode=storage.PRIVATE)
    return ShardEntry(utterances, len(content.keys), *digests[0])


def digest_of(file: BufferedReader) -> str:
    """The SHA-256 of an open file."""
    return hashlib.file_digest(file, "sha256").hexdigest()


def is_intact(folder: Path, number: int, entry: ShardEntry) -> bool:
    """Whether a shard is there with its size and its checksum."""
    path = shard_path(folder, number)
    try:
        if path.is_symlink() or not path.is_file() or path.stat().st_size != entry.bytes:
            return False
        with path.open("rb") as file:
            return digest_of(file) == entry.sha256
    except OSError:
        return False


def failures_of(path: Path) -> list[ShardFailure]:
    """The failures that a shard lists. Raises `FeatureError` for another table."""
    from pyarrow import parquet

    try:
        with path.open("rb") as file:
            metadata = parquet.read_schema(file).metadata or {}
        return [ShardFailure(*row) for row in json.loads(metadata[_FAILURES_KEY])]
    except Exception as error:  # parsers of damaged files raise any exception
        raise FeatureError(f"{path}: no shard, expected a table of `sordino extract`") from error


def write_manifest(
    folder: Path,
    settings: Mapping[str, object],
    entries: Sequence[ShardEntry],
    complete: bool,
) -> None:
    """Write the manifest, whole or not at all."""
    content = {
        "format": _FORMAT,
        **settings,
        "complete": complete,
        "utterances": sum(entry.utterances for entry in entries),
        "vectors": sum(entry.vectors for entry in entries),
        "shards": [
            {"file": shard_path(folder, number).name, **asdict(entry)}
            for number, entry in enumerate(entries)
        ],
    }
    text = json.dumps(content, indent=1, ensure_ascii=True) + "\n"
    storage.write(folder / SHARD_MANIFEST, text, durable=True)


class ShardManifest(NamedTuple):
    """The manifest of a folder of shards."""

    settings: dict[str, Any]
    """Inputs and settings."""
    entries: list[ShardEntry]
    """The shards in their order."""
    complete: bool
    """Whether the run that wrote it came to its end."""


def read_manifest(folder: Path) -> ShardManifest | None:
    """The manifest of a folder, None where there is none. Raises `FeatureError` for another file.

    The names of the shards follow from their numbers; those in the file are not used.
    """
    path = folder / SHARD_MANIFEST
    if not path.exists():
        return None
    content = storage.read_regular(path, _LARGEST_MANIFEST + 1)
    try:
        if len(content) > _LARGEST_MANIFEST:
            raise ValueError("too large")
        settings = json.loads(content)
        rows = settings.pop("shards")
        entries = [
            ShardEntry(*(row[name] for name in ("utterances", "vectors", "bytes", "sha256")))
            for row in rows
        ]
        for entry in entries:
            counts = (entry.utterances, entry.vectors, entry.bytes)
            if not all(type(count) is int and count >= 0 for count in counts):
                raise ValueError("no counts")
        derived = ("format", "complete", "utterances", "vectors")
        number, complete, *_ = (settings.pop(name) for name in derived)
        if number != _FORMAT or type(complete) is not bool:
            raise ValueError("another format")
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise FeatureError(
            f"{path}: no manifest of shards, expected one of `sordino extract --shards`: choose "
            "another folder, or remove the file"
        ) from error
    return ShardManifest(settings, entries, complete)


def verified_shards(folder: Path) -> Iterator[Path]:
    """The table of each shard in order, after a check of its checksum.

    Raises `FeatureError` for a folder without a complete run, and for an absent or changed shard.
    """
    if not folder.is_dir():
        raise StorageError(f"{folder}: no such folder, expected shards: check the path")
    manifest = read_manifest(folder)
    if manifest is None or not manifest.complete:
        state = "no manifest of shards" if manifest is None else "an unfinished run"
        raise FeatureError(
            f"{folder}: {state}, expected all shards: repeat `sordino extract --shards`, which "
            "goes on where it stopped"
        )
    for number, entry in enumerate(manifest.entries):
        path = shard_path(folder, number)
        if entry.bytes > LARGEST_SHARD or not is_intact(folder, number, entry):
            raise FeatureError(
                f"{path}: absent, or changed after it was written, expected the shard of the "
                "manifest: repeat `sordino extract --shards`, which computes it again"
            )
        if entry.vectors:
            yield path
