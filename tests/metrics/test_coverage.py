"""Coverage of a 95 % interval over speakers: about 2.5 % of synthetic studies miss the truth on
each side.
"""

from __future__ import annotations

import pytest

from tests.metrics.synthetic_studies import SITUATIONS, misses, percentile_bootstrap

SKEWED = (
    "auc within .88",
    "auc within .95",
    "leakage .95",
    "privacy .05",
    "detail .75",
    "detail -.19",
)
UNLIKE = "auc constant .95, very unlike speakers"
CASES = [
    (name, speakers, draws)
    for name in SITUATIONS
    for speakers, draws in (
        (8 if name.startswith(("auc constant", "privacy", "leakage")) else 6, 1),
        (12, 1),
        (34, 5),
    )
]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "speakers", "draws"),
    [
        ("auc within .88", 6, 1),
        ("auc constant .50", 8, 1),
        ("f1 .38", 6, 1),
        ("auc within .50", 34, 5),
    ],
)
def test_few_studies_miss_the_truth_on_either_side(name, speakers, draws):
    low, high, _ = misses(SITUATIONS[name], speakers, draws, samples=300)
    assert low < 0.05
    assert high < 0.05
    assert low + high > 0.003, "an interval that never misses is too wide to be of use"


@pytest.mark.slow
def test_the_percentile_bootstrap_misses_too_often():
    low, _, width = misses(
        SITUATIONS["auc within .88"], 6, 1, samples=250, method=percentile_bootstrap
    )
    assert low > 0.09
    assert width < misses(SITUATIONS["auc within .88"], 6, 1, samples=250)[2]


@pytest.mark.slow
@pytest.mark.parametrize(("name", "speakers", "draws"), CASES)
def test_coverage_holds_for_every_metric_and_6_to_34_speakers(name, speakers, draws):
    low, high, _ = misses(SITUATIONS[name], speakers, draws, samples=300)
    allowed = 0.05
    if draws == 1 and (
        name in SKEWED or name == UNLIKE
    ):  # known and documented: the side that faces chance
        allowed = 0.10 if name == UNLIKE or name.startswith("detail") else 0.075
    assert max(low, high) < allowed
    assert low + high < allowed + 0.025
