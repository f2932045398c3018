"""Feng 2021: hide emotions and gender in utterance features, and see who still finds them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import pandas as pd

from sordino import storage
from sordino.corpora.table import Corpus
from sordino.features import CACHE
from sordino.report.estimates import measure
from sordino.study import protocol
from sordino.study.feng2021 import report
from sordino.study.units import Options

STUDY: Final = "feng2021"


def reproduce(
    corpus: Corpus,
    out: str | Path,
    *,
    features: str = "IS13",
    options: Options | None = None,
    cache: str | Path | None = CACHE,
    jobs: int = 0,
    notices: Sequence[str] = (),
) -> pd.DataFrame:
    """The estimates of the whole study; `estimates.csv`, `run.json`, `report.html` and figures are
    written to `out`.

    `features` is a feature set or a table of vectors made elsewhere (`sordino.features.extract`).
    Utterances of other emotions than the paper's four are left out. What is finished is read again
    from `cache` and `out/units`, so the same call goes on after a kill. `notices` stand on top of
    the page.

    Raises `CorpusError` when an emotion or gender is missing, `SplitError` when speakers do not
    suffice.
    """
    out = storage.folder(out)
    guesses, record = protocol.attacked(
        corpus, out, features, options or Options(), cache, jobs, STUDY
    )
    estimates = measure(
        guesses, study=STUDY, features=protocol.name_of(features), seed=(options or Options()).seed
    )
    protocol.write(estimates, record, report.page(guesses, estimates, record, notices), out)
    return estimates
