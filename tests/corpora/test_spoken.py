"""The corpus of `benchmarks/spoken/speak.py`: sentences of MELD that espeak-ng speaks."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from sordino import corpora
from sordino.corpora import espeak
from sordino.corpora.dimensions import levels
from sordino.corpora.table import Corpus
from sordino.errors import CorpusError
from sordino.signal import audio
from sordino.study.jaiswal2020 import protocol

pytest.importorskip("espeakng_loader", reason="no espeak-ng: install the extra demo")

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "spoken" / "speak.py"
LABELS = (("anger", "negative"), ("neutral", "neutral"), ("joy", "positive"))
HOSTILE = "<voice name='x'>--help -w /tmp/x [[hE]] %s99p it's me</voice>"


@pytest.fixture(scope="module")
def benchmark() -> dict[str, Any]:
    return runpy.run_path(str(SCRIPT))


@pytest.fixture(scope="module")
def meld(benchmark, tmp_path_factory) -> Corpus:
    """Three sentences of each character, one of each label, and some that are not eligible."""
    lines = [
        (name, *label, f"We saw {number} of them with {name}.")
        for name in benchmark["TIMBRES"]
        for number, label in enumerate(LABELS)
    ]
    lines[0] = ("Chandler", *LABELS[0], HOSTILE % "\x01")
    lines += [
        ("Joey", *LABELS[2], "we SAW 2 of them with joey."),
        ("Joey", *LABELS[1], "Hey!"),
        ("Joey", *LABELS[1], "so very long " * 17),
        ("Gunther", *LABELS[1], "I am not a main character."),
    ]
    table = pd.DataFrame(lines, columns=["speaker", "emotion", "sentiment", "transcript"])
    folder = tmp_path_factory.mktemp("meld")
    table = table.assign(split="train", dialogue=0, utt=range(len(table)))
    table.to_csv(folder / "utterances.csv", index=False)
    return corpora.load("meld", folder)


@pytest.fixture(scope="module")
def folder(benchmark, meld, tmp_path_factory) -> Path:
    path: Path = tmp_path_factory.mktemp("spoken") / "corpus"
    benchmark["speak"](meld, path, 3, seed=0)
    return path


@pytest.fixture(scope="module")
def spoken(folder) -> Corpus:
    return corpora.load("manifest", folder / "manifest.csv")


def contents(folder: Path) -> dict[Path, bytes]:
    return {
        file.relative_to(folder): file.read_bytes() for file in folder.rglob("*") if file.is_file()
    }


def test_its_manifest_has_sound_words_and_sentiment(spoken, meld):
    assert spoken.recorded().all()
    assert set(spoken.table["transcript"]) == {
        HOSTILE % "",
        *meld.table["transcript"][1:18],
    }
    assert levels(spoken, "valence").note == "sentiment labels: meld-espeak"
    assert np.bincount(levels(spoken, "valence").codes).tolist() == [6, 6, 6]


def test_its_six_speakers_are_tested_in_nine_pairs(spoken):
    draws = protocol.draws(spoken, 0, spoken.checksums())
    assert len(draws) == 9
    assert not any(draw.folds for draw in draws)


def test_the_same_seed_gives_the_same_bytes(benchmark, meld, folder, tmp_path):
    benchmark["speak"](meld, tmp_path / "twin", 3, seed=0)
    assert contents(tmp_path / "twin") == contents(folder)


def test_another_seed_gives_other_sound(benchmark, meld, folder, tmp_path):
    benchmark["speak"](meld, tmp_path / "other", 3, seed=1)
    before, after = contents(folder), contents(tmp_path / "other")
    assert before.keys() == after.keys()
    assert not any(before[file] == after[file] for file in before if file.suffix == ".wav")


def test_anger_is_louder_than_neutral_speech(spoken):
    powers = [np.mean(audio.read(file).astype(float) ** 2) for file in spoken.table["file"]]
    level = spoken.table.assign(db=10 * np.log10(powers)).pivot_table("db", "speaker", "emotion")
    assert (level["angry"] - level["neutral"]).mean() > 3


def test_a_control_character_does_not_reach_the_voice(benchmark):
    assert benchmark["plain"]("\x0199p it's\u0085me\x00 ") == "99p it's me"


def test_the_sentiments_are_in_turn(benchmark, meld):
    rows = benchmark["sentences"](meld, "Joey", 2, (0,))
    assert rows["sentiment"].nunique() == 2


def test_a_folder_with_files_is_refused(benchmark, meld, folder):
    with pytest.raises(CorpusError, match="has files, expected an absent or empty folder"):
        benchmark["speak"](meld, folder, 3, seed=0)


def test_too_few_sentences_of_a_character_are_refused(benchmark, meld):
    with pytest.raises(CorpusError, match="meld: 3 sentences of Joey, expected 4: ask for fewer"):
        benchmark["sentences"](meld, "Joey", 4, (0,))


@pytest.mark.parametrize("name", ["f99", "../en", ""])
def test_an_unknown_variant_of_a_voice_is_refused(name):
    with pytest.raises(CorpusError, match="expected one as f1 or m3"):
        espeak.variant(name)
