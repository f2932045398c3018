"""Whether the recordings of a corpus can be used: one pass over their headers, and a list of all
that cannot.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from sordino.corpora.table import Corpus
from sordino.errors import AudioError, SordinoError, StorageError
from sordino.progress import track
from sordino.signal import audio, file_types
from sordino.signal.decoding import Header

SHOWN: Final = 10
"""Recordings that are named on a screen or in an error."""

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
    """A recording, or a cut of one, that cannot be used."""

    row: int
    """The utterance, as its row in the corpus."""
    file: str
    reason: str
    """What came, what was expected and what to do next."""
    kind: type[SordinoError] = AudioError
    """The error that one such recording raises."""

    @staticmethod
    def of(row: int, file: str, error: SordinoError) -> Bad:
        """The utterance with the message of an error, which names the file no second time."""
        return Bad(row, file, str(error).removeprefix(f"{file}: "), type(error))

    def __str__(self) -> str:
        return f"{self.file}: {self.reason}"


@dataclass(frozen=True)
class Recordings:
    """The result of opening every recording of a corpus."""

    files: int
    bad: list[Bad]
    """Utterances that cannot be used, in row order."""
    renamed: list[str]
    """Files of another format than their name says. They are read by their content."""


def opened(corpus: Corpus) -> Recordings:
    """Every recording with its header read, and every cut compared with the length of its file.

    Nothing is decoded but files whose length no header has. Rows of text have no recording: of
    them, absent files alone are listed.

    >>> import pandas, tempfile
    >>> from sordino.corpora import table
    >>> pointer = Path(tempfile.mkdtemp()) / "a.wav"
    >>> _ = pointer.write_text("version https://git-lfs.github.com/spec/v1")
    >>> found = opened(table.make("pointers", pandas.DataFrame({"file": [str(pointer)], "speaker": ["1"]})))
    >>> found.bad[0].reason
    'not a sound file that can be read, but a git-lfs pointer: fetch the recordings with `git lfs pull`'
    """
    absent = {
        str(file): why for file in corpus.table["file"].unique() if (why := no_recording(str(file)))
    }
    wanted = corpus.recorded() | corpus.table["file"].isin(list(absent)).to_numpy()
    rows = corpus.table[wanted].groupby("file", sort=False)
    bad, renamed = [], []
    for file, cuts in track(rows, "recordings", rows.ngroups):
        if str(file) in absent:
            bad += [Bad(int(row), str(file), absent[str(file)], StorageError) for row in cuts.index]
            continue
        try:
            header = _header(str(file))
        except (AudioError, StorageError) as error:
            bad += [Bad.of(int(row), str(file), error) for row in cuts.index]
            continue
        if header.format not in _FORMATS.get(Path(str(file)).suffix.lower(), {header.format}):
            renamed.append(str(file))
        for row, start, end in zip(cuts.index, cuts["start"], cuts["end"], strict=True):
            try:
                audio.cut_of(header, str(file), start, end)
            except AudioError as error:
                bad.append(Bad.of(int(row), str(file), error))
    return Recordings(rows.ngroups, sorted(bad, key=lambda recording: recording.row), renamed)


def no_recording(file: str) -> str:
    """Why a path is no file, as the reason of a `Bad`; empty where it is one."""
    if os.path.isfile(file):  # noqa: PTH113 (Path.is_file raises where the text cannot be a path)
        return ""
    if not os.path.lexists(file):
        return "no such recording: check the path or add the recording"
    return file_types.no_file(Path(file))


def listed(bad: Sequence[Bad], of: int) -> str:
    """One line that names the first of the bad recordings and counts them all.

    >>> listed([Bad(3, "a.wav", "an empty file"), Bad(5, "b.wav", "no samples")], 10)
    '2 of 10 utterances cannot be used: utterance 3: a.wav: an empty file; utterance 5: b.wav: no samples'
    """
    names = "; ".join(f"utterance {recording.row}: {recording}" for recording in bad[:SHOWN])
    more = f"; and {len(bad) - SHOWN} more" if len(bad) > SHOWN else ""
    return f"{len(bad)} of {of} utterances cannot be used: {names}{more}"


def _header(file: str) -> Header:
    """The header of a file, its length counted where the header does not have it."""
    header = audio.header(file)
    if header.frames is None:
        return replace(header, frames=round(audio.duration(file) * header.sampling_rate))
    return header
