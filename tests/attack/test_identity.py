"""Known speakers are told where voices differ, at chance where they do not, and nobody by their own
utterance.
"""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from sordino import metrics
from sordino.attack import utility_probes
from sordino.attack.identity import identify
from sordino.errors import AttackError

FAMILIES = ("linear", "nearest")
PEOPLE, ROWS = 8, 12


def table(voice: float, seed: int = 0) -> tuple[NDArray[np.float64], NDArray[np.str_]]:
    random = np.random.default_rng(seed)
    who = np.repeat(np.arange(PEOPLE), ROWS)
    x = voice * random.normal(size=(PEOPLE, 6))[who] + random.normal(size=(len(who), 6))
    return x, np.array([f"s{one}" for one in range(PEOPLE)])[who]


def errors(x: NDArray[np.float64], speaker: NDArray[np.str_]) -> tuple[float, float]:
    """The unweighted average recall and the equal error rate."""
    found = identify(x, speaker, families=FAMILIES)
    trials = found.trials()
    return metrics.uar(found.speaker, found.said), metrics.eer(
        trials["positive"].to_numpy(), trials["score"].to_numpy()
    )


def test_voices_are_told_apart_and_none_are_where_there_are_none() -> None:
    uar, eer = errors(*table(voice=3.0))
    assert uar > 0.9
    assert eer < 0.1
    uar, eer = errors(*table(voice=0.0))
    assert abs(uar - 1 / PEOPLE) < 0.12
    assert abs(eer - 0.5) < 0.12


def test_an_utterance_is_not_learnt_from_by_who_guesses_it() -> None:
    x, speaker = table(voice=0.0)
    x[:, 0] = np.arange(
        len(x)
    )  # a memory of rows would tell them all, were a row its own neighbour
    x[:, 0] = np.random.default_rng(1).permutation(x[:, 0])
    assert errors(x, speaker)[0] < 0.3


def test_every_utterance_is_claimed_by_its_speaker_and_by_others() -> None:
    found = identify(*table(voice=1.0), families=FAMILIES)
    trials = found.trials(impostors=3)
    assert trials.groupby("row")["positive"].sum().eq(1).all()
    assert len(trials) == 4 * PEOPLE * ROWS
    own = trials[trials["positive"]]
    assert own["score"].tolist() == found.scores[np.arange(len(own)), found.speaker].tolist()
    assert found.chance == 1 / PEOPLE


def test_speakers_that_cannot_be_learnt_are_refused() -> None:
    x, speaker = table(voice=1.0)
    with pytest.raises(AttackError, match=r"8 speaker\(s\), one with 1 utterance\(s\)"):
        identify(x[: -(ROWS - 1)], speaker[: -(ROWS - 1)])
    with pytest.raises(AttackError, match=r"1 speaker\(s\)"):
        identify(x[:5], speaker[:5])
    with pytest.raises(AttackError, match="96 vectors, 3 speakers"):
        identify(x, speaker[:3])


def test_what_was_let_through_comes_back_and_noise_does_not() -> None:
    random = np.random.default_rng(0)
    speaker = np.repeat(np.arange(10), 30)
    original = random.normal(size=(300, 4)) * [1, 1, 1, 1000]

    def share(x: NDArray[np.float64]) -> float:
        part = utility_probes.crossfitted(x, original, speaker)
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
        utility_probes.crossfitted(original, original, np.zeros(300, np.intp))
