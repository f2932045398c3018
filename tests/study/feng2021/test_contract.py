"""The files of a study, their contract, and figures that follow from the guesses."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import f1_score, roc_auc_score

from sordino.report.estimates import headline
from tests.study import synthetic_study
from tests.study.synthetic_study import SMALL, Run, run

CONTRACT = [
    "study",
    "corpus",
    "features",
    "release",
    "condition",
    "required",
    "knowledge",
    "attacker",
    "target",
    "metric",
    "group",
    "k",
    "split",
    "seed",
    "value",
    "low",
    "high",
    "n",
    "speakers",
    "chance",
]
FIGURES = [
    *(
        ("ignorant", "emotion", metric, role)
        for metric in ("f1", "unchanged", "unchanged_among_true_positives")
        for role in ("neutral", "required", "sensitive")
    ),
    ("ignorant", "emotion", "detail", "required"),
    ("ignorant", "gender", "leakage", ""),
    ("ignorant", "gender", "privacy", ""),
    ("ignorant", "gender", "auc", ""),
    ("ignorant", "sensitive-vs-neutral", "distinguish", ""),
    *(
        (knowledge, *figure)
        for knowledge in ("semi-informed", "informed")
        for figure in (
            ("gender", "privacy", ""),
            ("gender", "auc", ""),
            ("sensitive-vs-neutral", "distinguish", ""),
        )
    ),
    ("semi-informed", "required-vs-rest", "utility_auc", ""),
    ("semi-informed", "membership", "membership", ""),
    ("semi-informed", "membership", "auc", ""),
]
"""Knowledge, target, metric and group of every figure of one release under one policy."""
KEY = ["release", "condition", "required", "knowledge", "target", "metric", "group", "k"]


def test_the_files_of_a_study(two_corpora: Run) -> None:
    files = sorted(path.name for path in two_corpora.out.iterdir())
    assert files == ["estimates.csv", "figure.svg", "report.html", "run.json", "units"]
    units = [path.name for path in (two_corpora.out / "units").iterdir()]
    names = [
        f"{required}-{draw}" for required, draw in product(("angry", "happy", "sad"), range(5))
    ]
    for suffix in ("json", "parquet"):
        assert sorted(unit.rpartition("-")[0] for unit in units if unit.endswith(suffix)) == names
    assert (two_corpora.out / "figure.svg").read_text(encoding="utf-8") in two_corpora.page


def test_the_columns_are_those_of_the_contract(two_corpora: Run) -> None:
    estimates = two_corpora.estimates
    assert list(estimates) == CONTRACT
    assert set(estimates["study"]) == {"feng2021"}
    assert set(estimates["features"]) == {"vectors"}
    assert set(estimates["seed"]) == {"0"}
    assert set(estimates["condition"]) == {""}
    assert set(estimates.loc[estimates["knowledge"] != "patient", "k"]) == {""}
    assert set(estimates["group"]) == {"", "neutral", "required", "sensitive", "female", "male"}
    assert "nan" not in (two_corpora.out / "estimates.csv").read_text().lower()


def without_single_emotions(estimates: pd.DataFrame) -> pd.DataFrame:
    """The rows but those of one emotion against neutral."""
    single = estimates["target"].str.fullmatch("(happy|sad|angry)-vs-neutral")
    assert set(estimates.loc[single, "group"]) == {"", "female", "male"}
    return estimates[~single]


def test_every_figure_has_one_headline_row_per_corpus(two_corpora: Run) -> None:
    estimates = without_single_emotions(two_corpora.estimates)
    over_draws = estimates[(estimates["split"] == "all") & estimates["attacker"].isin(["", "best"])]
    expected = sorted(
        (release, "", required, *figure[:3], figure[3], "")
        for release, required, figure in product(
            ("none", "rae"), ("happy", "sad", "angry"), FIGURES
        )
    )
    for corpus in ("zoo+ape", "zoo", "ape"):
        rows = over_draws[over_draws["corpus"] == corpus]
        assert sorted(rows[KEY].itertuples(index=False, name=None)) == expected
        assert (rows["attacker"] == np.where(rows["target"] == "emotion", "", "best")).all()
    assert set(over_draws["corpus"]) == {"zoo+ape", "zoo", "ape"}


def test_estimates_and_record_name_corpora_alike(tmp_path: Path) -> None:
    """Also where the recordings of the second by the alphabet come first."""

    def zoo_first(rows: pd.DataFrame) -> pd.DataFrame:
        return rows.assign(file=rows["file"].str.replace("zoo/", "aaa/"))

    given = synthetic_study.study(
        tmp_path, speakers=10, takes=1, names=("ape", "zoo"), relabel=zoo_first
    )
    done = run(given, tmp_path / "out", replace(SMALL, releases=("none",)))
    assert set(done.estimates["corpus"]) == {done.record["config"]["corpus"], "ape", "zoo"}


def test_each_attacker_and_each_draw_have_their_own_rows(two_corpora: Run) -> None:
    estimates = without_single_emotions(two_corpora.estimates)
    linear = estimates[estimates["attacker"] == "linear"]
    # three figures of semi-informed and of informed attackers, utility, and two of membership
    assert len(linear) == 2 * 3 * (2 * 3 + 3)
    assert set(linear["knowledge"]) == {"semi-informed", "informed"}
    draws = estimates[estimates["split"] != "all"]
    assert set(draws["corpus"]) == {"zoo+ape"}
    assert Counter(draws["split"]) == dict.fromkeys("01234", 2 * 3 * len(FIGURES))


def test_a_figure_is_the_mean_over_draws_of_its_guesses(two_corpora: Run) -> None:
    guesses, estimates = two_corpora.guesses, headline(two_corpora.numbers)
    for release, required in product(("none", "rae"), ("happy", "sad", "angry")):
        rows = guesses[(guesses["release"] == release) & (guesses["required"] == required)]
        emotion = [
            f1_score(draw["truth"], draw["prediction"], labels=[1], average="macro")
            for _, draw in rows[rows["target"] == "emotion"].groupby("draw")
        ]
        secret = (
            (rows["target"] == "gender") & (rows["knowledge"] == "semi-informed") & rows["best"]
        )
        gender = [
            roc_auc_score(draw["truth"], draw["score"]) for _, draw in rows[secret].groupby("draw")
        ]
        chosen = estimates[(estimates["release"] == release) & (estimates["required"] == required)]
        f1 = chosen[(chosen["metric"] == "f1") & (chosen["group"] == "required")]
        auc = chosen[
            (chosen["metric"] == "auc")
            & (chosen["knowledge"] == "semi-informed")
            & (chosen["target"] == "gender")
        ]
        assert f1["value"].item() == pytest.approx(np.mean(emotion), abs=1e-5)
        assert auc["value"].item() == pytest.approx(np.mean(gender), abs=1e-5)
        assert f1["n"].item() == len(two_corpora.given.corpus)
        assert f1["speakers"].item() == 20


def test_the_record_has_the_settings_of_the_run(two_corpora: Run) -> None:
    record = two_corpora.record
    assert record["config"]["corpus"] == "zoo+ape"
    assert (record["config"]["features"], record["config"]["dims"]) == (
        "vectors",
        synthetic_study.DIMS,
    )
    assert record["config"]["options"]["releases"] == ["none", "rae"]
    assert (record["utterances"], record["speakers"], record["unknown_gender"]) == (80, 20, 0)
    assert {"sordino", "torch", "scikit-learn", "numpy", "python"} <= set(record["versions"])
    assert len(record["data_checksum"]) == 64
    assert record["identical_recordings"] == []
    assert sorted(record["units"]) == sorted(
        f"{name}-{draw}" for name in ("happy", "sad", "angry") for draw in range(5)
    )
    assert record["units"]["sad-3"]["components"] == synthetic_study.DIMS


def test_the_page_has_the_notices_and_no_speaker(two_corpora: Run) -> None:
    page = two_corpora.page
    assert page.index("A first notice.") < page.index("A second notice.") < page.index("Verdict")
    assert "zoo and ape" in page
    assert not [name for name in set(two_corpora.given.corpus.speaker) if name in page]
    assert "no speaker in two parts of a draw, nor tested twice" in page
