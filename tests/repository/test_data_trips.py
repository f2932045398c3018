"""A corpus is handed to few functions on its way through a study."""

from __future__ import annotations

import runpy
import warnings
from pathlib import Path

import pytest

BENCHMARK = Path(__file__).parents[2] / "benchmarks" / "data_trips.py"


@pytest.mark.slow
def test_the_limit_of_data_trips_holds(tmp_path: Path) -> None:
    """In `fit` and `attack.run`; `compare` takes longer, and has the functions of `fit`."""
    benchmark = runpy.run_path(str(BENCHMARK))
    runs = benchmark["runs"](tmp_path)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # few speakers have few prototypes
        trips = [benchmark["functions"](runs[name]) for name in ("fit", "attack.run")]
    assert [len(names) <= benchmark["LIMIT"] for names in trips] == [True, True], trips
