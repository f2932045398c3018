"""Corpora of EmoBox: speakers follow from names by a rule, or from a table."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from sordino import corpora
from sordino.corpora.formats.emobox import RULES
from sordino.errors import CorpusError
from tests.corpora.formats.people import labels
from tests.corpora.synthetic_trees import recording, table, text


def emobox(
    root: Path, dataset: str, rows: list[tuple[str, str]], fold: bool = False, **fields: Any
) -> Path:
    """A folder `data/dataset` with the entries (path below downloads, emotion)."""
    entries = []
    for number, (wav, emotion) in enumerate(rows):
        recording(root / "downloads" / dataset / wav, number)
        entries.append(
            {
                "key": f"{dataset}-{number}",
                "dataset": dataset,
                "wav": f"downloads/{dataset}/{wav}",
                "length": 0.1,
                "emo": emotion,
                "channel": 1,
                **fields,
            }
        )
    folder = root / "data" / dataset
    text(folder / "label_map.json", json.dumps({"sa": "Sad", "n": "Neutral", "h": "Happy"}))
    half = len(entries) // 2
    parts = {"train": entries[:half], "test": entries[half:]} if fold else {"": entries}
    for part, content in parts.items():
        name = f"fold_1/{dataset}_{part}_fold_1" if part else dataset
        text(folder / f"{name}.jsonl", "\n".join(map(json.dumps, content)))
    return folder


SAVEE = [("JE_n23.wav", "n"), ("KL_sa02.wav", "sa")]


@pytest.mark.parametrize("fold", [False, True])
def test_speakers_follow_from_the_name_of_a_recording(fold: bool, tmp_path: Path) -> None:
    corpus = corpora.load("emobox", emobox(tmp_path, "savee", SAVEE, fold))
    assert corpus.name == "savee"
    assert labels(corpus) == (
        ("JE_n23.wav", "JE", "male", "neutral"),
        ("KL_sa02.wav", "KL", "male", "sad"),
    )


NAMES = {
    "ravdess": ("Actor_12/03-01-06-01-02-01-12.wav", "12", "female"),
    "emodb": ("wav/03a01Fa.wav", "03", "male"),
    "cremad": ("AudioWAV/1001_DFA_ANG_XX.wav", "1001", ""),
    "iemocap": ("Session1/sentences/wav/x/Ses01F_impro01_M003.wav", "Ses01M", "male"),
    "savee": ("JE_n23.wav", "JE", "male"),
    "tess": ("OAF_lid_fear.wav", "OA", "female"),
    "cafe": ("CaFE_48k/Peur/Fort/12-P-2-5.wav", "12", "female"),
    "emovo": ("f2/gio-f2-b2.wav", "f2", "female"),
    "shemo": ("male/M36S02.wav", "M36", "male"),
    "aesdd": ("anger/a03 (3).wav", "3", ""),
    "subesco": ("F_10_FAHMEE_S_6_FEAR_5.wav", "F_10", "female"),
    "esd": ("0001/Neutral/0001_000001.wav", "0001", "female"),
    "jlcorpus": ("JL(wav+txt)/male2_concerned_6b_1.wav", "male2", "male"),
    "emovdb": ("jenie_Amused/amused_57-84_0057.wav", "jenie", "female"),
    "asvpesd": ("Audio/actor_36/03-01-09-01-06-36-02-02-01-39.wav", "36", "male"),
}
"""Paths in EmoBox's own lists."""


@pytest.mark.parametrize("dataset", sorted(RULES))
def test_each_rule_reads_the_names_of_emobox(dataset: str, tmp_path: Path) -> None:
    wav, speaker, gender = NAMES[dataset]
    corpus = corpora.load("emobox", emobox(tmp_path, dataset, [(wav, "h")]))
    assert labels(corpus) == ((Path(wav).name, speaker, gender, "happy"),)


def test_a_corpus_without_a_rule_needs_a_table(tmp_path: Path) -> None:
    folder = emobox(tmp_path, "m3ed", [("x/1.wav", "n"), ("x/2.wav", "h")])
    with pytest.raises(CorpusError, match=r"no rule for the names of 'm3ed'.*add speakers.csv"):
        corpora.load("emobox", folder)
    header = ("key", "speaker", "gender")
    table(folder / "speakers.csv", [header, ("m3ed-0", "anna", "f"), ("m3ed-1", "ben", "")])
    found = labels(corpora.load("emobox", folder))
    assert found == (("1.wav", "anna", "female", "neutral"), ("2.wav", "ben", "", "happy"))


def test_a_table_adds_genders_to_a_rule(tmp_path: Path) -> None:
    folder = emobox(tmp_path, "cremad", [("AudioWAV/1001_DFA_ANG_XX.wav", "h")])
    table(folder / "speakers.csv", [("speaker", "gender", "age"), ("1001", "m", "51")])
    row = corpora.load("emobox", folder).table.iloc[0]
    assert (row["gender"], row["age"]) == ("male", 51)


def test_two_rows_of_a_key_are_refused(tmp_path: Path) -> None:
    folder = emobox(tmp_path, "m3ed", [("x/1.wav", "n")])
    rows = [("key", "speaker", "gender"), ("m3ed-0", "anna", "f"), ("m3ed-0", "ben", "m")]
    table(folder / "speakers.csv", rows)
    with pytest.raises(CorpusError, match=r"row 3: a second row of 'm3ed-0', expected one"):
        corpora.load("emobox", folder)


def test_an_incomplete_table_is_refused(tmp_path: Path) -> None:
    folder = emobox(tmp_path, "m3ed", [("1.wav", "n")])
    table(folder / "speakers.csv", [("key", "speaker", "gender"), ("x", "anna", "f")])
    with pytest.raises(CorpusError, match=r"no row for 'm3ed-0', expected one: add it"):
        corpora.load("emobox", folder)


@pytest.mark.parametrize(
    ("fields", "match"),
    [
        ({"emo": "zzz"}, "emotion 'zzz' is not in label_map.json, expected one of sa, n, h"),
        ({"wav": "../../outside.wav"}, r"not a name of this corpus|leads out of"),
        ({"wav": "/etc/JE_n01.wav"}, "leads out of"),
        ({"wav": None}, "not a name of this corpus"),
        ({"key": "same"}, "a second entry 'same'"),
        ({"start_time": "x"}, "start 'x', expected a number"),
    ],
)
def test_a_wrong_entry_is_refused(fields: dict[str, Any], match: str, tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match=match):
        corpora.load("emobox", emobox(tmp_path, "savee", SAVEE, **fields))


def test_a_part_of_a_recording_has_times(tmp_path: Path) -> None:
    folder = emobox(tmp_path, "savee", SAVEE[:1], start_time=0.01, end_time=0.05)
    row = corpora.load("emobox", folder).table.iloc[0]
    assert (row["start"], row["end"]) == (0.01, 0.05)


def test_a_folder_without_a_label_map_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match=r"label_map.json: no such file"):
        corpora.load("emobox", tmp_path)
