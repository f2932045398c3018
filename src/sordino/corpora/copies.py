"""The fitting table: recordings, followed by blocks of their copies in other conditions.

    row 0 ... n - 1      the recordings, copy 0
    row n ... 2 n - 1    copy 1 of each, in the same order
    ...

Speakers are counted and copies are not. A fit may use copies; attacks, audits and bounds measure
recordings.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sordino.corpora.split import Part
from sordino.corpora.table import Corpus
from sordino.types import Rows

COLUMN = "copy"
"""The column with the number of the copy, 0 for a recording."""


def with_copies(corpus: Corpus, count: int) -> Corpus:
    """The fitting table of a corpus with `count` copies of each utterance."""
    rows = np.tile(np.arange(len(corpus)), 1 + count)
    fitting = corpus.select(rows)
    numbers = np.repeat(np.arange(1 + count), len(corpus))
    return Corpus(fitting.name, fitting.table.assign(**{COLUMN: numbers}), fitting.notes)


def recorded(table: pd.DataFrame) -> NDArray[np.bool_]:
    """Whether each row of a corpus' table is a recording and not a copy, `(rows,)`."""
    if COLUMN not in table.columns:
        return np.ones(len(table), np.bool_)
    mask: NDArray[np.bool_] = (table[COLUMN] == 0).to_numpy(dtype=bool)
    return mask


def copies_in(table: pd.DataFrame) -> int:
    """Copies of each recording among the rows of a corpus' table; 0 without recordings."""
    recordings = int(recorded(table).sum())
    return len(table) // recordings - 1 if recordings else 0


def part_with_copies(part: Part, utterances: int, copies: int) -> Part:
    """A party of recordings together with their copies, as rows of the fitting table of so many
    utterances with `copies` copies of each.
    """
    offsets = utterances * np.arange(1 + copies)[:, None]

    def rows(recordings: Rows) -> Rows:
        repeated: Rows = (recordings + offsets).ravel()
        return repeated

    return Part(rows(part.train), rows(part.validation))
