"""The scaled space of synthetic speech, or of other people, depends on no speaker of the study."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from sordino.errors import SplitError
from sordino.features import PreprocessFitter
from sordino.study import protocol
from sordino.study.conditions import study as conditions
from sordino.study.protocol import BUNDLE_OPTIONS, Inputs
from sordino.study.tracking import study as tracking
from sordino.study.units import inputs_digest
from tests.study import synthetic_study
from tests.study.synthetic_study import FITTERS, Made

OPTIONS = replace(BUNDLE_OPTIONS, components=8)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    return synthetic_study.study(tmp_path_factory.mktemp("public"), speakers=30, takes=1)


def prepare(made: Made, is_public: np.ndarray, public: np.ndarray | None = None) -> Inputs:
    """The inputs of the other speakers; `public` replaces the public rows."""
    rows = is_public if public is None else public
    return protocol.prepare(
        made.corpus.select(~is_public),
        str(made.vectors),
        OPTIONS,
        max_draws=1,
        public=made.corpus.select(rows),
        jobs=1,
    )


def test_two_fits_of_other_people_have_the_same_space(made: Made, tmp_path: Path) -> None:
    half = np.isin(made.corpus.speaker, np.unique(made.corpus.speaker)[:15])
    first, second = (
        protocol.prepare(
            made.corpus.select(rows), "mel", BUNDLE_OPTIONS, max_draws=1, cache=tmp_path, jobs=1
        )
        for rows in (half, ~half)
    )
    fixed = BUNDLE_OPTIONS.fixed_space("mel")
    assert fixed is not None
    for inputs in (first, second):
        assert inputs.scaling(np.arange(9), BUNDLE_OPTIONS).hash == fixed.hash
        z = protocol.space(inputs, inputs.draws[0], BUNDLE_OPTIONS)
        assert np.array_equal(z, fixed(inputs.x))
    assert BUNDLE_OPTIONS.fixed_space(str(made.vectors)) is None


def test_conditions_and_tracking_have_the_space_of_a_bundle(made: Made, tmp_path: Path) -> None:
    emotions = sorted(set(made.corpus.column("emotion")))
    settings = ("mel", BUNDLE_OPTIONS, emotions)
    for inputs in (
        conditions._fitting_inputs(made.corpus, made.corpus, *settings, tmp_path, 1),
        tracking.fitting_inputs(made.corpus, *settings, folds=3, cache=tmp_path, jobs=1),
    ):
        assert inputs.space is not None
        assert inputs.space.hash == getattr(BUNDLE_OPTIONS.fixed_space("mel"), "hash", None)


def test_public_recordings_alone_decide_the_space(made: Made) -> None:
    names = np.unique(made.corpus.speaker)
    is_public = np.isin(made.corpus.speaker, names[::3])
    inputs = prepare(made, is_public)
    expected = PreprocessFitter("zscore", 8).fit(made.x[is_public])
    assert inputs.space is not None
    assert inputs.space.hash == expected.hash
    z = protocol.space(inputs, inputs.draws[0], OPTIONS)
    assert np.array_equal(z, expected(made.x[~is_public]))
    own = inputs._replace(space=None)
    assert own.scaling(np.arange(20), OPTIONS).hash != expected.hash
    digests = [inputs_digest(each, OPTIONS, FITTERS) for each in (inputs, own)]
    assert digests[0] != digests[1]


def test_a_recording_of_the_study_is_not_public(made: Made) -> None:
    is_public = np.isin(made.corpus.speaker, np.unique(made.corpus.speaker)[::3])
    with pytest.raises(SplitError, match=r"recordings of the study are among the public ones"):
        prepare(made, is_public, np.ones(len(made.corpus), bool))
