"""The study of Jaiswal and Mower Provost (2020) on synthetic sounds: files, figures and page."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from sordino.corpora.table import Corpus
from sordino.errors import CorpusError, StudyError
from sordino.report import COLUMNS
from sordino.study import jaiswal2020
from sordino.study.jaiswal2020.estimates import (
    LIKELIHOOD,
    MEMBERSHIP_CONTROL,
    NULL,
    ON_D1,
)
from sordino.study.jaiswal2020.variants import JaiswalOptions
from tests.study.synthetic_corpus import KEYS, QUICK, corpus, headline, read


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    return corpus(tmp_path_factory.mktemp("sound"))


@pytest.fixture(scope="module")
def run(planted: Corpus, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("out")
    jaiswal2020.reproduce(
        planted, out, options=QUICK, only=("audio-activation",), cache=None, jobs=1
    )
    return out


def test_every_figure_has_one_headline_row(
    run: Path,
) -> None:
    table = read(run)
    assert tuple(table.columns) == COLUMNS
    assert not headline(run).duplicated(KEYS).any()
    assert set(table["release"]) == {"general", "private", "private+"}
    assert set(table["features"]) == {"audio"}
    assert {"uar", "uar_by_gender", "uar_difference", "leakage", "privacy", "membership"} <= set(
        table["metric"]
    )
    assert set(table["target"]) == {"activation", "gender", "membership", "speaker"}
    assert {"", ON_D1, MEMBERSHIP_CONTROL, NULL} <= set(table["condition"])
    assert table["value"].astype(float).notna().all()


def test_the_task_is_learned_and_gender_is_recovered(run: Path) -> None:
    uar = (
        headline(run, metric="uar", release="general", knowledge="ignorant")["value"]
        .astype(float)
        .item()
    )
    assert uar > 0.6
    privacy = headline(
        run, metric="privacy", release="general", knowledge="semi-informed", condition=""
    )
    assert privacy["value"].astype(float).item() < 0.35
    null = headline(
        run, metric="privacy", release="general", knowledge="semi-informed", condition=NULL
    )
    assert privacy["value"].astype(float).item() < null["low"].astype(float).item()


def test_every_speaker_is_tested_in_one_fold(run: Path) -> None:
    record = json.loads((run / "run.json").read_text())
    folds = record["tested"].values()
    speakers = [speaker for fold in folds for speaker in fold]
    assert len(speakers) == len(set(speakers)) == 20
    assert record["tested_disjoint"]
    assert all(len(fold) == 4 for fold in folds)


def test_the_page_answers_seven_questions(run: Path) -> None:
    page = (run / "report.html").read_text()
    assert "Derived labels: planted" in page
    for number in range(1, 8):
        assert f"{number}. D" in page or f"{number}. " in page
    assert "Table 1a: activation" in page
    assert "planted/00" not in page


def test_only_missing_units_are_computed_again(run: Path, planted: Corpus) -> None:
    units = {file: file.stat().st_mtime_ns for file in (run / "units").iterdir()}
    before = (run / "estimates.csv").read_bytes()
    next(iter(sorted((run / "units").glob("*.parquet")))).unlink()
    jaiswal2020.reproduce(
        planted, run, options=QUICK, only=("audio-activation",), cache=None, jobs=1
    )
    after = {file: file.stat().st_mtime_ns for file in (run / "units").iterdir()}
    assert len(units) == len(after)
    assert sum(units[file] != after[file] for file in units) == 2, "one table and its record"
    assert (run / "estimates.csv").read_bytes() == before


@pytest.mark.slow
def test_posteriors_of_several_networks_are_averaged(tmp_path: Path) -> None:
    few = corpus(tmp_path, speakers=10, utterances=6)
    options = JaiswalOptions(
        normalise="corpus", epochs=1, families=("linear",), shuffles=1, selections=1, seeds=2
    )
    out = tmp_path / "out"
    estimates = jaiswal2020.reproduce(
        few, out, options=options, only=("audio-activation",), cache=None, jobs=1
    )
    units = json.loads((out / "run.json").read_text())["units"]
    assert len(units) == 15
    assert all(len(record["networks"]) == 2 for record in units.values())
    estimates = estimates[~estimates["condition"].str.startswith("likelihood")]
    splits = estimates.groupby(["metric", "knowledge"])["split"].agg(set)
    assert splits["uar", "ignorant"] == {"all", *"01234"}
    folds = {seed: {f"{fold} seed {seed}" for fold in range(5)} for seed in (0, 1)}
    assert splits["privacy", "semi-informed"] == {"all", *folds[0], *folds[1]}
    assert splits["membership", "semi-informed"] == {"all", *folds[0]}


@pytest.mark.slow
def test_text_and_both_streams_run(tmp_path: Path) -> None:
    few = corpus(tmp_path, speakers=10, utterances=6)
    options = JaiswalOptions(
        normalise="corpus", epochs=1, families=("linear",), shuffles=1, selections=1, word_dims=8
    )
    estimates = jaiswal2020.reproduce(
        few,
        tmp_path / "out",
        options=options,
        only=("text-activation", "streams"),
        cache=None,
        jobs=1,
    )
    assert set(estimates["features"]) == {"text", "both"}
    assert set(estimates["release"]) == {"general", "private", "private+", "private-streams"}


def test_one_level_is_no_task(planted: Corpus, tmp_path: Path) -> None:
    calm = planted.select(np.flatnonzero(planted.column("emotion") == "sad"))
    with pytest.raises((StudyError, CorpusError), match="no labels of activation or valence"):
        jaiswal2020.reproduce(calm, tmp_path, options=QUICK, only=("audio-activation",), cache=None)


def test_every_embedding_has_a_ratio_and_its_control(run: Path) -> None:
    areas = headline(run, metric="auc", target="membership")
    areas = areas.pivot(index="condition", columns="release", values="value").astype(float)
    assert set(areas.columns) == {"general", "private", "private+"}
    assert areas.loc["likelihood ratio, control"].to_numpy() == pytest.approx(0.5, abs=1e-9)
    assert set(areas.index) == set(LIKELIHOOD.values())
    rates = headline(run, target="membership", condition="likelihood ratio")
    assert set(rates["metric"]) == {"auc", "tpr@fpr=0.1"}, "20 speakers, and 1 % needs 100"


def test_only_noise_has_a_cost_for_a_user_who_retrains(run: Path) -> None:
    retrained = headline(run, metric="uar", knowledge="semi-informed")
    assert set(zip(retrained["release"], retrained["condition"], strict=True)) == {
        ("general", ""),
        ("private", ""),
        ("private+", ""),
        ("private+", "without noise"),
    }


def test_the_page_has_the_sections_beyond_the_paper(run: Path) -> None:
    page = (run / "report.html").read_text()
    for title in (
        "Membership by likelihood ratios",
        "A legitimate user with a retrained head",
        "Tests of differences",
    ):
        assert f"{title}</h2>" in page
    assert "private+ against general" in page
