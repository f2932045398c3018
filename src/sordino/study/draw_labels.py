"""The labels that each part of a draw must have."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from sordino.corpora.split import Parts
from sordino.define import GENDERS
from sordino.errors import SplitError
from sordino.types import Rows

LabelColumns = Mapping[str, NDArray[np.str_]]
"""Emotion, gender and speaker of each utterance, `(utterances,)`."""


def check_labels(
    parts: Parts, parties: Mapping[str, Rows], labels: LabelColumns, emotions: Sequence[str]
) -> None:
    """Raise `SplitError` if a party lacks an emotion or a gender, or a side an emotion."""
    for party, rows in parties.items():
        _require_every("emotion", emotions, party, rows, labels)
        _require_every("gender", GENDERS, party, rows, labels)
    for side, rows in _sides(parts).items():
        _require_every("emotion", emotions, side, rows, labels)


def _sides(parts: Parts) -> dict[str, Rows]:
    """The rows of a party that must have every emotion, or a unit would fail during training."""
    return {
        "risk model's training": parts.risk.train,
        "transform's training": parts.transform.train,
        "transform's validation": parts.transform.validation,
    }


def _require_every(
    label: str, values: Sequence[str], party: str, rows: Rows, labels: LabelColumns
) -> None:
    """Raise `SplitError` if these rows lack a value of a label."""
    missing = sorted(set(values) - set(labels[label][rows]))
    if missing:
        raise SplitError(
            f"no {', '.join(missing)} among {len(set(labels['speaker'][rows]))} speaker(s) of the "
            f"{party} part, expected every {label}: add speakers, leave a corpus out or try "
            "another seed"
        )
