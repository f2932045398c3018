"""A fit ends in the release with the most utility within the budget, or in a refusal."""

from __future__ import annotations

import json
import warnings
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sordino.corpora.checks.licences import commercial_use
from sordino.errors import PolicyError, SplitError
from sordino.features.synthetic_space import synthetic_space
from sordino.metrics.prevalence import Rates
from sordino.policy import Budget, Policy
from sordino.release import Drawn, NetworkRelease
from sordino.report.estimate_table import Estimate
from sordino.study.fitting import fit
from sordino.study.fitting.card import BEFORE_ROUNDING, FitResult, PolicyResult
from sordino.study.fitting.selection import Tradeoff, best, families
from sordino.study.protocol import BUNDLE_OPTIONS
from tests.study import synthetic_study
from tests.study.synthetic_study import FITTERS, Made

SAD = Policy(required="sad", sensitive=("happy", "angry"), release="drawn")
HAPPY = Policy(required="happy", sensitive=("sad", "angry"), release="drawn")
OPTIONS = replace(BUNDLE_OPTIONS, families=("linear",))


@pytest.fixture(scope="module")
def given(tmp_path_factory: pytest.TempPathFactory) -> Made:
    return synthetic_study.study(tmp_path_factory.mktemp("fit"), speakers=30, takes=1)


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Units that one test finished are read by the others."""
    return tmp_path_factory.mktemp("cache")


def fitted(given: Made, cache: Path, policies: Mapping[str, Policy], **settings: Any) -> FitResult:
    """The result with networks of few epochs, on one draw of five."""
    defaults = {
        "features": str(given.vectors),
        "options": OPTIONS,
        "fitters": FITTERS,
        "max_draws": 1,
        "cache": cache,
        "jobs": 1,
    }
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # few prototypes
        return fit.fit(given.corpus, policies, **{**defaults, **settings})


@pytest.fixture(scope="module")
def sad(given: Made, cache: Path) -> FitResult:
    """One policy that names its release."""
    return fitted(given, cache, {"sad": SAD})


def test_a_release_is_fitted_on_all_speakers(given: Made, sad: FitResult) -> None:
    result = sad.policies["sad"]
    assert isinstance(result.release, Drawn)
    assert sad.within
    assert sad.counts == {"made": (30, 120)}
    assert np.isfinite(result.release(sad.preprocess(given.x))).all()
    assert result.bounds["gender", ""].speakers == 30


def test_a_release_is_measured_on_test_speakers(sad: FitResult) -> None:
    result = sad.policies["sad"]
    assert result.validation == ()
    assert [tradeoff.release for tradeoff in result.test] == ["none", "drawn"]
    before, after = result.test
    assert before.largest > 0.9
    assert after.largest < 0.7
    assert after.utility.value > 0.75
    assert set(after.leaks) == {"sensitive-vs-neutral", "gender"}
    assert "at most AUC" in result.verdict
    assert "budget" not in result.verdict


def test_the_same_call_gives_the_same_release(given: Made, cache: Path, sad: FitResult) -> None:
    again = fitted(given, cache, {"sad": SAD})
    assert again.card() == sad.card()
    first, second = (result.policies["sad"].release for result in (sad, again))
    assert isinstance(first, Drawn)
    assert isinstance(second, Drawn)
    assert np.array_equal(first.arrays["scorer.w"], second.arrays["scorer.w"])
    assert first.config == second.config
    # noise of prototypes that ship is secret
    assert not np.array_equal(first.arrays["prototypes"], second.arrays["prototypes"])


def test_a_budget_chooses_the_most_utility_within_it(given: Made, cache: Path) -> None:
    # nine speakers are too few for a full covariance
    free = replace(SAD, release="", knobs=(("drawn", (("shrinkage", 0.9),)),))
    names = ("rae-grl+", "drawn")
    results = fitted(given, cache, {"sad": free}, budget=1.0, candidates=names)
    loose = results.policies["sad"]
    assert isinstance(loose.release, NetworkRelease)  # more utility and more leakage
    tradeoffs = {tradeoff.release: tradeoff for tradeoff in loose.validation}
    assert set(tradeoffs) == {"none", "rae-grl+", "drawn"}
    assert tradeoffs["rae-grl+"].utility.value > tradeoffs["drawn"].utility.value
    between = (tradeoffs["rae-grl+"].largest + tradeoffs["drawn"].largest) / 2
    results = fitted(given, cache, {"sad": free}, budget=between, candidates=names)
    strict = results.policies["sad"]
    assert isinstance(strict.release, Drawn)
    assert strict.verdict.startswith("Within the budget of ")


def test_nothing_is_fitted_without_a_release_in_the_budget(given: Made, cache: Path) -> None:
    policy = replace(SAD, release="rae", budget=Budget(auc=0.5))
    results = fitted(given, cache, {"sad": policy})
    result = results.policies["sad"]
    assert not results.within
    assert not results.ships
    assert (result.release, result.family, result.test) == (None, "", ())
    assert result.verdict.startswith(
        "No release is within the budget of 0.5 on validation speakers: "
    )
    assert results.card()["audit"]["sad"]["measured"] == []


@pytest.fixture(scope="module")
def bundle(given: Made, cache: Path) -> FitResult:
    """Two policies in one scaled space."""
    return fitted(given, cache, {"sad": SAD, "happy": HAPPY})


def test_every_policy_has_its_own_keyed_draws(bundle: FitResult) -> None:
    releases = [result.release for result in bundle.policies.values()]
    keys = {release.config["key"] for release in releases if isinstance(release, Drawn)}
    assert len(keys) == 2


def test_two_policies_leak_more_than_one(bundle: FitResult) -> None:
    secret, sad = "sensitive-vs-neutral", bundle.policies["sad"]
    combined, alone = bundle.combined_leaks(), sad.test[-1].leaks
    assert set(combined) == {"sad", "happy"}
    assert combined["sad"][secret].value > alone[secret].value + 0.1
    assert bundle.joint["sad", secret, ""].tv > sad.bounds[secret, ""].tv


def test_the_card_of_two_policies_is_json(bundle: FitResult) -> None:
    assert set(bundle.combined["condition"]) == {"policy=sad", "policy=happy"}
    card = bundle.card()
    assert {row["policy"] for row in card["together"]} == {"sad", "happy"}
    assert json.loads(json.dumps(card)) == card


@pytest.mark.slow
def test_a_rounded_bundle_has_changes_and_no_bounds(given: Made, cache: Path) -> None:
    result = fitted(given, cache, {"sad": SAD}, int8=True)
    assert [change.secret for change in result.rounding["sad"]] == [
        "gender",
        "sensitive-vs-neutral",
    ]
    assert result.ships == all(change.holds for change in result.rounding["sad"])
    assert not result.policies["sad"].bounds
    card = result.card()
    assert set(card["rounded"]["sad"]["gender"]) == {"auc", "unrounded"}
    assert card["how"].endswith(BEFORE_ROUNDING)


def test_a_policy_or_a_budget_decides_the_candidates() -> None:
    assert families(SAD, 0.55) == ["drawn"]
    assert families(replace(SAD, release=""), None) == ["drawn"]
    assert families(SAD, 0.55, ["rae"]) == ["rae"]
    assert families(SAD, None, ["rae"]) == ["drawn"]  # without a budget nothing is chosen
    names = families(replace(SAD, release=""), 0.55)
    assert "none" not in names
    assert {"rae", "leace", "drawn", "label", "rae-leace"} <= set(names)


def test_families_that_knobs_make_equal_are_one_candidate() -> None:
    knobs: Any = {"drawn": {"detail": True}}
    names = families(replace(SAD, release="", knobs=knobs), 0.55)
    assert sum(name.startswith("drawn") and "rae" not in name for name in names) == 1


def test_a_leak_is_compared_with_the_original_of_its_secret(sad: FitResult) -> None:
    before = Tradeoff("none", Estimate(0.9), {"gender": Estimate(1.0), "age": Estimate(0.8)})
    after = Tradeoff("drawn", Estimate(0.9), {"gender": Estimate(0.5), "age": Estimate(0.6)})
    shipped = sad.policies["sad"].release
    verdict = PolicyResult(SAD, "drawn", None, (), shipped, (before, after)).verdict
    assert "(age) on test speakers; on the original features 0.80." in verdict


def test_the_smaller_leak_decides_between_equal_utilities() -> None:
    def tradeoff(name: str, utility: float, age: float) -> Tradeoff:
        return Tradeoff(name, Estimate(utility), {"gender": Estimate(0.5), "age": Estimate(age)})

    none, a, b, c = (
        tradeoff("none", 1.0, 0.5),
        tradeoff("a", 0.8, 0.6),
        tradeoff("b", 0.8, 0.55),
        tradeoff("c", 0.9, 0.7),
    )
    assert a.worst == "age"
    assert best([none, a, b, c], 0.6) is b
    assert best([none, a, b, c], 0.7) is c
    assert best([none, a, b, c], 0.5) is None


def test_a_card_has_speakers_and_licences(sad: FitResult) -> None:
    card = sad.card()
    assert card["made_on"] == {"made": {"speakers": 30, "utterances": 120}}
    assert card["data_licences"] == {"made": "unknown to sordino"}
    assert card["commercial_use"] == "unknown: ask about made"
    audit = card["audit"]["sad"]
    assert {row["secret"] for row in audit["bounds"]} == {
        "gender",
        "sensitive-vs-neutral",
        "happy-vs-neutral",
        "angry-vs-neutral",
    }
    assert all(row["auc"] <= row["auc_high"] for row in audit["bounds"])
    assert audit["release"] == "drawn"
    assert "IS13" not in commercial_use(["cremad"])


def test_a_card_states_the_recordings_of_the_scaled_space(sad: FitResult) -> None:
    synthetic = synthetic_space("mel", 8)
    assert synthetic is not None
    assert "recognise their recordings" in sad.card()["scaled_space"]
    assert "no recording decides it" in replace(sad, preprocess=synthetic).card()["scaled_space"]
    assert "public" in replace(sad, public_space=True).card()["scaled_space"]


def test_a_card_has_pass_rates_that_trends_read(sad: FitResult) -> None:
    audit = json.loads(json.dumps(sad.card()["audit"]["sad"]))
    assert [entry["role"] for entry in audit["rates"]["emotions"].values()] == [
        "neutral",
        "required",
        "sensitive",
        "sensitive",
    ]
    assert set(audit["rates"]["roles"]) == {"neutral", "required", "sensitive", "others"}
    rates = Rates.from_card(audit)
    assert (rates.required.speakers, rates.required.utterances) == (30, 30)
    assert (len(rates.others), rates.rest.utterances) == (3, 90)
    assert rates.hit.mean > 0.7
    assert rates.false_pass.mean < 0.3
    assert "False passes depend on the mix" in sad.card()["how"]


def test_a_hidden_attribute_without_labels_is_reported(given: Made, cache: Path) -> None:
    policy = replace(SAD, hide=("gender", "speaker", "age"))
    result = fitted(given, cache, {"sad": policy}).policies["sad"]
    assert result.unlabelled == ("age",)
    assert set(result.test[-1].leaks) == {"sensitive-vs-neutral", "gender", "speaker"}
    before, after = (tradeoff.leaks["speaker"].value for tradeoff in result.test)
    assert before > after


@pytest.mark.parametrize(
    ("policies", "message"),
    [
        ({}, "no policy, expected at least one"),
        (
            {"a": SAD, "b": replace(HAPPY, sensitive=("sad",))},
            "angry: named by some policies and not by all",
        ),
        ({"a": replace(SAD, neutral="calm")}, "calm: not in the corpus"),
        ({"a": replace(SAD, release="mute")}, "release 'mute', expected one of none, rae"),
    ],
)
def test_a_policy_that_cannot_be_fitted_is_refused(
    given: Made, cache: Path, policies: Any, message: str
) -> None:
    with pytest.raises(PolicyError, match=message):
        fitted(given, cache, policies)


def test_validation_without_a_gender_is_refused_first(tmp_path: Path) -> None:
    given = synthetic_study.study(tmp_path, speakers=12, takes=1)
    message = r"no (fe)?male among 1 speaker\(s\) of the validation part"
    with pytest.raises(SplitError, match=message):
        fit.fit(given.corpus, {"sad": SAD}, features="absent.npz", budget=0.6, options=OPTIONS)
