"""Levels of activation or valence in the place of emotions, for a policy that keeps a level.

    low activation          required, a bin
    high activation         required, a bin
    mid activation          neutral: neutral speech of the middle level
    other mid activation    sensitive: other emotions of the middle level

A receiver learns the level. The emotion must not be inferred given the level: the columns `emotion
at low`, `emotion at mid` and `emotion at high` have the emotion of utterances of that level, and
are hidden.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import numpy as np

from sordino.corpora.dimensions import LEVELS, levels
from sordino.corpora.table import Corpus
from sordino.errors import CorpusError
from sordino.policy import LEVEL_COLUMN, Policy

_NOTE = "Levels of "


def keep_levels(corpus: Corpus, policy: Policy) -> tuple[Corpus, Policy]:
    """The utterances of a known level with the four classes as emotions, and the policy that keeps
    the level, for a policy with `required = "activation"` or `"valence"` and `sensitive = "rest"`.

    The levels are those of `sordino.corpora.dimensions.levels`, and a note of the corpus states
    where they are stand-ins. Raises `CorpusError` where a class has no utterance.
    """
    dimension: Any = policy.required
    level = levels(corpus, dimension)
    emotion = corpus.column("emotion")
    low, mid, high = (f"{name} {dimension}" for name in LEVELS)
    other = f"other {mid}"
    names = np.array([low, mid, high], dtype=object)[np.maximum(level.codes, 0)]
    names[(level.codes == LEVELS.index("mid")) & (emotion != policy.neutral)] = other
    known = level.codes >= 0
    missing = [name for name in (low, mid, high, other) if name not in names[known]]
    if missing:
        raise CorpusError(
            f"{corpus.name}: no utterance of {', '.join(missing)}, expected some of each class: "
            f"{mid} is {policy.neutral} speech, and other {mid} any other emotion of that level. "
            "Add recordings, or name emotions in the policy"
        )
    columns: dict[str, Any] = {
        f"{LEVEL_COLUMN}{name}": np.where(level.codes == code, emotion, "")
        for code, name in enumerate(LEVELS)
    }
    table = corpus.table.assign(**columns, emotion=names)
    note = f" ({level.note})" if level.note else ""
    notes = (*corpus.notes, f"{_NOTE}{dimension} stand in the place of emotions{note}.")
    labelled = [name for name, values in columns.items() if len({*values[known]} - {""}) > 1]
    hide = (*policy.hide, *labelled)
    kept = replace(policy, required=(low, high), neutral=mid, sensitive=(other,), hide=tuple(hide))
    return Corpus(corpus.name, table, notes).select(known), kept


def level_notes(notes: Iterable[str]) -> list[str]:
    """Those of the notes of a corpus in which `keep_levels` states the origin of the levels."""
    return [note for note in notes if note.startswith(_NOTE)]
