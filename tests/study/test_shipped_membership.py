"""Membership inference by prototypes finds recordings that they repeat, and no private ones."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from sordino.corpora.split import Part
from sordino.corpora.table import Corpus
from sordino.features import Preprocess, PreprocessFitter
from sordino.features.synthetic_space import synthetic_space
from sordino.nn.fit import Plan, Settings
from sordino.release import Drawn, DrawnFitter, MixtureFitter, ReplacementFitter
from sordino.study.shipped_membership import shipped_membership
from sordino.testing import POLICY, synthetic_vectors
from sordino.types import Rows, Vectors

PARTS = ("none", "scaling", "components")


def scaling(x: Vectors, components: int = 64) -> Callable[[Rows], Preprocess]:
    """The scaled space of some rows."""
    return lambda rows: PreprocessFitter("zscore", components).fit(x[rows])


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
    figures = shipped_membership(fitters, x, data.corpus, scaling(x), 0)
    assert set(figures) == {*PARTS, "drawn", "repeating"}
    assert min(figures["repeating"]["recording"]) > 0.99
    # all 40 dimensions distinguish classes, which remember more than 64 of 512 do
    assert 0.35 < np.mean(figures["drawn"]["recording"]) < 0.72
    assert 0.35 < np.mean(figures["drawn"]["speaker"]) < 0.62


def test_a_release_that_needs_more_speakers_is_left_out() -> None:
    data = synthetic_vectors(speakers=6, rows=8)
    figures = shipped_membership(
        {"drawn": DrawnFitter(POLICY)}, data.z, data.corpus, scaling(data.z), 0
    )
    assert set(figures) == {*PARTS}


def test_components_of_few_recordings_recognise_each_of_them() -> None:
    data = synthetic_vectors(speakers=8, rows=8)
    x = np.random.default_rng(0).normal(size=(len(data.z), 200)).astype(np.float32)
    figures = shipped_membership({}, x, data.corpus, scaling(x, 16), 0)
    assert min(figures["components"]["recording"]) > 0.99
    assert min(figures["none"]["recording"]) > 0.99
    assert max(figures["scaling"]["recording"]) < 0.99


def test_scaling_of_few_speakers_recognises_an_unusual_voice() -> None:
    data = synthetic_vectors(speakers=8, rows=8)
    random = np.random.default_rng(0)
    speaker = np.unique(data.corpus.speaker, return_inverse=True)[1]
    voices = random.normal(size=(8, 40))[speaker]
    x = (3 * voices + random.normal(size=voices.shape)).astype(np.float32)
    figures = shipped_membership({}, x, data.corpus, scaling(x), 0)
    assert min(figures["scaling"]["speaker"]) > 0.9


def test_the_mean_of_recordings_recognises_each_once_whitened() -> None:
    data = synthetic_vectors(speakers=8, rows=32)
    random = np.random.default_rng(0)
    sizes = np.logspace(0, -3, 60)  # voices differ much in few directions
    rotation = np.linalg.qr(random.normal(size=(60, 60)))[0]
    x = ((random.normal(size=(len(data.z), 60)) * sizes) @ rotation).astype(np.float32)
    figures = shipped_membership({}, x, data.corpus, scaling(x), 0)
    assert min(figures["scaling"]["recording"]) > 0.7


@pytest.mark.slow
def test_a_mixture_is_attacked_by_its_autoencoder_too() -> None:
    data = synthetic_vectors(speakers=16, rows=16)
    noise = np.random.default_rng(0).normal(size=(len(data.z), 64))
    x = np.concatenate([data.z, noise], axis=1).astype(np.float32)
    autoencoder = ReplacementFitter(
        POLICY, embeddings=(16,), settings=Settings(epochs=40, learning_rate=1e-2)
    )
    mixture = MixtureFitter(DrawnFitter(POLICY), autoencoder)
    figures = shipped_membership({"drawn+rae-25": mixture}, x, data.corpus, scaling(x), 0)
    assert set(figures["drawn+rae-25"]) == {"recording", "speaker"}
    assert min(figures["drawn+rae-25"]["recording"]) > 0.55


def test_a_space_of_synthetic_speech_recognises_no_recording() -> None:
    data = synthetic_vectors(speakers=16, rows=8)
    public = synthetic_space("mel", 64)
    assert public is not None
    x = np.random.default_rng(0).normal(size=(len(data.z), public.offset.size)).astype(np.float32)
    x = np.asarray(public.offset + x / public.factor, np.float32)
    figures = shipped_membership({}, x, data.corpus, lambda _: public, 0)
    auc = [value for part in figures.values() for values in part.values() for value in values]
    assert min(auc) > 0.3
    assert max(auc) < 0.7
