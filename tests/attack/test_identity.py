"""Known speakers are identified if voices differ, at chance if they do not, and never from training
utterances.
"""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from sordino import metrics
from sordino.attack import similarity, utility_probes
from sordino.attack.identity import identify
from sordino.errors import AttackError

FAMILIES = ("linear", "nearest")
PEOPLE, ROWS = 8, 12


def table(voice: float, seed: int = 0) -> tuple[NDArray[np.float64], NDArray[np.str_]]:
    random = np.random.default_rng(seed)
    who = np.repeat(np.arange(PEOPLE), ROWS)
    x = voice * random.normal(size=(PEOPLE, 6))[who] + random.normal(size=(len(who), 6))
    return x, np.array([f"s{code}" for code in range(PEOPLE)])[who]


def errors(x: NDArray[np.float64], speaker: NDArray[np.str_]) -> tuple[float, float]:
    """The unweighted average recall and the equal error rate."""
    result = identify(x, speaker, families=FAMILIES)
    trials = result.trials()
    return metrics.uar(result.speaker, result.prediction), metrics.eer(
        trials["positive"].to_numpy(), trials["score"].to_numpy()
    )


def test_distinct_voices_are_identified_and_equal_ones_not() -> None:
    uar, eer = errors(*table(voice=3.0))
    assert uar > 0.9
    assert eer < 0.1
    uar, eer = errors(*table(voice=0.0))
    assert abs(uar - 1 / PEOPLE) < 0.12
    assert abs(eer - 0.5) < 0.12


def test_no_attacker_is_trained_on_the_utterance_it_scores() -> None:
    x, speaker = table(voice=0.0)
    # row numbers identify speakers if rows are their own neighbours
    x[:, 0] = np.arange(len(x))
    x[:, 0] = np.random.default_rng(1).permutation(x[:, 0])
    assert errors(x, speaker)[0] < 0.3


def test_every_utterance_has_one_true_and_some_false_claims() -> None:
    result = identify(*table(voice=1.0), families=FAMILIES)
    trials = result.trials(impostors=3)
    assert trials.groupby("row")["positive"].sum().eq(1).all()
    assert len(trials) == 4 * PEOPLE * ROWS
    genuine = trials[trials["positive"]]
    assert (
        genuine["score"].tolist() == result.scores[np.arange(len(genuine)), result.speaker].tolist()
    )
    assert result.chance == 1 / PEOPLE


def test_each_draw_asks_every_predicate_once() -> None:
    result = identify(*table(voice=8.0), families=FAMILIES)
    attempts = result.isolations(draws=5)
    assert attempts["speaker"].value_counts().tolist() == [5] * PEOPLE
    assert attempts["single"].mean() > 0.7
    assert attempts.equals(result.isolations(draws=5))


def test_cosine_recognises_distinct_voices_and_not_equal_ones() -> None:
    for voice, low, high in ((8.0, 0.95, 1.0), (0.0, 0.0, 0.25)):
        x, speaker = table(voice)
        result = similarity.identify_by_cosine(x, speaker)
        assert low <= metrics.uar(result.speaker, result.prediction) <= high
        pairs = similarity.pair_trials(x, speaker)
        eer = metrics.eer(pairs["positive"].to_numpy(), pairs["score"].to_numpy())
        assert abs(eer - (0.5 if voice == 0 else 0.0)) < 0.15


def test_a_pair_has_two_utterances_of_the_stated_speakers() -> None:
    speaker = np.array(["a", "b", "a", "c", "b", "c", "a"])
    codes = np.unique(speaker, return_inverse=True)[1]
    x = np.eye(7) + 0.1 * np.eye(3)[codes] @ np.ones((3, 7)) + np.eye(3)[codes] @ np.eye(3, 7)
    unit = similarity.unit_length(x)
    pairs = similarity.pair_trials(x, speaker, impostors=9)
    assert len(pairs) == 7 * 3
    for row, code, positive, score in pairs.itertuples(index=False, name=None):
        others = np.delete(np.arange(7), row)
        partners = others[np.isclose(unit[others] @ unit[row], score)]
        assert code == codes[row]
        assert positive in (codes[partners] == code)


def test_lengths_of_any_magnitude_have_no_effect_on_cosine() -> None:
    x, speaker = table(voice=2.0)
    expected = similarity.identify_by_cosine(x, speaker).scores
    for factor in (1e-300, 1e150, 1e300):
        scores = similarity.identify_by_cosine(x * factor, speaker).scores
        np.testing.assert_allclose(scores, expected, atol=1e-12)


def test_speakers_with_one_utterance_are_refused() -> None:
    x, speaker = table(voice=1.0)
    with pytest.raises(AttackError, match=r"8 speaker\(s\), one with 1 utterance\(s\)"):
        identify(x[: -(ROWS - 1)], speaker[: -(ROWS - 1)])
    with pytest.raises(AttackError, match=r"1 speaker\(s\)"):
        identify(x[:5], speaker[:5])
    with pytest.raises(AttackError, match="96 vectors, 3 speakers"):
        identify(x, speaker[:3])


def test_reconstruction_recovers_a_linear_map_and_not_noise() -> None:
    random = np.random.default_rng(0)
    speaker = np.repeat(np.arange(10), 30)
    original = random.normal(size=(300, 4)) * [1, 1, 1, 1000]

    def share(x: NDArray[np.float64]) -> float:
        part = utility_probes.crossfit_reconstruction(x, original, speaker)
        assert part is not None
        assert sorted(part.rows) == list(range(300))
        return 1 - float(part.prediction.sum() / part.truth.sum())

    mixed = original / [1, 1, 1, 1000] @ random.normal(size=(4, 4))
    assert share(mixed) > 0.99
    assert share(original[:, :2]) == pytest.approx(0.5, abs=0.05), (
        "two dimensions of four, each counting the same"
    )
    assert abs(share(random.normal(size=(300, 4)))) < 0.1
    with pytest.raises(AttackError, match="one speaker, expected two"):
        utility_probes.crossfit_reconstruction(original, original, np.zeros(300, np.intp))
