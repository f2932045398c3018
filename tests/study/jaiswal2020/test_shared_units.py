"""A sweep uses the networks of the main section and computes the others."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from sordino.corpora.dimensions import levels
from sordino.study.jaiswal2020.inputs import Material
from sordino.study.jaiswal2020.protocol import draws
from sordino.study.jaiswal2020.study import _labels
from sordino.study.jaiswal2020.units import guesses
from sordino.study.jaiswal2020.variants import JaiswalOptions, Variant
from tests.study.synthetic_corpus import corpus

OPTIONS = JaiswalOptions(
    normalise="corpus", epochs=1, families=("linear",), shuffles=2, word_dims=8, patient=2
)
MAIN = Variant("text", "activation", "private")
SWEPT = Variant("text", "activation", "private", reversal=OPTIONS.reversal)


@pytest.mark.slow
def test_a_sweep_has_the_guesses_of_its_own_networks(tmp_path: Path) -> None:
    few = corpus(tmp_path, speakers=10, utterances=4)
    material = Material.of(few, ["text"], word_dims=8, cache=None, jobs=1)
    parts = draws(few, 0, few.checksums())[:1]
    study = _labels(few, {"activation": levels(few, "activation")}, parts)

    def run(name: str, *variants: Variant) -> tuple[pd.DataFrame, dict[str, object]]:
        return guesses(variants, material, study, tmp_path / name, OPTIONS, jobs=1)

    both, records = run("both", MAIN, SWEPT)
    alone, single_records = run("alone", SWEPT)
    assert len([*(tmp_path / "both").glob("*.parquet")]) == 1
    shared = both[both["condition"] == SWEPT.condition].reset_index(drop=True)
    pd.testing.assert_frame_equal(shared, alone)
    assert len(both) > 2 * len(shared), "membership inference is in the main section alone"
    name = f"{SWEPT.name}-0"
    assert [*records] == [f"{MAIN.name}-0", name]
    assert records[name] == single_records[name]
