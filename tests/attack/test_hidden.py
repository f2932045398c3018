"""Attacks on attributes that a policy hides beside gender: age and identity."""

from __future__ import annotations

import dataclasses
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
import pytest

from sordino import attack, metrics, report
from sordino.attack import row_sampling
from sordino.corpora import table
from sordino.corpora.table import Corpus
from sordino.policy import Policy
from sordino.release import DrawnFitter, ErasureFitter, Identity, bounds
from sordino.release.training_rows import hidden
from sordino.report.estimate_table import Estimates
from sordino.report.estimates import measure
from sordino.testing import POLICY, SyntheticVectors, synthetic_vectors
from tests.attack.synthetic_scenes import Constant, risk, scene

EVERYTHING = dataclasses.replace(POLICY, hide=("gender", "speaker", "age"))


@cache
def aged(strength: float = 3.0) -> SyntheticVectors:
    """The planted scene; every third speaker is of unknown age, of the others half are 30 and move
    an axis, half 60.
    """
    data = synthetic_vectors(speakers=30, rows=4, voice=1.0)
    number = np.array([int(name.rsplit("/")[-1]) for name in data.corpus.speaker])
    age = np.where(number % 3 == 2, np.nan, np.where(number % 4 < 2, 30.0, 60.0))
    z = data.z.copy()
    z[:, 7] += strength * np.nan_to_num(age > 45)
    corpus = Corpus("planted", data.corpus.table.assign(age=age))
    return SyntheticVectors(z.astype(np.float32), corpus, data.parts)


@cache
def audit_of(name: str, policy: Policy = EVERYTHING) -> attack.AttackResult:
    data = aged()
    release: Any = Constant() if name == "constant" else Identity(16)
    return attack.run(
        release, data.z, data.corpus, data.parts, policy, ignorant=risk(), families=("linear",)
    )


def auc(name: str, target: str) -> float:
    rows = audit_of(name).predictions.query("best and knowledge == 'semi-informed'")
    rows = rows[rows["target"] == target]
    return metrics.auc((rows["truth"] == 1).to_numpy(), rows["score"].to_numpy())


def test_age_and_speaker_leak_without_a_release_only() -> None:
    for target in ("age", "speaker"):
        assert auc("none", target) > 0.85
        assert auc("constant", target) == pytest.approx(0.5, abs=0.05)


def test_only_test_speakers_of_known_age_are_attacked() -> None:
    data, predictions_of_all = aged(), audit_of("none").predictions
    rows = predictions_of_all[
        (predictions_of_all["target"] == "age")
        & (predictions_of_all["knowledge"] == "semi-informed")
    ]
    older = data.corpus.older(data.parts.risk.rows)
    test = data.parts.test
    assert sorted(rows["row"].unique()) == sorted(test[older[test] >= 0])
    assert (rows["truth"] == older[rows["row"]]).all()
    claims = predictions_of_all[predictions_of_all["target"] == "speaker"]
    assert claims[claims["truth"] == 1].groupby("row").size().tolist() == [1] * len(
        test
    )  # each is claimed once rightly
    assert set(claims["speaker"]) == set(data.corpus.speaker[test])


def test_only_hidden_attributes_are_attacked() -> None:
    plain, extended = (audit_of("none", policy).predictions for policy in (POLICY, EVERYTHING))
    assert not {"age", "speaker"} & set(plain["target"])
    same = extended[~extended["target"].isin(["age", "speaker"])].reset_index(drop=True)
    pd.testing.assert_frame_equal(same, plain)


def test_an_attribute_without_labels_is_listed_on_the_page(tmp_path: Any) -> None:
    data = synthetic_vectors(speakers=20, rows=8)
    audit = attack.run(
        Identity(16),
        data.z,
        data.corpus,
        data.parts,
        EVERYTHING,
        ignorant=risk(),
        families=["linear"],
    )
    assert audit.config["unlabelled"] == ["age"]
    assert "age" not in set(audit.predictions["target"])
    report.write(audit, tmp_path)
    page = (tmp_path / "report.html").read_text()
    assert "The policy hides age. The corpus does not label it, so it was not attacked." in page
    assert "unlabelled" not in audit_of("none").config


def test_estimates_and_page_hold_them(tmp_path: Any) -> None:
    look = Estimates(measure(audit_of("none").predictions))
    assert look.attributes == ["age", "speaker"]
    for target in look.attributes:
        estimate = look("auc", "none", "sad", knowledge="semi-informed", target=target)
        assert estimate.value == pytest.approx(auc("none", target))
        assert estimate.chance == 0.5
    report.write([audit_of("none"), audit_of("constant")], tmp_path)
    page = (tmp_path / "report.html").read_text()
    assert "Other hidden attributes" in page
    assert "speaker identity" in page


def test_erasure_hides_the_attributes_of_the_policy() -> None:
    data = aged()
    rows = data.parts.transform.rows
    assert len(hidden(POLICY, data.corpus, rows)) == 2
    assert len(hidden(dataclasses.replace(POLICY, hide=()), data.corpus, rows)) == 1
    secrets = hidden(EVERYTHING, data.corpus, rows)
    assert len(secrets) == 3
    assert set(secrets[1].tolist()) == {-1, 0, 1}
    differences = {}
    for policy in (POLICY, EVERYTHING):
        out = ErasureFitter(policy).fit(data.z, data.corpus, data.parts.transform)(data.z)[rows]
        means = [out[secrets[1] == value].mean(axis=0) for value in (0, 1)]
        differences[policy.hide] = float(np.abs(means[0] - means[1]).max())
    assert differences[POLICY.hide] > 1
    assert differences[EVERYTHING.hide] < 1e-3


def test_the_bound_of_a_drawn_release_covers_hidden_age() -> None:
    data = aged()
    limits = bounds(DrawnFitter(EVERYTHING), lambda _: data.z, data.corpus, data.parts.transform)
    assert ("age", "") in limits
    assert limits["age", ""].speakers < limits["gender", ""].speakers  # some are of unknown age


def test_older_means_older_than_the_median_of_the_speakers_named() -> None:
    rows = pd.DataFrame(
        {"file": list("abcdef"), "speaker": list("112345"), "age": [20, 22, 30, 40, np.nan, 80]}
    )
    corpus = table.make("made", rows)
    assert corpus.older(np.arange(4)).tolist() == [0, 0, 0, 1, -1, 1]  # of 21, 30 and 40
    assert corpus.older(np.array([5])).tolist() == [
        0,
        0,
        0,
        0,
        -1,
        1,
    ]  # equal ages count as older if no age is above
    assert corpus.older(np.array([4])).tolist() == [-1] * 6  # no age is known
    assert table.make("made", rows.drop(columns="age")).older(np.arange(6)).tolist() == [-1] * 6


@pytest.mark.slow
def test_rare_rows_of_a_hidden_column_are_among_drawn_ones(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(row_sampling, "COMPLETE_ROWS", 50)
    monkeypatch.setattr(row_sampling, "PARTY_ROWS", 48)
    data = scene()
    once = ~data.corpus.table.duplicated("speaker", keep="last")
    corpus = Corpus("made", data.corpus.table.assign(health=np.where(once, "ill", "well")))
    result = attack.run(
        Identity(16),
        data.z,
        corpus,
        data.parts,
        Policy("sad", ("happy", "angry"), hide=("health",)),
        ignorant=risk(),
        families=("linear",),
        informed=False,
    )
    rows = result.predictions.query("target == 'health=well' and truth == 0 and best")
    assert set(rows["row"]) == set(data.parts.test) & set(np.flatnonzero(once))
