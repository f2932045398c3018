"""Comparison of a copy of a corpus with its published counts, and duplicate recordings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sordino.corpora.checks.facts import PublishedCounts
from sordino.corpora.checks.published import FENG2021_EMOTIONS
from sordino.corpora.table import Corpus, duplicates


@dataclass(frozen=True)
class Count:
    """The number of items of one kind in the copy, and the published number (`None` if unknown)."""

    part: str
    """`utterances` (of `all`, of the four emotions of `feng2021`, or `with gender`), `emotion`
    (utterances of one), `speakers` (`all`, or of one gender) or `speaker` (utterances of one, named
    `corpus/id`).
    """
    name: str
    found: int
    published: int | None

    def differs(self, partial: bool = False) -> bool:
        """Whether the copy has more than published or, unless it may be `partial`, fewer.

        >>> count = Count("emotion", "sad", 3, 4)
        >>> count.differs(), count.differs(partial=True)
        (True, False)
        """
        if self.published is None:
            return False
        return self.found > self.published or (self.found < self.published and not partial)


def counts(corpus: Corpus, published: PublishedCounts | None) -> list[Count]:
    """The counts of one corpus: all utterances, those of Feng 2021, those with gender, each
    emotion, speakers by gender, and utterances of each speaker.

    `published` is its entry in `PUBLISHED`; without one (a manifest, synthetic speech) nothing
    differs. A published item that the copy lacks has 0 found, and an item that was not published
    has 0 published.
    """
    table = corpus.table
    four = int(table["emotion"].isin(FENG2021_EMOTIONS).sum())
    genders = _genders(corpus).replace("", "unknown")
    gendered = int((corpus.genders() >= 0).sum())
    utterances = (
        {f"{corpus.name}/{speaker}": number for speaker, number in published.utterances.items()}
        if published
        else {}
    )
    return [
        Count("utterances", "all", len(corpus), published.total if published else None),
        Count("utterances", "feng2021", four, published.feng2021 if published else None),
        Count("utterances", "with gender", gendered, published.with_gender if published else None),
        *_compare("emotion", table["emotion"], published.emotions if published else {}),
        Count("speakers", "all", len(genders), published.total_speakers if published else None),
        *_compare("speakers", genders, published.speakers if published else {}),
        *_compare("speaker", table["speaker"], utterances),
    ]


def differences(counts: Sequence[Count], partial: bool = False) -> list[Count]:
    """Those of the counts that differ from the published ones."""
    return [count for count in counts if count.differs(partial)]


def is_wrong(different: Sequence[Count], published: PublishedCounts | None) -> bool:
    """Whether these differences are an error; they are none where the published counts are in
    doubt.

    >>> published = PublishedCounts("X 2020", utterances_in_all=4, doubt="the release is unknown")
    >>> is_wrong([Count("utterances", "all", 3, 4)], published)
    False
    """
    return bool(different) and not (published and published.doubt)


def by_speaker(corpus: Corpus) -> pd.DataFrame:
    """One row per speaker: `speaker`, `gender`, `all` utterances and those of each emotion."""
    frame = pd.crosstab(corpus.table["speaker"], corpus.table["emotion"]).rename_axis(columns=None)
    frame.insert(
        0, "all", frame.sum(axis="columns"), allow_duplicates=True
    )  # an emotion may have any name
    frame.insert(0, "gender", _genders(corpus), allow_duplicates=True)
    return frame.reset_index(allow_duplicates=True)


def identical(corpus: Corpus, sums: NDArray[np.str_]) -> list[list[str]]:
    """Groups of byte-identical recordings, as paths, by their checksums `(utterances,)`. Splits
    keep each group in one part. Text has no recordings.
    """
    files = corpus.column("file")
    recorded = corpus.recorded()
    return [np.unique(files[rows]).tolist() for rows in duplicates(sums) if recorded[rows].all()]


def _genders(corpus: Corpus) -> pd.Series[str]:
    """Speaker to gender; a known label takes precedence over an empty one."""
    return corpus.table.groupby("speaker")["gender"].max()


def _compare(part: str, labels: pd.Series[str], published: Mapping[str, int]) -> list[Count]:
    """The count of each label, with its published count (`None` where nothing is published)."""
    counts = {str(label): int(number) for label, number in labels.value_counts().items()}
    names = sorted({*counts, *published})
    return [
        Count(part, name, counts.get(name, 0), published.get(name, 0) if published else None)
        for name in names
    ]
