"""Speakers of a study: parts are disjoint, and unknown genders count for emotion only."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations
from pathlib import Path

import pandas as pd

from sordino import corpora
from tests.study import synthetic_study
from tests.study.synthetic_study import SMALL, Run, part, run


def test_no_speaker_is_in_two_parts_or_tested_twice(two_corpora: Run) -> None:
    """From the names, not from what the record says of itself."""
    everyone = {f"{name}/{number:02d}" for name in ("ape", "zoo") for number in range(10)}
    parts = two_corpora.record["parts"]
    assert [draw["draw"] for draw in parts] == [0, 1, 2, 3, 4]
    for draw in parts:
        parties = [set(draw[name]) for name in ("risk", "transform", "test")]
        assert [a & b for a, b in combinations(parties, 2)] == [set(), set(), set()]
        assert set.union(*parties) == everyone
        assert all(
            {speaker.split("/")[0] for speaker in party} == {"ape", "zoo"} for party in parties
        )
    tests = [set(draw["test"]) for draw in parts]
    assert [a & b for a, b in combinations(tests, 2)] == [set()] * 10
    assert set.union(*tests) == everyone


def test_guesses_are_on_the_speakers_of_the_record(two_corpora: Run) -> None:
    guesses = two_corpora.guesses
    parts = two_corpora.record["parts"]
    tested = (
        guesses[guesses["target"] != "membership"]
        .groupby("draw")["speaker"]
        .unique()
        .map(sorted)
        .to_list()
    )
    assert tested == [draw["test"] for draw in parts]
    everyone = guesses.groupby("draw")["speaker"].unique().map(sorted).to_list()
    assert everyone == [sorted(draw["risk"] + draw["transform"] + draw["test"]) for draw in parts]
    table = corpora.join([part(two_corpora.given.corpus, name) for name in ("zoo", "ape")]).table
    assert (table["speaker"].to_numpy()[guesses["row"]] == guesses["speaker"]).all()


def test_speakers_of_unknown_gender_count_for_emotion_only(tmp_path: Path) -> None:
    people = {"made/04", "made/07", "made/11"}

    def unknown(rows: pd.DataFrame) -> pd.DataFrame:
        return rows.assign(
            gender=rows["gender"].where(~("made/" + rows["speaker"]).isin(people), "other")
        )

    done = run(synthetic_study.study(tmp_path, takes=1, relabel=unknown), tmp_path / "out")
    assert done.record["unknown_gender"] == len(people) * 4
    assert done.record["speakers"] == 20
    guesses = done.guesses
    speakers = guesses.groupby("target")["speaker"].unique().map(set)
    assert len(speakers["emotion"]) == len(speakers["sensitive-vs-neutral"]) == 20
    assert speakers["emotion"] - speakers["gender"] == people
    assert set(guesses.loc[guesses["speaker"].isin(people), "gender"]) == {-1}
    rows = done.estimates[
        (done.estimates["split"] == "all") & (done.estimates["attacker"] != "linear")
    ]
    assert set(rows.loc[rows["metric"] == "membership", "speakers"]) == {"20"}
    rows = rows[rows["target"] != "membership"]
    assert set(rows.loc[rows["metric"] == "auc", "speakers"]) == {"17"}
    assert set(rows.loc[rows["metric"] == "auc", "n"]) == {str(17 * 4)}
    assert set(rows.loc[rows["metric"] == "f1", "speakers"]) == {"20"}


def test_the_page_names_validation_speakers_as_such(one_policy: Run, tmp_path: Path) -> None:
    done = run(one_policy.given, tmp_path, replace(SMALL, measured_on="validation"))
    for usual, parts in zip(one_policy.record["parts"], done.record["parts"], strict=True):
        assert parts["risk"] == usual["risk"]
        assert not set(parts["test"]) & {*usual["test"], *parts["risk"], *parts["transform"]}
        assert {*parts["test"], *parts["transform"]} == set(usual["transform"])
    assert (
        "Measured on the validation speakers of the transform, not on test speakers." in done.page
    )
    assert "no speaker in two parts of a draw, some measured in several draws" in done.page


def test_another_seed_gives_other_parts_and_figures(one_policy: Run, tmp_path: Path) -> None:
    other = run(one_policy.given, tmp_path, replace(SMALL, seed=1))
    assert (other.estimates["value"] != one_policy.estimates["value"]).any()
    assert other.record["parts"] != one_policy.record["parts"]
