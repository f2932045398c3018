"""A claim of the scaled space of synthetic speech is compared with the bundle."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from sordino.cli.scaled_space import OTHER_SPACE, space_warning
from sordino.cli.verbs.bundle import describe
from sordino.device import Bundle
from sordino.device.bundle.bundle import PREPROCESS_FILE, PolicyEntry
from sordino.export import networks
from sordino.features.synthetic_space import synthetic_space
from sordino.onnx.writer import rounded
from sordino.policy import Policy

CLAIM = "The scaling of synthetic speech, and random directions: no recording decides it."


def bundle(claim: str = CLAIM, int8: bool = False, **changes: Any) -> Bundle:
    """A bundle with the synthetic space of `mel`, with changed arrays."""
    space = synthetic_space("mel", 24)
    assert space is not None
    space = replace(
        space, **{name: change(getattr(space, name)) for name, change in changes.items()}
    )
    content = networks.preprocess(space)
    entry = PolicyEntry("mine", Policy("sad", ("angry",)), "drawn", 24, {}, PREPROCESS_FILE)
    card = {"features": {"set": "mel"}, "scaled_space": claim, "int8": int8}
    return Bundle({PREPROCESS_FILE: rounded(content) if int8 else content}, card, {"mine": entry})


@pytest.mark.parametrize("int8", [False, True])
def test_the_space_of_synthetic_speech_is_recognised(int8: bool) -> None:
    assert space_warning(bundle(int8=int8)) == ""


def one_direction(components: Any) -> Any:
    changed = components.copy()
    changed[3] = changed[3, ::-1]
    return changed


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("offset", lambda offset: offset + 0.1 * abs(offset).max()),
        ("factor", lambda factor: 1.1 * factor),
        ("mean", lambda mean: mean + 0.1),
        ("components", one_direction),
    ],
)
def test_another_space_under_that_claim_is_told(name: str, change: Any) -> None:
    other = bundle(**{name: change})
    assert space_warning(other) == OTHER_SPACE
    assert any(OTHER_SPACE in str(part) for part in describe(other, "other"))
    assert space_warning(bundle(claim="Fitted on public recordings.", **{name: change})) == ""
