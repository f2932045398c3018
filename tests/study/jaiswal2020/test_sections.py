"""Sections of the study: the variants that a corpus can answer, and refusals."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sordino.corpora.table import Corpus
from sordino.errors import SplitError, StudyError
from sordino.study import jaiswal2020
from sordino.study.jaiswal2020.estimates import (
    ON_D1,
)
from sordino.study.jaiswal2020.report import _notes
from sordino.study.jaiswal2020.variants import JaiswalOptions, select_variants
from tests.study.synthetic_corpus import QUICK, corpus, read


def test_sections_have_the_variants_of_a_corpus() -> None:
    all_sections = select_variants(("audio", "text"), ("activation", "valence"))
    assert len({variant.name for variant in all_sections}) == len(all_sections)
    main = [
        variant
        for variant in all_sections
        if variant.release in ("general", "private") and not variant.condition
    ]
    assert len(main) == 12, "the paper's"
    assert {
        variant.features for variant in all_sections if variant.release == "private-streams"
    } == {"both"}
    assert {
        variant.condition for variant in select_variants(("audio",), ("valence",), ("sweep",))
    } == {
        "lambda=0.3",
        "lambda=0.5",
        "lambda=0.75",
        "lambda=1",
    }
    assert [
        variant.condition for variant in select_variants(("text",), ("valence",), ("tasks",))
    ] == ["", "tasks=speaker", "tasks=valence+speaker"]


def test_an_unknown_section_is_refused() -> None:
    with pytest.raises(StudyError, match="--only audio-anger: expected some of audio-activation"):
        select_variants(("audio",), ("activation",), ("audio-anger",))


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
    options = JaiswalOptions(
        normalise="corpus", epochs=1, families=("linear",), shuffles=2, word_dims=8
    )
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


def test_a_corpus_without_genders_has_one_section(tmp_path: Path) -> None:
    planted = corpus(tmp_path, speakers=10, utterances=6)
    unknown = Corpus(planted.name, planted.table.assign(gender=""))
    with pytest.raises(StudyError, match="no speakers of both genders"):
        jaiswal2020.reproduce(
            unknown, tmp_path / "out", options=QUICK, only=("audio-activation",), cache=None
        )
    options = JaiswalOptions(
        normalise="corpus", epochs=1, families=("linear",), shuffles=1, selections=1
    )
    estimates = jaiswal2020.reproduce(
        unknown, tmp_path / "out", options=options, only=("speaker",), cache=None, jobs=1
    )
    assert set(estimates["release"]) == {"private-speaker"}
    assert {"uar", "membership"} <= set(estimates["metric"])
    assert "privacy" not in set(estimates["metric"])


def test_the_page_states_that_attackers_had_a_sample() -> None:
    units = {f"{of}": {"attacker_rows": {"drawn": 2000, "of": of}} for of in (5000, 9000)}
    run = {"config": {"labels": {"valence": ""}}, "units": {"few": {}, **units}}
    (note,) = _notes(run)
    assert note.startswith("Attackers were trained on 2,000 of up to 9,000 rows")
    assert not _notes({**run, "units": {"few": {}}})
