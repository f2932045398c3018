"""The risk model: its size, its seed, its party, and when it cannot be fitted."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from sordino.attack import RiskFitter
from sordino.corpora.split import Part
from sordino.errors import AttackError
from sordino.nn.fit import Settings
from sordino.testing import POLICY
from tests.attack.synthetic_scenes import QUICKLY, risk, scene


@pytest.mark.slow
def test_the_validation_loss_selects_the_size_of_the_risk_model() -> None:
    data = scene()
    fitted = RiskFitter(POLICY, sizes=(4, 64), settings=Settings(epochs=20)).fit(
        data.z, data.corpus, data.parts.risk
    )
    assert len(fitted.losses) == 2
    assert fitted.model.emotion.in_features == (2, 32)[int(np.argmin(fitted.losses))]


@pytest.mark.slow
def test_the_risk_model_is_repeatable_and_uses_its_party_only() -> None:
    data = scene()
    outside = np.setdiff1d(np.arange(len(data.z)), data.parts.risk.rows)
    changed = data.z.copy()
    changed[outside] = 0
    repeat = QUICKLY.fit(changed, data.corpus, data.parts.risk)
    assert repeat.losses == risk().losses
    assert np.array_equal(repeat(data.z).role, risk()(data.z).role)
    assert (
        dataclasses.replace(QUICKLY, seed=1).fit(data.z, data.corpus, data.parts.risk).losses
        != risk().losses
    )


def test_the_risk_score_is_a_difference_of_log_posteriors() -> None:
    judgement = risk()(scene().z)
    expected = np.log(judgement.role[:, 2] / judgement.role[:, 0])
    sure = (judgement.role > 1e-30).all(axis=1)
    assert sure.any()
    np.testing.assert_allclose(judgement.sensitive[sure], expected[sure], rtol=1e-4, atol=1e-5)


def test_a_risk_party_that_cannot_be_learnt_from_is_refused() -> None:
    data = scene()
    part = data.parts.risk
    sad = data.role[part.train] == 1
    cases = [
        (data.z, Part(part.train[~sad], part.validation), "the risk party lacks a role"),
        (
            data.z,
            Part(part.train, part.validation[:0]),
            "has no utterance for validation, expected some: add speakers",
        ),
        (data.z[1:], part, "287 vectors for 288 utterances, expected a finite one for each"),
        (
            data.z * np.float32(np.nan),
            part,
            "288 vectors for 288 utterances, expected a finite one for each",
        ),
    ]
    for z, chosen, says in cases:
        with pytest.raises(AttackError, match=says):
            RiskFitter(POLICY).fit(z, data.corpus, chosen)


def test_a_training_that_diverges_is_refused() -> None:
    data, endless = scene(), Settings(learning_rate=float("inf"), epochs=2)
    with pytest.raises(
        AttackError, match="the risk model's training diverged, expected a finite loss"
    ):
        RiskFitter(POLICY, settings=endless).fit(data.z, data.corpus, data.parts.risk)
