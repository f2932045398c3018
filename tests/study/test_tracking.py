"""The study of tracking on a synthetic corpus: an informative release tracks shares, and rates come
from other speakers than the users.
"""

from __future__ import annotations

import json
import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from sordino.errors import PolicyError, SplitError
from sordino.metrics.prevalence import PassRate, Rates
from sordino.report import COLUMNS
from sordino.study import tracking as study
from sordino.study.protocol import BUNDLE_OPTIONS, POLICIES
from sordino.study.tracking import simulation
from sordino.study.tracking.simulation import days_of_users
from sordino.study.tracking.users import Simulation, UserRecordings, simulate, with_repetition
from tests.study import synthetic_study
from tests.study.synthetic_study import FITTERS, Made

OPTIONS = replace(BUNDLE_OPTIONS, releases=study.RELEASES, families=("linear",))
SMALL = Simulation(days=4, utterances=(50,), users=1)


def evaluate(source: Made, out: Path, **settings: Any) -> study.TrackingStudy:
    defaults = {
        "features": str(source.vectors),
        "options": OPTIONS,
        "policies": POLICIES[1:2],
        "fitters": FITTERS,
        "simulation": SMALL,
        "folds": 2,
        "jobs": 1,
    }
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # few prototypes
        return study.evaluate(source.corpus, out, **{**defaults, **settings})


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Made:
    return synthetic_study.study(tmp_path_factory.mktemp("tracking"), speakers=20, takes=2)


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("out")


@pytest.fixture(scope="module")
def result(source: Made, out: Path) -> study.TrackingStudy:
    return evaluate(source, out)


@pytest.mark.slow  # 18 fits
def test_a_release_tracks_better_than_no_data(result: study.TrackingStudy) -> None:
    table = result.estimates
    assert list(table.columns) == list(COLUMNS)
    assert set(table["metric"]) == {"tracking_error", "tracking_coverage", "tracking_width"}
    assert set(table["condition"]) == {"utterances=50"}
    figures = study.tracking_figures(table)
    drawn, prior = figures["drawn", "utterances=50"], figures["prior-share", "utterances=50"]
    assert drawn["tracking_error"].value < prior["tracking_error"].value
    assert drawn["tracking_error"].chance == prior["tracking_error"].value
    assert drawn["tracking_coverage"].value >= 0.9
    assert (drawn["tracking_error"].n, drawn["tracking_error"].speakers) == (80, 20)


@pytest.mark.slow  # 18 fits
@pytest.mark.usefixtures("result")
def test_a_second_run_writes_the_same_bytes(source: Made, out: Path) -> None:
    names = ("estimates.csv", "run.json", "report.html", "figure.svg")
    before = [(out / name).read_bytes() for name in names]
    times = {path: path.stat().st_mtime_ns for path in (out / "units").iterdir()}
    evaluate(source, out)
    assert [(out / name).read_bytes() for name in names] == before
    assert {path: path.stat().st_mtime_ns for path in (out / "units").iterdir()} == times


@pytest.mark.slow  # 18 fits
@pytest.mark.usefixtures("result")
def test_a_run_records_users_and_disjoint_speakers(out: Path) -> None:
    run = json.loads((out / "run.json").read_text())
    assert run["simulation"]["test_speakers"] == 20
    assert run["simulation"]["different_recordings_a_day"]["50"] <= 8
    assert run["rates_of_test_speakers"]["drawn"]["sad"]["hit"]["speakers"] == 20
    assert run["test_parts_disjoint"]
    assert all(part["disjoint"] for part in run["parts"])


def decisions(hits: float, false_passes: float, speakers: int = 8) -> pd.DataFrame:
    """Random decisions of one release about as many fitting as test speakers."""
    random, emotions = np.random.default_rng(0), ("sad", "neutral", "angry")
    rows = [
        {
            "release": "drawn",
            "required": "sad",
            "draw": 0,
            "row": 10 * len(emotions) * number + 10 * code + take,
            "speaker": f"s{number:02d}",
            "gender": number % 2,
            "corpus": "made",
            "condition": "fit" if number < speakers else "test",
            "emotion": emotion,
            "prediction": int(random.random() < (false_passes if code else hits)),
        }
        for number in range(2 * speakers)
        for code, emotion in enumerate(emotions)
        for take in range(10)
    ]
    return pd.DataFrame(rows)


def test_decisions_without_information_are_no_estimate() -> None:
    days = days_of_users(decisions(0.5, 0.5), SMALL, seed=0, jobs=1)
    assert days.loc[days["release"] == "drawn", "estimate"].isna().all()


def test_labels_of_test_speakers_change_no_rate() -> None:
    table = decisions(0.9, 0.1)
    test = table["condition"] == "test"
    swapped = table.assign(prediction=table["prediction"].where(~test, 1 - table["prediction"]))
    rates = [[item for _, item in simulation._speakers(rows)] for rows in (table, swapped)]
    assert rates[0] == rates[1]
    first, second = (days_of_users(rows, SMALL, seed=0, jobs=1) for rows in (table, swapped))
    assert (first["truth"] == second["truth"]).all()
    error = [(days["estimate"] - days["truth"]).abs().mean() for days in (first, second)]
    assert error[0] < error[1]


def test_a_user_has_the_true_share_of_recordings() -> None:
    emotion = np.repeat(["sad", "neutral", "angry"], 4)
    recordings = UserRecordings(np.arange(12), emotion, "sad")
    settings = Simulation(days=3, shares=(0.3, 0.3000001))
    user = simulate(settings, recordings, 4000, np.random.default_rng(0))
    required = (emotion[user.recording] == "sad").mean(axis=1)
    assert np.abs(required - user.share).max() < 0.03
    assert user.distinct == 12


def test_repetition_widens_the_rates_of_few_recordings() -> None:
    rate = PassRate(0.5, 0.1, 24, 200)
    few, many = (
        with_repetition(
            Rates(rate, (rate,), rate),
            UserRecordings(np.arange(2 * count), np.repeat(["sad", "angry"], count), "sad"),
        )
        for count in (4, 40)
    )
    assert few.hit.variance == pytest.approx(rate.variance + 0.24 / 4)
    assert many.hit.variance < few.hit.variance
    assert many.false_pass.variance < few.false_pass.variance


def test_too_few_speakers_for_rates_are_refused(tmp_path: Path) -> None:
    few = synthetic_study.study(tmp_path, speakers=18, takes=1, relabel=_without_sad)
    with pytest.raises(SplitError, match="fitting speakers with one of the emotions, expected 8"):
        evaluate(few, tmp_path / "out")


def _without_sad(rows: pd.DataFrame) -> pd.DataFrame:
    """The last speakers have no sad utterance."""
    last = rows["speaker"] >= sorted(set(rows["speaker"]))[13]
    few: pd.DataFrame = rows[~(last & (rows["emotion"] == "sad"))]
    return few


def test_two_policies_of_one_emotion_are_refused(source: Made, tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match="two policies require sad"):
        evaluate(source, tmp_path, policies=[POLICIES[1], POLICIES[1]])
