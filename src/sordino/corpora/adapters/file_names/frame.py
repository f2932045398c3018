"""A corpus whose labels are in the paths of its recordings: a pattern, maps, counts, a licence."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from sordino import define
from sordino.corpora import inside, table
from sordino.corpora.adapters import layout
from sordino.corpora.adapters.file_names import speaker_sheet
from sordino.corpora.checks.facts import Licence, PublishedCounts
from sordino.corpora.table import Corpus


class Speaker(NamedTuple):
    """What the authors published about a speaker."""

    gender: str = ""
    """`female`, `male`, or empty where it was not published."""
    age: float = math.nan
    """Years, NaN where it was not published."""


@dataclass(frozen=True)
class FileNames:
    """A corpus with its naming scheme. `load` reads a folder, `parse` the labels in one path."""

    name: str
    layout: str
    """The official layout, for an error."""
    pattern: str
    """Regular expression of the end of a path, without its suffix, with the groups `speaker` and
    `emotion`, and where known `gender`, `intensity` and `sentence`. It starts at the name of a file
    or of a folder.
    """
    emotions: Mapping[str, str]
    """Code in the path to the canonical emotion."""
    published: PublishedCounts
    licence: Licence
    speakers: Mapping[str, Speaker] = field(default_factory=dict)
    intensities: Mapping[str, str] = field(default_factory=dict)
    sentences: Mapping[str, str] = field(default_factory=dict)

    @cached_property
    def _compiled(self) -> re.Pattern[str]:
        return re.compile(rf"(?:.*/)?(?P<utterance>{self.pattern})")

    def parse(self, path: str) -> dict[str, str | float]:
        """The labels in a path with `/` and without suffix: speaker, gender, emotion and, where the
        scheme has them, age (years), intensity and transcript.

        Raises `CorpusError` for a path of another form.
        """
        part = layout.fields(path, self._compiled, self.layout)
        speaker = self.speakers.get(part["speaker"], Speaker(define.gender(part.get("gender", ""))))
        labels: dict[str, str | float] = {
            "speaker": part["speaker"],
            "gender": speaker.gender,
            "emotion": self.emotions[part["emotion"]],
            "intensity": self.intensities.get(part.get("intensity") or "", ""),
            "transcript": self.sentences.get(part.get("sentence") or "", ""),
        }
        return labels if math.isnan(speaker.age) else labels | {"age": speaker.age}

    def load(self, root: Path) -> Corpus:
        """The corpus under a folder: every WAV and FLAC file below it.

        A table `speakers.csv` (`speaker,gender`, and `age` in years where known) in the folder
        replaces the published genders and ages.

        Raises `CorpusError` for a folder without recordings, a path of another form, a recording
        that is there twice, and a link that leads out of the folder.
        """
        files = layout.recordings(
            root, "**/*", self.layout, lambda file: self._utterance(file.relative_to(root))
        )
        rows = pd.DataFrame(
            [
                {
                    "file": inside.within(root, str(file), str(file)),
                    **self.parse(_path(file.relative_to(root))),
                }
                for file in files
            ]
        )
        return table.make(self.name, speaker_sheet.with_speakers(root, rows))

    def _utterance(self, file: Path) -> str:
        """The part of a path that has the labels; two files with the same part are copies."""
        match = self._compiled.fullmatch(_path(file))
        return match["utterance"] if match else _path(file)


def _path(file: Path) -> str:
    return file.with_suffix("").as_posix()


def of_gender(gender: str, *speakers: str) -> dict[str, Speaker]:
    """Speakers of a gender.

    >>> of_gender("male", "DC")["DC"].gender
    'male'
    """
    return {speaker: Speaker(gender) for speaker in speakers}


def equal_counts(names: Mapping[str, str], count: int, **others: int) -> dict[str, int]:
    """The same count for each emotion of a scheme, except for `others`.

    >>> equal_counts({"a": "angry", "n": "neutral"}, 60, neutral=120)
    {'angry': 60, 'neutral': 120}
    """
    return dict.fromkeys(names.values(), count) | others
