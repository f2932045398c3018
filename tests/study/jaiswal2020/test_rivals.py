"""Rivals in the study: run only if named, with the attackers and tables of the other embeddings."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from sordino.release import RIVALS
from sordino.study.jaiswal2020 import study
from sordino.study.jaiswal2020.estimates import measure_embeddings
from sordino.study.jaiswal2020.tables import Look, held_out
from sordino.study.jaiswal2020.variants import BESIDE_GENERAL, select_variants
from tests.study.jaiswal2020.test_drawn import one_fold
from tests.study.synthetic_corpus import QUICK, corpus


def test_rivals_run_only_if_they_are_named() -> None:
    named = select_variants(("audio",), ("activation",), ("rivals",))
    assert tuple(variant.release for variant in named) == RIVALS
    everything = select_variants(("audio", "text"), ("activation", "valence"))
    assert not {variant.release for variant in everything} & set(RIVALS)


@pytest.mark.slow
def test_rivals_have_the_attacks_and_tables_of_the_others(tmp_path: Path) -> None:
    spoken = corpus(tmp_path, speakers=10, utterances=6)
    options = replace(QUICK, epochs=1, shuffles=1, selections=1)
    table, units = one_fold(spoken, tmp_path / "units", options, "rivals")
    speakers = pd.DataFrame({"speaker": spoken.speaker, "gender": spoken.genders()})
    estimates = measure_embeddings(table, units, speakers, "spoken", 0)
    for release in RIVALS:
        metrics = set(estimates.loc[estimates["release"] == release, "metric"])
        assert {"uar", "leakage", "privacy", "auc", "membership"} <= metrics
    look = Look(estimates)
    names = [row[1].text for row in held_out(look, "activation", RIVALS).groups[0]]
    assert names == list(RIVALS)
    assert set(RIVALS) <= set(BESIDE_GENERAL), "these are compared with `general`"
    assert set(RIVALS) == set(study.summary(estimates)["embedding"])
