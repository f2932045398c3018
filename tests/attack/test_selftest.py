"""Synthetic tables match their description, the stated Bayes AUC is correct, and the test finds
each leak.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from scipy.stats import f, norm

from sordino import metrics
from sordino.attack.secret import Secret
from sordino.attack.selftest import DIMENSIONS, LEAKS, N_SPEAKERS, SHARE, UTTERANCES, plant
from sordino.attack.significance.permutation_test import judge
from sordino.types import Matrix

DRAWS = 200_000
PLANTED = [name for name in LEAKS if name != "none"]


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in PLANTED if name != "rare"])
def test_every_planted_leak_is_found(name: str) -> None:
    assert answer(name, seed=0) == "leak"


@pytest.mark.slow
def test_the_weakest_leak_is_found_in_one_table_of_two() -> None:
    """The best possible attacker of it has an AUC of .525."""
    assert any(answer("rare", seed) == "leak" for seed in (1, 0))


@pytest.mark.slow
def test_where_nothing_is_planted_nothing_is_found() -> None:
    """One false alarm in three is allowed: two come with a chance of 0.007."""
    assert [answer("none", seed) for seed in range(3)].count("leak") <= 1


def answer(name: str, seed: int) -> str:
    """Of every second utterance of a table, which takes a quarter of the time."""
    table, rows = plant(name, seed), slice(None, None, 2)
    secret = Secret.of("gender", table.secret[rows], table.speaker[rows])
    return judge(table.x[rows], secret, shuffles=19, seed=seed).answer


@pytest.mark.parametrize("name", LEAKS)
def test_tables_have_the_described_size_and_a_balanced_secret(
    name: str,
) -> None:
    for seed in range(3):
        table = plant(name, seed)
        assert table.x.shape == (N_SPEAKERS * UTTERANCES, DIMENSIONS) == (1500, 24)
        assert np.isfinite(table.x).all()
        assert np.bincount(table.speaker).tolist() == [50] * 30
        values = [np.unique(table.secret[table.speaker == code]).tolist() for code in range(30)]
        assert sorted(values) == [[0]] * 15 + [[1]] * 15


@pytest.mark.parametrize("name", LEAKS)
def test_tables_are_repeatable_and_differ_between_seeds(name: str) -> None:
    first, repeat, second = (plant(name, seed) for seed in (5, 5, 6))
    assert first.x.tobytes() == repeat.x.tobytes()
    assert first.secret.tobytes() == repeat.secret.tobytes()
    assert first.speaker.tobytes() == repeat.speaker.tobytes()
    assert not np.isclose(first.x, second.x).any(axis=1).all()
    assert first.secret.tolist() != second.secret.tolist()


def test_leaks_of_one_seed_share_no_numbers() -> None:
    first = [plant(name).x[0, 0] for name in LEAKS]
    assert len(set(first)) == len(LEAKS)


def spreads(name: str, tables: int = 40) -> tuple[float, float]:
    """The variance of a dimension, and the part between speakers (analysis of variance), the mean
    over tables.
    """
    parts = []
    for seed in range(tables):
        x = plant(name, seed).x.reshape(N_SPEAKERS, UTTERANCES, DIMENSIONS)
        within = x.var(axis=1, ddof=1).mean()
        between = x.mean(axis=1).var(axis=0, ddof=1).mean() - within / UTTERANCES
        parts.append((within + between, between))
    variance, part = np.mean(parts, axis=0)
    return float(variance), float(part)


def test_marginals_have_variance_one_and_the_speaker_share() -> None:
    variance, between = spreads("none")
    assert variance == pytest.approx(1, abs=0.02)
    assert between == pytest.approx(SHARE, abs=0.02) == pytest.approx(0.36, abs=0.02)
    variance, between = spreads("patient")
    planted_part = (
        0.5**2 / 4 / DIMENSIONS
    )  # of a shift by 0.5 of half of the speakers, spread over all dimensions
    assert variance == pytest.approx(1 + planted_part, abs=0.02)
    assert between == pytest.approx(0.01 + planted_part, abs=0.003)


def test_no_dimension_stands_alone() -> None:
    """Rotated, a shift of one dimension by 2 is one of many, in another direction in each table."""
    shifts = []
    for seed in range(60):
        table = plant("mean", seed)
        shifts.append(
            table.x[table.secret == 1].mean(axis=0) - table.x[table.secret == 0].mean(axis=0)
        )
    noise = DIMENSIONS * SHARE * 2 / 15 + DIMENSIONS * (1 - SHARE) * 2 / 750
    assert np.mean(np.square(shifts).sum(axis=1)) == pytest.approx(4 + noise, rel=0.1)
    assert np.mean(np.square(shifts), axis=0) == pytest.approx(
        np.full(24, (4 + noise) / 24), rel=0.8
    )
    for shift in np.array(shifts):
        assert np.square(shift).max() < 0.8 * np.square(shift).sum()


Draw = Callable[[np.random.Generator, int], Matrix]
Likelihood = Callable[[Matrix], Matrix]


def mean(random: np.random.Generator, value: int) -> Matrix:
    return random.normal(2 * value, 1, DRAWS)


def variance(random: np.random.Generator, value: int) -> Matrix:
    return random.normal(0, 3 if value else 1, DRAWS)


def product(random: np.random.Generator, value: int) -> Matrix:
    rho = 0.8 if value else -0.8
    return random.multivariate_normal([0, 0], [[1, rho], [rho, 1]], DRAWS)


def length(random: np.random.Generator, value: int) -> Matrix:
    return random.normal(0, 1.15 if value else 1, (DRAWS, 24))


def curve(random: np.random.Generator, value: int) -> Matrix:
    first, second = random.normal(size=(2, DRAWS))
    return np.column_stack([first, second + (first**2 - 1) * (1 if value else -1)])


def patient(random: np.random.Generator, value: int) -> Matrix:
    return random.normal(0.5 * value, 1, DRAWS)


def rare(random: np.random.Generator, value: int) -> Matrix:
    return random.normal(8 * (random.random(DRAWS) < 0.05) * value, 1)


def none(random: np.random.Generator, _: int) -> Matrix:
    return random.normal(size=DRAWS)


def correlated(z: Matrix, rho: float) -> Matrix:
    density: Matrix = norm.logpdf(z[:, 0]) + norm.logpdf(
        z[:, 1], rho * z[:, 0], np.sqrt(1 - rho**2)
    )
    return density


BAYES: dict[str, tuple[Draw, Likelihood]] = {
    "mean": (mean, lambda z: norm.logpdf(z, 2) - norm.logpdf(z)),
    "variance": (variance, lambda z: norm.logpdf(z, 0, 3) - norm.logpdf(z)),
    "product": (product, lambda z: correlated(z, 0.8) - correlated(z, -0.8)),
    "norm": (length, lambda z: (norm.logpdf(z, 0, 1.15) - norm.logpdf(z)).sum(axis=1)),
    "curve": (
        curve,
        lambda z: norm.logpdf(z[:, 1], z[:, 0] ** 2 - 1) - norm.logpdf(z[:, 1], 1 - z[:, 0] ** 2),
    ),
    "patient": (patient, lambda z: norm.logpdf(z, 0.5) - norm.logpdf(z)),
    "rare": (rare, lambda z: np.log(0.95 * norm.pdf(z) + 0.05 * norm.pdf(z, 8)) - norm.logpdf(z)),
    "none": (none, np.zeros_like),
}
"""How a scene's utterances of one value are drawn, and the log-likelihood ratio: from the words
that describe them.
"""


@pytest.mark.slow
@pytest.mark.parametrize("name", LEAKS)
def test_the_stated_auc_is_that_of_the_likelihood_ratio(name: str) -> None:
    draw, ratio = BAYES[name]
    random = np.random.default_rng(0)
    score = np.concatenate([ratio(draw(random, value)) for value in (0, 1)])
    assert metrics.auc(np.repeat([False, True], DRAWS), score) == pytest.approx(
        LEAKS[name][1], abs=0.006
    )


@pytest.mark.parametrize(
    ("name", "auc"),
    [
        ("mean", norm.cdf(2 / np.sqrt(2))),
        ("variance", 2 / np.pi * np.arctan(3)),  # P(3 |a| > |b|)
        ("product", 0.9),  # of a sum of squares 9 times another, both exponential: 9 / (9 + 1)
        ("norm", f.cdf(1.15**2, 24, 24)),
        ("patient", norm.cdf(0.5 / np.sqrt(2))),
        ("rare", 0.95 / 2 + 0.05 * norm.cdf(8 / np.sqrt(2))),
        ("none", 0.5),
    ],
)
def test_the_stated_auc_is_exact_where_there_is_a_formula(name: str, auc: float) -> None:
    assert LEAKS[name][1] == pytest.approx(auc, abs=0.0006)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("variance", 1 + 8 / 24),
        ("norm", 1.15**2),
        ("mean", 1 + 2**2 / 24),
        ("none", 1.0),
        ("rare", 1 + 0.05 * 64 / 24),
    ],
)
def test_planted_rows_have_the_described_length(name: str, expected: float) -> None:
    lengths = np.zeros(2)
    for seed in range(30):
        table = plant(name, seed)
        lengths += [np.square(table.x[table.secret == value]).mean() for value in (0, 1)]
    assert lengths[0] / 30 == pytest.approx(1, abs=0.03)
    assert lengths[1] / 30 == pytest.approx(expected, abs=0.05)


def test_an_unknown_leak_is_refused() -> None:
    with pytest.raises(KeyError, match="loud"):
        plant("loud")
