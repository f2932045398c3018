"""Releases that are fitted together are what each is alone, and nothing is fitted twice."""

from __future__ import annotations

from collections.abc import Sequence

from sordino.nn.fit import Job, Settings, TrainedNetwork, fit, run_rounds
from sordino.release import (
    ComposedFitter,
    DrawnFitter,
    ErasureFitter,
    MixtureFitter,
    ReplacementFitter,
    plan_all,
)
from sordino.testing import POLICY, synthetic_vectors

RAE = ReplacementFitter(POLICY, embeddings=(4,), settings=Settings(epochs=2))
FITTERS = (
    ComposedFitter("rae-leace", RAE, ErasureFitter(POLICY)),
    MixtureFitter(DrawnFitter(POLICY), RAE, 0.25),
    RAE,
    MixtureFitter(DrawnFitter(POLICY), RAE, 0.5),
)


def test_common_parts_are_fitted_once_with_equal_results() -> None:
    data = synthetic_vectors(speakers=20)
    trained: list[Job] = []

    def train(jobs: Sequence[Job]) -> list[TrainedNetwork]:
        trained.extend(jobs)
        return [fit(job) for job in jobs]

    (together,) = run_rounds([plan_all(FITTERS, data.z, data.corpus, data.parts.transform)], train)
    assert len(trained) == 1
    alone = [fitter.fit(data.z, data.corpus, data.parts.transform) for fitter in FITTERS]
    assert [one.hash for one in together] == [one.hash for one in alone]
