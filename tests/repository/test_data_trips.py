"""A corpus is handed to few functions on its way through a study."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest

BENCHMARK = Path(__file__).parents[2] / "benchmarks" / "data_trips.py"


@pytest.mark.slow
def test_the_limit_of_data_trips_holds(capsys: pytest.CaptureFixture[str]) -> None:
    status = runpy.run_path(str(BENCHMARK))["main"]()
    assert status == 0, capsys.readouterr().out
