"""Screens find leaks that kernels miss, and do not read the number of rows."""

from __future__ import annotations

import numpy as np
import pytest

from sordino import metrics
from sordino.attack import mechanisms
from sordino.attack.attackers import banks, screens
from sordino.attack.attackers.screens import SCREEN_FAMILIES, scores
from sordino.attack.attackers.views import AuditRows, SplitView
from sordino.attack.secret import Secret
from sordino.attack.significance.permutation_test import judge
from sordino.attack.splits import crossfit
from sordino.types import Matrix, Rows

FAMILY = {
    "parity3": "products",
    "ring": "products",
    "sign-by-two": "products",
    "checkerboard": "waves",
    "sine": "waves",
    "low-bit": "digits",
    "quantised": "digits",
    "copies": "digits",
    "tiny": "single",
    "one-of-800": "single",
    "largest-place": "single",
    mechanisms.CONTINUOUS_MECHANISM: "single",
}
"""The family that is to find each leak."""


SLOW_FAMILIES = ("products", "waves")


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=pytest.mark.slow)
        if family in SLOW_FAMILIES or name == "one-of-800"
        else name
        for name, family in FAMILY.items()
    ],
)
def test_each_mechanism_is_found_by_its_family(name: str) -> None:
    table = mechanisms.plant(name)
    secret = Secret.of("secret", table.secret, table.speaker)
    assert judge(table.x, secret, families=(FAMILY[name],), shuffles=39).answer == "leak"


@pytest.mark.parametrize("name", ["sine", "low-bit"])
def test_linear_attackers_miss_what_a_screen_finds(name: str) -> None:
    table = mechanisms.plant(name)
    secret = Secret.of("secret", table.secret, table.speaker)
    assert judge(table.x, secret, families=("linear",), shuffles=39).answer == "no leak found"


@pytest.mark.slow
@pytest.mark.parametrize("rows", mechanisms.UNEVEN_ROWS, ids=str)
def test_more_rows_of_one_gender_are_no_leak(rows: tuple[int, int]) -> None:
    """One false alarm in three is allowed: two come with a chance of 0.007."""
    answers = []
    for seed in range(3):
        table = mechanisms.uneven(*rows, seed)
        secret = Secret.of("gender", table.secret, table.speaker)
        families = ("cubic", "rbf", "single", "digits")
        answers.append(judge(table.x, secret, families=families, shuffles=39).p <= 0.05)
    assert sum(answers) <= 1


def small(seed: int = 0) -> tuple[Matrix, Matrix, Rows, Rows]:
    """Vectors, three labellings of 12 speakers, their folds, and the speakers."""
    random = np.random.default_rng(seed)
    speaker = np.repeat(np.arange(12), random.integers(2, 6, 12))
    labels = np.column_stack([np.arange(12) % 2, random.normal(size=(12, 2))])[speaker]
    return random.normal(size=(len(speaker), 4)), labels, speaker // 2 % 3, speaker


def test_scores_are_those_of_a_loop_over_features() -> None:
    x, labels, fold, speaker = small()
    count = np.bincount(speaker)
    (_, many), (_, few) = screens.screen(x, labels, crossfit(fold), speaker, within=False)
    for code in range(3):
        train, test = np.unique(speaker[fold != code]), np.flatnonzero(fold == code)
        means = np.array([x[speaker == who].mean(axis=0) for who in train])
        extra = 1 / np.quantile(count[train], 0.1, method="lower") - np.mean(1 / count[train])
        spread = np.sqrt(means.var(axis=0) + 2 * extra * x[fold != code].var(axis=0))
        for column in range(3):
            y = np.array([labels[speaker == who, column][0] for who in train])
            r = [np.mean((m - m.mean()) * (y - y.mean())) / y.std() for m in means.T] / spread
            z = (x[test] - means.mean(axis=0)) / spread
            np.testing.assert_allclose(many[test, column], z @ r**5)
            np.testing.assert_allclose(few[test, column], z @ r**15)


def test_scores_are_of_other_speakers_and_ignore_row_order() -> None:
    x, labels, fold, speaker = small()
    order = np.random.default_rng(1).permutation(len(x))
    before = list(scores(x, labels, crossfit(fold), speaker, False))
    mixed = list(scores(x[order], labels[order], crossfit(fold[order]), speaker[order], False))
    changed = labels.copy()
    changed[fold == 1] = 1 - changed[fold == 1]
    after = list(scores(x, changed, crossfit(fold), speaker, False))
    assert {attacker.family for attacker in before} == set(SCREEN_FAMILIES)
    assert len({(attacker.family, attacker.setting) for attacker in before}) == len(before)
    for first, second, third in zip(before, mixed, after, strict=True):
        if first.in_sample:
            continue
        assert np.isfinite(first.values).all()
        np.testing.assert_allclose(second.values, first.values[order], atol=1e-7)
        assert first.values[fold == 1].tolist() == third.values[fold == 1].tolist()


def test_labels_within_speakers_are_screened_row_by_row() -> None:
    random = np.random.default_rng(0)
    speaker, emotion = np.repeat(np.arange(8), 40), np.tile([0, 1], 160)
    x = random.normal(size=(320, 6))
    x[:, 0] *= np.sign(x[:, 1] * x[:, 2] * x[:, 0]) * (2 * emotion - 1)  # a parity of three
    plan = crossfit(speaker % 4)
    areas = [
        metrics.auc(emotion == 1, attacker.values[:, 0])
        for attacker in scores(x, emotion[:, None] * 1.0, plan, speaker, True, ["products"])
    ]
    assert max(areas) > 0.95


def test_values_of_other_speakers_alone_count_as_equal() -> None:
    x = np.array([[1.0], [1.0], [2.0], [1.0], [3.0], [3.0]])
    speaker = np.array([0, 0, 0, 1, 2, 2])
    *_, shared, rows = banks.equal_values(SplitView(AuditRows(x, speaker), np.arange(6)))
    assert shared[0].tolist() == [1, 1, 0, 1, 0, 0]
    np.testing.assert_allclose(rows[0], np.log1p([1, 1, 0, 1, 0, 0]))


def test_constant_vectors_give_scores_of_zero() -> None:
    _, labels, fold, speaker = small()
    for attacker in scores(np.ones((len(labels), 3)), labels, crossfit(fold), speaker, False):
        assert not attacker.values.any()
