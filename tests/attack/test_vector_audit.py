"""The audit of a table: a planted leak is found, its absence is no leak, and invalid input is
refused.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from sordino import metrics
from sordino.attack import Audit
from sordino.columns import REFERENCE, RELEASED
from sordino.errors import AttackError

QUICK = Audit(families=("linear", "nearest"), shuffles=39)
SPEAKERS, ROWS = 20, 8


def table(
    shift: float = 2.0, seed: int = 0
) -> tuple[NDArray[np.float64], NDArray[np.str_], NDArray[np.str_]]:
    """Vectors with voices, a gender that shifts the first dimension, and their speakers."""
    random = np.random.default_rng(seed)
    speaker = np.repeat([f"s{number:02d}" for number in range(SPEAKERS)], ROWS)
    male = np.repeat(np.arange(SPEAKERS) % 2, ROWS)
    voices = np.repeat(random.normal(0, 0.6, (SPEAKERS, 5)), ROWS, axis=0)
    x = voices + random.normal(0, 0.8, (SPEAKERS * ROWS, 5))
    x[:, 0] += shift * male
    return x, np.array(["female", "male"])[male], speaker


def test_a_planted_leak_is_found_and_its_absence_is_no_leak() -> None:
    x, gender, speaker = table()
    result = QUICK.run(x, gender, speaker, name="gender")
    assert result.decision.answer == "leak"
    assert result.auc() > 0.8
    nothing, *_ = table(shift=0.0)
    assert QUICK.run(nothing, gender, speaker).decision.answer != "leak"


def test_no_attacker_is_trained_on_the_speaker_it_scores() -> None:
    """Each speaker has a mark, which reveals gender only to attackers with rows of the speaker."""
    _, gender, speaker = table()
    marks = np.eye(SPEAKERS)[np.unique(speaker, return_inverse=True)[1]]
    by_row = QUICK.run(marks, gender, np.arange(len(marks)))  # each row as a speaker of its own
    by_speaker = QUICK.run(marks, gender, speaker)
    assert by_row.auc() > 0.95
    assert by_speaker.auc() < 0.55


def test_each_family_and_the_best_guess_every_row_once() -> None:
    x, gender, speaker = table()
    guesses = QUICK.run(x, gender, speaker).guesses
    assert set(guesses["knowledge"]) == {"semi-informed", "patient"}
    guesses = guesses[guesses["knowledge"] == "semi-informed"]
    for _, rows in guesses.groupby("attacker"):
        assert sorted(rows["row"]) == list(range(len(x)))
    assert sorted(guesses["row"][guesses["best"]]) == list(range(len(x)))
    predictions = guesses["prediction"].to_numpy()
    assert (predictions == (guesses["score"] > 0)).all()
    assert metrics.uar(guesses["truth"].to_numpy(), predictions) > 0.75


@pytest.mark.slow
def test_families_that_fail_on_the_reference_are_listed() -> None:
    random = np.random.default_rng(0)
    male = np.repeat(np.arange(SPEAKERS) % 2, 20)
    speaker = np.repeat([f"s{number:02d}" for number in range(SPEAKERS)], 20)
    original = random.normal(size=(len(male), 3))
    original[:, 0] *= 1 + 4 * male  # a linear attacker sees nothing of it
    result = Audit(families=("linear", "quadratic", "nearest"), shuffles=19).run(
        random.normal(size=(len(male), 3)), male, speaker, reference=original
    )
    assert set(result.guesses["release"]) == {RELEASED, REFERENCE}
    assert result.auc(release=REFERENCE) > 0.75 > 0.65 > result.auc()
    assert "linear" in result.unable
    assert "nearest" not in result.unable


def test_secrets_of_all_kinds_are_audited() -> None:
    x, _, speaker = table(shift=0.0)
    person = np.unique(speaker, return_inverse=True)[1]
    age = 20.0 + 2.5 * person
    x[:, 1] += age / 20
    assert QUICK.run(x, age, speaker).decision.answer == "leak"
    third = person % 3
    x[:, 2] += 3 * third
    result = QUICK.run(x, third, speaker)
    assert result.decision.answer == "leak"
    assert (
        metrics.uar(result.guesses["truth"].to_numpy(), result.guesses["prediction"].to_numpy())
        > 0.6
    )
    mood = np.tile([0, 1], len(x) // 2)
    x[:, 3] += mood
    within = QUICK.run(x, mood, speaker)
    assert within.secret.within
    assert within.decision.answer == "leak"
    assert within.speaker_guesses.empty


def test_an_audit_is_repeatable_and_leaves_its_input_unchanged() -> None:
    x, gender, speaker = table()
    before = x.copy()
    first, second = (QUICK.run(x, gender, speaker) for _ in range(2))
    assert (x == before).all()
    pd.testing.assert_frame_equal(first.guesses, second.guesses)
    assert first.decision == second.decision


def test_a_large_table_is_sampled_evenly_and_counted() -> None:
    x, gender, speaker = table()
    result = Audit(families=("linear",), shuffles=19, rows=60).run(x, gender, speaker)
    assert len(result.rows) == 60
    assert result.available == len(x)
    assert set(np.unique(speaker[result.rows], return_counts=True)[1]) == {3}
    assert set(result.guesses["row"]) == set(result.rows)


def test_constant_columns_and_duplicate_rows_change_no_verdict() -> None:
    x, gender, speaker = table()
    wide = np.hstack([x, np.full((len(x), 2), 7.0)])
    assert QUICK.run(wide, gender, speaker).auc() == pytest.approx(
        QUICK.run(x, gender, speaker).auc(), abs=0.02
    )
    constant = np.repeat(x[:1], len(x), axis=0)
    result = QUICK.run(constant, gender, speaker)
    assert result.decision.answer != "leak"
    assert result.decision.p == 1
    assert result.auc() == 0.5


def test_four_speakers_cannot_tell() -> None:
    x, gender, speaker = table(shift=0.0)
    subset = np.isin(speaker, ["s00", "s01", "s02", "s03"])
    result = QUICK.run(x[subset], gender[subset], speaker[subset])
    assert result.decision.answer == "cannot tell"
    assert "4 ways" in result.decision.why


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda x, g, s: (np.where(np.arange(160)[:, None] == 7, np.nan, x), g, s),
            "1 of 160 vectors are not finite",
        ),
        (lambda x, g, s: (x[:0], g[:0], s[:0]), r"vectors of shape \(0, 5\)"),
        (
            lambda x, g, s: (x[:, 0], g, s),
            r"vectors of shape \(160,\), expected \(rows, dimensions\)",
        ),
        (lambda x, g, s: (x.astype(str)[:, :1] + "a", g, s), "vectors hold text"),
        (lambda x, g, s: (x, g[:-1], s), "160 vectors, 159 secrets, 160 speakers"),
        (lambda x, g, s: (x, np.full(len(g), "male"), s), "secret: one value, male, in all rows"),
        (
            lambda x, g, s: (x, np.where(np.arange(len(g)) == 3, "male", g), s),
            "changes within 1 of 20 speakers",
        ),
        (
            lambda x, g, s: (x[:16], g[:16], s[:16]),
            r"a value has 1 speaker\(s\), expected two or more",
        ),
    ],
)
def test_what_cannot_be_audited_is_refused(change: Any, message: str) -> None:
    with pytest.raises(AttackError, match=message):
        QUICK.run(*change(*table()))


def test_settings_that_cannot_be_are_refused() -> None:
    with pytest.raises(AttackError, match="attackers oracle, expected some of linear"):
        Audit(families=("oracle",))
    with pytest.raises(AttackError, match="0 shuffles of 4000 rows, expected 1 or more"):
        Audit(shuffles=0)
    x, gender, speaker = table()
    with pytest.raises(AttackError, match="3 reference vectors for 160 rows"):
        QUICK.run(x, gender, speaker, reference=x[:3])


@pytest.mark.slow
def test_an_inverted_release_misleads_ignorant_attackers_only() -> None:
    original, gender, speaker = table()
    turned = original.copy()
    turned[:, 0] *= -1  # the same information with the opposite sign
    result = QUICK.run(turned, gender, speaker, reference=original)
    ignorant = result.guesses[(result.guesses["knowledge"] == "ignorant") & result.guesses["best"]]
    assert metrics.auc(ignorant["truth"].to_numpy() == 1, ignorant["score"].to_numpy()) < 0.3
    assert result.auc() > 0.8
    same = QUICK.run(original, gender, speaker, reference=original)
    unseen = same.guesses[(same.guesses["knowledge"] == "ignorant") & same.guesses["best"]]
    assert metrics.auc(unseen["truth"].to_numpy() == 1, unseen["score"].to_numpy()) > 0.8
    narrow = QUICK.run(original[:, :3], gender, speaker, reference=original)
    assert set(narrow.guesses["knowledge"]) == {"semi-informed", "patient"}


@pytest.mark.slow
def test_a_million_rows_are_sampled_and_counted() -> None:
    random = np.random.default_rng(0)
    speaker = np.repeat(np.arange(100), 10_000)
    x = random.normal(size=(1_000_000, 4)).astype(np.float32)
    x[:, 0] += 2 * (speaker % 2)
    result = Audit(families=("linear",), shuffles=19, rows=1000).run(x, speaker % 2, speaker)
    assert (len(result.rows), result.available) == (1000, 1_000_000)
    assert set(np.unique(speaker[result.rows], return_counts=True)[1]) == {10}
    assert result.decision.answer == "leak"


def test_units_are_cached_for_each_secret(tmp_path: Path) -> None:
    x, gender, speaker = table()
    audit = Audit(families=("linear", "nearest"), shuffles=19, cache=tmp_path)
    first = audit.run(x, gender, speaker)
    times = {path: path.stat().st_mtime_ns for path in tmp_path.glob("*.parquet")}
    assert len(times) == 4  # two families, on two scales
    repeat = audit.run(x, gender, speaker)
    assert {path: path.stat().st_mtime_ns for path in tmp_path.glob("*.parquet")} == times
    assert repeat.decision == first.decision
    audit.run(x, np.roll(gender, len(x) // SPEAKERS), speaker)
    assert len([*tmp_path.glob("*.parquet")]) == 8


def test_patient_attackers_pool_scores_and_vectors() -> None:
    x, gender, speaker = table(shift=0.5)
    guesses = QUICK.run(x, gender, speaker, reference=x).guesses
    patient = guesses[guesses["knowledge"] == "patient"]
    assert set(patient["k"]) == {5}  # no speaker has twenty utterances
    assert set(patient["release"]) == {RELEASED, REFERENCE}
    for _, rows in patient.groupby("release"):
        assert set(rows["attacker"]) == {"pooled scores", "pooled vectors"}
        assert rows.groupby(["side", "attacker"])["best"].nunique().eq(1).all()
        assert rows.loc[rows["best"], "row"].is_unique
