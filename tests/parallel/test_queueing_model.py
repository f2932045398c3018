"""The queueing model of `benchmarks/cluster.py`, on runs whose length is known."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture
def benchmark(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    pytest.importorskip("distributed")
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    return runpy.run_path(str(BENCHMARKS / "cluster.py"))


@pytest.mark.parametrize(("workers", "seconds"), [(1, 12.0), (3, 4.0), (12, 1.0)])
def test_units_without_cost_fill_the_workers(
    workers: int, seconds: float, benchmark: dict[str, Any]
) -> None:
    assert benchmark["makespan"]([1.0] * 12, workers, benchmark["Cost"](0, 0)) == seconds


def test_a_slow_client_limits_many_workers(benchmark: dict[str, Any]) -> None:
    seconds = benchmark["makespan"]([1.0] * 100, 1_000, benchmark["Cost"](0.5, 0.25))
    assert seconds == 100 * 0.5 + 1 + 2 * 0.25
