"""The permutation test finds a planted leak, and differences between speakers alone are none."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import chain, product
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
from sordino.types import Matrix, Rows

QUICK, NULLS = ("linear",), 60


def voices(
    seed: int, speakers: int = 24, rows: int = 6, apart: float = 1.0
) -> tuple[Matrix, Rows, Rows]:
    """Rows of distinct speakers, half of either gender; the rows are independent of gender."""
    random = np.random.default_rng(seed)
    speaker = np.repeat(np.arange(speakers), rows)
    gender = random.permutation(np.arange(speakers) % 2)[speaker]
    own = random.normal(0, apart, (speakers, 3))[speaker]
    return own + random.normal(size=own.shape), gender, speaker


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


@pytest.mark.slow
@EVERY
def test_a_planted_leak_is_a_leak_and_without_it_none_is_found(secret: Secret) -> None:
    """One false alarm in three is allowed: two come with a chance of 0.007."""
    before = judge(leaking(secret), secret, shuffles=59)
    assert (before.answer, before.why) == ("leak", "")
    assert before.p == pytest.approx(1 / 60)
    assert before.by_attacker[0][3] > before.needed
    after = [judge(leaking(secret, size=0, seed=seed), secret, shuffles=59) for seed in range(3)]
    assert [decision.answer for decision in after].count("leak") <= 1
    assert all((decision.answer == "leak") == (decision.p <= TEST_LEVEL) for decision in after)


def test_whole_speakers_reveal_a_shift_too_small_for_one_row() -> None:
    x, gender, speaker = voices(0, rows=40, apart=0.05)
    x[:, 0] += 0.3 * gender
    result = judge(x, Secret.of("gender", gender, speaker), families=QUICK, shuffles=59)
    single, pooled = (
        max(auc for *_, is_pooled, auc, _ in result.by_attacker if is_pooled is is_it)
        for is_it in (False, True)
    )
    assert result.answer == "leak"
    assert single < 0.65 < 0.9 < pooled


def decision_of(secret: Secret, fold: Rows, table: Matrix, attackers: Iterable[Scores]) -> Decision:
    """The verdict from scores of all columns of the table."""
    parts = (attacker_statistics(secret, table, attacker) for attacker in attackers)
    return conclude(secret, fold, chain.from_iterable(parts))


def nulls(secret_of: str, unit: str = "speaker") -> list[float]:
    """p of small tables with no leak in them; by utterance, each row counts as a speaker of its
    own.
    """
    p_values = []
    for seed in range(NULLS):
        x, gender, speaker = voices(seed, speakers=12, rows=4, apart=2)
        values = gender if secret_of == "gender" else np.tile([0, 1, 1, 0], 12)
        secret = Secret.of(secret_of, values, speaker if unit == "speaker" else np.arange(48))
        fold = secret.folds(seed)
        table = secret.shuffles(fold, 39, seed)
        speakers_or_none = speaker if unit == "speaker" and not secret.within else None
        attackers = scores(x, label_columns(secret, table), crossfit(fold), speakers_or_none, QUICK)
        p_values.append(decision_of(secret, fold, table, attackers).p)
    return p_values


MOST = int(binom.isf(0.001, NULLS, TEST_LEVEL))
"""False alarms that a right test exceeds less than once in a thousand times: 9 of 60."""


@pytest.mark.slow
@pytest.mark.parametrize("secret", ["gender", "emotion"])
def test_unlike_speakers_alone_are_no_leak(secret: str) -> None:
    p = np.array(nulls(secret))
    assert (p <= TEST_LEVEL).sum() <= MOST
    assert 0.3 < p.mean() < 0.7  # neither too small nor too large


@pytest.mark.slow
def test_shuffling_utterances_would_report_a_leak() -> None:
    assert (np.array(nulls("gender", unit="utterance")) <= TEST_LEVEL).sum() > 2 * MOST
    assert (np.array(nulls("gender")) <= TEST_LEVEL).sum() <= MOST


@pytest.mark.slow
def test_the_test_is_exact_over_all_arrangements() -> None:
    """The complete null of one table, over all arrangements."""
    speaker = np.repeat(np.arange(8), 3)
    x = np.random.default_rng(0).normal(size=(8, 2))[speaker] + 0.3 * np.random.default_rng(
        1
    ).normal(size=(24, 2))
    secret, fold = Secret.of("gender", speaker // 2 % 2, speaker), (speaker // 4).astype(np.intp)
    halves = [item for item in product([0.0, 1.0], repeat=4) if sum(item) == 2]
    tables = np.array([[*a, *b] for a, b in product(halves, halves)]).T[speaker]
    assert tables.shape[1] == secret.arrangements(fold) == 36
    p = []
    for index in range(36):
        table = np.hstack([tables[:, [index]], np.delete(tables, index, axis=1)])
        attackers = scores(x, table, crossfit(fold), speaker)
        p.append(decision_of(secret, fold, table, attackers).p)
    assert all(
        np.mean(np.array(p) <= level) <= level + 1e-9 for level in (0.05, 0.1, 0.2, 0.5, 0.9)
    )
    assert min(p) <= 2 / 36  # of an arrangement and, at the most, its opposite


def test_four_speakers_cannot_tell() -> None:
    x, gender, speaker = voices(0, speakers=4, rows=30)
    x[:, 0] += 9 * gender
    result = judge(x, Secret.of("gender", gender, speaker), families=QUICK, shuffles=99)
    assert result.answer == "cannot tell"
    assert result.p > TEST_LEVEL
    assert result.why == "the secret can be shuffled in 4 ways, a test at level 0.05 needs 20"


def test_a_test_without_power_cannot_tell() -> None:
    x, gender, speaker = voices(1, speakers=8, rows=6, apart=3)
    result = judge(x, Secret.of("gender", gender, speaker), families=QUICK, shuffles=99)
    assert result.needed > BLIND_AUC
    assert result.answer == "cannot tell"
    assert (
        result.why
        == f"with so few speakers an attacker must reach an AUC above {result.needed:.2f}"
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
        result = judge(leaking(secret, size), secret, families=QUICK, shuffles=29)
        p_values = [p for *_, p in result.by_attacker]
        assert 1 / 30 <= result.p <= 1
        assert result.p == p_values[0] == min(p_values)
        assert p_values == sorted(p_values)
        assert all(0 <= auc <= 1 for *_, auc, _ in result.by_attacker)
        assert len({row[:3] for row in result.by_attacker}) == len(result.by_attacker)


def by_hand(reached: Matrix) -> tuple[float, list[float]]:
    """p of all attackers and of each, from the definition, in loops."""
    z = [[(value - np.mean(row)) / np.std(row) for value in row] for row in reached]
    largest = [max(column) for column in zip(*z, strict=True)]
    p_values = [sum(m >= row[0] - 1e-9 for m in largest) / len(largest) for row in z]
    return sum(m >= largest[0] - 1e-9 for m in largest) / len(largest), p_values


@pytest.mark.parametrize("seed", range(4))
def test_p_is_that_of_the_maximum_statistic_by_hand(seed: int) -> None:
    secret = secrets()["gender"]
    reached = np.random.default_rng(seed).normal(
        0, np.array([[1], [5], [0.1]]), (3, 40)
    ) + seed * np.eye(1, 40)
    attackers = [
        AttackerStatistic("linear", str(row), False, values, 0.5 + values / 100)
        for row, values in enumerate(reached)
    ]
    decision = conclude(secret, secret.folds(), attackers)
    p, p_values = by_hand(reached)
    assert decision.p == pytest.approx(p)
    assert {name: value for _, name, _, _, value in decision.by_attacker} == pytest.approx(
        dict(zip("012", p_values, strict=True))
    )
    best = np.sort(np.max(0.5 + reached[:, 1:] / 100, axis=0))
    assert decision.needed in best
    assert np.mean(best > decision.needed) <= TEST_LEVEL < np.mean(best >= decision.needed)


def test_a_constant_attacker_changes_no_verdict() -> None:
    secret = secrets()["gender"]
    reached = np.random.default_rng(0).normal(size=40) + 9 * np.eye(1, 40)[0]
    sharp, dull = (
        AttackerStatistic("linear", name, False, values, values)
        for name, values in (("a", reached), ("b", np.full(40, 0.5)))
    )
    single, joint = (conclude(secret, secret.folds(), group) for group in ([sharp], [sharp, dull]))
    assert single.p == joint.p == 1 / 40
    assert joint.by_attacker[1][4] == 1


def tied_scores(secret: Secret, table: Matrix, per_speaker: bool = False) -> Scores:
    """Scores with ties, of every row or speaker, that lean to the labels."""
    first = np.unique(secret.speaker, return_index=True)[1]
    truth = label_columns(secret, table)[first if per_speaker else slice(None)]
    return Scores(
        "linear",
        "any",
        np.round(truth + np.random.default_rng(0).normal(size=truth.shape), 1),
        per_speaker,
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
    ("name", "per_speaker"),
    [
        (name, per_speaker)
        for name, secret in secrets().items()
        for per_speaker in (False, True)
        if not (per_speaker and secret.within)
    ],
)
def test_each_column_is_the_auc_that_metrics_would_give(name: str, per_speaker: bool) -> None:
    secret = secrets()[name]
    table = secret.shuffles(secret.folds(), 9)
    attacker = tied_scores(secret, table, per_speaker)
    statistics = attacker_statistics(secret, table, attacker)
    assert [item.pooled for item in statistics] == (
        [True] if per_speaker else [False] if secret.within else [False, True]
    )
    first = np.unique(secret.speaker, return_index=True)[1]
    for item in statistics:
        truth, values = (table[first], attacker.values) if item.pooled else (table, attacker.values)
        if item.pooled and not per_speaker:
            means = [attacker.values[secret.speaker == who].mean(axis=0) for who in range(24)]
            values = np.round(means, 9)  # equal means differ by rounding, and are ties
        for column in range(10):
            scores_of_column = values[:, column::10]
            assert item.auc[column] == pytest.approx(
                expected_auc(secret, truth[:, column], scores_of_column)
            )
            if item.pooled:
                right = label_columns(secret, truth)[:, column::10]
                z = [
                    np.arctanh(np.corrcoef(a, b)[0, 1])
                    for a, b in zip(scores_of_column.T, right.T, strict=True)
                ]
                assert item.statistic[column] == pytest.approx(np.mean(z))
            else:
                assert item.statistic[column] == item.auc[column]


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


def test_statistics_of_perfect_scores_are_finite() -> None:
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
        assert [item.auc[0] for item in wrong] == pytest.approx([0, 0])


@pytest.mark.parametrize("name", ["gender", "dialect", "age"])
def test_row_order_and_units_change_no_verdict(name: str) -> None:
    secret = secrets()[name]
    x = leaking(secret, size=0.5)
    original = x.copy()
    order = np.random.default_rng(0).permutation(len(x))
    values = secret.values if not secret.classes else secret.values.astype(int)
    mixed = Secret.of(name, values[order], secret.speaker[order])
    ask: dict[str, Any] = {"families": ("linear", "quadratic"), "shuffles": 29, "seed": 2}
    result = judge(x, secret, **ask)
    for repeat in (
        judge(x, secret, **ask),
        judge(x[order], mixed, **ask),
        judge(40 - 3 * x, secret, **ask),
    ):
        same_verdict(result, repeat)
    assert (x == original).all()


def same_verdict(first: Decision, second: Decision) -> None:
    assert (first.answer, first.p, first.by_attacker[0][:3]) == (
        second.answer,
        second.p,
        second.by_attacker[0][:3],
    )
    assert [first.needed, first.by_attacker[0][3]] == pytest.approx(
        [second.needed, second.by_attacker[0][3]]
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
