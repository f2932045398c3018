"""The golden vectors of ports/golden.json are those that Python computes."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.ports import golden


def test_the_golden_vectors_are_those_of_python() -> None:
    stored: Any = json.loads(golden.FILE.read_text(encoding="utf-8"))
    _agree(golden.golden(), stored)


def _agree(computed: Any, stored: Any) -> None:
    """Assert the same structure, and numbers that differ in their last digits at most."""
    assert type(computed) is type(stored)
    if isinstance(stored, dict):
        assert list(computed) == list(stored)
        computed, stored = list(computed.values()), list(stored.values())
    if isinstance(stored, list):
        assert len(computed) == len(stored)
        for parts in zip(computed, stored, strict=True):
            _agree(*parts)
    elif isinstance(stored, float):
        assert computed == pytest.approx(stored, rel=1e-5, abs=1e-5)
    else:
        assert computed == stored
