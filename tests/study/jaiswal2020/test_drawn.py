"""Drawn embeddings: attacks, bounds, and classes with too few speakers."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from sordino.corpora.dimensions import levels
from sordino.corpora.table import Corpus
from sordino.errors import ReleaseError
from sordino.study.jaiswal2020 import tables
from sordino.study.jaiswal2020.estimates import (
    decision_bounds,
    measure_embeddings,
)
from sordino.study.jaiswal2020.inputs import Material
from sordino.study.jaiswal2020.protocol import StudyLabels, draws
from sordino.study.jaiswal2020.units import guesses
from sordino.study.jaiswal2020.variant_run import VariantRun
from sordino.study.jaiswal2020.variants import JaiswalOptions, select_variants
from tests.study.synthetic_corpus import KEYS, QUICK, corpus


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    return corpus(tmp_path_factory.mktemp("sound"))


def first_fold(given: Corpus) -> StudyLabels:
    """The first fold alone."""
    labels = {"activation": levels(given, "activation").codes, "gender": given.genders()}
    codes = np.unique(given.speaker, return_inverse=True)[1]
    return StudyLabels(
        {**labels, "speaker": codes}, given.speaker, draws(given, 0, given.checksums())[:1]
    )


def one_fold(
    given: Corpus, out: Path, options: JaiswalOptions, *only: str
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """The guesses of the first fold alone, and the records of its units."""
    material = Material.of(given, ("audio",), normalise="corpus", cache=None)
    return guesses(
        select_variants(("audio",), ("activation",), only),
        material,
        first_fold(given),
        out,
        options,
        1,
    )


@pytest.fixture(scope="module")
def drawn(planted: Corpus, tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    """The estimates of one fold of the drawn embedding."""
    table, units = one_fold(
        planted, tmp_path_factory.mktemp("units"), replace(QUICK, selections=0), "drawn"
    )
    speakers = pd.DataFrame({"speaker": planted.speaker, "gender": planted.genders()})
    return measure_embeddings(table, units, speakers, "planted", 0)


def test_a_drawn_embedding_has_all_attacks_and_a_bound(drawn: pd.DataFrame) -> None:
    whole = drawn[drawn["split"] == "all"]
    assert set(whole["release"]) == {"drawn"}
    assert {"uar", "leakage", "privacy", "auc", "bound_auc", "bound_uar", "bound_advantage"} <= set(
        whole["metric"]
    )
    assert not whole.duplicated(KEYS).any()
    bounds = whole[whole["metric"] == "bound_uar"].set_index(["target", "condition"])
    assert {("gender", ""), ("gender", "given low"), ("speaker", "")} <= set(bounds.index)
    assert (bounds["value"] >= bounds["chance"]).all()
    speaker, gender = (bounds[bounds.index == (target, "")] for target in ("speaker", "gender"))
    assert (speaker["value"] <= speaker["high"]).all()
    assert pd.isna(gender["high"]).all()  # one fold has four speakers
    assert tables.bounds_table(drawn).groups[0][0][4].text == "none"


def with_rare_class(folder: Path) -> Corpus:
    """Ten speakers; only the first five have utterances of the class low."""
    every = corpus(folder, speakers=10, utterances=3)
    rare = every.column("emotion") == "sad"
    return every.select(~rare | (every.speaker < "05"))


def test_a_class_with_too_few_speakers_is_not_drawn(
    tmp_path: Path,
) -> None:
    options = replace(QUICK, epochs=1, selections=1)
    few = with_rare_class(tmp_path)
    table, units = one_fold(few, tmp_path / "units", options, "audio-activation", "drawn")
    assert set(table["release"]) == {"general", "private", "private+"}
    assert table["row"].dtype == int
    not_asked = units["audio-activation-drawn-0"]["not_asked"]
    assert not_asked.startswith("drawn (seed 0): ")
    assert "add speakers" in not_asked


def test_membership_without_candidates_is_skipped(
    tmp_path: Path,
) -> None:
    few = with_rare_class(tmp_path)
    variant, options = (
        select_variants(("audio",), ("activation",), ("drawn",))[0],
        replace(QUICK, epochs=1),
    )
    material = Material.of(few, ("audio",), normalise="corpus", cache=None)
    variant_run = VariantRun(variant, 0, material, first_fold(few), options)
    assert variant_run.member_network(1, 0, 0) is variant_run.member_network(1, 0, 1) is None
    assert "membership of selection 0 (seed 0): " in variant_run.record["not_asked"]
    assert "membership of selection 1 (seed 0): " in variant_run.record["not_asked"]
    other = VariantRun(replace(variant, release="private"), 0, material, variant_run.study, options)
    with pytest.raises(ReleaseError, match="no number"):
        other.skip("membership", 0, ReleaseError("no number"))


def decisions(seeds: int) -> pd.DataFrame:
    """Twenty speakers in five folds. Two networks favour one bin for opposite genders."""
    random, speaker = np.random.default_rng(0), np.repeat(np.arange(20), 30)
    parts = []
    for seed in range(seeds):
        share = np.where(speaker % 2 == seed % 2, 0.7, 0.3)
        draw = [f"{fold} seed {seed}" if seeds > 1 else str(fold) for fold in speaker // 4]
        parts.append(
            pd.DataFrame(
                {
                    "draw": draw,
                    "row": np.arange(600),
                    "gender": speaker % 2,
                    "speaker": speaker,
                    "truth": 1,
                    "prediction": (random.random(600) < share).astype(int),
                }
            )
        )
    return pd.concat(parts, ignore_index=True)


def of_gender(table: pd.DataFrame) -> pd.DataFrame:
    lines = pd.DataFrame(decision_bounds(table))
    return lines[(lines["target"] == "gender") & (lines["condition"] == "")].set_index("metric")


def test_errors_of_several_networks_do_not_cancel() -> None:
    one, two = of_gender(decisions(1)), of_gender(decisions(2))
    assert one.loc["bound_uar", "value"] == pytest.approx(0.7, abs=0.05)
    for metric in one.index:
        assert two.loc[metric, "value"] >= one.loc[metric, "value"]
        assert two.loc[metric, "high"] >= one.loc[metric, "high"]
    assert set(one["n"]) == set(two["n"]) == {600}, "each utterance counts once"


def test_pairs_have_no_bound() -> None:
    table = decisions(1)
    table["draw"] = (table.index % 3).astype(str)  # each speaker by three networks
    assert of_gender(table)[["value", "high"]].isna().all(axis=None)
