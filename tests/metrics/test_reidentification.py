"""Singling out and linkability equal those of `legal_eval`, the package of Vauquier et al. (2025);
identity that the scores do not contain gives chance.
"""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from sordino.errors import SordinoError
from sordino.metrics import (
    SINGLING_OUT_CHANCE,
    better_scores,
    isolated,
    linkability,
    rank_bits,
)


def scores(
    voice: float, speakers: int = 12, rows: int = 6, seed: int = 0
) -> tuple[NDArray[np.float64], NDArray[np.intp]]:
    """Similarity of utterances to speakers, higher by `voice` for the true speaker."""
    speaker = np.repeat(np.arange(speakers), rows)
    values = np.random.default_rng(seed).normal(size=(len(speaker), speakers))
    return values + voice * np.eye(speakers)[speaker], speaker


@pytest.mark.parametrize("voice", [0.0, 1.5, 4.0])
@pytest.mark.parametrize("candidates", [1, 2, 7, 12])
def test_linkability_is_that_of_the_package(voice: float, candidates: int) -> None:
    legal_eval = pytest.importorskip("legal_eval")
    from legal_eval.io import ScoreMatrix

    values, speaker = scores(voice)
    names = [f"s{code}" for code in range(12)]
    matrix = ScoreMatrix(values.T, names, [names[code] for code in speaker], {})
    expected = legal_eval.linkability(matrix, candidates, estimator="exact")[0]
    better = better_scores(values, speaker)
    assert linkability(better, 12, candidates) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("voice", [0.0, 1.5, 4.0])
@pytest.mark.parametrize("seed", range(3))
def test_singling_out_is_that_of_the_package(voice: float, seed: int) -> None:
    pytest.importorskip("legal_eval")
    from legal_eval.metrics import ConversationScores, singling_out

    values, speaker = scores(voice, seed=seed)
    first = np.arange(12) * 6
    calibration = np.setdiff1d(np.arange(len(speaker)), [*first, 7])  # speaker 1 has one less
    names = [f"s{code}" for code in range(12)]
    ends = np.cumsum(np.bincount(speaker[calibration])).tolist()
    slices = list(zip([0, *ends[:-1]], ends, strict=True))
    test, rest = values[first].T, values[calibration].T
    conversations = ConversationScores(names, names, test, rest, slices)
    expected = singling_out(conversations, 12, n_runs=1)
    single = isolated(test, rest, speaker[calibration])
    assert [[int(answer)] for answer in single] == [expected[name] for name in names]


def test_scores_without_identity_link_at_chance() -> None:
    values, speaker = scores(0.0, speakers=10, rows=500)
    better = better_scores(values, speaker)
    assert linkability(better, 10, 10) == pytest.approx(0.1, abs=0.02)
    assert linkability(better, 10, 4) == pytest.approx(0.25, abs=0.02)
    assert rank_bits(better, 10) == pytest.approx(0.0, abs=0.005)


def test_scores_without_identity_single_out_at_chance() -> None:
    outcomes = []
    for seed in range(40):
        values, speaker = scores(0.0, speakers=30, rows=10, seed=seed)
        test = np.arange(30) * 10
        rest = np.setdiff1d(np.arange(300), test)
        outcomes.append(isolated(values[test].T, values[rest].T, speaker[rest]).mean())
    assert np.mean(outcomes) == pytest.approx(SINGLING_OUT_CHANCE, abs=0.05)


def test_distinct_voices_are_linked_with_all_bits() -> None:
    values, speaker = scores(50.0, speakers=8, rows=20)
    better = better_scores(values, speaker)
    assert linkability(better, 8, 8) == 1
    assert rank_bits(better, 8) == pytest.approx(3)


def test_equal_vectors_link_at_chance() -> None:
    better = better_scores(np.zeros((24, 8)), np.arange(24) % 8)
    assert linkability(better, 8, 8) == pytest.approx(1 / 8)
    assert rank_bits(better, 8) == pytest.approx(-7 / (48 * np.log(2)))


def test_more_candidates_are_harder_to_link() -> None:
    better = better_scores(*scores(1.0))
    values = [linkability(better, 12, candidates) for candidates in range(1, 13)]
    assert values[0] == 1
    assert np.diff(values).max() < 0


def test_wrong_numbers_are_refused() -> None:
    with pytest.raises(SordinoError, match="13 candidates of 12 speakers, expected 1 to 12"):
        linkability(np.zeros((1, 2), np.int64), 12, 13)
    with pytest.raises(SordinoError, match="a speaker with 0 of 2 calibration utterances"):
        isolated(np.zeros((2, 2)), np.zeros((2, 2)), np.array([0, 0]))
