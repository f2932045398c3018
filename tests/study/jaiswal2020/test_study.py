"""The study of Jaiswal 2020, whole, on planted sounds."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from sordino.corpora.dimensions import levels
from sordino.corpora.table import Corpus, checksums
from sordino.errors import CorpusError, ReleaseError, SplitError, StudyError
from sordino.nn.multimodal import Shape
from sordino.report import COLUMNS
from sordino.study import jaiswal2020
from sordino.study.jaiswal2020 import grid, tables
from sordino.study.jaiswal2020.estimates import CONTROL, NULL, ON_D1, _bounds, measure
from sordino.study.jaiswal2020.inputs import Material
from sordino.study.jaiswal2020.protocol import Scene, draws
from sordino.study.jaiswal2020.units import guesses
from sordino.study.jaiswal2020.variant_run import Lesson
from sordino.study.jaiswal2020.variants import Options, variants
from tests.study.synthetic_corpus import corpus

QUICK = Options(normalise="corpus", epochs=20, families=("linear",), shuffles=4, word_dims=8)
KEYS = [
    "features",
    "release",
    "condition",
    "required",
    "knowledge",
    "target",
    "metric",
    "group",
    "k",
]


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


def read(out: Path) -> pd.DataFrame:
    return pd.read_csv(out / "estimates.csv", keep_default_na=False)


def headline(out: Path, **where: str) -> pd.DataFrame:
    table = read(out)
    table = table[table["split"] == "all"]
    for column, value in where.items():
        table = table[table[column] == value]
    return table


def test_the_estimates_have_the_columns_of_the_contract_and_one_headline_row_each(
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
    assert set(table["target"]) == {"activation", "gender", "speaker"}
    assert {"", ON_D1, CONTROL, NULL} <= set(table["condition"])
    assert table["value"].astype(float).notna().all()


def test_the_planted_task_is_told_and_planted_gender_is_found(run: Path) -> None:
    uar = headline(run, metric="uar", release="general")["value"].astype(float).item()
    assert uar > 0.6
    privacy = headline(
        run, metric="privacy", release="general", knowledge="semi-informed", condition=""
    )
    assert privacy["value"].astype(float).item() < 0.35
    null = headline(
        run, metric="privacy", release="general", knowledge="semi-informed", condition=NULL
    )
    assert privacy["value"].astype(float).item() < null["low"].astype(float).item()


def test_folds_share_no_speaker_and_every_one_is_tested_once(run: Path) -> None:
    record = json.loads((run / "run.json").read_text())
    everyone = [speaker for people in record["tested"].values() for speaker in people]
    assert len(everyone) == len(set(everyone)) == 20
    assert record["tested_disjoint"]
    assert all(len(people) == 4 for people in record["tested"].values())


def test_the_page_says_that_labels_are_derived_and_answers_seven_questions(run: Path) -> None:
    page = (run / "report.html").read_text()
    assert "Derived labels: planted" in page
    for number in range(1, 8):
        assert f"{number}. D" in page or f"{number}. " in page
    assert "Table 1a: activation" in page
    assert "planted/00" not in page


def test_what_is_finished_is_not_computed_again(run: Path, planted: Corpus) -> None:
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


def of_corpus(given: Corpus) -> Scene:
    """The first fold alone."""
    labels = {"activation": levels(given, "activation").codes, "gender": given.genders()}
    codes = np.unique(given.speaker, return_inverse=True)[1]
    return Scene({**labels, "speaker": codes}, given.speaker, draws(given, 0, checksums(given))[:1])


def one_fold(
    given: Corpus, out: Path, options: Options, *only: str
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """The guesses of the first fold alone, and the records of its units."""
    material = Material.of(given, ("audio",), normalise="corpus", cache=None)
    return guesses(
        variants(("audio",), ("activation",), only), material, of_corpus(given), out, options, 1
    )


@pytest.fixture(scope="module")
def drawn(planted: Corpus, tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    """The estimates of what is drawn, of one fold."""
    found, units = one_fold(
        planted, tmp_path_factory.mktemp("units"), replace(QUICK, selections=0), "drawn"
    )
    people = pd.DataFrame({"speaker": planted.speaker, "gender": planted.genders()})
    return measure(found, units, people, "planted", 0)


def test_what_is_drawn_is_attacked_as_the_others_are_and_has_a_bound(drawn: pd.DataFrame) -> None:
    whole = drawn[drawn["split"] == "all"]
    assert set(whole["release"]) == {"drawn"}
    assert {"uar", "leakage", "privacy", "auc", "bound_auc", "bound_uar", "bound_advantage"} <= set(
        whole["metric"]
    )
    assert not whole.duplicated(KEYS).any()
    bounds = whole[whole["metric"] == "bound_uar"].set_index(["target", "condition"])
    assert {("gender", ""), ("gender", "given low"), ("speaker", "")} <= set(bounds.index)
    assert (bounds["value"].between(bounds["chance"], bounds["high"])).all()
    privacy = whole[
        (whole["metric"] == "privacy")
        & (whole["knowledge"] == "semi-informed")
        & (whole["condition"] == "")
    ]
    assert 1 - privacy["value"].item() <= bounds.loc[("gender", ""), "high"]
    assert tables.bounds(drawn).groups[0][0][4].text == "nothing"


def test_where_too_few_people_sound_like_a_class_nothing_is_drawn_and_the_record_says_so(
    tmp_path: Path,
) -> None:
    options = replace(QUICK, epochs=1, selections=1)
    few = corpus(tmp_path, speakers=10, utterances=3)
    found, units = one_fold(few, tmp_path / "units", options, "audio-activation", "drawn")
    assert set(found["release"]) == {"general", "private", "private+"}
    assert found["row"].dtype == int
    not_asked = units["audio-activation-drawn-0"]["not_asked"]
    assert not_asked.startswith("drawn (seed 0): ")
    assert "add speakers" in not_asked


def test_sizes_are_searched_by_the_network_that_decides(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(grid, "SIZES", {"kernels": (32, 64)})
    few = corpus(tmp_path, speakers=10, utterances=3)  # too few people to draw from, at any size
    _, units = one_fold(
        few, tmp_path / "units", replace(QUICK, epochs=1, selections=0, grid=True), "drawn"
    )
    record = units["audio-activation-drawn-0"]
    assert record["grid"]["points"] == 2
    assert record["not_asked"].startswith("drawn (seed 0): ")


def test_where_nobody_could_be_a_member_of_what_is_drawn_that_alone_was_not_asked(
    tmp_path: Path,
) -> None:
    few = corpus(tmp_path, speakers=10, utterances=3)
    variant, options = (
        variants(("audio",), ("activation",), ("drawn",))[0],
        replace(QUICK, epochs=1),
    )
    material = Material.of(few, ("audio",), normalise="corpus", cache=None)
    lesson = Lesson(variant, 0, material, of_corpus(few), options)
    unused = np.zeros((len(few), 4), np.float32)
    assert [*lesson.membership(unused, 1, 0, 0), *lesson.membership(unused, 1, 0, 1)] == []
    assert "membership of selection 0 (seed 0): " in lesson.record["not_asked"]
    assert "membership of selection 1 (seed 0): " in lesson.record["not_asked"]
    other = Lesson(replace(variant, release="private"), 0, material, lesson.scene, options)
    with pytest.raises(ReleaseError, match="no number"):
        other.leave("membership", 0, ReleaseError("no number"))


def decisions(seeds: int) -> pd.DataFrame:
    """Twenty speakers in five folds: what one network says oftener of women, the next one says
    oftener of men.
    """
    random, speaker = np.random.default_rng(0), np.repeat(np.arange(20), 30)
    parts = []
    for seed in range(seeds):
        often = np.where(speaker % 2 == seed % 2, 0.7, 0.3)
        draw = [f"{fold} seed {seed}" if seeds > 1 else str(fold) for fold in speaker // 4]
        parts.append(
            pd.DataFrame(
                {
                    "draw": draw,
                    "row": np.arange(600),
                    "gender": speaker % 2,
                    "speaker": speaker,
                    "truth": 1,
                    "prediction": (random.random(600) < often).astype(int),
                }
            )
        )
    return pd.concat(parts, ignore_index=True)


def of_gender(table: pd.DataFrame) -> pd.DataFrame:
    lines = pd.DataFrame(_bounds(table))
    return lines[(lines["target"] == "gender") & (lines["condition"] == "")].set_index("metric")


def test_errors_of_several_networks_do_not_cancel_in_their_bound() -> None:
    one, two = of_gender(decisions(1)), of_gender(decisions(2))
    assert one.loc["bound_uar", "value"] == pytest.approx(0.7, abs=0.05)
    for metric in one.index:
        assert two.loc[metric, "value"] >= one.loc[metric, "value"]
        assert two.loc[metric, "high"] >= one.loc[metric, "high"]
    assert set(one["n"]) == set(two["n"]) == {600}, "each utterance counts once"


def test_of_pairs_there_is_no_bound() -> None:
    table = decisions(1)
    table["draw"] = (table.index % 3).astype(str)  # each speaker by three networks
    assert of_gender(table)[["value", "high"]].isna().all(axis=None)


@pytest.mark.slow
def test_text_and_both_streams_run(tmp_path: Path) -> None:
    few = corpus(tmp_path, speakers=10, utterances=6)
    options = Options(
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


def test_sections_name_the_variants_that_a_corpus_can_answer() -> None:
    every = variants(("audio", "text"), ("activation", "valence"))
    assert len({variant.name for variant in every}) == len(every)
    main = [
        variant
        for variant in every
        if variant.release in ("general", "private") and not variant.condition
    ]
    assert len(main) == 12, "the paper's"
    assert {variant.features for variant in every if variant.release == "private-streams"} == {
        "both"
    }
    assert {variant.condition for variant in variants(("audio",), ("valence",), ("sweep",))} == {
        "lambda=0.3",
        "lambda=0.5",
        "lambda=0.75",
        "lambda=1",
    }
    assert [variant.condition for variant in variants(("text",), ("valence",), ("tasks",))] == [
        "tasks=valence+speaker"
    ]


def test_a_section_that_is_not_known_is_refused() -> None:
    with pytest.raises(StudyError, match="--only audio-anger: expected some of audio-activation"):
        variants(("audio",), ("activation",), ("audio-anger",))


def test_text_without_transcripts_is_refused(tmp_path: Path) -> None:
    mute = corpus(tmp_path, speakers=10, utterances=3, words=False)
    with pytest.raises(
        StudyError, match="nothing of text-activation can be run: the corpus has audio"
    ):
        jaiswal2020.reproduce(
            mute, tmp_path / "out", options=QUICK, only=("text-activation",), cache=None
        )


def test_too_few_speakers_for_pairs_are_refused(tmp_path: Path) -> None:
    few = corpus(tmp_path, speakers=4, utterances=3)
    with pytest.raises(SplitError, match="2 speaker"):
        jaiswal2020.reproduce(
            few, tmp_path / "out", options=QUICK, only=("audio-activation",), cache=None
        )


@pytest.fixture(scope="module")
def six(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Words of six speakers, by whom nine pairs are tested."""
    folder = tmp_path_factory.mktemp("six")
    few = corpus(folder, speakers=6, utterances=9)
    options = Options(normalise="corpus", epochs=1, families=("linear",), shuffles=2, word_dims=8)
    jaiswal2020.reproduce(
        few, folder / "out", options=options, only=("text-activation",), cache=None, jobs=1
    )
    return folder / "out"


def test_six_speakers_are_tested_in_nine_pairs(six: Path) -> None:
    record = json.loads((six / "run.json").read_text())
    assert record["protocol"] == "pairs"
    assert record["tested_disjoint"]
    assert len({tuple(people) for people in record["tested"].values()}) == 9
    table = read(six)
    assert set(table["split"]) == {"all", *map(str, range(9))}
    assert {"uar", "privacy", "leakage"} <= set(table["metric"])
    assert "membership" not in set(table["metric"])
    assert ON_D1 not in set(table["condition"])
    assert "too few for five folds" in (six / "report.html").read_text()


def test_a_corpus_whose_genders_are_not_known_is_only_asked_who_speaks(tmp_path: Path) -> None:
    planted = corpus(tmp_path, speakers=10, utterances=6)
    unknown = Corpus(planted.name, planted.table.assign(gender=""))
    with pytest.raises(StudyError, match="speakers of both genders are not known"):
        jaiswal2020.reproduce(
            unknown, tmp_path / "out", options=QUICK, only=("audio-activation",), cache=None
        )
    options = Options(normalise="corpus", epochs=1, families=("linear",), shuffles=1, selections=1)
    estimates = jaiswal2020.reproduce(
        unknown, tmp_path / "out", options=options, only=("speaker",), cache=None, jobs=1
    )
    assert set(estimates["release"]) == {"private-speaker"}
    assert {"uar", "membership"} <= set(estimates["metric"])
    assert "privacy" not in set(estimates["metric"])


def test_one_level_alone_is_no_task(planted: Corpus, tmp_path: Path) -> None:
    calm = planted.select(np.flatnonzero(planted.column("emotion") == "sad"))
    with pytest.raises((StudyError, CorpusError), match="no labels of activation or valence"):
        jaiswal2020.reproduce(calm, tmp_path, options=QUICK, only=("audio-activation",), cache=None)


@pytest.mark.slow
def test_the_grid_is_searched_and_several_networks_vote(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(grid, "SIZES", {"kernels": (32, 64)})
    monkeypatch.setattr("sordino.study.jaiswal2020.variant_run.LAMBDAS", (0.3, 1.0))
    few = corpus(tmp_path, speakers=10, utterances=6)
    options = Options(
        normalise="corpus",
        epochs=1,
        families=("linear",),
        shuffles=1,
        selections=1,
        seeds=2,
        grid=True,
    )
    out = tmp_path / "out"
    estimates = jaiswal2020.reproduce(
        few, out, options=options, only=("audio-activation",), cache=None, jobs=1
    )
    units = json.loads((out / "run.json").read_text())["units"]
    assert len(units) == 15
    assert {record["grid"]["points"] for name, record in units.items() if "-private-" in name} == {
        4
    }
    assert {record["grid"]["points"] for name, record in units.items() if "general" in name} == {2}
    assert all(len(record["networks"]) == 2 for record in units.values())
    splits = estimates.groupby("metric")["split"].agg(set)
    assert splits["uar"] == {"all", *"01234"}, "posteriors of both are averaged"
    assert splits["membership"] == {
        "all",
        *(f"{fold} seed {seed}" for fold in range(5) for seed in (0, 1)),
    }


@pytest.mark.parametrize(
    ("found", "adversary", "best", "at_chance"),
    [
        ({32: (0.5, 0.52), 64: (0.6, 0.7), 128: (0.55, 0.54)}, True, 128, True),  # not 64: its head
        (
            {32: (0.5, 0.8), 64: (0.6, 0.7), 128: (0.55, 0.9)},
            True,
            64,
            False,
        ),  # none is: the nearest
        ({32: (0.5, 0.52), 64: (0.6, 0.7), 128: (0.55, 0.54)}, False, 64, True),
    ],
)
def test_the_point_that_does_best_with_its_adversary_at_chance_is_chosen(
    found: dict[int, tuple[float, float]],
    adversary: bool,
    best: int,
    at_chance: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(grid, "SIZES", {"kernels": (32, 64, 128)})
    chosen = grid.choose(lambda shape, _: found[shape.kernels], Shape(), (0.5,), adversary)
    assert chosen.shape.kernels == best
    assert chosen.record["at_chance"] is at_chance
    assert chosen.record["points"] == 3
