"""A choice between releases needs no informed attacker, and leaves every figure as it was."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from sordino.define import Knowledge
from sordino.report.estimate_table import Estimates
from sordino.report.estimates import measure
from sordino.study import POLICIES, protocol
from sordino.study.fitting import selection
from sordino.study.protocol import Inputs
from sordino.study.units import predictions
from tests.study import synthetic_study
from tests.study.synthetic_study import FITTERS, SMALL


@pytest.mark.slow
def test_informed_attackers_change_no_tradeoff(tmp_path: Path) -> None:
    study = synthetic_study.study(tmp_path, speakers=16, takes=2)
    sums = study.corpus.checksums()
    inputs = Inputs(
        study.corpus, study.x, sums, protocol.draws(study.corpus, SMALL, sums)[:1], None
    )

    def guesses(informed: bool) -> pd.DataFrame:
        settings: dict[str, Any] = {
            "policies": POLICIES[:1],
            "fitters": FITTERS,
            "informed": informed,
        }
        return predictions(inputs, tmp_path / "units", SMALL, jobs=1, **settings)[0]

    full, choice = guesses(True), guesses(False)
    left_out = full[(full["knowledge"] == Knowledge.INFORMED) | (full["target"] == "membership")]
    assert len(choice) == len(full) - len(left_out) < len(full)
    audited, chosen = (
        selection.tradeoffs(Estimates(measure(table, breakdown=breakdown)), POLICIES[0])
        for table, breakdown in ((full, True), (choice, False))
    )
    assert repr(chosen) == repr(audited)
