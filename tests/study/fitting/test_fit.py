"""A policy ends in the release that keeps the most within its budget, or in the line that there is
none.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sordino.corpora.checks.licences import commercial_use
from sordino.errors import PolicyError, SplitError
from sordino.policy import Budget, Policy
from sordino.release import Drawn, NetworkRelease
from sordino.report.estimate_table import Estimate
from sordino.study import protocol
from sordino.study.fitting import fit, selection
from sordino.study.fitting.card import Fitted
from sordino.study.fitting.selection import Reached, best, families
from tests.study import synthetic_study
from tests.study.synthetic_study import Made

SAD = Policy(required="sad", sensitive=("happy", "angry"), release="drawn")
HAPPY = Policy(required="happy", sensitive=("sad", "angry"), release="drawn")
OPTIONS = replace(fit.OPTIONS, families=("linear",))


@pytest.fixture(scope="module")
def given(tmp_path_factory: pytest.TempPathFactory) -> Made:
    return synthetic_study.study(tmp_path_factory.mktemp("fit"), speakers=30, takes=1)


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Units that one test finished, others read."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module", autouse=True)
def quickly() -> Iterator[None]:
    """Networks of few epochs, and one draw of five."""
    deal = protocol.deal
    with synthetic_study.brisk(), warnings.catch_warnings(), pytest.MonkeyPatch.context() as patch:
        warnings.simplefilter("ignore", UserWarning)  # few prototypes
        patch.setattr(protocol, "deal", lambda *given: deal(*given)[:1])
        yield


def fitted(given: Made, cache: Path, policies: Mapping[str, Policy], **more: Any) -> Fitted:
    settings = {"features": str(given.vectors), "options": OPTIONS, "cache": cache, "jobs": 1}
    return fit.fit(given.corpus, policies, **{**settings, **more})


@pytest.fixture(scope="module")
def sad(given: Made, cache: Path, quickly: None) -> Fitted:  # noqa: ARG001
    """One policy that names its release."""
    return fitted(given, cache, {"sad": SAD})


def test_a_named_release_is_fitted_on_everybody_and_measured_on_test_speakers(
    given: Made, sad: Fitted
) -> None:
    found = sad
    one = found.policies["sad"]
    assert isinstance(one.release, Drawn)
    assert one.validation == ()
    assert [some.release for some in one.measured] == ["none", "drawn"]
    before, after = one.measured
    assert before.largest > 0.9
    assert after.largest < 0.7
    assert after.utility.value > 0.75
    assert set(after.leaks) == {"sensitive-vs-neutral", "gender"}
    assert found.counts == {"made": (30, 120)}
    z = found.preprocess(given.x)
    assert np.isfinite(one.release(z)).all()
    assert one.bounds["gender", ""].speakers == 30
    assert found.within
    assert "at most AUC" in one.verdict
    assert "budget" not in one.verdict


def test_the_same_call_gives_the_same_release_and_figures(
    given: Made, cache: Path, sad: Fitted
) -> None:
    again = fitted(given, cache, {"sad": SAD})
    assert again.card() == sad.card()
    one, other = (found.policies["sad"].release for found in (again, sad))
    assert one is not None
    assert other is not None
    assert one.hash == other.hash


def test_a_budget_chooses_what_keeps_the_most_within_it(
    given: Made, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(selection, "families", lambda *_: ["rae-grl+", "drawn"])
    free = replace(
        SAD, release="", knobs=(("drawn", (("shrinkage", 0.9),)),)
    )  # nine speakers tell no covariance
    loose = fitted(given, cache, {"sad": free}, budget=1.0).policies["sad"]
    assert isinstance(loose.release, NetworkRelease)  # it keeps more, and tells more
    found = {one.release: one for one in loose.validation}
    assert set(found) == {"none", "rae-grl+", "drawn"}
    assert found["rae-grl+"].utility.value > found["drawn"].utility.value
    between = (found["rae-grl+"].largest + found["drawn"].largest) / 2
    strict = fitted(given, cache, {"sad": free}, budget=between).policies["sad"]
    assert isinstance(strict.release, Drawn)
    assert strict.verdict.startswith("Within the budget of ")


def test_where_nothing_is_within_the_budget_nothing_is_fitted(given: Made, cache: Path) -> None:
    found = fitted(given, cache, {"sad": replace(SAD, release="rae", budget=Budget(auc=0.5))})
    one = found.policies["sad"]
    assert not found.within
    assert (one.release, one.family, one.measured) == (None, "", ())
    assert one.verdict.startswith(
        "No release is within the budget of 0.5 on validation speakers: the least"
    )
    assert found.card()["audit"]["sad"]["measured"] == []


def test_several_policies_in_one_space_are_charged_for_what_they_tell_together(
    given: Made, cache: Path
) -> None:
    found = fitted(given, cache, {"sad": SAD, "happy": HAPPY})
    releases = [one.release for one in found.policies.values()]
    assert all(isinstance(one, Drawn) for one in releases)
    keys = {one.config["key"] for one in releases if one is not None}
    assert len(keys) == 2  # chance of its own for each
    told, alone = found.all_told(), found.policies["sad"].measured[-1].leaks
    assert set(told) == {"sad", "happy"}
    assert told["sad"]["sensitive-vs-neutral"].value > alone["sensitive-vs-neutral"].value + 0.1
    assert (
        found.joint["sad", "sensitive-vs-neutral", ""].tv
        > found.policies["sad"].bounds["sensitive-vs-neutral", ""].tv
    )
    assert set(found.together["condition"]) == {"policy=sad", "policy=happy"}
    card = found.card()
    assert {row["policy"] for row in card["together"]} == {"sad", "happy"}
    assert json.loads(json.dumps(card)) == card


def test_a_budget_of_the_caller_stands_before_that_of_the_policy() -> None:
    assert families(SAD, 0.55) == ["drawn"]
    assert families(replace(SAD, release=""), None) == ["drawn"]
    every = families(replace(SAD, release=""), 0.55)
    assert "none" not in every
    assert {"rae", "leace", "drawn", "label", "rae-leace"} <= set(every)
    knobs: Any = {"drawn": {"detail": True}}
    tuned = families(replace(SAD, release="", knobs=knobs), 0.55)
    assert (
        sum(name.startswith("drawn") and "rae" not in name for name in tuned) == 1
    )  # both would be drawn+detail


def test_of_equals_the_one_that_tells_less_is_chosen_and_nothing_that_hides_nothing() -> None:
    def one(name: str, kept: float, told: float) -> Reached:
        return Reached(name, Estimate(kept), {"gender": Estimate(0.5), "age": Estimate(told)})

    some = [one("none", 1.0, 0.5), one("a", 0.8, 0.6), one("b", 0.8, 0.55), one("c", 0.9, 0.7)]
    assert some[1].worst == "age"
    assert best(some, 0.6) is some[2]
    assert best(some, 0.7) is some[3]
    assert best(some, 0.5) is None


def test_a_card_says_on_what_it_was_fitted_and_whether_it_may_be_sold(sad: Fitted) -> None:
    card = sad.card()
    assert card["made_on"] == {"made": {"speakers": 30, "utterances": 120}}
    assert card["data_licences"] == {"made": "unknown to sordino"}
    assert card["commercial_use"] == "unknown: ask about made"
    audit = card["audit"]["sad"]
    assert {row["secret"] for row in audit["bounds"]} == {"gender", "sensitive-vs-neutral"}
    assert all(row["auc"] <= row["auc_high"] for row in audit["bounds"])
    assert audit["release"] == "drawn"
    assert "IS13" not in commercial_use(["cremad"])


def test_age_that_nobody_labelled_is_said_and_speakers_are_asked(given: Made, cache: Path) -> None:
    one = fitted(given, cache, {"sad": replace(SAD, hide=("gender", "speaker", "age"))}).policies[
        "sad"
    ]
    assert one.unlabelled == ("age",)
    assert set(one.measured[-1].leaks) == {"sensitive-vs-neutral", "gender", "speaker"}
    assert one.measured[0].leaks["speaker"].value > one.measured[1].leaks["speaker"].value


@pytest.mark.parametrize(
    ("policies", "says"),
    [
        ({}, "no policy, expected one or more"),
        (
            {"a": SAD, "b": replace(HAPPY, sensitive=("sad",))},
            "angry: named by some policies of a bundle and not by all",
        ),
        ({"a": replace(SAD, neutral="calm")}, "calm: not in the corpus"),
        ({"a": replace(SAD, release="mute")}, "release 'mute', expected one of none, rae"),
    ],
)
def test_what_cannot_be_fitted_is_refused(
    given: Made, cache: Path, policies: Any, says: str
) -> None:
    with pytest.raises(PolicyError, match=says):
        fitted(given, cache, policies)


def test_validation_without_a_gender_is_refused_at_once(tmp_path: Path) -> None:
    scene = synthetic_study.study(tmp_path, speakers=12, takes=1)
    with pytest.raises(
        SplitError, match=r"no (fe)?male among 1 speaker\(s\) of the validation part"
    ):
        fit.fit(scene.corpus, {"sad": SAD}, features="absent.npz", budget=0.6, options=OPTIONS)
