"""A family is declared once, and everything else looks it up."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from sordino.errors import PolicyError, ReleaseError
from sordino.policy import Policy
from sordino.release import (
    FITTERS,
    Family,
    Identity,
    IdentityFitter,
    check,
    explain_release,
    family,
    fitter,
    load,
    register,
)
from sordino.release.noise import Noise
from sordino.testing import POLICY


@pytest.fixture
def custom() -> Iterator[Family]:
    """A family from outside of the package, for the length of a test."""
    added = register(
        Family(
            "custom",
            "the features, unchanged, under another name",
            lambda policy, seed: IdentityFitter(),  # noqa: ARG005
            Identity.restore,
        )
    )
    yield added
    del FITTERS["custom"]


def test_every_family_is_registered_under_its_name() -> None:
    assert all(family(name).name == name for name in FITTERS)


def test_an_unknown_family_is_refused_with_the_known_names() -> None:
    with pytest.raises(ReleaseError, match="release 'mute', expected one of none, rae, "):
        family("mute")


def test_a_registered_family_is_known_to_policies(custom: Family) -> None:
    policy = Policy("sad", ("angry",), release="custom")
    check(policy)
    assert isinstance(fitter(policy), IdentityFitter)
    assert explain_release(policy) == [f"The release is custom: {custom.description}."]


def test_a_later_definition_of_a_family_replaces_the_earlier(custom: Family) -> None:
    assert register(custom) is custom
    other = Family("custom", "another", custom.fitter, custom.restore)
    assert register(other) is other
    assert family("custom") is other


@pytest.mark.parametrize("name", ["noise-laplace", "drawn+rae-50"])
def test_a_removed_family_is_refused_in_a_policy(name: str) -> None:
    with pytest.raises(PolicyError, match=r"expected one of none, rae, .*: correct the spelling"):
        fitter(POLICY, name)


def test_a_removed_family_is_refused_in_a_file(tmp_path: Path) -> None:
    config = {"kind": "laplace", "scale": 1.0, "width": 4, "key": 0}
    Noise("noise-laplace", config).save(tmp_path / "old.npz")
    with pytest.raises(ReleaseError, match="release 'noise-laplace', expected one of none, rae"):
        load(tmp_path / "old.npz")
