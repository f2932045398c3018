"""Is this copy of a corpus whole? Its counts beside the published ones, and recordings that are
there twice.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from sordino.corpora.checks.published import FENG2021_EMOTIONS, Published
from sordino.corpora.table import Corpus, checksums, duplicates


@dataclass(frozen=True)
class Count:
    """How many of one kind were found, and how many were published (`None` where nothing was)."""

    part: str
    """`utterances` (of `all`, of the four emotions of `feng2021`, or `with gender`), `emotion`
    (utterances of one), `speakers` (`all`, or of one gender) or `speaker` (utterances of one, named
    `corpus/id`).
    """
    name: str
    found: int
    published: int | None

    def differs(self, partial: bool = False) -> bool:
        """Whether more were found than published or, unless a `partial` copy is fine, fewer.

        >>> Count("emotion", "sad", 3, 4).differs(), Count("emotion", "sad", 3, 4).differs(partial=True)
        (True, False)
        """
        if self.published is None:
            return False
        return self.found > self.published or (self.found < self.published and not partial)


def counts(corpus: Corpus, known: Published | None) -> list[Count]:
    """The counts of one corpus: all, those of Feng 2021, those with gender, each emotion, speakers
    by gender, each one.

    `known` is its entry in `PUBLISHED`; without one (a manifest, synthetic speech) nothing differs.
    What was published and not found is counted as 0 found, what was found and not published as 0
    published.
    """
    table = corpus.table
    four = int(table["emotion"].isin(FENG2021_EMOTIONS).sum())
    genders = _genders(corpus).replace("", "unknown")
    gendered = int((corpus.genders() >= 0).sum())
    utterances = (
        {f"{corpus.name}/{speaker}": number for speaker, number in known.utterances.items()}
        if known
        else {}
    )
    return [
        Count("utterances", "all", len(corpus), known.total if known else None),
        Count("utterances", "feng2021", four, known.feng2021 if known else None),
        Count("utterances", "with gender", gendered, known.with_gender if known else None),
        *_beside("emotion", table["emotion"], known.emotions if known else {}),
        Count("speakers", "all", len(genders), known.total_speakers if known else None),
        *_beside("speakers", genders, known.speakers if known else {}),
        *_beside("speaker", table["speaker"], utterances),
    ]


def differences(counts: Sequence[Count], partial: bool = False) -> list[Count]:
    """Those of the counts that differ from the published ones."""
    return [count for count in counts if count.differs(partial)]


def is_wrong(different: Sequence[Count], known: Published | None) -> bool:
    """Whether these differences are an error: not where the publication leaves its counts in doubt.

    >>> is_wrong([Count("utterances", "all", 3, 4)], Published("X 2020", every=4, doubt="it does not say of what"))
    False
    """
    return bool(different) and not (known and known.doubt)


def by_speaker(corpus: Corpus) -> pd.DataFrame:
    """One row a speaker: `speaker`, `gender`, `all` utterances and those of each emotion."""
    frame = pd.crosstab(corpus.table["speaker"], corpus.table["emotion"]).rename_axis(columns=None)
    frame.insert(
        0, "all", frame.sum(axis="columns"), allow_duplicates=True
    )  # an emotion may have any name
    frame.insert(0, "gender", _genders(corpus), allow_duplicates=True)
    return frame.reset_index(allow_duplicates=True)


def identical(corpus: Corpus) -> list[list[str]]:
    """Groups of byte-identical recordings, as paths. (Splits keep each group in one part.) Text has
    no recordings.
    """
    files = corpus.column("file")
    recorded = corpus.recorded()
    return [
        np.unique(files[rows]).tolist()
        for rows in duplicates(checksums(corpus))
        if recorded[rows].all()
    ]


def _genders(corpus: Corpus) -> pd.Series[str]:
    """Speaker to gender; a label wins over none."""
    return corpus.table.groupby("speaker")["gender"].max()


def _beside(part: str, labels: pd.Series[str], known: Mapping[str, int]) -> list[Count]:
    """How often each label was found, beside how often it was published (nothing known: `None`)."""
    found = {str(label): int(number) for label, number in labels.value_counts().items()}
    names = sorted({*found, *known})
    return [
        Count(part, name, found.get(name, 0), known.get(name, 0) if known else None)
        for name in names
    ]
