"""Estimates of predictions: the columns and the values."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn import metrics as oracle

from sordino.attack import PREDICTION_COLUMNS as PREDICTED
from sordino.report import COLUMNS, csv, headline, measure, pooled
from tests.report import synthetic_predictions as synthetic

KEY = ["release", "condition", "required", "knowledge", "target", "metric", "group", "k"]

# Four utterances of one speaker: neutral and required, both correct before and after; required,
# predicted as neutral; sensitive, predicted as neutral after release.
FOUR = {"truth": [0, 1, 1, 2], "before": [0, 1, 0, 2], "prediction": [0, 1, 0, 0]}


@pytest.fixture(scope="module")
def predictions() -> pd.DataFrame:
    return synthetic.study()


@pytest.fixture(scope="module")
def estimates(predictions: pd.DataFrame) -> pd.DataFrame:
    return measure(predictions, study="feng2021", features="IS13", seed=3)


def only(estimates: pd.DataFrame, **where: Any) -> pd.Series:
    rows = headline(estimates, **where)
    assert len(rows) == 1
    return rows.iloc[0]


def test_synthetic_predictions_have_the_columns_of_an_audit(predictions: pd.DataFrame) -> None:
    assert list(predictions.columns) == list(PREDICTED)


def test_the_columns_are_those_of_the_contract(estimates: pd.DataFrame) -> None:
    expected = (
        "study corpus features release condition required knowledge attacker target metric "
        "group k split seed value low high n speakers chance"
    )
    assert list(estimates.columns) == expected.split() == list(COLUMNS)
    assert csv(estimates).splitlines()[0] == expected.replace(" ", ",")


def test_each_key_has_one_headline_row(estimates: pd.DataFrame) -> None:
    everything = headline(estimates)
    assert not everything.duplicated(KEY).any()
    assert len(everything) == len(estimates.drop_duplicates(KEY))
    assert set(everything["corpus"]) == {"ravdess+emodb"}
    assert set(everything["split"]) == {"all"}


def test_cells_that_do_not_apply_are_empty(estimates: pd.DataFrame) -> None:
    assert set(estimates["condition"]) == set(estimates["k"]) == {""}
    assert set(estimates["group"]) == {"", "neutral", "required", "sensitive"}
    utility = estimates[estimates["target"] == "emotion"]
    assert set(utility["attacker"]) == {""}
    assert set(utility["knowledge"]) == {"ignorant"}
    roles = utility[~utility["metric"].str.startswith("detail")].groupby("metric")["group"].unique()
    assert all(set(groups) == {"neutral", "required", "sensitive"} for groups in roles)
    text = csv(estimates[estimates["metric"] == "distinguish"].head(1)).splitlines()[1].split(",")
    assert [text[COLUMNS.index(column)] for column in ("condition", "group", "k")] == ["", "", ""]


def test_sensitive_against_neutral_is_not_repeated_as_auc(estimates: pd.DataFrame) -> None:
    assert set(estimates.loc[estimates["target"] == "sensitive-vs-neutral", "metric"]) == {
        "distinguish"
    }
    assert set(estimates.loc[estimates["metric"] == "auc", "target"]) == {"gender"}


def test_leakage_is_that_of_the_ignorant_attacker_only(estimates: pd.DataFrame) -> None:
    assert set(estimates.loc[estimates["metric"] == "leakage", "knowledge"]) == {"ignorant"}
    assert set(estimates.loc[estimates["metric"] == "privacy", "knowledge"]) == {
        "ignorant",
        "semi-informed",
    }


@pytest.mark.parametrize(
    ("metric", "group", "value", "chance"),
    [
        (
            "f1",
            "neutral",
            2 / 4,
            1 / 4,
        ),  # predicted neutral three times, once correctly
        ("f1", "required", 2 / 3, 2 / 4),
        ("f1", "sensitive", 0.0, 1 / 4),
        ("unchanged", "neutral", 1.0, 3 / 4),  # chance: three of four are predicted neutral
        ("unchanged", "required", 1.0, 1 / 4),
        ("unchanged", "sensitive", 0.0, 0.0),
        ("unchanged_among_true_positives", "required", 1.0, 1 / 4),
    ],
)
def test_utility_worked_by_hand(metric: str, group: str, value: float, chance: float) -> None:
    estimates = measure(synthetic.rows(**synthetic.utterances_of("abcdef", **FOUR)))
    estimate = only(estimates, metric=metric, group=group)
    assert (estimate["value"], estimate["chance"], estimate["speakers"]) == (
        pytest.approx(value),
        pytest.approx(chance),
        6,
    )


def test_ut_counts_only_correct_predictions() -> None:
    truth, before, after = [1, 0, 1, 1], [1, 1, 1, 0], [1, 1, 0, 1]
    table = synthetic.rows(
        **synthetic.utterances_of("abcdef", truth=truth, before=before, prediction=after)
    )
    estimates = measure(table)
    assert only(estimates, metric="unchanged", group="required")["value"] == pytest.approx(2 / 3)
    assert only(estimates, metric="unchanged", group="required")["n"] == 18
    assert (
        only(estimates, metric="unchanged_among_true_positives", group="required")["value"] == 1 / 2
    )


def test_gender_worked_by_hand() -> None:
    women, men = "abcd", "efghijkl"
    table = pd.concat(
        [
            synthetic.rows(
                **synthetic.utterances_of(women, prediction=[0, 1], score=[-1.0, 0.5]),
                target="gender",
                truth=0.0,
                gender=0,
            ),
            synthetic.rows(
                **synthetic.utterances_of(men, prediction=[1, 1], score=[0.5, 1.0]),
                target="gender",
                truth=1.0,
                gender=1,
            ),
        ]
    )
    estimates = measure(table)
    assert only(estimates, metric="leakage")["value"] == pytest.approx(20 / 24)
    assert only(estimates, metric="leakage")["chance"] == pytest.approx(
        2 / 3
    )  # the larger gender's share
    assert only(estimates, metric="privacy")["value"] == pytest.approx(1 - (1 / 2 + 1) / 2)
    assert only(estimates, metric="auc")["value"] == pytest.approx(
        1 - 1 / 8
    )  # one tie in four pairs of each couple
    assert set(estimates.loc[estimates["metric"] != "leakage", "chance"]) == {0.5}
    assert set(headline(estimates)["attacker"]) == {"best"}


def test_the_headline_has_the_selected_attacker_of_each_draw() -> None:
    """Family `a` is selected in draw 0 and correct there; `b` is selected in draw 1 and wrong."""
    parts = []
    for draw in (0, 1):
        for name, right in (("a", draw == 0), ("b", False)):
            for gender, people in ((0, "klmn"), (1, "opqr")):
                score = float(gender) if right else 0.0
                columns = synthetic.utterances_of(
                    [f"{who}{draw}" for who in people], score=[score], prediction=[gender]
                )
                parts.append(
                    synthetic.rows(
                        **columns,
                        target="gender",
                        knowledge="semi-informed",
                        attacker=name,
                        draw=draw,
                        best=(name == "ab"[draw]),
                        truth=float(gender),
                        gender=gender,
                    )
                )
    estimates = measure(pd.concat(parts, ignore_index=True))
    auc = estimates[(estimates["metric"] == "auc") & (estimates["split"] == "all")].set_index(
        "attacker"
    )["value"]
    assert auc.to_dict() == {"best": 0.75, "a": 0.75, "b": 0.5}
    assert only(estimates, metric="auc")["attacker"] == "best"
    by_draw = estimates[(estimates["metric"] == "auc") & (estimates["split"] != "all")]
    assert by_draw.set_index("split")["value"].to_dict() == {"0": 1.0, "1": 0.5}


def test_draws_have_equal_weight_for_all_sizes() -> None:
    large = synthetic.rows(
        **synthetic.utterances_of(
            "abcdefgh", truth=[0, 0, 0], before=[0, 0, 0], prediction=[0, 0, 0]
        ),
        draw=0,
    )
    small = synthetic.rows(
        **synthetic.utterances_of("mnop", truth=[0], before=[0], prediction=[2]), draw=1
    )
    estimate = only(measure(pd.concat([large, small])), metric="unchanged", group="neutral")
    assert (estimate["value"], estimate["n"], estimate["speakers"]) == (0.5, 28, 12)
    assert estimate["chance"] == 0.5  # every row of one draw, none of the other


def test_corpora_have_the_order_of_their_rows() -> None:
    first = synthetic.rows(
        **synthetic.utterances_of("abcd", truth=[0], before=[0], prediction=[0]), corpus="zebra"
    )
    second = synthetic.rows(
        **synthetic.utterances_of("wxyz", truth=[0], before=[0], prediction=[1]),
        corpus="apple",
        row=range(9, 13),
    )
    estimates = measure(pd.concat([second, first]))
    unchanged = estimates[(estimates["metric"] == "unchanged") & (estimates["group"] == "neutral")]
    values = unchanged[unchanged["split"] == "all"].set_index("corpus")["value"].to_dict()
    assert values == {"zebra+apple": 0.5, "zebra": 1.0, "apple": 0.0}
    assert set(headline(estimates)["corpus"]) == {"zebra+apple"}


def test_a_single_corpus_has_no_separate_rows() -> None:
    estimates = measure(synthetic.rows(**synthetic.utterances_of("abcd", **FOUR)))
    assert set(estimates["corpus"]) == {"one"}
    assert len(headline(estimates)) == len(estimates[estimates["split"] == "all"])


@pytest.mark.parametrize(("people", "limited"), [("abc", False), ("abcd", True)])
def test_limits_need_four_speakers(people: str, limited: bool) -> None:
    estimate = only(
        measure(synthetic.rows(**synthetic.utterances_of(people, **FOUR))),
        metric="f1",
        group="required",
    )
    assert not math.isnan(estimate["value"])
    assert math.isnan(estimate["low"]) != limited
    assert math.isnan(estimate["high"]) != limited


def test_limits_need_four_speakers_of_each_gender() -> None:
    women = synthetic.rows(
        **synthetic.utterances_of("abc", prediction=[0], score=[0.0]),
        target="gender",
        truth=0.0,
        gender=0,
    )
    men = synthetic.rows(
        **synthetic.utterances_of("efghij", prediction=[1], score=[1.0]),
        target="gender",
        truth=1.0,
        gender=1,
    )
    assert headline(measure(pd.concat([women, men])))["low"].isna().all()


def test_limits_need_four_speakers_with_sensitive_utterances() -> None:
    """A secret within speakers: nine have neutral utterances, three also sensitive ones."""
    labels = {"target": "sensitive-vs-neutral", "prediction": 0}
    neutral = synthetic.rows(
        **synthetic.utterances_of("abcdefghi", score=[0.0, 1.0]), truth=0.0, **labels
    )
    three, four = (
        pd.concat(
            [
                neutral,
                synthetic.rows(
                    **synthetic.utterances_of(who, score=[2.0, 0.5]), truth=1.0, **labels
                ),
            ]
        )
        for who in ("abc", "abcd")
    )
    assert math.isnan(only(measure(three), metric="distinguish")["low"])
    assert only(measure(four), metric="distinguish")["low"] < 1


def test_detail_is_of_intensity_or_else_of_reconstruction(
    estimates: pd.DataFrame,
) -> None:
    detail = estimates[(estimates["metric"] == "detail") & (estimates["split"] == "all")]
    assert not detail.duplicated(["release", "required", "corpus"]).any()
    assert set(detail["group"]) == {"required"}
    chances = dict(zip(detail["corpus"], detail["chance"], strict=True))
    assert chances == {"ravdess+emodb": 0.5, "ravdess": 0.5, "emodb": 0.0}


def test_detail_of_two_intensities_has_an_auc_too() -> None:
    labels = synthetic.utterances_of(
        "abcd", truth=[1, 1, 2, 2], prediction=[1, 2, 2, 2], score=[0.1, 0.9, 0.5, 1.0]
    )
    table = synthetic.rows(**labels, target="intensity", attacker="")
    assert only(measure(table), metric="detail_auc")["value"] == 0.75
    assert "detail_auc" not in set(measure(table.assign(score=np.nan))["metric"])


def test_reconstruction_worked_by_hand() -> None:
    table = synthetic.rows(
        **synthetic.utterances_of("abcd", truth=[4.0, 2.0], prediction=[1.0, 2.0]),
        target="reconstruction",
        attacker="",
    )
    estimate = only(measure(table), metric="detail")
    assert (estimate["value"], estimate["chance"]) == (pytest.approx(0.5), 0.0)


@pytest.mark.parametrize("role", [0, 1, 2])
def test_f1_agrees_with_scikit_learn(
    predictions: pd.DataFrame, estimates: pd.DataFrame, role: int
) -> None:
    names = ["neutral", "required", "sensitive"]
    for release, rows in predictions[predictions["target"] == "emotion"].groupby("release"):
        for required, policy in rows.groupby("required"):
            expected = [
                oracle.f1_score(d["truth"], d["prediction"], labels=[role], average=None)[0]
                for _, d in policy.groupby("draw")
            ]
            estimate = only(
                estimates,
                release=str(release),
                required=str(required),
                metric="f1",
                group=names[role],
            )
            assert estimate["value"] == pytest.approx(np.mean(expected))


def test_attacks_agree_with_scikit_learn(
    predictions: pd.DataFrame, estimates: pd.DataFrame
) -> None:
    best = predictions[
        predictions["best"] & predictions["target"].isin(["gender", "sensitive-vs-neutral"])
    ]
    for (release, knowledge, target), rows in best[best["required"] == "sad"].groupby(
        ["release", "knowledge", "target"]
    ):
        draws = [draw for _, draw in rows.groupby("draw")]
        where = {"release": release, "required": "sad", "knowledge": knowledge, "target": target}
        auc = np.mean([oracle.roc_auc_score(d["truth"], d["score"]) for d in draws])
        assert only(estimates, **where, metric="auc" if target == "gender" else "distinguish")[
            "value"
        ] == pytest.approx(auc)
        if target == "gender":
            uar = np.mean(
                [oracle.recall_score(d["truth"], d["prediction"], average="macro") for d in draws]
            )
            assert only(estimates, **where, metric="privacy")["value"] == pytest.approx(1 - uar)
        if target == "gender" and knowledge == "ignorant":
            accuracy = np.mean([oracle.accuracy_score(d["truth"], d["prediction"]) for d in draws])
            assert only(estimates, **where, metric="leakage")["value"] == pytest.approx(accuracy)


@pytest.mark.slow
def test_the_mean_over_policies_is_over_speakers(
    predictions: pd.DataFrame, estimates: pd.DataFrame
) -> None:
    mean = headline(
        pooled(predictions), release="rae", metric="distinguish", knowledge="semi-informed"
    )
    policies = headline(estimates, release="rae", metric="distinguish", knowledge="semi-informed")
    assert len(mean) == 1
    assert mean["required"].tolist() == [""]
    assert mean["value"].item() == pytest.approx(policies["value"].mean())
    assert mean["n"].item() == policies["n"].sum()
    assert mean["speakers"].item() == policies["speakers"].iloc[0] == 24


def test_the_order_of_the_rows_does_not_matter(predictions: pd.DataFrame) -> None:
    subset = predictions[(predictions["release"] == "rae") & (predictions["required"] == "sad")]
    shuffled = subset.sample(frac=1, random_state=1)
    names = [column for column in COLUMNS if column not in ("value", "low", "high", "chance")]
    first, second = (
        measure(table).astype({"k": str}).sort_values(names, ignore_index=True)
        for table in (subset, shuffled)
    )
    pd.testing.assert_frame_equal(first, second)


@pytest.mark.slow
def test_measure_and_pooled_do_not_change_predictions(predictions: pd.DataFrame) -> None:
    subset = predictions[predictions["required"] == "sad"]
    before = subset.copy()
    measure(subset)
    pooled(subset)
    pd.testing.assert_frame_equal(subset, before)
