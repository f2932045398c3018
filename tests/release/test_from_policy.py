"""A policy names a family and sets its knobs, or an error lists the known ones."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from sordino.errors import PolicyError
from sordino.release import (
    FITTERS,
    DrawnFitter,
    Family,
    ReplacementFitter,
    check,
    explain_release,
    fitter,
    name_of,
)
from sordino.testing import POLICY


def with_knobs(family: str, release: str = "", **knobs: Any) -> Any:
    tables: Any = {family: knobs}
    return dataclasses.replace(POLICY, release=release, knobs=tables)


def test_a_policy_without_knobs_makes_the_fitter_of_the_studies() -> None:
    for name, family in FITTERS.items():
        tuned, default = fitter(POLICY, name, 3), family(POLICY, 3)
        assert type(tuned) is type(default)
        assert getattr(tuned, "__dict__", {}) == getattr(default, "__dict__", {})


def test_knobs_are_those_of_the_policy_and_of_their_family_alone() -> None:
    policy = with_knobs("drawn", "drawn", rate=0.3, epsilon=2)
    output = fitter(policy, seed=5)
    assert isinstance(output, DrawnFitter)
    assert (output.rate, output.epsilon, output.seed, output.policy) == (0.3, 2, 5, policy)
    other = fitter(policy, "drawn+detail")
    assert isinstance(other, DrawnFitter)
    assert other.rate == DrawnFitter(POLICY).rate
    sized = fitter(with_knobs("rae", embeddings=[8]), "rae")
    assert isinstance(sized, ReplacementFitter)
    assert sized.embeddings == (8,)


def test_a_release_bears_the_name_of_what_it_does() -> None:
    assert name_of(with_knobs("drawn", detail=True), "drawn") == "drawn+detail"
    assert [name_of(POLICY, name) for name in FITTERS] == list(FITTERS)


@pytest.mark.parametrize("family", FITTERS.values(), ids=FITTERS)
def test_every_family_is_explained_and_its_fitter_has_its_knobs(family: Family) -> None:
    assert family.description
    assert not family.description.endswith(".")
    for knob, effect in family.knobs.items():
        assert hasattr(family(POLICY, 0), knob)
        assert effect


def test_a_policy_without_release_and_knobs_explains_nothing() -> None:
    assert explain_release(POLICY) == []


@pytest.mark.parametrize(
    ("family", "knobs", "says"),
    [
        (
            "drwan",
            {"rate": 0.2},
            r"release 'drwan', expected one of none, rae, .*: correct the spelling",
        ),
        (
            "drawn",
            {"rates": 0.2},
            r"\[drawn\] rates, expected rate, shrinkage, gap, epsilon, detail.*: correct the",
        ),
        ("drawn", {"alone": True}, r"\[drawn\] alone, expected rate"),
        ("none", {"rate": 0.2}, r"\[none\] rate, expected no knob"),
        ("drawn", {"rate": "high"}, r"\[drawn\] rate = 'high', expected a number"),
        ("drawn", {"rate": True}, r"\[drawn\] rate = True, expected a number"),
        ("drawn", {"detail": 1}, r"\[drawn\] detail = 1, expected a value like False"),
        ("rae", {"embeddings": 8}, r"\[rae\] embeddings = 8, expected a value like \(16, 32\)"),
        (
            "rae",
            {"embeddings": ["large"]},
            r"\[rae\] embeddings = \('large',\), expected a value like",
        ),
        ("rae-grl+", {"epochs": 1.5}, r"\[rae-grl\+\] epochs = 1.5, expected a value like 15"),
    ],
)
def test_what_is_not_known_is_refused(family: str, knobs: dict[str, Any], says: str) -> None:
    policy = with_knobs(family, **knobs)
    for refuses in (check, explain_release, lambda one: fitter(one, "leace")):
        with pytest.raises(PolicyError, match=says):
            refuses(policy)


def test_a_fitter_needs_a_family() -> None:
    with pytest.raises(
        PolicyError, match="the policy names no release, expected one of none, rae, "
    ):
        fitter(POLICY)
    with pytest.raises(PolicyError, match="release 'mute', expected one of"):
        fitter(dataclasses.replace(POLICY, release="mute"))
    with pytest.raises(PolicyError, match="release 'mute', expected one of"):
        fitter(POLICY, "mute")


@pytest.mark.parametrize("name", FITTERS)
def test_the_text_of_a_fitter_is_the_same_in_every_process(name: str) -> None:
    assert " at 0x" not in repr(FITTERS[name](POLICY, 0))
