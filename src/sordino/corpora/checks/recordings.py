"""A pass over the headers of all recordings of a corpus, and a list of the unusable ones."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from sordino.corpora.table import Corpus
from sordino.errors import AudioError, SordinoError, StorageError
from sordino.progress import shorten, track
from sordino.signal import audio, file_types
from sordino.signal.header_lengths import Header
from sordino.storage import LONGEST_PATH

MAX_LISTED: Final = 10
"""Recordings that a screen or an error lists."""

_FORMATS: Final = {
    ".wav": {"WAV", "WAVEX", "RF64", "W64"},
    ".flac": {"FLAC"},
    ".ogg": {"OGG"},
    ".oga": {"OGG"},
    ".opus": {"OGG"},
    ".mp3": {"MP3"},
    ".aif": {"AIFF"},
    ".aiff": {"AIFF"},
    ".aifc": {"AIFF"},
    ".au": {"AU"},
    ".sph": {"NIST"},
}


@dataclass(frozen=True)
class Bad:
    """An unusable recording, or an unusable part of one."""

    row: int
    """The utterance, as its row in the corpus."""
    file: str
    reason: str
    """The fault, the expected value and the remedy."""
    kind: type[SordinoError] = AudioError
    """The error that one such recording raises."""

    @staticmethod
    def from_error(row: int, file: str, error: SordinoError) -> Bad:
        """The utterance with the message of an error, without the path of the file."""
        return Bad(row, file, str(error).removeprefix(f"{file}: "), type(error))

    def __str__(self) -> str:
        file = self.file if len(self.file) < LONGEST_PATH else shorten(self.file)
        return f"{file}: {self.reason}"


@dataclass(frozen=True)
class Recordings:
    """The result of opening every recording of a corpus."""

    files: int
    bad: list[Bad]
    """Unusable utterances, in row order."""
    renamed: list[str]
    """Files with a suffix of another format. They are read by their content."""


def check_recordings(corpus: Corpus) -> Recordings:
    """Every recording, after a look at its header and a comparison of every part with the length of
    its file.

    Only files without a length in the header are decoded. Rows of text have no recording: for them
    only absent files are listed.

    >>> import pandas, tempfile
    >>> from sordino.corpora import table
    >>> pointer = Path(tempfile.mkdtemp()) / "a.wav"
    >>> _ = pointer.write_text("version https://git-lfs.github.com/spec/v1")
    >>> rows = pandas.DataFrame({"file": [str(pointer)], "speaker": ["1"]})
    >>> check_recordings(table.make("pointers", rows)).bad[0].reason.partition(":")[0]
    'not a sound file that can be read, but a git-lfs pointer'
    """
    absent = {
        str(file): reason
        for file in corpus.table["file"].unique()
        if (reason := no_recording(str(file)))
    }
    mask = corpus.recorded() | corpus.table["file"].isin(list(absent)).to_numpy()
    rows = corpus.table[mask].groupby("file", sort=False)
    bad, renamed = [], []
    for file, cuts in track(rows, "recordings", rows.ngroups):
        if str(file) in absent:
            bad += [Bad(int(row), str(file), absent[str(file)], StorageError) for row in cuts.index]
            continue
        try:
            header = _header(str(file))
        except (AudioError, StorageError) as error:
            bad += [Bad.from_error(int(row), str(file), error) for row in cuts.index]
            continue
        if header.format not in _FORMATS.get(Path(str(file)).suffix.lower(), {header.format}):
            renamed.append(str(file))
        for row, start, end in zip(cuts.index, cuts["start"], cuts["end"], strict=True):
            try:
                audio.cut_of(header, str(file), start, end)
            except AudioError as error:
                bad.append(Bad.from_error(int(row), str(file), error))
    return Recordings(rows.ngroups, sorted(bad, key=lambda recording: recording.row), renamed)


def no_recording(file: str) -> str:
    """The reason why a path is no file, for a `Bad`; empty for a file."""
    if os.path.isfile(file):  # noqa: PTH113 (Path.is_file raises where the text cannot be a path)
        return ""
    if not os.path.lexists(file):
        return "no such recording: check the path or add the recording"
    return file_types.no_file(Path(file))


def summarise_bad(bad: Sequence[Bad], total: int) -> str:
    """One line that names the first unusable recordings and counts them all.

    >>> summarise_bad([Bad(3, "a.wav", "an empty file")], 10)
    '1 of 10 utterances cannot be used: utterance 3: a.wav: an empty file'
    """
    names = "; ".join(f"utterance {recording.row}: {recording}" for recording in bad[:MAX_LISTED])
    suffix = f"; and {len(bad) - MAX_LISTED} more" if len(bad) > MAX_LISTED else ""
    return f"{len(bad)} of {total} utterances cannot be used: {names}{suffix}"


def _header(file: str) -> Header:
    """The header of a file, with a counted length where the header has none."""
    header = audio.header(file)
    if header.frames is None:
        return replace(header, frames=round(audio.duration(file) * header.sampling_rate))
    return header
