"""Word vectors of one's own: the same bytes every time, from the given transcripts alone, and kept
in whole files.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from sordino.corpora import table
from sordino.corpora.table import Corpus
from sordino.errors import CorpusError, FeatureError, StorageError
from sordino.features import words as room
from sordino.signal.words import UNKNOWN_WORD, Words, read

ANIMALS, TOOLS = ("cat", "dog", "hen"), ("saw", "axe", "file")


def sentences(count: int = 400, seed: int = 0) -> list[str]:
    """Sentences about animals, who are fed and sleep, and about tools, which are sharp and cut."""
    rng = np.random.default_rng(seed)
    about = [
        (ANIMALS, "the {} sleeps and is fed by us"),
        (TOOLS, "a sharp {} cuts this piece of wood"),
    ]
    return [
        about[kind][1].format(rng.choice(about[kind][0])) for kind in rng.integers(2, size=count)
    ]


def corpus(transcripts: list[str], names: list[str] | None = None) -> Corpus:
    rows = {
        "file": [f"{row}.wav" for row in range(len(transcripts))],
        "speaker": "one",
        "transcript": transcripts,
    }
    frame = pd.DataFrame(rows)
    return table.make("made", frame if names is None else frame.assign(corpus=names))


def test_words_of_one_kind_come_closer_than_words_of_two() -> None:
    assert gap(sentences()) > 0.5


def test_words_that_are_said_at_random_do_not() -> None:
    rng = np.random.default_rng(1)
    nouns = (*ANIMALS, *TOOLS)
    mixed = [
        " ".join(str(rng.choice(nouns)) if word in nouns else word for word in text.split())
        for text in sentences()
    ]
    assert gap(mixed) < 0


def gap(transcripts: list[str]) -> float:
    """The least cosine within a kind of words, minus the largest between kinds."""
    words = room.train(transcripts, dims=16, seed=0)
    unit = {word: words(word)[0] / np.linalg.norm(words(word)[0]) for word in (*ANIMALS, *TOOLS)}
    within = [unit[a] @ unit[b] for kind in (ANIMALS, TOOLS) for a in kind for b in kind if a < b]
    return float(min(within) - max(unit[a] @ unit[b] for a in ANIMALS for b in TOOLS))


def test_only_words_of_the_given_transcripts_are_known() -> None:
    words = room.train([text for text in sentences() if "sharp" not in text], dims=4)
    assert set(words.row_of) == {*ANIMALS, "the", "sleeps", "and", "is", "fed", "by", "us"}
    np.testing.assert_array_equal(words("saw axe"), [words.unknown])


def test_rare_words_become_unknown_and_frequent_words_come_first() -> None:
    words = room.train(["so it is", "so is it not", "so be it", "so we go", "  "], dims=4)
    assert list(words.row_of) == [UNKNOWN_WORD, "so", "it", "is"]  # 5 of once each, 4, 3, 2
    np.testing.assert_array_equal(words("so be we"), words.vectors[[1, 0, 0]])
    assert UNKNOWN_WORD not in room.train(["so it is", "so be it"] * 2, dims=4).row_of
    assert "go" in room.train(["so it is", "so we go"], dims=4, rarest=1).row_of


def test_training_depends_on_the_seed_and_not_on_row_order() -> None:
    first, turned, second = (
        room.train(sentences(), 8),
        room.train(sentences()[::-1], 8),
        room.train(sentences(), 8, seed=1),
    )
    assert first.hash == turned.hash
    assert first.hash != second.hash
    assert list(first.row_of) == list(second.row_of)


TRAIN = """
import sys
from sordino.features import words
words.save(words.train(sys.stdin.read().splitlines(), dims=10, seed=3), sys.argv[1])
"""


@pytest.mark.slow
def test_the_same_seed_gives_the_same_bytes_in_any_process(tmp_path: Path) -> None:
    (tmp_path / "said").write_text("\n".join(sentences()))
    running = []
    for seed in ("0", "4294967295"):
        with (tmp_path / "said").open() as text:
            command = [sys.executable, "-c", TRAIN, str(tmp_path / seed / "words.kv")]
            env = os.environ | {"PYTHONHASHSEED": seed}
            running.append(
                subprocess.Popen(command, env=env, stdin=text, stderr=subprocess.PIPE, text=True)
            )
    room.save(room.train(sentences(), dims=10, seed=3), tmp_path / "here" / "words.kv")
    assert [process.communicate()[1] for process in running] == ["", ""]
    for name in ("words.kv", "words.kv.vectors.npy"):
        assert (
            len({(tmp_path / path / name).read_bytes() for path in ("0", "4294967295", "here")})
            == 1
        )


@pytest.mark.parametrize(
    ("transcripts", "options", "message"),
    [
        ([], {}, "0 transcripts in which no word occurs 2 times, expected frequent words"),
        (["", "?!"], {}, "0 transcripts in which no word"),
        (["every word", "only once"], {}, "2 transcripts in which no word occurs 2 times"),
        (["so so"], {"dims": 0}, "dims 0, epochs 20, rarest 2, expected at least 1 each"),
        (["so so"], {"epochs": 0}, "epochs 0"),
        (["so so"], {"rarest": 0}, "rarest 0"),
    ],
)
def test_what_cannot_be_trained_on_is_refused(
    transcripts: list[str], options: dict[str, int], message: str
) -> None:
    with pytest.raises(FeatureError, match=message):
        room.train(transcripts, **options)


def test_what_is_saved_is_read_memory_mapped_and_the_same(tmp_path: Path) -> None:
    words = room.train(sentences(), dims=6)
    result = read(room.save(words, tmp_path / "new" / "words.kv"))
    assert isinstance(result.vectors, np.memmap)
    assert result.hash == words.hash
    assert list(result.row_of) == list(words.row_of)
    np.testing.assert_array_equal(result.unknown, words.unknown)
    np.testing.assert_array_equal(result("the cat saw nobody"), words("the cat saw nobody"))
    assert {path.name for path in (tmp_path / "new").iterdir()} == {
        "words.kv",
        "words.kv.vectors.npy",
    }


def test_saving_again_replaces_both_files_even_when_mapped(tmp_path: Path) -> None:
    room.save(room.train(sentences(), dims=6), tmp_path / "words.kv")
    old = read(tmp_path / "words.kv")
    before = old.vectors.copy()
    new = room.train(sentences(), dims=5)
    assert read(room.save(new, tmp_path / "words.kv")).hash == new.hash
    np.testing.assert_array_equal(old.vectors, before)  # who reads the old file keeps it
    room.save(read(tmp_path / "words.kv"), tmp_path / "words.kv")
    assert read(tmp_path / "words.kv").hash == new.hash


def test_a_saving_that_stops_halfway_leaves_no_file_that_lies(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    room.save(room.train(sentences(), dims=6), tmp_path / "words.kv")
    replace = Path.replace

    def stop(path: Path, to: Path) -> Path:
        if to.name == "words.kv":
            raise OSError(28, "No space left on device")
        return replace(path, to)

    monkeypatch.setattr(Path, "replace", stop)
    with pytest.raises(StorageError, match=r"words\.kv: the disk is full: free some space"):
        room.save(room.train(sentences(seed=1), dims=6), tmp_path / "words.kv")
    assert {path.name for path in tmp_path.iterdir()} == {"words.kv.vectors.npy"}
    with pytest.raises(StorageError, match=r"words\.kv: No such file"):
        read(tmp_path / "words.kv")


def test_another_suffix_and_a_place_that_is_a_file_are_told(tmp_path: Path) -> None:
    words = Words.of(["a"], np.ones((1, 2), dtype=np.float32))
    with pytest.raises(
        FeatureError, match=r"words\.bin: suffix \.bin, expected \.kv: choose such a name"
    ):
        room.save(words, tmp_path / "words.bin")
    (tmp_path / "file").write_text("mine")
    with pytest.raises(StorageError, match="expected a folder: choose another place"):
        room.save(words, tmp_path / "file" / "words.kv")
    assert (tmp_path / "file").read_text() == "mine"


def test_every_utterance_has_its_words_in_row_order() -> None:
    words = Words.of(["the", "cup"], np.array([[1.0, 0.0], [0.0, 1.0]], dtype=np.float32))
    result = room.word_sequences(corpus(["The cup.", "", "cup the cup", "nothing known"]), words)
    assert [sequence.shape for sequence in result] == [(2, 2), (1, 2), (3, 2), (1, 2)]
    assert result[2].tolist() == [[0, 1], [1, 0], [0, 1]]
    assert result[1].tolist() == result[3].tolist() == [[0.5, 0.5]]


def test_a_corpus_without_transcripts_is_refused_by_its_name() -> None:
    words = Words.of(["the"], np.ones((1, 2), dtype=np.float32))
    with pytest.raises(
        CorpusError, match="made: no transcripts, expected one for its utterances: leave"
    ):
        room.word_sequences(corpus(["", " "]), words)
    with pytest.raises(CorpusError, match="b: no transcripts"):
        room.transcripts_of(corpus(["so", "", ""], ["a", "a", "b"]))
    assert room.transcripts_of(corpus(["so", "", "it"], ["a", "a", "b"])) == ["so", "", "it"]


@pytest.mark.slow
def test_real_transcripts_train_in_seconds(data: Path) -> None:
    rows = pd.read_csv(data / "meld" / "utterances.csv")
    texts = rows.loc[rows["split"] == "dev", "transcript"].fillna("").tolist()
    words = room.train(texts, dims=20)
    assert len(words) > 500
    assert all(words(text).shape[0] >= 1 for text in texts)
