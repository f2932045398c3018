"""The permutation test finds a planted leak, and differences between speakers alone are none."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import binom, spearmanr

from sordino import metrics
from sordino.attack.attackers.kernels import Scores, scores
from sordino.attack.secret import TEST_LEVEL, Secret
from sordino.attack.significance.permutation_test import (
    BLIND_AUC,
    AttackerStatistic,
    Decision,
    attacker_statistics,
    conclude,
    judge,
    label_columns,
)
from sordino.attack.splits import crossfit
from sordino.errors import AttackError

Matrix = NDArray[np.float64]
Rows = NDArray[np.intp]

QUICK = ("linear",)
NULLS = 60


def voices(
    seed: int, speakers: int = 24, rows: int = 6, apart: float = 1.0
) -> tuple[Matrix, Rows, Rows]:
    """Rows of distinct speakers, half of either gender; the rows are independent of gender."""
    random = np.random.default_rng(seed)
    speaker = np.repeat(np.arange(speakers), rows)
    gender = random.permutation(np.arange(speakers) % 2)[speaker]
    x = random.normal(0, apart, (speakers, 3))[speaker] + random.normal(size=(len(speaker), 3))
    return x, gender, speaker


def secrets(seed: int = 0) -> dict[str, Secret]:
    """A secret of every kind."""
    random = np.random.default_rng(seed)
    speaker = np.repeat(np.arange(24), 6)
    return {
        "gender": Secret.of("gender", speaker % 2, speaker),
        "dialect": Secret.of("dialect", random.permutation(np.arange(24) % 3)[speaker], speaker),
        "age": Secret.of("age", random.normal(40, 9, 24)[speaker], speaker),
        "emotion": Secret.of("emotion", [0, 1, 2, 0, 1, 2] * 24, speaker),
        "valence": Secret.of("valence", [0, 1] * 72, speaker),
        "stress": Secret.of("stress", random.normal(size=144), speaker),
    }


EVERY = pytest.mark.parametrize("secret", secrets().values(), ids=secrets())


def leaking(secret: Secret, size: float = 3.0, seed: int = 0) -> Matrix:
    """Rows of unlike voices with one dimension for each value, or along a continuous secret."""
    x = np.hstack([voices(seed)[0], np.random.default_rng([seed, 1]).normal(size=(144, 3))])
    if secret.classes:
        x += size * np.eye(6)[3 + secret.values.astype(int)]
    else:
        x[:, 3] += size * (secret.values - secret.values.mean()) / secret.values.std()
    return x


@EVERY
def test_a_planted_leak_is_a_leak_and_without_it_none_is_found(secret: Secret) -> None:
    """One false alarm in three is allowed: two come with a chance of 0.007."""
    before = judge(leaking(secret), secret, shuffles=59)
    assert (before.answer, before.why) == ("leak", "")
    assert before.p == pytest.approx(1 / 60)
    assert before.by_attacker[0][3] > before.needed
    after = [judge(leaking(secret, size=0, seed=seed), secret, shuffles=59) for seed in range(3)]
    assert [one.answer for one in after].count("leak") <= 1
    assert all((one.answer == "leak") == (one.p <= TEST_LEVEL) for one in after)


def test_whole_speakers_reveal_a_shift_too_small_for_one_row() -> None:
    x, gender, speaker = voices(0, rows=40, apart=0.05)
    x[:, 0] += 0.3 * gender
    found = judge(x, Secret.of("gender", gender, speaker), families=QUICK, shuffles=59)
    single, pooled = (
        max(auc for *_, whole, auc, _ in found.by_attacker if whole is is_it)
        for is_it in (False, True)
    )
    assert found.answer == "leak"
    assert single < 0.65 < 0.9 < pooled


def nulls(secret_of: str, by: str = "speaker") -> list[float]:
    """p of small tables with no leak in them; by utterance, each row counts as a speaker of its
    own.
    """
    found = []
    for seed in range(NULLS):
        x, gender, speaker = voices(seed, speakers=12, rows=4, apart=2)
        values = gender if secret_of == "gender" else np.tile([0, 1, 1, 0], 12)
        secret = Secret.of(secret_of, values, speaker if by == "speaker" else np.arange(48))
        fold = secret.folds(seed)
        table = secret.shuffles(fold, 39, seed)
        whole = speaker if by == "speaker" and not secret.within else None
        every = scores(x, label_columns(secret, table), crossfit(fold), whole, QUICK)
        found.append(
            conclude(
                secret,
                fold,
                (one for said in every for one in attacker_statistics(secret, table, said)),
            ).p
        )
    return found


MOST = int(binom.isf(0.001, NULLS, TEST_LEVEL))
"""False alarms that a right test exceeds less than once in a thousand times: 9 of 60."""


@pytest.mark.parametrize("secret", ["gender", "emotion"])
def test_unlike_speakers_alone_are_no_leak(secret: str) -> None:
    p = np.array(nulls(secret))
    assert (p <= TEST_LEVEL).sum() <= MOST
    assert 0.3 < p.mean() < 0.7  # neither too small nor too large


def test_shuffling_utterances_would_report_a_leak() -> None:
    assert (np.array(nulls("gender", by="utterance")) <= TEST_LEVEL).sum() > 2 * MOST
    assert (np.array(nulls("gender")) <= TEST_LEVEL).sum() <= MOST


def test_the_test_is_exact_over_all_arrangements() -> None:
    """The complete null of one table, over all arrangements."""
    speaker = np.repeat(np.arange(8), 3)
    x = np.random.default_rng(0).normal(size=(8, 2))[speaker] + 0.3 * np.random.default_rng(
        1
    ).normal(size=(24, 2))
    secret, fold = Secret.of("gender", speaker // 2 % 2, speaker), (speaker // 4).astype(np.intp)
    halves = [one for one in product([0.0, 1.0], repeat=4) if sum(one) == 2]
    every = np.array([[*a, *b] for a, b in product(halves, halves)]).T[speaker]
    assert every.shape[1] == secret.arrangements(fold) == 36
    p = []
    for place in range(36):
        table = np.hstack([every[:, [place]], np.delete(every, place, axis=1)])
        found = [
            one
            for said in scores(x, table, crossfit(fold), speaker)
            for one in attacker_statistics(secret, table, said)
        ]
        p.append(conclude(secret, fold, found).p)
    assert all(
        np.mean(np.array(p) <= level) <= level + 1e-9 for level in (0.05, 0.1, 0.2, 0.5, 0.9)
    )
    assert min(p) <= 2 / 36  # of an arrangement and, at the most, its opposite


def test_four_speakers_cannot_tell() -> None:
    x, gender, speaker = voices(0, speakers=4, rows=30)
    x[:, 0] += 9 * gender
    found = judge(x, Secret.of("gender", gender, speaker), families=QUICK, shuffles=99)
    assert found.answer == "cannot tell"
    assert found.p > TEST_LEVEL
    assert found.why == "the secret can be shuffled in 4 ways, a test at level 0.05 needs 20"


def test_a_test_without_power_cannot_tell() -> None:
    x, gender, speaker = voices(1, speakers=8, rows=6, apart=3)
    found = judge(x, Secret.of("gender", gender, speaker), families=QUICK, shuffles=99)
    assert found.needed > BLIND_AUC
    assert found.answer == "cannot tell"
    assert (
        found.why
        == f"with so few speakers only an AUC above {found.needed:.2f} would be reported as a leak"
    )


def test_eighteen_shuffles_are_too_few_and_nineteen_enough() -> None:
    secret = secrets()["gender"]
    too_few, enough = (
        judge(leaking(secret), secret, families=QUICK, shuffles=count) for count in (18, 19)
    )
    assert (too_few.answer, enough.answer) == ("cannot tell", "leak")
    assert [too_few.p, enough.p] == pytest.approx([1 / 19, 1 / 20])
    assert too_few.why != ""


@EVERY
def test_the_p_of_the_verdict_is_that_of_the_best_attacker(
    secret: Secret,
) -> None:
    for size in (0.0, 0.3, 3.0):
        found = judge(leaking(secret, size), secret, families=QUICK, shuffles=29)
        each = [p for *_, p in found.by_attacker]
        assert 1 / 30 <= found.p <= 1
        assert found.p == each[0] == min(each)
        assert each == sorted(each)
        assert all(0 <= auc <= 1 for *_, auc, _ in found.by_attacker)
        assert len({one[:3] for one in found.by_attacker}) == len(found.by_attacker)


def by_hand(reached: Matrix) -> tuple[float, list[float]]:
    """p of all attackers and of each, from the definition, in loops."""
    z = [[(one - np.mean(row)) / np.std(row) for one in row] for row in reached]
    most = [max(column) for column in zip(*z, strict=True)]
    each = [sum(m >= row[0] - 1e-9 for m in most) / len(most) for row in z]
    return sum(m >= most[0] - 1e-9 for m in most) / len(most), each


@pytest.mark.parametrize("seed", range(4))
def test_p_is_that_of_the_maximum_statistic_by_hand(seed: int) -> None:
    secret = secrets()["gender"]
    reached = np.random.default_rng(seed).normal(
        0, np.array([[1], [5], [0.1]]), (3, 40)
    ) + seed * np.eye(1, 40)
    every = [
        AttackerStatistic("linear", str(row), False, one, 0.5 + one / 100)
        for row, one in enumerate(reached)
    ]
    found = conclude(secret, secret.folds(), every)
    p, each = by_hand(reached)
    assert found.p == pytest.approx(p)
    assert {name: own for _, name, _, _, own in found.by_attacker} == pytest.approx(
        dict(zip("012", each, strict=True))
    )
    best = np.sort(np.max(0.5 + reached[:, 1:] / 100, axis=0))
    assert found.needed in best
    assert np.mean(best > found.needed) <= TEST_LEVEL < np.mean(best >= found.needed)


def test_a_constant_attacker_changes_no_verdict() -> None:
    secret = secrets()["gender"]
    reached = np.random.default_rng(0).normal(size=40) + 9 * np.eye(1, 40)[0]
    one, dull = (
        AttackerStatistic("linear", name, False, own, own)
        for name, own in (("a", reached), ("b", np.full(40, 0.5)))
    )
    alone, both = (conclude(secret, secret.folds(), every) for every in ([one], [one, dull]))
    assert alone.p == both.p == 1 / 40
    assert both.by_attacker[1][4] == 1


def said_of(secret: Secret, table: Matrix, whole: bool = False) -> Scores:
    """Scores with ties, of every row or speaker, that lean to the labels."""
    first = np.unique(secret.speaker, return_index=True)[1]
    truth = label_columns(secret, table)[first if whole else slice(None)]
    return Scores(
        "linear",
        "any",
        np.round(truth + np.random.default_rng(0).normal(size=truth.shape), 1),
        whole,
    )


def expected_auc(secret: Secret, truth: NDArray[np.float64], values: Matrix) -> float:
    """Of one labelling: of two values, the mean over more each against the rest, or from the ranks
    of a number.
    """
    if not secret.classes:
        return (1 + float(spearmanr(truth, values[:, 0]).statistic)) / 2
    codes = [1] if len(secret.classes) == 2 else range(len(secret.classes))
    return float(
        np.mean([metrics.auc(truth == code, values[:, k]) for k, code in enumerate(codes)])
    )


@pytest.mark.parametrize(
    ("name", "whole"),
    [
        (name, whole)
        for name, secret in secrets().items()
        for whole in (False, True)
        if not (whole and secret.within)
    ],
)
def test_each_column_is_the_auc_that_metrics_would_give(name: str, whole: bool) -> None:
    secret = secrets()[name]
    table = secret.shuffles(secret.folds(), 9)
    said = said_of(secret, table, whole)
    found = attacker_statistics(secret, table, said)
    assert [one.pooled for one in found] == (
        [True] if whole else [False] if secret.within else [False, True]
    )
    first = np.unique(secret.speaker, return_index=True)[1]
    for one in found:
        truth, values = (table[first], said.values) if one.pooled else (table, said.values)
        if one.pooled and not whole:
            means = [said.values[secret.speaker == who].mean(axis=0) for who in range(24)]
            values = np.round(means, 9)  # equal means differ by rounding, and are ties
        for column in range(10):
            own = values[:, column::10]
            assert one.auc[column] == pytest.approx(expected_auc(secret, truth[:, column], own))
            if one.pooled:
                right = label_columns(secret, truth)[:, column::10]
                z = [
                    np.arctanh(np.corrcoef(a, b)[0, 1]) for a, b in zip(own.T, right.T, strict=True)
                ]
                assert one.statistic[column] == pytest.approx(np.mean(z))
            else:
                assert one.statistic[column] == one.auc[column]


def test_label_columns_of_all_kinds_of_secrets() -> None:
    speaker = np.arange(12)
    two, three = (Secret.of("either", speaker % k, speaker) for k in (2, 3))
    number = Secret.of("age", speaker**3, speaker)
    table = two.shuffles(two.folds(), 2)
    assert label_columns(two, table).tolist() == table.tolist()
    table = three.shuffles(three.folds(), 2)
    for code in range(3):
        assert (
            label_columns(three, table)[:, 3 * code : 3 * code + 3].tolist()
            == (table == code).tolist()
        )
    assert label_columns(number, number.values[:, None])[:, 0] == pytest.approx(
        np.arange(1, 13) / 12
    )


def test_scores_that_order_everyone_rightly_stay_finite() -> None:
    for name in ("gender", "age"):
        secret = secrets()[name]
        single, pooled = attacker_statistics(
            secret, secret.values[:, None], Scores("linear", "oracle", secret.values[:, None])
        )
        assert single.auc[0] == pooled.auc[0] == pytest.approx(1)
        assert np.isfinite(pooled.statistic).all()
        wrong = attacker_statistics(
            secret, secret.values[:, None], Scores("linear", "liar", -secret.values[:, None])
        )
        assert [one.auc[0] for one in wrong] == pytest.approx([0, 0])


@pytest.mark.parametrize("name", ["gender", "dialect", "age"])
def test_row_order_and_units_change_no_verdict(name: str) -> None:
    secret = secrets()[name]
    x = leaking(secret, size=0.5)
    kept = x.copy()
    order = np.random.default_rng(0).permutation(len(x))
    values = secret.values if not secret.classes else secret.values.astype(int)
    mixed = Secret.of(name, values[order], secret.speaker[order])
    ask: dict[str, Any] = {"families": ("linear", "quadratic"), "shuffles": 29, "seed": 2}
    found = judge(x, secret, **ask)
    for other in (
        judge(x, secret, **ask),
        judge(x[order], mixed, **ask),
        judge(40 - 3 * x, secret, **ask),
    ):
        same_verdict(found, other)
    assert (x == kept).all()


def same_verdict(one: Decision, other: Decision) -> None:
    assert (one.answer, one.p, one.by_attacker[0][:3]) == (
        other.answer,
        other.p,
        other.by_attacker[0][:3],
    )
    assert [one.needed, one.by_attacker[0][3]] == pytest.approx(
        [other.needed, other.by_attacker[0][3]]
    )


@pytest.mark.parametrize("bad", [np.nan, np.inf])
@pytest.mark.filterwarnings("ignore")
def test_vectors_that_are_not_finite_are_refused(bad: float) -> None:
    secret = secrets()["gender"]
    x = leaking(secret)
    x[7, 1] = bad
    with pytest.raises(AttackError, match="finite"):
        judge(x, secret, shuffles=19)


@pytest.mark.parametrize("families", [("oracle",), ("linear", "oracle"), ()])
def test_unknown_families_are_refused(families: Sequence[str]) -> None:
    secret = secrets()["gender"]
    with pytest.raises(AttackError, match="expected some of linear"):
        judge(leaking(secret), secret, families=families, shuffles=19)


@pytest.mark.parametrize(("rows", "shuffles"), [(144, 0), (144, -1), (100, 19), (0, 19)])
def test_no_shuffles_and_another_number_of_rows_are_refused(rows: int, shuffles: int) -> None:
    secret = secrets()["gender"]
    with pytest.raises(AttackError, match="expected"):
        judge(leaking(secret)[:rows], secret, families=QUICK, shuffles=shuffles)


def test_too_few_shuffles_are_the_stated_reason() -> None:
    secret = secrets()["gender"]
    assert "9 shuffles" in judge(leaking(secret), secret, families=QUICK, shuffles=9).why


def test_a_leak_is_found_beside_a_dimension_in_another_unit() -> None:
    secret = secrets()["gender"]
    x = np.column_stack([leaking(secret), 1e10 * np.random.default_rng(0).normal(size=144)])
    assert judge(x, secret, families=QUICK, shuffles=39).answer == "leak"
