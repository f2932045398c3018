"""A copy of a corpus beside its published counts: in Python and on the command line."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from sordino import corpora
from sordino.cli.verbs.corpus import app
from sordino.corpora.adapters.ravdess import EMOTION_CODES
from sordino.corpora.checks.check import Count, by_speaker, counts, differences, identical, is_wrong
from sordino.corpora.checks.facts import PublishedCounts
from sordino.corpora.checks.published import FENG2021_EMOTIONS, PUBLISHED
from tests.corpora.synthetic_trees import recording, table

# Feng 2021, Table I: neutral, happy, sad, angry, all; with IEMOCAP's happy and angry put right
FENG2021 = {
    "iemocap": (1708, 595, 1084, 1103, 4490),
    "cremad": (1087, 1271, 1271, 1271, 4900),
    "ravdess": (96, 192, 192, 192, 672),
}


@pytest.mark.parametrize("name", sorted(FENG2021))
def test_the_published_counts_are_those_of_feng2021(name: str) -> None:
    *four, total = FENG2021[name]
    assert [PUBLISHED[name].emotions[emotion] for emotion in FENG2021_EMOTIONS] == four
    assert PUBLISHED[name].feng2021 == total == sum(four)


# Jaiswal 2020, section 3.1, and the publications of the corpora
TOTALS = {
    "ravdess": (1440, 24),
    "emodb": (535, 10),
    "cremad": (7442, 91),
    "iemocap": (10039, 10),
    "muse": (2648, 28),
    "msp_improv": (8438, 12),
    "msp_podcast": (None, None),
    "meld": (13708, 304),
    "meld_sound": (13706, None),
    "savee": (480, 4),
    "tess": (2800, 2),
    "nemo": (4481, 9),
    "jl": (2400, 4),
    "cafe": (936, 12),
    "emovo": (588, 6),
    "shemo": (3000, 87),
    "aesdd": (604, 6),
    "subesco": (7000, 20),
    "esd": (35000, 20),
    "emov_db": (7000, 4),
    "asvp_esd": (13964, None),
}


@pytest.mark.parametrize("name", sorted(PUBLISHED))
def test_the_published_counts_of_a_corpus_agree_with_each_other(name: str) -> None:
    labelled = PUBLISHED[name]
    total, speakers = TOTALS[name]
    assert (labelled.total, labelled.total_speakers) == (total, speakers)
    if labelled.utterances:
        assert sum(labelled.utterances.values()) == total
        assert len(labelled.utterances) == sum(labelled.speakers.values())


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Every name of RAVDESS's actors 1 and 2: 120 recordings, all different."""
    for actor in (1, 2):
        for emotion in EMOTION_CODES:
            for rest in range(8 if emotion != "01" else 4):
                strong, statement, repetition = rest // 4 + 1, rest // 2 % 2 + 1, rest % 2 + 1
                name = f"03-01-{emotion}-{strong:02}-{statement:02}-{repetition:02}-{actor:02}"
                recording(
                    tmp_path / "ravdess" / f"Actor_{actor:02}" / f"{name}.wav",
                    int(emotion) * 100 + actor * 10 + rest,
                )
    return tmp_path / "ravdess"


def test_a_part_differs_unless_a_part_is_fine(tree: Path) -> None:
    result = counts(corpora.load("ravdess", tree), PUBLISHED["ravdess"])
    assert Count("utterances", "all", 120, 1440) in differences(result)
    assert Count("utterances", "feng2021", 56, 672) in differences(result)
    assert Count("speakers", "female", 1, 12) in differences(result)
    assert Count("speaker", "ravdess/03", 0, 60) in differences(result)
    assert Count("speaker", "ravdess/01", 60, 60) not in differences(result)
    assert differences(result, partial=True) == []


def test_more_than_published_differs_even_for_a_part(tree: Path) -> None:
    corpus = corpora.load("ravdess", tree)
    corpus.table.loc[:, "emotion"] = "neutral"
    result = differences(counts(corpus, PUBLISHED["ravdess"]), partial=True)
    assert result == [Count("emotion", "neutral", 120, 96)]


def test_what_was_never_published_differs(tree: Path) -> None:
    corpus = corpora.load("ravdess", tree)
    corpus.table.loc[0, "emotion"] = "bored"
    assert differences(counts(corpus, PUBLISHED["ravdess"]), partial=True) == [
        Count("emotion", "bored", 1, 0)
    ]


def test_the_table_by_speaker_adds_up(tree: Path) -> None:
    rows = by_speaker(corpora.load("ravdess", tree))
    assert list(rows["speaker"]) == ["ravdess/01", "ravdess/02"]
    assert list(rows["gender"]) == ["male", "female"]
    assert (
        list(rows["all"])
        == [60, 60]
        == list(rows[list(EMOTION_CODES.values())].sum(axis="columns"))
    )
    assert list(rows["neutral"]) == [4, 4]


def test_byte_identical_recordings_are_found(tree: Path) -> None:
    corpus = corpora.load("ravdess", tree)
    assert identical(corpus, corpus.checksums()) == []
    for emotion in ("03", "04", "05"):
        recording(tree / "Actor_01" / f"03-01-{emotion}-01-01-01-01.wav", 7)
    groups = identical(corpus, corpus.checksums())
    assert [[Path(file).stem[6:8] for file in group] for group in groups] == [["03", "04", "05"]]


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, ["check", *map(str, arguments)])


@pytest.mark.slow
def test_the_command_says_that_the_official_release_is_whole(data: Path) -> None:
    done = run("ravdess", data / "ravdess")
    assert done.exit_code == 0
    assert "as published" in done.output
    assert (
        "byte-identical, kept in one part: Actor_07/03-01-03-01-02-01-07.flac = Actor_07/"
        in done.output
    )


def test_the_command_ends_with_1_for_a_part_unless_partial(tree: Path) -> None:
    complete, part = run("ravdess", tree), run("ravdess", tree, "--partial")
    assert (complete.exit_code, part.exit_code) == (1, 0)
    assert "differs from the published counts in 35 place(s)" in complete.output
    assert "a part of the published corpus" in part.output


def test_the_command_prints_counts_by_speaker_gender_and_emotion(tree: Path) -> None:
    lines = [line.replace("│", " ").split() for line in run("ravdess", tree).output.splitlines()]
    assert ["utterances,", "all", "120", "1440", "differs"] in lines
    assert ["utterances,", "calm", "16", "192", "differs"] in lines
    assert ["speakers,", "male", "1", "12", "differs"] in lines
    assert ["ravdess/02", "female", "60", "60", "8", "8", "8", "8", "8", "4", "8", "8"] in lines
    assert ["ravdess/24", "0", "60", *"00000000", "differs"] in lines


def test_json_on_standard_output_is_json_alone(tree: Path) -> None:
    done = run("ravdess", tree, "--json", "-")
    report = json.loads(done.stdout)
    assert done.exit_code == 1
    assert (report["corpus"], report["differs"], report["byte_identical"]) == ("ravdess", True, [])
    assert {
        "part": "utterances",
        "name": "all",
        "found": 120,
        "published": 1440,
        "differs": True,
    } in report["counts"]
    assert "differs from the published counts" in done.stderr


def test_out_holds_both_tables(tree: Path, tmp_path: Path) -> None:
    assert run("ravdess", tree, "--partial", "--out", tmp_path / "new" / "place").exit_code == 0
    with (tmp_path / "new" / "place" / "counts.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert rows[0] == {
        "part": "utterances",
        "name": "all",
        "found": "120",
        "published": "1440",
        "differs": "False",
    }
    assert (
        (tmp_path / "new" / "place" / "speakers.csv")
        .read_text()
        .startswith("speaker,gender,all,angry,calm,")
    )


def test_a_manifest_has_nothing_to_differ_from(tmp_path: Path) -> None:
    rows = [("file", "speaker", "gender", "emotion", "corpus")]
    for place, corpus in enumerate(("ravdess", "all [x]", "all [x]")):
        recording(tmp_path / f"{place}.wav")
        rows.append((f"{place}.wav", "[b]1", "", "speaker", corpus))
    done = run("manifest", table(tmp_path / "m.csv", rows))
    lines = [line.replace("│", " ").split() for line in done.output.splitlines()]
    assert done.exit_code == 0
    assert "nothing published to compare with" in done.output
    assert ["speakers,", "unknown", "2"] in lines
    assert ["all", "[x]/[b]1", "2", "2"] in lines
    assert "byte-identical, kept in one part: 0.wav = 1.wav = 2.wav" in done.output


def test_msp_podcast_has_13555_utterances_with_known_gender() -> None:
    assert PUBLISHED["msp_podcast"].with_gender == 13555


def test_a_count_in_doubt_differs_and_is_no_error() -> None:
    different = [Count("utterances", "all", 2600, 2648)]
    firm = PublishedCounts("somebody 2020", utterances_in_all=2648)
    assert differences(different) == different
    assert is_wrong(different, firm)
    assert not is_wrong(different, PUBLISHED["muse"])
    assert not is_wrong([], firm)


def test_utterances_with_gender_are_counted(tree: Path) -> None:
    corpus = corpora.load("ravdess", tree)
    corpus.table.loc[corpus.table["speaker"] == "ravdess/01", "gender"] = ""
    assert Count("utterances", "with gender", 60, None) in counts(corpus, PUBLISHED["ravdess"])
    assert Count("speakers", "all", 2, None) in counts(corpus, None)


def test_the_help_shows_an_example() -> None:
    done = CliRunner().invoke(app, ["check", "--help"])
    assert done.exit_code == 0
    assert "sordino corpus check ravdess data/ravdess" in done.output
