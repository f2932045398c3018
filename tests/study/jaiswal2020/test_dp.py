"""Embeddings with differential privacy for each speaker, in the study."""

from __future__ import annotations

import math
from typing import Any

import pandas as pd
import pytest

from sordino.nn.fit_private import SpeakerPrivacy
from sordino.study.jaiswal2020 import further_tables
from sordino.study.jaiswal2020.estimates import measure_embeddings
from sordino.study.jaiswal2020.tables import Look
from sordino.study.jaiswal2020.variants import JaiswalOptions, select_variants
from tests.study.jaiswal2020.test_drawn import one_fold
from tests.study.synthetic_corpus import corpus


def test_dp_runs_only_if_it_is_named() -> None:
    named = select_variants(("audio",), ("activation",), ("dp",))
    assert [variant.name for variant in named] == [
        "audio-activation-dp",
        "audio-activation-dp-epsilon=inf",
    ]
    assert math.isinf(named[1].epsilon or 0)
    everything = select_variants(("audio",), ("activation",))
    assert "dp" not in {variant.release for variant in everything}


Run = tuple[pd.DataFrame, dict[str, Any]]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """The estimates of one fold, and the records of its units."""
    pytest.importorskip("opacus", reason="the extra dp is not installed")
    planted = corpus(tmp_path_factory.mktemp("sound"), speakers=10, utterances=6)
    options = JaiswalOptions(
        normalise="corpus",
        families=("linear",),
        shuffles=1,
        privacy=SpeakerPrivacy(steps=2, utterances=2),
    )
    table, units = one_fold(planted, tmp_path_factory.mktemp("units"), options, "dp")
    speakers = pd.DataFrame({"speaker": planted.speaker, "gender": planted.genders()})
    return measure_embeddings(table, units, speakers, "planted", 0), units


@pytest.mark.slow
def test_dp_has_its_epsilon_and_a_reference_without_noise(run: Run) -> None:
    estimates, units = run
    epsilon = estimates[estimates["metric"] == "epsilon"]
    assert epsilon["condition"].tolist() == [""]
    assert 7.9 < epsilon["value"].item() <= 8
    for condition in ("", "epsilon=inf"):
        metrics = set(estimates.loc[estimates["condition"] == condition, "metric"])
        assert {"uar", "privacy", "membership"} <= metrics
        assert "leakage" not in metrics, "there is no head of gender"
    config = units["audio-activation-dp-epsilon=inf-0"]["networks"][0]["config"]
    assert (config["privacy"]["epsilon"], config["accounted"]) == ("inf", None)


@pytest.mark.slow
def test_the_table_of_dp_has_epsilon_and_its_reference(run: Run) -> None:
    rows = further_tables.privacy_table(Look(run[0])).groups[0]
    assert [row[2].text for row in rows] == ["dp", "dp epsilon=inf"]
    assert [row[3].text for row in rows] == ["8.00", "∞"]
