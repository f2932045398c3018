"""The audit in other packages: their figures agree with ours on the same speakers."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import confusion_matrix, roc_auc_score

from sordino import metrics
from sordino.attack import Audit, AuditResult
from sordino.columns import RELEASED
from sordino.errors import AttackError

SPEAKERS, ROWS = 24, 8


@pytest.fixture(scope="module")
def vectors() -> NDArray[np.float64]:
    """Vectors with gender in two dimensions of very different scale."""
    random = np.random.default_rng(0)
    gender = np.repeat(np.arange(SPEAKERS) % 2, ROWS)
    x = random.normal(size=(len(gender), 6))
    x[:, 0] += 1.2 * gender
    x[:, 1] = 1000 * (x[:, 1] + gender)
    return x


@pytest.fixture(scope="module")
def result(vectors: NDArray[np.float64]) -> AuditResult:
    speaker = np.repeat(np.arange(SPEAKERS), ROWS)
    audit = Audit(families=("linear",), shuffles=1, rows=SPEAKERS * 6)
    return audit.run(vectors, np.array(["f", "m"])[speaker % 2], speaker, name="gender")


def test_folds_test_every_audited_row_once_on_other_speakers(
    result: AuditResult, vectors: NDArray[np.float64]
) -> None:
    splits = result.to_art(vectors)
    rows = np.concatenate([split.rows for split in splits])
    assert sorted(rows) == sorted(result.rows)
    speaker = np.repeat(np.arange(SPEAKERS), ROWS)
    for split in splits:
        assert split.x_train.shape[1] == 1 + split.x_test.shape[1] == 1 + split.attack_feature
        assert set(split.x_train[:, split.attack_feature]) == set(split.values) == {0.0, 1.0}
        np.testing.assert_allclose(split.x_train[:, :-1].mean(axis=0), 0, atol=1e-12)
        assert len(split.x_train) == len(result.rows) - len(split.rows)
        tested = set(speaker[split.rows])
        assert not tested & set(speaker[np.setdiff1d(result.rows, split.rows)])


def test_a_classifier_on_these_arrays_agrees_with_the_audit(
    result: AuditResult, vectors: NDArray[np.float64]
) -> None:
    truth, prediction = [], []
    for split in result.to_art(vectors):
        model = LogisticRegression().fit(split.x_train[:, :-1], split.x_train[:, -1])
        truth.append(split.truth)
        prediction.append(model.predict(split.x_test).astype(int))
    assert _uar(truth, prediction) == pytest.approx(_our_uar(result), abs=0.05)


def test_the_baseline_of_art_agrees_with_the_audit(
    result: AuditResult, vectors: NDArray[np.float64]
) -> None:
    art = pytest.importorskip("art.attacks.inference.attribute_inference")
    truth, prediction = [], []
    for split in result.to_art(vectors):
        attack = art.AttributeInferenceBaseline("lr", attack_feature=split.attack_feature)
        attack.fit(split.x_train)
        prediction.append(attack.infer(split.x_test, values=split.values).astype(int))
        truth.append(split.truth)
    assert _uar(truth, prediction) == pytest.approx(_our_uar(result), abs=0.05)


def test_signals_give_the_auc_of_the_audit(result: AuditResult) -> None:
    signals = result.to_privacy_meter()
    assert roc_auc_score(signals["true_labels"], signals["predictions_proba"]) == pytest.approx(
        result.auc()
    )
    assert confusion_matrix(signals["true_labels"], signals["predicted_labels"]).sum() == len(
        result.rows
    )
    module = pytest.importorskip("privacy_meter.metric_result")
    assert module.MetricResult(**signals).roc_auc == pytest.approx(result.auc())


def test_other_vectors_and_secrets_are_refused(
    result: AuditResult, vectors: NDArray[np.float64]
) -> None:
    with pytest.raises(AttackError, match=r"vectors \(10, 6\), expected those of the audit"):
        result.to_art(vectors[:10])
    speaker = np.repeat(np.arange(SPEAKERS), ROWS)
    ages = Audit(families=("linear",), shuffles=1).run(vectors, 20.0 + speaker, speaker, name="age")
    with pytest.raises(AttackError, match="age is continuous, expected classes"):
        ages.to_art(vectors)
    with pytest.raises(AttackError, match="age has no two classes"):
        ages.to_privacy_meter()


def _uar(truth: list[NDArray[np.intp]], prediction: list[NDArray[np.intp]]) -> float:
    return metrics.uar(np.concatenate(truth), np.concatenate(prediction))


def _our_uar(result: AuditResult) -> float:
    frame = result.to_frame()
    rows = frame[(frame["metric"] == "uar") & (frame["attacker"] == "best")]
    rows = rows[(rows["release"] == RELEASED) & (rows["knowledge"] == "semi-informed")]
    return float(rows["value"].iloc[0])
