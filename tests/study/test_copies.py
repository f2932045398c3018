"""Fits on copies: copies of test and attacker speakers reach no fit, and only fits use copies."""

from __future__ import annotations

import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from sordino.corpora.copies import part_with_copies, recorded, with_copies
from sordino.corpora.split import Part
from sordino.errors import FeatureError
from sordino.features.renderings import condition_record
from sordino.metrics.bound import Bound
from sordino.release import DrawnFitter, bounds
from sordino.signal import audio
from sordino.study import POLICIES, protocol
from sordino.study.adaptation import personalisation
from sordino.study.protocol import Inputs
from sordino.study.units import predictions
from sordino.types import Vectors
from tests.study import synthetic_study
from tests.study.synthetic_study import FITTERS, SMALL, Made

OPTIONS = replace(SMALL, releases=("drawn",))
COPIES = 2


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    return synthetic_study.study(tmp_path_factory.mktemp("copies"), speakers=20, takes=1)


@pytest.fixture(scope="module")
def inputs(made: Made) -> Inputs:
    random = np.random.default_rng(0)
    blocks = [made.x + random.normal(0, 0.3, made.x.shape) for _ in range(COPIES)]
    x = np.concatenate([made.x, *blocks]).astype(np.float32)
    sums = made.corpus.checksums()
    return Inputs(made.corpus, x, sums, protocol.draws(made.corpus, OPTIONS, sums)[:1], None)


def record(inputs: Inputs, folder: Path) -> Any:
    """The record of the only unit."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # few prototypes
        _, units = predictions(
            inputs, folder, OPTIONS, policies=POLICIES[:1], fitters=FITTERS, jobs=1
        )
    (unit,) = units.values()
    return unit


@pytest.fixture(scope="module")
def before(inputs: Inputs, tmp_path_factory: pytest.TempPathFactory) -> Any:
    return record(inputs, tmp_path_factory.mktemp("before"))


def with_other_copies(inputs: Inputs, part: Part, size: float = 0.5) -> Inputs:
    """The inputs with other vectors of the copies of a party, the recordings as before."""
    x: Vectors = inputs.x.copy()
    rows = inputs.with_copies(part).rows
    copied = rows[rows >= len(inputs.corpus)]
    x[copied] += np.random.default_rng(1).normal(0, size, x[copied].shape)
    return inputs._replace(x=x)


def test_copies_follow_their_recordings(inputs: Inputs) -> None:
    utterances, fitting = len(inputs.corpus), inputs.fitting
    assert inputs.copies == COPIES
    assert inputs.conditions["copies"] == COPIES
    assert recorded(fitting.table).sum() == utterances
    np.testing.assert_array_equal(fitting.speaker, np.tile(inputs.corpus.speaker, 1 + COPIES))
    part = inputs.draws[0].transform
    rows = inputs.with_copies(part).rows
    assert set(fitting.speaker[rows]) == set(inputs.corpus.speaker[part.rows])
    assert len(rows) == (1 + COPIES) * len(part.rows)


def test_copies_of_test_speakers_reach_no_fit(inputs: Inputs, before: Any, tmp_path: Path) -> None:
    test = Part(inputs.draws[0].test, inputs.draws[0].test[:0])
    assert record(with_other_copies(inputs, test), tmp_path) == before


def test_copies_of_attackers_reach_no_release(inputs: Inputs, before: Any, tmp_path: Path) -> None:
    after = record(with_other_copies(inputs, inputs.draws[0].risk), tmp_path)
    assert after["releases"] == before["releases"]
    assert after["bounds"] == before["bounds"]
    assert after["attackers"] == before["attackers"]
    assert after["risk_validation_losses"] != before["risk_validation_losses"]


def test_copies_of_the_transform_party_change_its_release(
    inputs: Inputs, before: Any, tmp_path: Path
) -> None:
    """The tests before could see a copy that reaches a fit."""
    after = record(with_other_copies(inputs, inputs.draws[0].transform), tmp_path)
    assert after["releases"]["drawn"]["hash"] != before["releases"]["drawn"]["hash"]


def users(inputs: Inputs) -> pd.DataFrame:
    """The guesses about users of one draw."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # few prototypes
        return personalisation.guesses_of_users(
            inputs,
            OPTIONS,
            policies=POLICIES[:1],
            fitters=FITTERS,
            histories=personalisation.HISTORIES[:1],
            jobs=1,
        )


def test_users_are_heard_in_their_recordings_alone(inputs: Inputs) -> None:
    draw = inputs.draws[0]
    test, before = Part(draw.test, draw.test[:0]), users(inputs)
    pd.testing.assert_frame_equal(users(with_other_copies(inputs, test)), before)
    assert not users(with_other_copies(inputs, draw.transform, size=5)).equals(before)


def test_prototypes_hold_no_mark_of_copies(made: Made) -> None:
    """Copies have a mark that no recording has."""
    rows = np.arange(len(made.corpus))
    fitting = with_copies(made.corpus, 1)
    mark = np.repeat([[0.0], [1.0]], len(rows), axis=0)
    z = np.hstack([np.tile(made.x, (2, 1)), mark]).astype(np.float32)
    part = part_with_copies(Part(rows, rows[:0]), len(rows), 1)
    release = DrawnFitter(POLICIES[0]).fit(z, fitting, part)
    np.testing.assert_allclose(release.arrays["prototypes"][:, -1], 0, atol=1e-6)


def test_bounds_count_no_copy(made: Made) -> None:
    """Copies equal to their recordings leave the bound as it is."""
    rows = np.arange(len(made.corpus))

    def bounds_with(count: int) -> dict[tuple[str, str], Bound]:
        fitting = with_copies(made.corpus, count)
        x = np.tile(made.x, (1 + count, 1))
        part = part_with_copies(Part(rows, rows[:0]), len(rows), count)
        return bounds(DrawnFitter(POLICIES[0]), lambda _: x, fitting, part)

    plain, copied = bounds_with(0), bounds_with(1)
    assert {key: bound.speakers for key, bound in copied.items()} == {
        key: bound.speakers for key, bound in plain.items()
    }
    for key, bound in plain.items():
        assert copied[key].high == pytest.approx(bound.high, abs=1e-6)


def test_copies_equal_to_their_recordings_leave_the_boundary(made: Made) -> None:
    rows = np.arange(len(made.corpus))
    configs = []
    for count in (0, 3):
        fitting = with_copies(made.corpus, count)
        part = part_with_copies(Part(rows, rows[:0]), len(rows), count)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # few prototypes
            release = DrawnFitter(POLICIES[0]).fit(np.tile(made.x, (1 + count, 1)), fitting, part)
        configs.append((*release.config["tilt"], release.config["threshold"]))
    assert configs[0] == pytest.approx(configs[1], abs=1e-6)


def test_a_table_of_vectors_has_no_copies(made: Made) -> None:
    options = replace(OPTIONS, conditions="standard")
    with pytest.raises(FeatureError, match="has no recordings to copy"):
        protocol.prepare(made.corpus, str(made.vectors), options, cache=None)


def test_a_record_has_the_copies_and_the_noise() -> None:
    record = condition_record(3, ["checksum"])
    assert (record["name"], record["copies"], record["noise"]) == ("standard", 3, ["checksum"])
    assert condition_record(0, []) == {"name": "none", "copies": 0}


def test_noise_needs_copies(made: Made, tmp_path: Path) -> None:
    audio.write(tmp_path / "hum.wav", np.sin(np.arange(4000) / 9))
    with pytest.raises(FeatureError, match="with the conditions none, expected standard"):
        protocol.prepare(made.corpus, str(made.vectors), OPTIONS, noise=tmp_path, cache=None)


def test_prepare_appends_the_copies(made: Made, tmp_path: Path) -> None:
    options = replace(OPTIONS, conditions="standard", copies=1)
    inputs = protocol.prepare(made.corpus, "mel", options, max_draws=1, cache=tmp_path, jobs=1)
    assert inputs.x.shape == (2 * len(made.corpus), 927)
    assert inputs.conditions["name"] == "standard"
