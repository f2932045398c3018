"""Membership inference by prototypes finds recordings that they repeat, and no private ones."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from sordino.corpora.split import Part
from sordino.corpora.table import Corpus
from sordino.features import PreprocessFitter
from sordino.nn.fit import Plan
from sordino.release import Drawn, DrawnFitter
from sordino.study.shipped_membership import shipped_membership
from sordino.testing import POLICY, synthetic_vectors
from sordino.types import Vectors

SPACE = PreprocessFitter("zscore", 64)


@dataclass(frozen=True)
class RepeatingFitter(DrawnFitter):
    """Prototypes are recordings that were fitted on."""

    def plan(self, z: Vectors, corpus: Corpus, part: Part) -> Plan[Drawn]:
        drawn = yield from super().plan(z, corpus, part)
        rows = part.rows[np.isin(corpus.roles(self.policy)[part.rows], (0, 1))]
        arrays: dict[str, Any] = dict(drawn.arrays) | {"prototypes": z[rows]}
        return Drawn(drawn.name, drawn.config, arrays)


def test_repeated_recordings_are_recognised_and_others_not() -> None:
    data = synthetic_vectors(speakers=24, rows=32)
    noise = np.random.default_rng(0).normal(size=(len(data.z), 24))
    x = np.concatenate([data.z, noise], axis=1).astype(np.float32)
    fitters = {"drawn": DrawnFitter(POLICY), "repeating": RepeatingFitter(POLICY)}
    figures = shipped_membership(fitters, x, data.corpus, SPACE, 0)
    assert set(figures) == {"none", "drawn", "repeating"}
    assert min(figures["repeating"]["recording"]) > 0.99
    assert 0.35 < np.mean(figures["drawn"]["recording"]) < 0.62
    assert 0.35 < np.mean(figures["drawn"]["speaker"]) < 0.62


def test_a_release_that_needs_more_speakers_is_left_out() -> None:
    data = synthetic_vectors(speakers=6, rows=8)
    figures = shipped_membership({"drawn": DrawnFitter(POLICY)}, data.z, data.corpus, SPACE, 0)
    assert set(figures) == {"none"}
