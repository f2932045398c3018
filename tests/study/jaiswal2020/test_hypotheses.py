"""Hypotheses are answered yes, no, or cannot tell, by tests over folds."""

from __future__ import annotations

import pandas as pd
import pytest

from sordino.columns import ESTIMATE_COLUMNS
from sordino.study.jaiswal2020.hypotheses import HYPOTHESES, _title, verdicts
from sordino.study.jaiswal2020.tables import Look

NOISE = (0.01, -0.01, 0.0, 0.02, -0.02)
"""Deviations of the folds of one embedding."""


def look(private: dict[str, float], noise: float = 1.0) -> Look:
    """Estimates of five folds: `general` at .5 in each figure, `private` at other values."""
    where = {"features": "audio", "required": "activation", "condition": "", "group": "", "k": ""}
    lines = []
    for metric, value in {"privacy": 0.5, "uar": 0.5, "uar_difference": 0.5}.items():
        knowledge = "semi-informed" if metric == "privacy" else "ignorant"
        for release, level in (("general", value), ("private", private.get(metric, value))):
            for fold, deviation in enumerate(NOISE):
                shift = noise * deviation * (release == "private")
                lines.append(
                    where
                    | {"release": release, "metric": metric, "knowledge": knowledge}
                    | {"split": str(fold), "value": level + shift}
                )
    return Look(pd.DataFrame(lines).reindex(columns=list(ESTIMATE_COLUMNS)))


@pytest.mark.parametrize(
    ("private", "expected"),
    [
        ({"privacy": 0.8}, "Yes"),
        ({"privacy": 0.2}, "No"),
        ({"privacy": 0.51}, "Cannot tell"),
    ],
)
def test_the_sign_of_a_sure_difference_answers(private: dict[str, float], expected: str) -> None:
    assert verdicts(look(private))[1].startswith(f"**{expected}**: privacy training raises P")


@pytest.mark.parametrize(
    ("utility", "noise", "expected"),
    [(0.49, 1.0, "Yes"), (0.3, 1.0, "No"), (0.49, 9.0, "Cannot tell")],
)
def test_a_small_loss_needs_a_narrow_interval(utility: float, noise: float, expected: str) -> None:
    assert verdicts(look({"uar": utility}, noise))[2].startswith(f"**{expected}**")


def test_a_hypothesis_without_its_section_has_no_answer() -> None:
    answers = verdicts(look({}))
    assert [bool(text) for text in answers] == [False, True, True, False, True, False, False]


def test_a_claim_between_streams_names_the_other_one() -> None:
    titles = [_title(claim) for hypothesis in HYPOTHESES for claim in hypothesis.claims]
    assert titles[:3] == ["L against audio", "L against text", "P"]
    assert not any("against" in title for title in titles[2:])
