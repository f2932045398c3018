"""Facts about a corpus that its authors published: counts and licence."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple


class Licence(NamedTuple):
    """The terms of a corpus in short."""

    text: str
    """The licence and its source."""
    commercial: bool | None = None
    """Whether it allows commercial use; None if it does not say."""


@dataclass(frozen=True)
class PublishedCounts:
    """The counts of one corpus, and their source."""

    source: str
    emotions: Mapping[str, int] = field(default_factory=dict)
    """Emotion to utterances; empty without labels or counts of emotion."""
    speakers: Mapping[str, int] = field(default_factory=dict)
    """Gender to speakers; `unknown` for those without a gender."""
    utterances: Mapping[str, int] = field(default_factory=dict)
    """Speaker to utterances; empty where the publication has no such counts."""
    feng2021: int | None = None
    """Utterances of the four emotions of Feng 2021 (section III-A). Its Table I swaps IEMOCAP's
    columns of happy and angry; the sum is the same.
    """
    utterances_in_all: int | None = None
    """All utterances, if they are not the sum over `emotions`."""
    speakers_in_all: int | None = None
    """All speakers, if they are not the sum over `speakers`."""
    with_gender: int | None = None
    """Utterances of speakers of known gender."""
    doubt: str = ""
    """The reason why a complete copy may differ: a difference is then reported, but no error. Empty
    for certain counts.
    """

    @property
    def total(self) -> int | None:
        """All utterances, `None` where their number was not published."""
        return sum(self.emotions.values()) if self.emotions else self.utterances_in_all

    @property
    def total_speakers(self) -> int | None:
        """All speakers, `None` where their number was not published."""
        return sum(self.speakers.values()) if self.speakers else self.speakers_in_all
