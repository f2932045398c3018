"""The utterances of a source, one after the other: a file name, a sound for a worker, labels.

A source is iterated and never listed. It counts rows that are not needed without reading them, so
that a killed run goes on where it stopped.
"""

from __future__ import annotations

import hashlib
import io
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol

import numpy as np
from numpy.typing import NDArray

from sordino import storage
from sordino.corpora.formats.sound_tables import LARGEST_TABLE_SOUND
from sordino.corpora.table import Corpus
from sordino.errors import AudioError, FeatureError
from sordino.features.sounds import Recording, SoundSource
from sordino.features.vectors import corpus_labels
from sordino.progress import printable, shorten
from sordino.signal import audio

LARGEST_STORED: Final = LARGEST_TABLE_SOUND
"""Bytes of the largest recording in a tar or in a Parquet table."""

LONGEST_LABEL: Final = 4096
"""Characters of a label."""

LONGEST_FILE: Final = 512
"""Characters of the name of an utterance in a tar or in a Parquet table."""

Needed = Callable[[int], bool]
"""Whether a run needs the row at a position of a source, from 0."""


@dataclass(frozen=True)
class SoundRow:
    """An utterance of a source: a sound, or the problem with it."""

    file: str
    """Its name in the tables."""
    sound: SoundSource | None
    problem: str = ""
    """The fault, the expected value and the remedy, where there is no sound."""
    labels: tuple[str | None, ...] = ()
    """The values of the columns that were asked for, None where one is missing."""
    start: float = 0.0
    """Seconds in the file."""
    end: float = math.nan
    """Seconds in the file, NaN for its end."""
    held_bytes: int = 0
    """The bytes of the sound that the row itself holds."""


class RowSource(Protocol):
    """Utterances in a fixed order."""

    @property
    def identity(self) -> dict[str, object]:
        """The inputs as plain JSON: a run goes on only with equal ones."""

    def check_labels(self, labels: Sequence[str]) -> None:
        """Raise `FeatureError` for a column that the source does not have."""

    def rows(self, labels: Sequence[str], needed: Needed) -> Iterator[SoundRow | None]:
        """Each utterance with these columns; None in place of one that is not needed."""


@dataclass(frozen=True)
class CorpusRows:
    """The utterances of a corpus, read from their paths. Its table is in memory, its sounds are
    not.
    """

    corpus: Corpus

    @property
    def identity(self) -> dict[str, object]:
        """The name of the corpus and the digest of its table."""
        digest = hashlib.sha256()
        for row in self.corpus.table.itertuples(index=False):
            digest.update(repr(tuple(row)).encode("utf-8", "surrogatepass"))
        return {"corpus": self.corpus.name, "table": digest.hexdigest()}

    def check_labels(self, labels: Sequence[str]) -> None:
        """Raise `FeatureError` for a column that the corpus does not have."""
        check_columns(self.corpus.name, labels, corpus_labels(self.corpus))

    def rows(self, labels: Sequence[str], needed: Needed) -> Iterator[SoundRow | None]:
        """Each utterance in row order."""
        table, recorded = self.corpus.table, self.corpus.recorded()
        columns = [table[name] for name in ("file", "start", "end", *labels)]
        for position, (file, start, end, *values) in enumerate(zip(*columns, strict=True)):
            if not needed(position):
                yield None
                continue
            texts = tuple(map(label_text, values))
            path = str(Path(file).absolute())  # worker processes may have another working folder
            sound = Recording(path, float(start), float(end), "") if recorded[position] else None
            problem = "" if sound else "a row of text, expected a recording: leave it out"
            yield SoundRow(encodable(file), sound, problem, texts, float(start), float(end))


@dataclass(frozen=True)
class FilePart:
    """A sound of `size` bytes at a place in a file of the user, such as a member of a tar."""

    path: str
    offset: int
    size: int
    file: str
    """The name that errors have."""
    key: str = ""

    def read(self, sampling_rate: int) -> NDArray[np.float32]:
        """The samples `(samples,)`. Raises `AudioError` and `StorageError`."""
        content = storage.read_regular(self.path, self.size, self.offset)
        if len(content) < self.size:
            raise AudioError(f"{self.file}: the file around it is cut short: copy it anew")
        return decode(self.file, content, sampling_rate)


@dataclass(frozen=True)
class SoundBytes:
    """A sound in memory."""

    content: bytes
    file: str
    """The name that errors have."""
    key: str = ""

    def read(self, sampling_rate: int) -> NDArray[np.float32]:
        """The samples `(samples,)`. Raises `AudioError`."""
        return decode(self.file, self.content, sampling_rate)


def decode(file: str, content: bytes, sampling_rate: int) -> NDArray[np.float32]:
    """The samples `(samples,)` of a recording in memory. Raises `AudioError` with its name."""
    if not content:
        raise AudioError(f"{file}: an empty file, expected sound: copy or record it anew")
    try:
        return audio.read_stream(io.BytesIO(content), len(content), sampling_rate)
    except AudioError as error:
        reason = str(error).removeprefix("sound in memory: ")
        raise AudioError(f"{file}: {reason}") from error


def sizes(paths: Sequence[Path]) -> list[list[object]]:
    """The paths and sizes of files, the identity of a source. Raises `StorageError`."""
    listed: list[list[object]] = []
    for path in paths:
        with storage.as_storage_error(path):
            listed.append([str(path), path.stat().st_size])
    return listed


def check_columns(where: str, labels: Sequence[str], available: Sequence[str]) -> None:
    """Raise `FeatureError` for a label that is not among the available columns."""
    for name in labels:
        if name not in available:
            names = ", ".join(shorten(printable(column)) for column in available[:20]) or "none"
            raise FeatureError(
                f"--labels {','.join(labels)}: {name!r} is no label of {where}, expected some of "
                f"{names}, separated by commas: correct it"
            )


def check_size(size: int) -> str:
    """The problem of a recording with so many bytes, empty where there is none."""
    if size > LARGEST_STORED:
        return f"{size:,} bytes, expected at most {LARGEST_STORED:,}: cut it into utterances"
    return ""


def label_text(value: Any) -> str | None:
    """A label as text, None where it is missing or is no single value.

    >>> label_text("sad"), label_text(3), label_text(float("nan")), label_text(["sad"])
    ('sad', '3', None, None)
    """
    if isinstance(value, float | np.floating) and math.isnan(value):
        return None
    if not isinstance(value, str | int | float | np.integer | np.floating):
        return None
    return shorten(encodable(str(value)), LONGEST_LABEL)


def file_text(parent: str, name: str) -> str:
    """The name of an utterance inside a file, printable and of at most `LONGEST_FILE` characters
    after the file's own.

    >>> file_text("a.tar", "x/1.wav")
    'a.tar/x/1.wav'
    """
    return f"{encodable(parent)}/{shorten(printable(name), LONGEST_FILE)}"


def encodable(text: str) -> str:
    """Text without halves of characters, which no table can hold."""
    return text.encode("utf-8", "backslashreplace").decode()
