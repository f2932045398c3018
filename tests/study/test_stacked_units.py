"""Units with networks that are trained as stacks, as on a GPU, against units of one thread each."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest

from sordino.nn.fit import run_plan, run_rounds
from sordino.nn.stack import fit_stacks
from sordino.study import POLICIES, protocol
from sordino.study.protocol import Inputs
from sordino.study.units import _compute_stacked, _finish, _Study, _Unit
from tests.study import synthetic_study
from tests.study.synthetic_study import FITTERS, SMALL

TOLERANCE = 1e-3
"""The largest difference of a released number, in a scaled space of numbers from 0 to 1."""


@pytest.fixture(scope="module")
def units(tmp_path_factory: pytest.TempPathFactory) -> list[_Unit]:
    study = synthetic_study.study(tmp_path_factory.mktemp("study"), speakers=16, takes=2)
    sums = study.corpus.checksums()
    parts = protocol.draws(study.corpus, SMALL, sums)[:1]
    shared = _Study(Inputs(study.corpus, study.x, sums, parts, None), SMALL, FITTERS)
    return [_Unit(shared, parts[0], policy) for policy in POLICIES[:2]]


@pytest.mark.slow
def test_a_stack_releases_the_vectors_of_single_training(units: list[_Unit]) -> None:
    z = units[0].space()
    stacked = run_rounds([unit.plan(z) for unit in units], partial(fit_stacks, device="cpu"))
    for unit, (_, (release,)) in zip(units, stacked, strict=True):
        _, (single,) = run_plan(unit.plan(z))
        assert np.abs(release(z) - single(z)).max() < TOLERANCE
        assert np.abs(release(z) - z).max() > 100 * TOLERANCE


@pytest.mark.slow
def test_stacked_units_have_guesses_of_the_same_attacks(units: list[_Unit]) -> None:
    results = list(_compute_stacked(units[:1], 1, "cpu"))
    name, table, record = _finish(units[0])
    ((stacked_name, stacked, stacked_record),) = results
    labels = ["row", "target", "knowledge", "attacker", "truth", "k"]
    assert stacked_name == name
    assert stacked_record["releases"]["rae"].keys() == record["releases"]["rae"].keys()
    assert stacked[labels].equals(table[labels])


def test_the_device_is_part_of_the_key(units: list[_Unit], monkeypatch: pytest.MonkeyPatch) -> None:
    before = units[0].key("")
    monkeypatch.setattr("sordino.study.units.compute_device", lambda: "cuda")
    assert units[0].key("") != before
