"""Corpora whose labels are in the names of their recordings: names to labels, and the counts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sordino import corpora
from sordino.corpora.adapters.file_names.registry import FILE_NAMES
from sordino.corpora.checks.check import counts, differences
from sordino.corpora.checks.licences import LICENCES
from sordino.corpora.checks.published import PUBLISHED
from sordino.errors import CorpusError
from tests.corpora.synthetic_trees import recording, table

EXAMPLES = {
    "savee": {
        "AudioData/DC/su09.wav": ("DC", "male", "surprised"),
        "JK_sa04.wav": ("JK", "male", "sad"),
    },
    "tess": {
        "OAF_Fear/OAF_back_fear.wav": ("OA", "female", "fearful"),
        "OAF_neutral/OA_bite_neutral.wav": ("OA", "female", "neutral"),
        "YAF_nice_ps.wav": ("YA", "female", "surprised"),
    },
    "nemo": {"samples/EB0_anger_11.wav": ("EB0", "female", "angry")},
    "jl": {
        "JL(wav+txt)/male2_concerned_6b_1.wav": ("male2", "male", "concerned"),
        "female1_angry_12a_2.wav": ("female1", "female", "angry"),
    },
    "cafe": {
        "CaFE_48k/Peur/Fort/12-P-2-5.wav": ("12", "female", "fearful"),
        "CaFE_48k/Neutre/01-N-1-1.wav": ("01", "male", "neutral"),
    },
    "emovo": {
        "f2/gio-f2-b2.wav": ("f2", "female", "happy"),
        "m3/sor-m3-n5.wav": ("m3", "male", "surprised"),
    },
    "shemo": {
        "male/M36S02.wav": ("M36", "male", "sad"),
        "female/F21W09.wav": ("F21", "female", "surprised"),
    },
    "aesdd": {
        "anger/a06 (5)b.wav": ("5", "", "angry"),
        "fear/f10 (01).wav": ("1", "", "fearful"),
    },
    "subesco": {"F_10_FAHMEE_S_6_FEAR_5.wav": ("F_10", "female", "fearful")},
    "esd": {
        "0001/Neutral/0001_000001.wav": ("0001", "female", "neutral"),
        "0020/Surprise/test/0020_001421.wav": ("0020", "male", "surprised"),
    },
    "emov_db": {
        "jenie_Amused/amused_57-84_0057.wav": ("jenie", "female", "amused"),
        "sam/Disgusted/disgust_1-28_0001.wav": ("sam", "male", "disgust"),
    },
    "asvp_esd": {
        "Audio/actor_36/03-01-09-01-06-36-02-02-01-39.wav": ("36", "male", "excited"),
        "Audio/actor_101/03-02-11-02-58-101-02-01-00-11.wav": ("101", "female", "pain"),
    },
}
"""Names of real releases, and what their authors say of them."""


@pytest.mark.parametrize("name", sorted(FILE_NAMES))
def test_labels_follow_the_path_of_a_recording(name: str, tmp_path: Path) -> None:
    for number, path in enumerate(EXAMPLES[name]):
        recording(tmp_path / path, number)
    rows = corpora.load(name, tmp_path).table
    found = {
        str(Path(file).relative_to(tmp_path)): (speaker.removeprefix(f"{name}/"), gender, emotion)
        for file, speaker, gender, emotion in rows[
            ["file", "speaker", "gender", "emotion"]
        ].itertuples(index=False)
    }
    assert found == EXAMPLES[name]


def names(corpus: str) -> Iterator[str]:
    """Every name of a corpus with a regular scheme, without suffix."""
    emotions = FILE_NAMES[corpus].emotions
    if corpus == "savee":
        for speaker in FILE_NAMES[corpus].speakers:
            for code in emotions:
                for number in range(1, 31 if code == "n" else 16):
                    yield f"{speaker}_{code}{number:02d}"
    elif corpus == "tess":
        words = [a + b for a in "abcdefghijklmnopqrst" for b in "abcdefghij"]
        yield from (
            f"{s}F_{word}_{code}" for s in ("OA", "YA") for word in words for code in emotions
        )
    elif corpus == "jl":
        sentences = [f"{number}{letter}" for number in range(1, 16) for letter in "ab"]
        speakers = ("female1", "female2", "male1", "male2")
        for speaker in speakers:
            for code in emotions:
                yield from (
                    f"{speaker}_{code}_{text}_{take}" for text in sentences for take in (1, 2)
                )
    elif corpus == "cafe":
        for actor in range(1, 13):
            for code in emotions:
                for level in (1,) if code == "N" else (1, 2):
                    yield from (f"{actor:02d}-{code}-{level}-{text}" for text in range(1, 7))
    elif corpus == "emovo":
        sentences = [
            "b1",
            "b2",
            "b3",
            "l1",
            "l2",
            "l3",
            "l4",
            "n1",
            "n2",
            "n3",
            "n4",
            "n5",
            "d1",
            "d2",
        ]
        for speaker in FILE_NAMES[corpus].speakers:
            yield from (f"{code}-{speaker}-{text}" for code in emotions for text in sentences)
    elif corpus == "subesco":
        for letter in "FM":
            for number in range(1, 11):
                for text in range(1, 11):
                    yield from (
                        f"{letter}_{number:02d}_NAME_S_{text}_{code}_{take}"
                        for code in emotions
                        for take in range(1, 6)
                    )
    else:
        for speaker in FILE_NAMES[corpus].speakers:
            for block, code in enumerate(emotions):
                yield from (f"{speaker}/{code}/{speaker}_{block * 350 + n:06d}" for n in range(350))


@pytest.mark.parametrize("name", ["savee", "tess", "jl", "cafe", "emovo", "subesco", "esd"])
def test_a_regular_scheme_gives_the_published_counts(name: str) -> None:
    labels = [FILE_NAMES[name].parse(path) for path in names(name)]
    published = PUBLISHED[name]
    assert Counter(label["emotion"] for label in labels) == published.emotions
    assert Counter(label["speaker"] for label in labels) == published.utterances
    genders = {label["speaker"]: label["gender"] for label in labels}
    assert Counter(genders.values()) == published.speakers


def test_the_recordings_at_hand_of_nemo_are_a_part_of_it(data: Path) -> None:
    corpus = corpora.load("nemo", data / "nemo")
    manifest = corpora.load("manifest", data / "nemo" / "manifest.csv")
    assert differences(counts(corpus, PUBLISHED["nemo"]), partial=True) == []
    columns = ["file", "speaker", "gender", "emotion", "age"]
    assert corpus.table[columns].equals(manifest.table[columns])


@pytest.mark.parametrize("name", sorted(FILE_NAMES))
def test_a_corpus_has_a_licence_and_a_source(name: str) -> None:
    assert LICENCES[name] == FILE_NAMES[name].licence
    assert PUBLISHED[name].source


@settings(max_examples=20)
@given(st.sampled_from(sorted(FILE_NAMES)), st.text(max_size=40))
def test_a_path_of_another_form_is_refused(name: str, path: str) -> None:
    with pytest.raises(CorpusError, match="not a name of this corpus"):
        FILE_NAMES[name].parse(f"{path}?")


def test_one_recording_in_two_folders_is_named(tmp_path: Path) -> None:
    recording(tmp_path / "TESS" / "OAF_back_sad.wav", 1)
    recording(tmp_path / "copy" / "TESS" / "OAF_back_sad.wav", 1)
    with pytest.raises(CorpusError, match="OAF_back_sad is there twice"):
        corpora.load("tess", tmp_path)


def test_equal_names_in_folders_of_two_speakers_are_two(tmp_path: Path) -> None:
    recording(tmp_path / "DC" / "a01.wav", 1)
    recording(tmp_path / "JE" / "a01.wav", 2)
    assert len(corpora.load("savee", tmp_path)) == 2


def test_a_link_out_of_the_folder_is_refused(tmp_path: Path) -> None:
    outside = recording(tmp_path / "private.wav")
    (tmp_path / "savee").mkdir()
    (tmp_path / "savee" / "DC_a01.wav").symlink_to(outside)
    with pytest.raises(CorpusError, match=r"leads out of .*: copy the recording"):
        corpora.load("savee", tmp_path / "savee")


def test_a_table_of_speakers_adds_their_genders(tmp_path: Path) -> None:
    recording(tmp_path / "anger" / "a01 (1).wav", 1)
    recording(tmp_path / "anger" / "a01 (2).wav", 2)
    table(
        tmp_path / "speakers.csv", [("speaker", "gender", "age"), ("1", "f", "31"), ("2", "m", "")]
    )
    rows = corpora.load("aesdd", tmp_path).table
    assert rows["gender"].tolist() == ["female", "male"]
    assert rows["age"].tolist()[0] == 31


@pytest.mark.parametrize(
    ("rows", "match"),
    [
        ([("1", "f")], "1 speaker.s. of the recordings without a row"),
        ([("1", "f"), ("2", "m"), ("1", "m")], "row 4: a second row of one speaker"),
    ],
)
def test_a_wrong_table_of_speakers_is_refused(
    rows: list[tuple[str, str]], match: str, tmp_path: Path
) -> None:
    recording(tmp_path / "a01 (1).wav", 1)
    recording(tmp_path / "a01 (2).wav", 2)
    table(tmp_path / "speakers.csv", [("speaker", "gender"), *rows])
    with pytest.raises(CorpusError, match=match):
        corpora.load("aesdd", tmp_path)
