"""The study of conditions on a synthetic corpus of short sounds, with a small feature set."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from sordino.corpora import table
from sordino.corpora.table import Corpus
from sordino.errors import FeatureError, PolicyError, SplitError
from sordino.nn.fit import Settings
from sordino.policy import Policy
from sordino.report import COLUMNS
from sordino.signal import audio
from sordino.signal.feature_sets import FEATURE_SETS
from sordino.study import Fitters, Options
from sordino.study import conditions as study
from sordino.study.conditions.units import EVERYTHING_PASSES

POLICY = Policy(required="happy", sensitive=("sad",))
TONES = {"neutral": 500, "happy": 1500, "sad": 3000}
CONDITIONS = ("clean", "noise-10")


@dataclass(frozen=True)
class Bands:
    """The logarithm of the energy in sixteen bands."""

    name: str = "bands"
    sampling_rate: int = 16000
    dims: int = 16
    recipe: int = 1

    @property
    def names(self) -> list[str]:
        return [f"band {number}" for number in range(self.dims)]

    @property
    def config(self) -> dict[str, object]:
        return {"name": self.name, "recipe": self.recipe}

    def __call__(self, samples: NDArray[np.float32]) -> NDArray[np.float32]:
        power = np.abs(np.fft.rfft(samples)) ** 2
        bands = [band.sum() for band in np.array_split(power, self.dims)]
        return np.log(np.array(bands) + 1e-6).astype(np.float32)


@pytest.fixture(scope="module")
def bands() -> Iterator[str]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(FEATURE_SETS, "bands", Bands())
        yield "bands"


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    """24 speakers with a tone for each emotion, and another one for each gender."""
    folder, random, rows = tmp_path_factory.mktemp("sounds"), np.random.default_rng(0), []
    seconds = np.arange(1600) / 16000
    for speaker in range(24):
        for emotion, hertz in TONES.items():
            tones = [hertz * random.uniform(0.7, 1.3), (5000, 6000)[speaker % 2]]
            sound = sum(0.1 * np.sin(2 * np.pi * hz * seconds) for hz in tones)
            file = folder / f"{speaker:02d}-{emotion}.wav"
            gender = ("female", "male")[speaker % 2]
            audio.write(file, sound + random.normal(0, 0.01, 1600))
            rows.append((str(file), f"{speaker:02d}", gender, emotion))
    return table.make("tones", pd.DataFrame(rows, columns=["file", "speaker", "gender", "emotion"]))


def test_too_few_speakers_are_refused_before_features(
    corpus: Corpus, bands: str, tmp_path: Path
) -> None:
    few = corpus.select(np.isin(corpus.speaker, sorted(set(corpus.speaker))[:16]))
    with pytest.raises(SplitError, match=r"3 female speaker.*expected 4.*12 or more in all"):
        study.evaluate(few, tmp_path, features=bands, policies=[POLICY], cache=tmp_path / "cache")
    assert not (tmp_path / "cache").exists()


def evaluate(corpus: Corpus, features: str, out: Path) -> study.ConditionStudy:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # few prototypes
        return study.evaluate(
            corpus,
            out,
            features=features,
            options=Options(releases=("none", "drawn"), families=("linear",)),
            policies=[POLICY],
            fitters=Fitters(Settings(epochs=5, learning_rate=5e-3)),
            conditions=CONDITIONS,
            cache=None,
            jobs=1,
        )


@pytest.fixture(scope="module")
def out(corpus: Corpus, bands: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("out")
    evaluate(corpus, bands, folder)
    return folder


def estimates(out: Path) -> pd.DataFrame:
    return pd.read_csv(out / "estimates.csv", keep_default_na=False)


def decisions(out: Path, metric: str, release: str) -> list[float]:
    """The value of a metric of decisions in each condition."""
    table = estimates(out)
    rows = table[(table["metric"] == metric) & (table["release"] == release)]
    assert set(rows["target"] + " " + rows["group"]) == {"emotion required"}
    return [float(rows.loc[rows["condition"] == name, "value"].item()) for name in CONDITIONS]


def test_every_release_has_one_row_for_each_condition_and_metric(out: Path) -> None:
    table = estimates(out)
    assert tuple(table.columns) == COLUMNS
    assert set(table["condition"]) == set(CONDITIONS)
    assert set(table["release"]) == {"none", "drawn", EVERYTHING_PASSES}
    keys = ["release", "condition", "required", "knowledge", "target", "metric", "group", "k"]
    assert not table.duplicated(keys).any()


def test_the_trivial_release_lets_everything_pass(out: Path) -> None:
    assert decisions(out, "decision_f1", EVERYTHING_PASSES) == pytest.approx([0.5, 0.5])
    assert decisions(out, "decision_changed", EVERYTHING_PASSES) == [0, 0]


def test_decisions_are_compared_with_those_on_clean_recordings(out: Path) -> None:
    assert decisions(out, "decision_changed", "drawn")[0] == 0
    assert decisions(out, "decision_f1", "drawn")[0] > 0.7


def test_test_speakers_take_part_in_no_fit(out: Path, corpus: Corpus) -> None:
    record = json.loads((out / "run.json").read_text())
    assert record["test_parts_disjoint"]
    assert all(part["disjoint"] for part in record["parts"])
    tested = [speaker for part in record["parts"] for speaker in part["test"]]
    assert sorted(tested) == sorted(set(corpus.speaker))


def test_a_finished_run_is_read_again_with_the_same_bytes(
    out: Path, corpus: Corpus, bands: str
) -> None:
    before = (out / "estimates.csv").read_bytes()
    units = {path: path.stat().st_mtime_ns for path in (out / "units").iterdir()}
    evaluate(corpus, bands, out)
    assert (out / "estimates.csv").read_bytes() == before
    assert {path: path.stat().st_mtime_ns for path in (out / "units").iterdir()} == units


def test_the_page_has_the_figure_and_every_condition(out: Path) -> None:
    page = (out / "report.html").read_text()
    assert (out / "figure.svg").read_text().startswith("<svg")
    assert all(name in page for name in (*CONDITIONS, EVERYTHING_PASSES))


def test_a_table_of_vectors_is_refused(corpus: Corpus, tmp_path: Path) -> None:
    with pytest.raises(FeatureError, match="a test condition needs recordings"):
        study.evaluate(corpus, tmp_path, features="x.parquet")


@pytest.mark.parametrize("name", ["cave", "clean"])
def test_a_condition_is_known_and_comes_once(corpus: Corpus, tmp_path: Path, name: str) -> None:
    with pytest.raises(FeatureError, match=f"conditions clean, {name}: expected clean and then"):
        study.evaluate(corpus, tmp_path, features="mel", conditions=("clean", name))


def test_policies_require_different_emotions(corpus: Corpus, tmp_path: Path) -> None:
    """Units, estimates and pages name a policy by its required emotion."""
    twice = [POLICY, Policy(required="happy", sensitive=("sad",), release="drawn")]
    with pytest.raises(PolicyError, match="two policies require happy"):
        study.evaluate(corpus, tmp_path, features="mel", policies=twice)
