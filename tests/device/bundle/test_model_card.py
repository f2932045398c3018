"""The model card of a bundle: the hub reads its figures, and hostile text stays text."""

from __future__ import annotations

import math
from typing import Any

import pytest

from sordino.device import PolicyEntry
from sordino.device.bundle.model_card import model_card
from sordino.policy import Policy

POLICY = Policy(required="sad", sensitive=("happy", "angry"))
POLICIES = [PolicyEntry("mine", POLICY, "drawn", 24, {"kind": "drawn"})]


def card(**changes: Any) -> dict[str, Any]:
    """A card as `sordino fit` writes it."""
    measured = {
        "release": "drawn",
        "utility_auc": {"value": 0.91, "low": 0.88, "high": 0.94, "chance": 0.5},
        "leaks": {
            "gender": {"value": 0.52, "low": 0.46, "high": 0.58, "chance": 0.5},
            "sensitive-vs-neutral": {"value": 0.53, "low": None, "high": None, "chance": 0.5},
        },
    }
    return {
        "made_on": {"ravdess": {"speakers": 24, "utterances": 1440}, "emodb": {}},
        "data_licences": {"ravdess": "CC BY-NC-SA 4.0"},
        "commercial_use": "no: ravdess",
        "audit": {"mine": {"measured": [{"release": "none"}, measured]}},
        "how": "Five draws of speakers.",
        **changes,
    }


def test_the_hub_reads_every_figure_with_its_interval() -> None:
    hub = pytest.importorskip("huggingface_hub")
    data = hub.ModelCard(model_card("mute", card(), POLICIES)).data
    assert (data.model_name, data.library_name, data.license) == ("mute", "sordino", "other")
    results = {result.task_name: result for result in data.eval_results}
    assert len(results) == 3
    gender = results["mine: gender"]
    assert (gender.metric_type, gender.metric_value) == ("roc_auc", 0.52)
    assert gender.metric_args == {"low": 0.46, "high": 0.58, "chance": 0.5}
    assert gender.dataset_name == "ravdess+emodb"
    assert results["mine: sad against the rest"].metric_value == 0.91


def test_the_page_has_policy_figures_and_licences() -> None:
    text = model_card("mute", card(), POLICIES)
    assert "| mine | gender | hidden | 0.52 | [0.46, 0.58] | 0.50 |" in text
    assert "| mine | sad against the rest | recognisable | 0.91 |" in text
    assert "[–, –]" in text
    assert "- sad stays recognisable." in text
    assert "- Licence of data: ravdess: CC BY-NC-SA 4.0" in text
    assert "hidden from this attacker alone" in text


@pytest.mark.parametrize(
    "audit",
    [None, [], {"mine": 1}, {"mine": {"measured": {}}}, {"mine": {"measured": ["x"]}}]
    + [{"mine": {"measured": [{"leaks": {"gender": value}}]}} for value in (1, {"value": "x"})]
    + [{"mine": {"measured": [{"leaks": {"gender": {"value": math.nan, "chance": 0.5}}}]}}],
)
def test_figures_of_another_structure_are_left_out(audit: Any) -> None:
    text = model_card("mute", card(audit=audit), POLICIES)
    assert "The card states no figures." in text
    assert "model-index" not in text


def test_the_page_says_what_the_scaled_space_depends_on() -> None:
    text = model_card("mute", card(scaled_space="Fitted on [a](b)."), POLICIES)
    assert "- Scaled space: Fitted on \\[a\\](b)." in text
    assert "Scaled space" not in model_card("mute", card(scaled_space=["x"]), POLICIES)


def test_hostile_text_ends_no_header_and_makes_no_element() -> None:
    hub = pytest.importorskip("huggingface_hub")
    hostile = 'a"\n---\n<script>x</script>\x1b[31m | [b](c)'
    text = model_card("mute", card(made_on={hostile: {}}, how=hostile), POLICIES)
    assert "<script>" not in text.partition("\n---\n")[2]
    assert "\x1b" not in text
    data = hub.ModelCard(text).data
    assert len(data.eval_results) == 3
    assert "<script>" in data.eval_results[0].dataset_name
