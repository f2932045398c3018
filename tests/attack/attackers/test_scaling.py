"""The magnitude of numbers changes no verdict, and constant vectors are no leak."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from sordino.attack.attackers import kernels, nearest, scaling, ties
from sordino.attack.secret import Secret
from sordino.attack.significance import permutation_test
from sordino.attack.splits import crossfit
from sordino.attack.vector_audit import Audit
from sordino.errors import AttackError
from sordino.types import Matrix

SPEAKERS, ROWS = 12, 4
EVERY = np.arange(SPEAKERS * ROWS)


def table(seed: int = 0, shift: float = 2.5) -> tuple[Matrix, Secret]:
    """Vectors of 12 speakers with 4 rows each; the first of 5 dimensions is shifted for half of
    them.
    """
    random = np.random.default_rng(seed)
    speaker = np.repeat(np.arange(SPEAKERS), ROWS)
    gender = random.permutation(np.arange(SPEAKERS) % 2)[speaker]
    x = random.normal(size=(len(speaker), 5))
    x[:, 0] += shift * gender
    return x, Secret.of("gender", gender, speaker)


def judged(x: Matrix, secret: Secret) -> permutation_test.Decision:
    return permutation_test.judge(x, secret, shuffles=19)


@pytest.mark.slow
def test_of_200_constant_tables_none_is_called_a_leak() -> None:
    constants = (0.1, 0.0, -7e9, 1e155, 1e-300, 1e308)
    for seed in range(200):
        x, secret = table(seed)
        families = (
            kernels.KERNEL_FAMILIES if seed < 2 else ("nearest",)
        )  # which ranked rows by their order
        constant = np.full_like(x, constants[seed % len(constants)])
        decision = permutation_test.judge(constant, secret, families=families, shuffles=19)
        assert (decision.answer, decision.p, decision.needed) == ("no leak found", 1.0, 0.5)
        assert {auc for *_, auc, _ in decision.by_attacker} == {0.5}


def test_constant_vectors_reach_half_with_every_family() -> None:
    x, secret = table()
    audited = Audit(
        (*kernels.KERNEL_FAMILIES, "logistic", "svm-rbf", "forest", "mlp"), shuffles=19
    ).run(np.full_like(x, 0.1), secret.values.astype(int), secret.speaker)
    assert (audited.decision.answer, audited.decision.p, audited.auc()) == (
        "no leak found",
        1.0,
        0.5,
    )
    assert set(audited.guesses.loc[audited.guesses["k"] == 1, "score"]) == {0.0}


def test_vectors_that_mark_one_speaker_are_no_leak() -> None:
    x, secret = table()
    x = np.where((secret.speaker == 3)[:, None] & (np.arange(5) == 0), x, 0.0)
    assert judged(x, secret).answer == "no leak found"


SIZES: dict[str, Callable[[Matrix], Matrix]] = {
    "1e150": lambda x: x * 1e150,
    "1e-150": lambda x: x * 1e-150,
    "1e155": lambda x: x * 1e155,
    "1e307": lambda x: x * 1e307,
    "1e-300": lambda x: x * 1e-300,
    "float32 near its limit": lambda x: (x * 1e37).astype(np.float32),
    "far from zero": lambda x: x + 1e8,
    "a constant beside them": lambda x: np.column_stack([x, np.full(len(x), 1e155)]),
    "copies of a dimension that is 0": lambda x: np.column_stack([x, np.zeros((len(x), 3))]),
}


@pytest.mark.parametrize("size", SIZES)
def test_the_size_of_numbers_moves_no_verdict(size: str) -> None:
    x, secret = table()
    before, after = judged(x, secret), judged(SIZES[size](x), secret)
    assert (after.answer, after.p) == (before.answer, before.p) == ("leak", 0.05)
    first, second = (
        {
            (name, pooled): auc
            for family, name, pooled, auc, _ in decision.by_attacker
            if family != "digits"  # these are digits of numbers as they are
        }
        for decision in (before, after)
    )
    assert all(abs(first[key] - second[key]) < 1e-6 for key in first)


def test_scales_that_differ_by_hundreds_of_powers_hide_nothing() -> None:
    x, secret = table()
    assert judged(x * 10.0 ** np.array([150, -150, 0, 30, -300]), secret).answer == "leak"


def test_one_absurd_value_hides_nothing() -> None:
    x, secret = table()
    x[5, 1] = 1e300
    assert judged(x, secret).answer == "leak"


def test_ordinary_numbers_keep_every_bit() -> None:
    x, _ = table()
    for per_dimension in (False, True):
        centred, spread = x - x.mean(axis=0), x.std(axis=0)
        expected = centred / (spread if per_dimension else np.sqrt(np.mean(spread**2)))
        assert kernels.scale(x, per_dimension).tobytes() == expected.tobytes()


def test_equal_rows_have_equal_scores_in_any_order() -> None:
    random = np.random.default_rng(0)
    _, secret = table()
    prototypes = random.normal(size=(3, 5))
    x = prototypes[random.integers(0, 3, len(EVERY))]
    fold = secret.folds()
    for attacker in kernels.scores(x, secret.values[:, None], crossfit(fold), None):
        for side in np.unique(fold):
            values = [
                np.unique(attacker.values[(fold == side) & (x == prototype).all(axis=1)])
                for prototype in prototypes
            ]
            assert all(len(group) < 2 for group in values), attacker.setting


def test_nearest_rows_that_are_equally_far_count_alike() -> None:
    plan = crossfit(np.array([0, 0, 0, 0, 1]))
    points, labels = (
        np.array([1.0, -1.0, 1.0, -1.0, 0.0]),
        np.array([[1.0], [0.0], [1.0], [0.0], [0.0]]),
    )
    squared = (points[:, None] - points) ** 2
    for order in (EVERY[:4], EVERY[3::-1], np.array([1, 3, 0, 2])):
        rows = np.append(order, 4)
        scores = nearest.nearest(
            squared[np.ix_(rows, rows)], points[rows] ** 2, labels[rows], plan, 1, np.arange(5)
        )
        assert scores[4, 0] == 0.0


def test_ranks_take_rounding_for_a_tie() -> None:
    values = np.array([[0.3, 2.0], [0.1 + 0.2, 1.0], [0.0, 3.0]])
    np.testing.assert_array_equal(ties.ranks(values), [[2.0, 1.5], [2.0, 0.5], [0.5, 2.5]])


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (np.full((4, 2), 1j), "complex numbers, expected real ones"),
        (np.full((4, 2), np.longdouble("1e400")), "4 of 4 vectors are not finite"),
        (np.array([[1.0], [np.nan], [np.inf]]), "2 of 3 vectors are not finite"),
    ],
)
def test_numbers_that_are_none_are_refused(x: Matrix, message: str) -> None:
    with pytest.raises(AttackError, match=message):
        kernels.check_vectors(x)


def test_the_spread_of_whole_numbers_is_theirs() -> None:
    *_, spread, power = scaling.moments(np.array([[2**30], [2**30 + 2]]), np.arange(2))
    assert np.ldexp(spread, power).tolist() == [1.0]


@pytest.mark.parametrize("seed", range(20))
def test_no_outlier_is_missed_by_the_cheap_test(seed: int) -> None:
    random = np.random.default_rng(seed)
    rows = int(random.integers(20, 90))
    z = random.normal(size=(rows, 3))
    assert scaling._is_spread(z / np.abs(z).max(axis=0))
    few = random.permutation(rows)[: rows // 4]
    z[:, 1] = 1e-9 * random.normal(size=rows)
    z[few, 1] = random.uniform(0.5, 1, len(few))
    assert not scaling._is_spread(z / np.abs(z).max(axis=0))
