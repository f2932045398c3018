"""Shuffles of a secret keep the counts of folds and speakers; a secret without a valid shuffle is
refused.
"""

from __future__ import annotations

from collections import Counter
from itertools import combinations, permutations
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.stats import chisquare

from sordino.attack import Audit
from sordino.attack.secret import MAX_FOLDS, TEST_LEVEL, Secret
from sordino.errors import AttackError
from sordino.types import Rows

GENDER = Secret.of(
    "gender", np.repeat(list("mfmfffmmffmfm"), 4), np.repeat(list("abcdefghijklm"), 4)
)
AGE = Secret.of("age", np.repeat(np.arange(20.0, 33), 4), np.repeat(np.arange(13), 4))
DIALECT = Secret.of("dialect", np.repeat(list("xyzxyzxyzxy"), 3), np.repeat(np.arange(11), 3))
EMOTION = Secret.of("emotion", ["sad", "angry", "sad", "happy"] * 13, np.repeat(np.arange(13), 4))
STRESS = Secret.of("stress", np.random.default_rng(0).normal(size=52), np.repeat(np.arange(13), 4))

BETWEEN = pytest.mark.parametrize("secret", [GENDER, AGE, DIALECT], ids=lambda secret: secret.name)
WITHIN = pytest.mark.parametrize("secret", [EMOTION, STRESS], ids=lambda secret: secret.name)
EVERY = pytest.mark.parametrize(
    "secret", [GENDER, AGE, DIALECT, EMOTION, STRESS], ids=lambda secret: secret.name
)


def of_speakers(secret: Secret, column: NDArray[np.float64]) -> NDArray[np.float64]:
    """The value of each speaker; fails where one has two."""
    values = [np.unique(column[secret.speaker == code]) for code in np.unique(secret.speaker)]
    return np.concatenate(values) if all(len(distinct) == 1 for distinct in values) else np.empty(0)


@BETWEEN
def test_shuffles_between_speakers_keep_the_values_of_a_fold(
    secret: Secret,
) -> None:
    assert not secret.within
    fold = secret.folds()
    folds = np.array([fold[secret.speaker == code][0] for code in np.unique(secret.speaker)])
    table = secret.shuffles(fold, 50)
    true = of_speakers(secret, secret.values)
    moved = 0
    for column in table.T[1:]:
        shuffled = of_speakers(secret, column)
        assert len(shuffled) == len(true)  # constant within speakers
        for code in np.unique(fold):
            assert Counter(shuffled[folds == code].tolist()) == Counter(
                true[folds == code].tolist()
            )
        moved += bool((shuffled != true).any())
    assert moved > 40


@WITHIN
def test_shuffles_within_speakers_keep_the_counts_of_each(
    secret: Secret,
) -> None:
    assert secret.within
    table = secret.shuffles(secret.folds(), 50)
    for column in table.T:
        for code in np.unique(secret.speaker):
            rows = secret.speaker == code
            assert Counter(column[rows].tolist()) == Counter(secret.values[rows].tolist())
    assert (table[:, 1:] != table[:, :1]).any(axis=0).all()


@EVERY
def test_the_first_column_of_shuffles_is_the_secret(
    secret: Secret,
) -> None:
    fold = secret.folds()
    original = secret.values.copy()
    table, repeat, second = (secret.shuffles(fold, 20, seed) for seed in (3, 3, 4))
    assert table.shape == (len(secret.values), 21)
    assert table[:, 0].tolist() == secret.values.tolist() == original.tolist()
    assert table.tobytes() == repeat.tobytes()
    assert table[:, 1:].tolist() != second[:, 1:].tolist()
    assert secret.folds(3).tolist() == secret.folds(3).tolist()
    table[:] = 9
    assert secret.values.tolist() == original.tolist()


def test_a_secret_copies_its_values() -> None:
    values, speaker = np.arange(12.0), np.arange(12)
    secret = Secret.of("age", values, speaker)
    values[:], speaker[:] = 0, 0
    assert secret.values.tolist() == list(range(12))
    assert secret.speaker.tolist() == list(range(12))


@pytest.mark.parametrize("secret", [GENDER, EMOTION], ids=lambda secret: secret.name)
def test_shuffles_have_the_mean_of_their_group_on_average(secret: Secret) -> None:
    fold = secret.folds()
    table = secret.shuffles(fold, 2000)[:, 1:]
    unit = secret.speaker if secret.within else fold
    for code in np.unique(unit):
        assert table[unit == code].mean(axis=1) == pytest.approx(
            secret.values[unit == code].mean(), abs=0.06
        )


def test_every_arrangement_comes_and_none_more_often() -> None:
    speaker = np.repeat(np.arange(6), 2)
    for values in (np.repeat([0, 1, 0, 1, 0, 1], 2), [0, 1, 1, 0, 0, 1] * 2):
        secret = Secret.of("either", values, speaker)
        fold = secret.folds()
        seen = Counter(map(tuple, secret.shuffles(fold, 6400).T[1:].tolist()))
        assert len(seen) == secret.arrangements(fold)
        assert chisquare(list(seen.values())).pvalue > 0.001


def test_given_the_folds_all_arrangements_were_equally_likely() -> None:
    """Folds are dealt by the secret: were some arrangements likelier than others to give them, no
    test were exact.
    """
    seen: dict[tuple[int, ...], Counter[tuple[int, ...]]] = {}
    for ones in combinations(range(5), 2):
        gender = np.isin(np.arange(5), ones).astype(int)
        secret = Secret.of("gender", gender, np.arange(5))
        for seed in range(400):
            fold = tuple(secret.folds(seed).tolist())
            seen.setdefault(fold, Counter())[tuple(gender.tolist())] += 1
    for fold, counts in seen.items():
        any_of = Secret.of("gender", next(iter(counts)), np.arange(5))
        assert len(counts) == any_of.arrangements(np.array(fold))
        assert chisquare(list(counts.values())).pvalue > 0.001


def arranged(secret: Secret, fold: Rows) -> int:
    """The number of distinct tables with the same values in each group, counted one by one."""
    group = secret.speaker if secret.within else fold
    true = [sorted(secret.values[group == code].tolist()) for code in np.unique(group)]
    tables = (np.array(table) for table in set(permutations(secret.values.tolist())))
    return sum(
        [sorted(table[group == code].tolist()) for code in np.unique(group)] == true
        for table in tables
    )


@pytest.mark.parametrize(
    ("values", "speaker"),
    [
        ([0, 1, 0, 1], [0, 1, 2, 3]),
        ([0, 1, 0, 1, 0, 1, 1], [0, 1, 2, 3, 4, 5, 6]),
        ([0, 1, 2, 0, 1, 2], [0, 1, 2, 3, 4, 5]),
        ([0, 0, 0, 0, 0, 1, 1], [0, 1, 2, 3, 4, 5, 6]),
        ([0, 1, 0, 1], [0, 0, 1, 1]),
        ([0, 1, 1, 0, 2, 1, 0, 2], [0, 0, 0, 0, 1, 1, 1, 1]),
        ([0, 1, 0, 1, 2, 0, 1], [0, 0, 1, 1, 1, 2, 2]),
    ],
)
def test_arrangements_are_those_counted_one_by_one(values: list[int], speaker: list[int]) -> None:
    secret = Secret.of("either", values, speaker)
    for fold in (secret.speaker % 2, secret.speaker // 2):
        assert secret.arrangements(fold) == arranged(secret, fold)


def test_rows_of_a_speaker_add_no_arrangements() -> None:
    single, repeated = (
        Secret.of("gender", np.repeat([0, 1] * 4, n), np.repeat(np.arange(8), n)) for n in (1, 9)
    )
    assert single.arrangements(single.folds()) == repeated.arrangements(repeated.folds()) == 6 * 6
    assert (
        Secret.of("gender", np.arange(400) % 2, np.arange(400)).arrangements(
            np.zeros(400, dtype=np.intp)
        )
        == np.inf
    )


@settings(deadline=None, max_examples=60)
@given(
    counts=st.lists(st.integers(2, 12), min_size=2, max_size=4),
    rows=st.integers(1, 3),
    seed=st.integers(0, 99),
)
def test_folds_share_no_speaker_and_have_every_value_evenly(
    counts: list[int], rows: int, seed: int
) -> None:
    gender = np.repeat(np.arange(len(counts)), counts)
    speaker = np.arange(len(gender))
    secret = Secret.of("dialect", np.repeat(gender, rows), np.repeat(speaker, rows))
    fold_of_row = secret.folds(seed)
    fold = fold_of_row[::rows]
    assert fold_of_row.tolist() == np.repeat(fold, rows).tolist()
    number = len(np.unique(fold))
    assert sorted(np.unique(fold)) == list(range(number))
    assert 2 <= number <= min(MAX_FOLDS, *counts)
    sizes = np.array(
        [np.bincount(fold[gender == value], minlength=number) for value in range(len(counts))]
    )
    assert sizes.min() >= 1
    assert (np.ptp(sizes, axis=1) <= 1).all()
    assert np.ptp(sizes.sum(axis=0)) <= 1
    assert number == 2 or secret.arrangements(fold_of_row) >= 1 / TEST_LEVEL


@pytest.mark.parametrize(("speakers", "folds"), [(4, 2), (8, 2), (10, 3), (20, 5), (60, 5)])
def test_few_speakers_have_fewer_folds(speakers: int, folds: int) -> None:
    secret = Secret.of("gender", np.arange(speakers) % 2, np.arange(speakers))
    assert len(np.unique(secret.folds())) == folds


def test_a_rare_value_limits_the_number_of_folds() -> None:
    for count in (2, 3, 4):
        assert (
            len(np.unique(Secret.of("gender", np.arange(40) < count, np.arange(40)).folds()))
            == count
        )
    assert len(np.unique(AGE.folds())) == MAX_FOLDS
    fear = np.array([["neutral", "happy"]] * 12)
    fear[:3, 1] = "fear"
    assert (
        len(np.unique(Secret.of("emotion", fear.ravel(), np.repeat(np.arange(12), 2)).folds())) == 3
    )


@EVERY
def test_the_order_of_the_rows_moves_no_speaker_to_another_fold(secret: Secret) -> None:
    order = np.random.default_rng(1).permutation(len(secret.values))
    mixed = Secret.of(secret.name, secret.values[order], secret.speaker[order])
    assert mixed.folds(2).tolist() == secret.folds(2)[order].tolist()
    assert (mixed.within, len(mixed.classes)) == (secret.within, len(secret.classes))
    assert mixed.arrangements(mixed.folds(2)) == secret.arrangements(secret.folds(2))
    if not secret.within:
        first, second = (item.shuffles(item.folds(2), 9, 2) for item in (secret, mixed))
        assert second.tolist() == first[order].tolist()


def test_numbers_with_many_values_are_continuous() -> None:
    assert AGE.classes == STRESS.classes == ()
    assert AGE.values.tolist() == np.repeat(np.arange(20.0, 33), 4).tolist()
    assert AGE.chance == STRESS.chance == GENDER.chance == 0.5
    assert (GENDER.classes, DIALECT.classes, EMOTION.classes) == (
        ("f", "m"),
        ("x", "y", "z"),
        ("angry", "happy", "sad"),
    )
    assert DIALECT.chance == EMOTION.chance == 1 / 3
    assert len(Secret.of("age", np.arange(10) * 10, np.arange(10)).classes) == 10
    assert len(Secret.of("age", np.arange(11) * 10, np.arange(11)).classes) == 0
    assert len(Secret.of("town", list("abcdefghijkl"), np.arange(12)).classes) == 12
    assert Secret.of("gender", [True, False], ["a", "b"]).classes == ("False", "True")


REFUSED: list[tuple[Any, Any, str]] = [
    ([0, 1, 0], [0, 1], r"either: values \(3,\), speakers \(2,\), expected one each a row"),
    (
        [[0, 1], [1, 0]],
        [[0, 0], [1, 1]],
        r"either: values \(2, 2\), speakers \(2, 2\), expected one each",
    ),
    (
        [0.0, np.nan, 1.0, np.nan],
        [0, 1, 2, 3],
        "either: 2 values are missing, expected one a row: drop them",
    ),
    ([*range(20), np.nan], np.arange(21), "either: 1 values are missing"),
    (["m", "", "f"], [0, 1, 2], "either: 1 values are missing"),
    (np.array(["m", None, "f"], dtype=object), [0, 1, 2], "either: 1 values are missing"),
    (
        ["m", "m", "m"],
        [0, 1, 2],
        "either: one value, m, in all rows, expected two or more: nothing can be inferred",
    ),
    ([0, 1, 0, 0], [0, 0, 1, 1], "either: changes within 1 of 2 speakers, expected most"),
    (
        [0, 0, 1, 1, 0, 1],
        [0, 0, 1, 1, 2, 2],
        "either: changes within 1 of 3 speakers, expected most",
    ),
    (
        np.r_[np.arange(12), 0, 1],
        np.r_[np.arange(12), 0, 0],
        "either: changes within 1 of 12 speakers, expected most",
    ),
]


@pytest.mark.parametrize(("values", "speaker", "why"), REFUSED)
def test_values_without_a_valid_shuffle_are_refused(values: Any, speaker: Any, why: str) -> None:
    with pytest.raises(AttackError, match=why):
        Secret.of("either", values, speaker)


@pytest.mark.parametrize(
    ("values", "speaker", "why"), [case for case in REFUSED if len(case[0]) == len(case[1])]
)
def test_refusals_do_not_depend_on_row_order(values: Any, speaker: Any, why: str) -> None:
    for seed in range(5):
        order = np.random.default_rng(seed).permutation(len(values))
        with pytest.raises(AttackError, match=why):
            Secret.of("either", np.asarray(values)[order], np.asarray(speaker)[order])


def test_changes_within_most_speakers_make_a_secret_within() -> None:
    secret = Secret.of("either", [0, 1, 0, 1, 0, 0], [0, 0, 1, 1, 2, 2])
    assert secret.within
    table = secret.shuffles(np.array([0, 0, 1, 1, 0, 0]), 50)
    assert (table[4:] == 0).all(), "a speaker with one value keeps it"
    assert secret.arrangements(np.zeros(6, np.intp)) == 4


def test_no_rows_are_refused() -> None:
    with pytest.raises(AttackError, match="either: "):
        Secret.of("either", [], [])


def test_a_value_with_one_speaker_is_refused() -> None:
    with pytest.raises(
        AttackError,
        match=r"gender: a value has 1 speaker\(s\), expected two or more.*: add speakers",
    ):
        Secret.of("gender", [0, 0, 0, 1], [0, 1, 2, 3]).folds()
    with pytest.raises(AttackError, match=r"stress: a value has 1 speaker\(s\)"):
        Secret.of("stress", np.arange(20.0), np.zeros(20)).folds()


@pytest.mark.parametrize(
    ("secret", "message"),
    [
        (["f", "F"] * 6, "secret: .* look like one label in two spellings"),
        (["f", None] * 6, "secret: 6 of 12 labels are missing"),
        (["f", 1] * 6, "secret: labels of several kinds"),
    ],
)
def test_an_audit_from_python_refuses_labels_as_a_table_does(
    secret: list[Any], message: str
) -> None:
    groups = np.repeat(["a", "b", "c", "d"], 3)
    with pytest.raises(AttackError, match=message):
        Audit().run(np.zeros((12, 2)), secret, groups)
    with pytest.raises(AttackError, match=r"speakers: .* look like one label in two spellings"):
        Audit().run(np.zeros((12, 2)), ["f", "m"] * 6, ["a", "a ", "b", "c"] * 3)


def test_a_value_for_every_speaker_points_to_re_identification() -> None:
    speaker = np.repeat(["a", "b", "c", "d"], 3)
    with pytest.raises(
        AttackError, match=r"name: every speaker has another value, .* re-identification"
    ):
        Secret.of("name", np.char.add("n", speaker), speaker).folds()
