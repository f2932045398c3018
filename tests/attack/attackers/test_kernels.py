"""Kernel attackers equal scikit-learn's estimators fitted fold by fold, and are never trained on
the speakers that they score.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.kernel_ridge import KernelRidge
from sklearn.metrics.pairwise import pairwise_kernels
from sklearn.neighbors import KNeighborsRegressor

from sordino import metrics
from sordino.attack.attackers.kernels import (
    KERNEL_FAMILIES,
    NEIGHBOURS,
    RIDGES,
    SPEAKER_RIDGES,
    Scores,
    scale,
    scores,
)
from sordino.attack.attackers.ridge import solve_ridge
from sordino.attack.secret import Secret
from sordino.attack.splits import crossfit
from sordino.types import Matrix, Rows

SCALES = {"one scale": False, "each dimension scaled": True}
GAMMAS = {"rbf γ=0.5": 0.5, "rbf γ=2": 2.0}
POWERS = {"linear": 1, "quadratic": 2, "cubic": 3}
NAMES = [*POWERS, *GAMMAS]


def table(speakers: int = 8, seed: int = 0) -> tuple[Matrix, Matrix, Rows, Rows]:
    """Rows of unlike spread, three labellings of the speakers, folds of speakers, and uneven
    speakers.
    """
    random = np.random.default_rng(seed)
    speaker = np.repeat(np.arange(speakers), random.integers(2, 7, speakers)).astype(np.intp)
    x = (
        random.normal(5, 1, (len(speaker), 4)) * [1, 2, 5, 0.1]
        + random.normal(size=(speakers, 4))[speaker]
    )
    labels = np.column_stack([np.arange(speakers) % 2, random.normal(size=(speakers, 2))])[speaker]
    return x, labels, (np.arange(speakers) // 2 % 3).astype(np.intp)[speaker], speaker


def scores_by_setting(
    x: NDArray[Any], labels: Matrix, fold: Rows, speaker: Rows | None, **kind: Any
) -> dict[str, Scores]:
    attackers = list(scores(x, labels, crossfit(fold), speaker, **kind))
    by_name = {attacker.setting: attacker for attacker in attackers}
    assert len(by_name) == len(attackers)  # every setting has a name of its own
    return by_name


def prepared(x: Matrix, per_dimension: bool) -> Matrix:
    spread = np.sqrt(x.var(axis=0)) if per_dimension else np.sqrt(x.var(axis=0).mean())
    centred: Matrix = (x - x.mean(axis=0)) / spread
    return centred


def kernel_of(name: str, z: Matrix) -> Matrix:
    """As scikit-learn has it, of all rows."""
    if name in GAMMAS:
        median = np.median([[np.sum((a - b) ** 2) for a in z] for b in z])
        kernel: Matrix = pairwise_kernels(z, metric="rbf", gamma=GAMMAS[name] / median)
    elif name == "linear":
        kernel = pairwise_kernels(z / np.sqrt(z.shape[1]), metric="linear")
    else:
        kernel = pairwise_kernels(
            z, metric="poly", degree=POWERS[name], gamma=1 / z.shape[1], coef0=1
        )
    return kernel


def fold_by_fold(kernel: Matrix, labels: Matrix, fold: Rows, ridge: float) -> Matrix:
    scores_by_fold = np.empty_like(labels)
    for code in np.unique(fold):
        a, b = fold != code, fold == code
        model = KernelRidge(alpha=ridge * a.sum() * np.diag(kernel).mean(), kernel="precomputed")
        model.fit(kernel[a][:, a], labels[a] - labels[a].mean(axis=0))
        scores_by_fold[b] = model.predict(kernel[b][:, a])
    return scores_by_fold


def separated(x: Matrix, secret: Rows, speaker: Rows, families: Sequence[str]) -> float:
    """The best AUC of these families on single utterances."""
    fold = Secret.of("gender", secret, speaker).folds()
    attackers = scores(x, secret[:, None].astype(float), crossfit(fold), families=families)
    return max(metrics.auc(secret == 1, attacker.values[:, 0]) for attacker in attackers)


def test_a_linear_attacker_finds_only_a_shift_of_the_mean() -> None:
    random = np.random.default_rng(0)
    speaker = np.repeat(np.arange(20), 20)
    secret = (speaker % 2).astype(np.intp)
    z = random.normal(size=(400, 3))
    mean, wide, product = z.copy(), z.copy(), z.copy()
    mean[:, 0] += 2 * secret
    wide[:, 0] *= 1 + 3 * secret
    product[:, 1] = (2 * secret - 1) * z[:, 0] + 0.5 * z[:, 1]
    assert separated(mean, secret, speaker, ["linear"]) > 0.85
    for family in ("quadratic", "rbf", "nearest"):
        assert separated(wide, secret, speaker, [family]) > 0.7
        assert separated(product, secret, speaker, [family]) > 0.75
    for x in (wide, product):
        assert separated(x, secret, speaker, ["linear"]) < 0.6


def test_centred_speakers_reveal_a_difference_in_variance() -> None:
    random = np.random.default_rng(0)
    speaker = np.repeat(np.arange(20), 30)
    secret = (speaker % 2).astype(np.intp)
    x = (
        random.normal(size=(600, 3)) * np.where(secret[:, None] == 1, 1.5, 1)
        + random.normal(0, 9, (20, 3))[speaker]
    )
    fold = Secret.of("gender", secret, speaker).folds()
    attackers = scores_by_setting(
        x, secret[:, None].astype(float), fold, speaker, families=["quadratic"]
    )
    centred, plain = (
        attackers[f"quadratic, ρ=0.1, whole speakers, one scale{end}"]
        for end in (", less each speaker's mean", "")
    )
    assert metrics.auc(secret[::30] == 1, centred.values[:, 0]) == 1
    assert metrics.auc(secret[::30] == 1, plain.values[:, 0]) < 0.9


def test_of_shuffled_labels_nothing_is_found_on_average() -> None:
    x, _, _, speaker = table(20)
    secret = Secret.of("gender", speaker % 2, speaker)
    fold = secret.folds()
    shuffled = secret.shuffles(fold, 400)[:, 1:]
    for attacker in scores(x, shuffled, crossfit(fold), speaker):
        first = (
            np.unique(speaker, return_index=True)[1]
            if attacker.per_speaker
            else np.arange(len(speaker))
        )
        auc = [
            metrics.auc(label == 1, score)
            for label, score in zip(shuffled[first].T, attacker.values.T, strict=True)
        ]
        assert abs(np.mean(auc) - 0.5) < 0.05


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("name", NAMES)
def test_kernel_ridge_is_that_of_scikit_learn_fold_by_fold(name: str, scale: str) -> None:
    x, labels, fold, _ = table()
    kernel = kernel_of(name, prepared(x, SCALES[scale]))
    attackers = scores_by_setting(x, labels, fold, None)
    for ridge in RIDGES:
        attacker = attackers[f"{name}, ρ={ridge:g}, {scale}"]
        assert attacker.family == name.split()[0]
        assert not attacker.per_speaker
        np.testing.assert_allclose(
            attacker.values, fold_by_fold(kernel, labels, fold, ridge), atol=1e-7
        )


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("count", NEIGHBOURS)
@pytest.mark.parametrize("speakers", [4, 12])
def test_nearest_neighbours_are_those_of_scikit_learn(
    speakers: int, count: int, scale: str
) -> None:
    x, labels, fold, _ = table(speakers)
    z = prepared(x, SCALES[scale])
    attacker = scores_by_setting(x, labels, fold, None)[f"{count} nearest, {scale}"]
    assert attacker.family == "nearest"
    for code in np.unique(fold):
        a, b = fold != code, fold == code
        model = KNeighborsRegressor(min(count, int(a.sum()))).fit(z[a], labels[a])
        np.testing.assert_allclose(
            attacker.values[b], model.predict(z[b]) - labels[a].mean(axis=0), atol=1e-12
        )


@pytest.mark.parametrize("centred", [False, True], ids=["as they are", "less their means"])
@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("name", NAMES)
def test_the_kernel_of_two_speakers_is_the_mean_over_pairs(
    name: str, scale: str, centred: bool
) -> None:
    x, labels, fold, speaker = table()
    attackers = scores_by_setting(x, labels, fold, speaker)
    if centred:
        x = np.concatenate([centred_rows(x[speaker == code]) for code in range(8)])
    kernel = kernel_of(name, prepared(x, SCALES[scale]))
    pairs = np.zeros((8, 8))
    for p in range(8):
        for q in range(8):
            pairs[p, q] = np.mean(
                [
                    kernel[i, j]
                    for i in np.flatnonzero(speaker == p)
                    for j in np.flatnonzero(speaker == q)
                ]
            )
    first = np.unique(speaker, return_index=True)[1]
    for ridge in SPEAKER_RIDGES:
        setting = f"{name}, ρ={ridge:g}, whole speakers, {scale}" + (
            ", less each speaker's mean" if centred else ""
        )
        if name == "linear" and centred:
            assert setting not in attackers  # nothing is left of the means
            continue
        assert attackers[setting].per_speaker
        expected = centred_fold_by_fold(pairs, labels[first], fold[first], ridge)
        np.testing.assert_allclose(attackers[setting].values, expected, atol=1e-8)


def centred_rows(rows: Matrix) -> Matrix:
    """A speaker's rows less their mean, with the variance of the speaker."""
    centred: Matrix = (rows - rows.mean(axis=0)) * np.sqrt(len(rows) / (len(rows) - 1))
    return centred


def centred_fold_by_fold(kernel: Matrix, labels: Matrix, fold: Rows, ridge: float) -> Matrix:
    """Kernel ridge with the mean of the training speakers as the origin, fold by fold."""
    scores_by_fold, size = np.empty_like(labels), len(kernel)
    everyone = np.eye(size) - 1 / size
    level = np.diag(everyone @ kernel @ everyone).mean()
    for code in np.unique(fold):
        a, b = fold != code, fold == code
        away = np.eye(size) - a / a.sum()  # row vectors: x @ away.T leaves the training mean
        moved = away @ kernel @ away.T
        model = KernelRidge(alpha=ridge * a.sum() * level, kernel="precomputed")
        model.fit(moved[a][:, a], labels[a] - labels[a].mean(axis=0))
        scores_by_fold[b] = model.predict(moved[b][:, a])
    return scores_by_fold


@pytest.mark.parametrize("rows", [(7, 20), (1, 27)])
def test_scores_do_not_read_the_number_of_rows(rows: tuple[int, int]) -> None:
    """Speakers with few and with many rows have the same mean score, whatever the secret."""
    random = np.random.default_rng(0)
    speaker = np.repeat(np.arange(60), np.where(np.arange(60) % 2, *rows))
    x = random.normal(size=(len(speaker), 3))
    few = (np.arange(60) % 2).astype(float)
    fold = (np.arange(60) // 2 % 3)[speaker]
    for attacker in scores(x, few[speaker, None], crossfit(fold), speaker, ["cubic", "rbf"]):
        if attacker.per_speaker and attacker.values.any():
            ranks = metrics.auc(few == 1, attacker.values[:, 0])
            assert 0.2 < ranks < 0.8, attacker.setting


def test_labels_of_a_fold_do_not_change_its_scores() -> None:
    x, labels, fold, speaker = table(14)  # enough for 25 neighbours not to be everyone
    first = np.unique(speaker, return_index=True)[1]
    before = scores_by_setting(x, labels, fold, speaker)
    for code in np.unique(fold):
        changed = labels.copy()
        changed[fold == code] = np.random.default_rng(0).normal(0, 9, (14, 3))[
            speaker[fold == code]
        ]
        after = scores_by_setting(x, changed, fold, speaker)
        for name, attacker in before.items():
            rows = (fold[first] if attacker.per_speaker else fold) == code
            assert attacker.values[rows].tolist() == after[name].values[rows].tolist()
            assert not np.allclose(attacker.values[~rows], after[name].values[~rows])


def test_scores_are_linear_in_the_labels() -> None:
    x, labels, fold, speaker = table()
    a, b = labels[:, :1], labels[:, 1:2]
    parts = [
        scores_by_setting(x, first, fold, speaker)
        for first in (a, b, 3 * a - 2 * b + 7, np.hstack([a, b]))
    ]
    for name, attacker in parts[0].items():
        first, second, mixed, joint = attacker.values, *(part[name].values for part in parts[1:])
        np.testing.assert_allclose(
            mixed, 3 * first - 2 * second, atol=1e-9
        )  # and 7 is taken off with the mean
        np.testing.assert_allclose(joint, np.hstack([first, second]), atol=1e-12)


def test_row_order_changes_no_score_and_the_input_stays() -> None:
    x, labels, fold, _ = table()
    copies = [array.copy() for array in (x, labels, fold)]
    order = np.random.default_rng(0).permutation(len(x))
    mixed = scores_by_setting(x[order], labels[order], fold[order], None)
    for name, attacker in scores_by_setting(x, labels, fold, None).items():
        np.testing.assert_allclose(mixed[name].values, attacker.values[order], atol=1e-9)
    assert all(
        (array == before).all() for array, before in zip((x, labels, fold), copies, strict=True)
    )


def test_unit_origin_and_precision_change_no_score() -> None:
    x, labels, fold, speaker = table()
    plain, moved, units = (
        scores_by_setting(vectors, labels, fold, speaker)
        for vectors in (x, 100 - 7 * x, x * [1, 10, 0.1, 3])
    )
    single = scores_by_setting(x.astype(np.float32), labels, fold, speaker)
    for name, attacker in plain.items():
        np.testing.assert_allclose(moved[name].values, attacker.values, atol=1e-8)
        np.testing.assert_allclose(single[name].values, attacker.values, atol=1e-4)
        if "each dimension" in name:
            np.testing.assert_allclose(units[name].values, attacker.values, atol=1e-8)


def test_constant_dimensions_say_nothing() -> None:
    x, labels, fold, speaker = table()
    wider = np.column_stack([x[:, :2], np.full(len(x), 1 / 3), x[:, 2:], np.full(len(x), -1e6)])
    plain, with_constants = (
        scores_by_setting(vectors, labels, fold, speaker) for vectors in (x, wider)
    )
    for name, attacker in plain.items():
        np.testing.assert_allclose(with_constants[name].values, attacker.values, atol=1e-8)


@pytest.mark.parametrize("value", [0.0, 1.0, 0.1])
def test_vectors_that_are_all_the_same_give_finite_scores(value: float) -> None:
    _, labels, fold, speaker = table()
    for attacker in scores(np.full((len(labels), 4), value), labels, crossfit(fold), speaker):
        assert np.isfinite(attacker.values).all()


def test_speakers_of_one_row_each_give_finite_scores() -> None:
    x, labels, fold, speaker = table()
    first = np.unique(speaker, return_index=True)[1]
    for attacker in scores(x[first], labels[first], crossfit(fold[first]), np.arange(8)):
        assert np.isfinite(attacker.values).all()


def test_equal_rows_within_each_speaker_give_finite_scores() -> None:
    x, labels, fold, speaker = table()
    for attacker in scores(
        x[np.unique(speaker, return_index=True)[1]][speaker], labels, crossfit(fold), speaker
    ):
        assert np.isfinite(attacker.values).all()


def test_scaled_rows_are_centred_and_of_spread_one() -> None:
    x, *_ = table()
    separate, common = scale(x, True), scale(x, False)
    np.testing.assert_allclose(separate.std(axis=0), 1)
    np.testing.assert_allclose(np.mean(common.var(axis=0)), 1)
    np.testing.assert_allclose(
        common.std(axis=0) / common.std(axis=0)[0], x.std(axis=0) / x.std(axis=0)[0]
    )
    np.testing.assert_allclose([separate.mean(axis=0), common.mean(axis=0)], 0, atol=1e-12)


def test_a_small_dimension_stays_beside_a_large_one() -> None:
    x = np.random.default_rng(0).normal(size=(50, 2)) * [1, 1e10]
    assert scale(x, True).shape == (50, 2)


def test_only_the_requested_families_score() -> None:
    x, labels, fold, speaker = table()
    for family in KERNEL_FAMILIES:
        assert {
            attacker.family for attacker in scores(x, labels, crossfit(fold), speaker, [family])
        } == {family}
    everyone = scores_by_setting(x, labels, fold, speaker)
    assert {attacker.family for attacker in everyone.values()} == set(KERNEL_FAMILIES)
    assert not any(
        attacker.per_speaker for attacker in scores_by_setting(x, labels, fold, None).values()
    )
    for scorer in everyone.values():
        assert scorer.values.shape == (8 if scorer.per_speaker else len(x), 3)


def test_a_table_of_two_distinct_rows_gives_finite_scores() -> None:
    random = np.random.default_rng(0)
    speaker = np.repeat(np.arange(12), 30).astype(np.intp)
    labels = (speaker % 2)[:, None].astype(float)
    prototypes = random.normal(size=(2, 64)) * 1e3
    drawn = prototypes[(random.random(len(speaker)) < 0.9).astype(int)].astype(np.float32)
    for attacker in scores(drawn, labels, crossfit(speaker % 3), speaker):
        assert np.isfinite(attacker.values).all()


def test_a_ridge_that_rounding_swallows_is_raised() -> None:
    gram = np.full((50, 50), 1e12) - 1e-3 * np.eye(50)  # not quite positive
    assert np.isfinite(solve_ridge(gram, 1e-9, np.ones((50, 1)))).all()
