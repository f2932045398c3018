"""Retrained attackers recover information that the features have, and no other."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from sordino.report.estimates import headline
from sordino.study import protocol
from tests.study import synthetic_study
from tests.study.synthetic_study import SMALL, Run, run


@pytest.mark.slow
def test_information_in_the_features_is_recovered(tmp_path: Path) -> None:
    """Attackers recover all secrets before the release. After it, the ignorant attacker does not
    recover sensitive emotions.
    """
    done = run(
        synthetic_study.study(tmp_path, takes=2),
        tmp_path / "out",
        replace(SMALL, releases=("none", "rae")),
    )
    before, after = (headlines(done, release) for release in ("none", "rae"))
    for name in (
        "ignorant f1",
        "ignorant auc",
        "ignorant distinguish",
        "semi-informed auc",
        "semi-informed distinguish",
    ):
        assert before[name]["low"] > before[name]["chance"]
        assert before[name]["value"] > 0.9
    assert after["ignorant distinguish"]["value"] < before["ignorant distinguish"]["low"]


@pytest.mark.slow
def test_features_without_information_give_chance(tmp_path: Path) -> None:
    given, options = (
        synthetic_study.study(tmp_path, takes=2, strength=0.0),
        replace(SMALL, releases=("none",)),
    )
    done = run(given, tmp_path / "out", options)
    figures = headlines(done, "none")
    for name in (
        "ignorant auc",
        "ignorant distinguish",
        "semi-informed auc",
        "semi-informed distinguish",
    ):
        assert figures[name]["low"] < 0.5 < figures[name]["high"]
        assert abs(figures[name]["value"] - 0.5) < 0.15


def headlines(done: Run, release: str) -> dict[str, pd.Series]:
    """The headline rows of a release in a run of one policy, by knowledge and metric (of the
    required role).
    """
    table = headline(done.numbers, release=release)
    targets = ("emotion", "gender", "sensitive-vs-neutral")
    table = table[table["group"].isin(["", "required"]) & table["target"].isin(targets)]
    return {f"{row['knowledge']} {row['metric']}": row for _, row in table.iterrows()}


@pytest.mark.slow
def test_other_emotions_are_left_out(tmp_path: Path) -> None:
    def bored(rows: pd.DataFrame) -> pd.DataFrame:
        return rows.assign(emotion=rows["emotion"].where(rows.index % 7 != 3, "bored"))

    given = synthetic_study.study(tmp_path, takes=1, relabel=bored)
    four = given.corpus.with_emotions(protocol.FOUR_EMOTIONS)
    before = run(given, tmp_path / "five")
    after = run(given, tmp_path / "four", corpus=four)
    before_bytes, after_bytes = (
        (study.out / "estimates.csv").read_bytes() for study in (before, after)
    )
    assert before_bytes == after_bytes
    assert before.record == after.record
    assert before.record["utterances"] == len(four) < len(given.corpus)
