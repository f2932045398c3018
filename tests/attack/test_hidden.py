"""What a policy hides beside gender is asked too: how old somebody is, and who."""

from __future__ import annotations

import dataclasses
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
import pytest

from sordino import attack, metrics, report
from sordino.corpora import table
from sordino.corpora.table import Corpus
from sordino.policy import Policy
from sordino.release import DrawnFitter, ErasureFitter, Identity, bounds
from sordino.release.training_rows import hidden
from sordino.report.estimate_table import Estimates
from sordino.report.estimates import measure
from tests.attack.synthetic_scenes import Constant, risk
from tests.release.synthetic_vectors import POLICY, Planted, planted

EVERYTHING = dataclasses.replace(POLICY, hide=("gender", "speaker", "age"))


@cache
def aged(strength: float = 3.0) -> Planted:
    """The planted scene; every third speaker is of unknown age, of the others half are 30 and move
    an axis, half 60.
    """
    given = planted(speakers=30, rows=4, voice=1.0)
    number = np.array([int(name.rsplit("/")[-1]) for name in given.corpus.speaker])
    age = np.where(number % 3 == 2, np.nan, np.where(number % 4 < 2, 30.0, 60.0))
    z = given.z.copy()
    z[:, 7] += strength * np.nan_to_num(age > 45)
    corpus = Corpus("planted", given.corpus.table.assign(age=age))
    return Planted(z.astype(np.float32), corpus, given.parts)


@cache
def asked(what: str, policy: Policy = EVERYTHING) -> attack.Attacked:
    given = aged()
    release: Any = Constant() if what == "constant" else Identity(16)
    return attack.run(
        release, given.z, given.corpus, given.parts, policy, ignorant=risk(), families=("linear",)
    )


def auc(what: str, target: str) -> float:
    rows = asked(what).predictions.query("best and knowledge == 'semi-informed'")
    rows = rows[rows["target"] == target]
    return metrics.auc((rows["truth"] == 1).to_numpy(), rows["score"].to_numpy())


def test_age_and_speaker_are_told_of_what_is_not_protected_and_not_of_what_says_nothing() -> None:
    for target in ("age", "speaker"):
        assert auc("none", target) > 0.85
        assert auc("constant", target) == pytest.approx(0.5, abs=0.05)


def test_only_test_speakers_of_known_age_are_asked_about() -> None:
    given, found = aged(), asked("none").predictions
    rows = found[(found["target"] == "age") & (found["knowledge"] == "semi-informed")]
    older = given.corpus.older(given.parts.risk.rows)
    test = given.parts.test
    assert sorted(rows["row"].unique()) == sorted(test[older[test] >= 0])
    assert (rows["truth"] == older[rows["row"]]).all()
    claims = found[found["target"] == "speaker"]
    assert claims[claims["truth"] == 1].groupby("row").size().tolist() == [1] * len(
        test
    )  # each is claimed once rightly
    assert set(claims["speaker"]) == set(given.corpus.speaker[test])


def test_who_is_not_to_be_hidden_is_not_asked_about_and_nothing_else_changes() -> None:
    plain, more = (asked("none", policy).predictions for policy in (POLICY, EVERYTHING))
    assert not {"age", "speaker"} & set(plain["target"])
    same = more[~more["target"].isin(["age", "speaker"])].reset_index(drop=True)
    pd.testing.assert_frame_equal(same, plain)


def test_an_attribute_that_nobody_labelled_is_named_and_the_page_says_so(tmp_path: Any) -> None:
    given = planted(speakers=20, rows=8)
    audit = attack.run(
        Identity(16),
        given.z,
        given.corpus,
        given.parts,
        EVERYTHING,
        ignorant=risk(),
        families=["linear"],
    )
    assert audit.config["unlabelled"] == ["age"]
    assert "age" not in set(audit.predictions["target"])
    page = report.write(audit, tmp_path).read_text()
    assert "The policy hides age. The corpus does not label it, so it was not attacked." in page
    assert "unlabelled" not in asked("none").config


def test_estimates_and_page_hold_them(tmp_path: Any) -> None:
    look = Estimates(measure(asked("none").predictions))
    assert look.attributes == ["age", "speaker"]
    for target in look.attributes:
        found = look("auc", "none", "sad", knowledge="semi-informed", target=target)
        assert found.value == pytest.approx(auc("none", target))
        assert found.chance == 0.5
    page = report.write([asked("none"), asked("constant")], tmp_path).read_text()
    assert "Other hidden attributes" in page
    assert "speaker identity" in page


def test_what_is_hidden_from_a_line_is_that_of_the_policy() -> None:
    given = aged()
    rows = given.parts.transform.rows
    assert len(hidden(POLICY, given.corpus, rows)) == 2
    assert len(hidden(dataclasses.replace(POLICY, hide=()), given.corpus, rows)) == 1
    secrets = hidden(EVERYTHING, given.corpus, rows)
    assert len(secrets) == 3
    assert set(secrets[1].tolist()) == {-1, 0, 1}
    left = {}
    for policy in (POLICY, EVERYTHING):
        out = ErasureFitter(policy).fit(given.z, given.corpus, given.parts.transform)(given.z)[rows]
        means = [out[secrets[1] == value].mean(axis=0) for value in (0, 1)]
        left[policy.hide] = float(np.abs(means[0] - means[1]).max())
    assert left[POLICY.hide] > 1
    assert left[EVERYTHING.hide] < 1e-3


def test_the_bound_of_a_drawn_release_covers_age_where_it_is_hidden() -> None:
    given = aged()
    found = bounds(DrawnFitter(EVERYTHING), lambda _: given.z, given.corpus, given.parts.transform)
    assert ("age", "") in found
    assert found["age", ""].speakers < found["gender", ""].speakers  # some are of unknown age


def test_older_means_older_than_the_median_of_the_speakers_named() -> None:
    rows = pd.DataFrame(
        {"file": list("abcdef"), "speaker": list("112345"), "age": [20, 22, 30, 40, np.nan, 80]}
    )
    corpus = table.make("made", rows)
    assert corpus.older(np.arange(4)).tolist() == [0, 0, 0, 1, -1, 1]  # of 21, 30 and 40
    assert corpus.older(np.array([5])).tolist() == [0, 0, 0, 0, -1, 1]  # nobody is older: as old is
    assert corpus.older(np.array([4])).tolist() == [-1] * 6  # nobody's age is known
    assert table.make("made", rows.drop(columns="age")).older(np.arange(6)).tolist() == [-1] * 6
