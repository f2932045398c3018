"""Confounded labels: a speaker, a sentence or a corpus that determines a label.

A model that is fitted on such a corpus may learn the speaker, the words or the recording in the
place of the emotion or of gender, and an attacker too. Figures on the same corpus do not show it.
"""

from __future__ import annotations

from typing import Final

import pandas as pd

MAX_NAMED: Final = 3
"""Speakers or sentences that a notice names."""

MIN_REPEATS: Final = 4
"""Utterances of a sentence that could have several emotions; fewer may agree by accident."""


def confounding(labels: pd.DataFrame) -> list[str]:
    """One sentence for each kind of confounding; empty if there is none.

    `labels` is the table of a corpus, or its columns `corpus`, `speaker`, `gender`, `emotion` and
    `transcript`.

    A sentence counts where at least four utterances have its words. Utterances without emotion or
    transcript are left out.

    >>> from sordino.corpora import table
    >>> rows = pd.DataFrame({"file": ["a", "b", "c"], "speaker": ["1", "1", "2"],
    ...     "gender": ["female", "female", "male"], "emotion": ["sad", "happy", "sad"]})
    >>> confounding(table.make("x", rows).table)
    ['1 of 2 speakers have one emotion only (x/2): a model may learn the speaker instead of it.']
    """
    labelled = labels[labels["emotion"] != ""]
    words = labelled["transcript"].str.casefold().str.split().str.join(" ")
    spoken = labelled[words != ""].assign(transcript=words)
    repeated = spoken[spoken.groupby("transcript")["emotion"].transform("size") >= MIN_REPEATS]
    notices = [
        *_of_groups(labelled, "speaker", "the speaker"),
        *_of_groups(repeated, "transcript", "the words"),
    ]
    known = labels[labels["gender"] != ""]
    for label, rows in (("emotion", labelled), ("gender", known)):
        for name in _with_one_label(rows, "corpus", label):
            value = rows.loc[rows["corpus"] == name, label].iloc[0]
            notices.append(
                f"Corpus {name} has one {label} only ({value}): beside other corpora, a model may "
                "learn the recording instead of it."
            )
    return notices


def _of_groups(rows: pd.DataFrame, column: str, cause: str) -> list[str]:
    """The sentence on the speakers or on the transcripts with one emotion."""
    names = _with_one_label(rows, column, "emotion")
    if not names:
        return []
    noun = {"speaker": "speakers", "transcript": "repeated sentences"}[column]
    more = f", and {len(names) - MAX_NAMED} more" if len(names) > MAX_NAMED else ""
    return [
        f"{len(names)} of {rows[column].nunique()} {noun} have one emotion only "
        f"({', '.join(names[:MAX_NAMED])}{more}): a model may learn {cause} instead of it."
    ]


def _with_one_label(rows: pd.DataFrame, column: str, label: str) -> list[str]:
    """The values of a column in whose rows a label has one value, in their order."""
    counts = rows.groupby(column)[label].nunique()
    return [str(name) for name in counts.index[counts == 1]]
