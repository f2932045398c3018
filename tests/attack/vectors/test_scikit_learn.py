"""The audit among the tools of scikit-learn: parameters, pipelines and scorers."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn import config_context
from sklearn.base import clone
from sklearn.dummy import DummyClassifier
from sklearn.feature_selection import SelectKBest
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, GroupKFold, cross_validate
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from sordino.attack import Audit, AuditResult, leakage_scorer
from sordino.columns import ESTIMATE_COLUMNS
from sordino.errors import AttackError

AUDIT = Audit(families=("linear",), shuffles=1)
SPEAKERS, ROWS = 24, 6


@pytest.fixture(scope="module")
def voices() -> pd.DataFrame:
    """Vectors `x0` with gender, `x1` with mood, `x2` with neither; and their labels."""
    random = np.random.default_rng(0)
    speaker = np.repeat(np.arange(SPEAKERS), ROWS)
    gender, mood = speaker % 2, np.tile([0, 1], len(speaker) // 2)
    x = random.normal(size=(len(speaker), 3))
    x[:, 0] += 3 * gender
    x[:, 1] += 2 * mood
    table = pd.DataFrame(x, columns=["x0", "x1", "x2"])
    return table.assign(speaker=speaker.astype(str), gender=np.array(["f", "m"])[gender], mood=mood)


@pytest.fixture(scope="module")
def result(voices: pd.DataFrame) -> AuditResult:
    x = dimensions(voices)
    return AUDIT.run(x, voices["gender"], voices["speaker"], name="gender", reference=x)


def dimensions(voices: pd.DataFrame) -> pd.DataFrame:
    return voices[["x0", "x1", "x2"]]


def test_clone_and_parameters_go_round() -> None:
    audit = Audit(shuffles=39, seed=3, estimators={"none": DummyClassifier()})
    copy = clone(audit)
    assert repr(copy.get_params()) == repr(audit.get_params())
    assert clone(Audit()).set_params(shuffles=7).count == 7
    assert repr(Audit(shuffles=39)) == "Audit(shuffles=39)"


def test_a_parameter_set_later_is_checked_before_the_audit(voices: pd.DataFrame) -> None:
    audit = clone(AUDIT).set_params(shuffles=0)
    with pytest.raises(AttackError, match="0 shuffles of 4000 rows, expected 1 or more"):
        audit.run(dimensions(voices), voices["gender"], voices["speaker"])


def test_an_audit_ends_a_pipeline(voices: pd.DataFrame) -> None:
    pipeline = make_pipeline(StandardScaler(), AUDIT)
    pipeline.fit(dimensions(voices), voices["gender"], audit__groups=voices["speaker"])
    fitted = pipeline[-1]
    assert fitted.result_.secret.name == "gender"
    assert fitted.n_features_in_ == 3
    assert fitted.result_.auc() > 0.9


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "no groups, expected the speaker of each row"),
        ({"groups": 0, "sample_weight": 0}, "sample_weight was passed, expected none"),
    ],
)
def test_no_groups_and_weights_are_refused_by_name(
    voices: pd.DataFrame, arguments: dict[str, Any], message: str
) -> None:
    columns = dict.fromkeys(arguments, voices["speaker"])
    with pytest.raises(AttackError, match=message):
        AUDIT.fit(dimensions(voices), voices["gender"], **columns)


def test_a_search_finds_the_dimension_without_the_secret(voices: pd.DataFrame) -> None:
    scorer = leakage_scorer(AUDIT, secret=voices["gender"], groups=voices["speaker"])
    columns = [["x0", "x1"], ["x1", "x2"]]
    choice = FunctionTransformer(_take, kw_args={"columns": columns[0]})
    search = GridSearchCV(
        make_pipeline(choice, LogisticRegression()),
        {"functiontransformer__kw_args": [{"columns": names} for names in columns]},
        scoring={"utility": "roc_auc", "leakage": scorer},
        refit="leakage",
        cv=GroupKFold(2),
    )
    search.fit(dimensions(voices), voices["mood"], groups=voices["speaker"])
    assert search.best_params_["functiontransformer__kw_args"] == {"columns": columns[1]}
    leaking, hidden = search.cv_results_["mean_test_leakage"]
    assert -1 <= leaking < -0.8 < hidden <= 0
    assert search.cv_results_["mean_test_utility"].min() > 0.8


def _take(x: pd.DataFrame, columns: list[str]) -> pd.DataFrame:
    return x[columns]


def test_secret_and_speakers_can_be_routed(voices: pd.DataFrame) -> None:
    labels = {"secret": voices["gender"].to_numpy(), "groups": voices["speaker"].to_numpy()}
    with config_context(enable_metadata_routing=True):
        scorer = leakage_scorer(AUDIT).set_score_request(secret=True, groups=True)
        scores = cross_validate(
            StandardScaler(),
            dimensions(voices).to_numpy(),
            scoring=scorer,
            cv=GroupKFold(2),
            params=labels,
        )
    assert (scores["test_score"] < -0.8).all()


@pytest.mark.parametrize(
    ("estimator", "groups", "message"),
    [
        (LogisticRegression(), "speaker", "LogisticRegression transforms nothing"),
        (StandardScaler(), "", "no groups, expected the speaker of each row"),
        (StandardScaler(), "array", "groups is ndarray and X is DataFrame, expected a Series"),
        (StandardScaler(), "short", "groups has no entry for row 3 of X"),
        (StandardScaler(), "twice", "an index with repeated entries"),
    ],
)
def test_a_scorer_without_aligned_speakers_is_refused(
    voices: pd.DataFrame, estimator: Any, groups: str, message: str
) -> None:
    speaker = voices["speaker"]
    choices = {
        "": None,
        "speaker": speaker,
        "array": speaker.to_numpy(),
        "short": speaker.drop(index=3),
        "twice": pd.concat([speaker, speaker]),
    }
    scorer = leakage_scorer(AUDIT, groups=choices[groups])
    fitted = estimator.fit(dimensions(voices), voices["mood"])
    with pytest.raises(AttackError, match=message):
        scorer(fitted, dimensions(voices), voices["gender"])


def test_the_labels_are_the_secret_by_default(voices: pd.DataFrame) -> None:
    scorer = leakage_scorer(AUDIT, groups=voices["speaker"])
    fitted = SelectKBest(k=1).fit(dimensions(voices), voices["mood"])
    assert scorer(fitted, dimensions(voices), voices["mood"]) < -0.5
    assert scorer(fitted, dimensions(voices), voices["gender"]) > -0.3


def test_a_result_is_one_line_and_plain_values(result: AuditResult) -> None:
    line = r"AuditResult\(gender: cannot tell, p 0\.5, AUC 0\.9\d, 144 rows, 24 speakers\)"
    assert re.fullmatch(line, repr(result))
    record = result.to_dict()
    assert json.loads(json.dumps(record)) == record
    estimate = record["estimate"]
    assert estimate["value"] == pytest.approx(result.auc())
    assert 0.5 < estimate["low"] < estimate["value"] < estimate["high"] <= 1
    assert estimate["grade"] == "cannot tell"
    leak = replace(result, decision=replace(result.decision, answer="leak"))
    assert leak.to_dict()["estimate"]["grade"] == "very strong"
    assert estimate["reference"]["value"] == estimate["value"]  # the same vectors
    counts = {"audited": 144, "of": 144, "speakers": 24, "of_speakers": 24, "seed": 0}
    assert record["rows"] == counts


def test_a_report_has_the_rows_of_the_frame(result: AuditResult, tmp_path: Path) -> None:
    rows = result.write_report(tmp_path, table="voices")
    assert tuple(rows.columns) == tuple(ESTIMATE_COLUMNS)
    pd.testing.assert_frame_equal(rows, result.to_frame("voices"))
    assert (tmp_path / "report.html").is_file()


def test_three_classes_are_measured_by_uar(voices: pd.DataFrame) -> None:
    third = pd.Series(np.repeat(np.arange(SPEAKERS) % 3, ROWS), name="third")
    x = dimensions(voices).to_numpy() + 4 * np.eye(3)[third]
    fitted = clone(AUDIT).fit(x, third, voices["speaker"]).result_
    summary = fitted.to_dict()["estimate"]
    assert (summary["metric"], summary["chance"]) == ("uar", pytest.approx(1 / 3))
    assert summary["value"] == pytest.approx(fitted.value()) == pytest.approx(0.95, abs=0.05)
    assert fitted.leakage() == pytest.approx(1.5 * fitted.value() - 0.5)
