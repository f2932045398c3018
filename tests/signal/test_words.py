"""A transcript becomes the vectors of its words, whatever file they come from; what is no such file
is refused.
"""

from __future__ import annotations

import os
import pickle
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from sordino.errors import FeatureError, StorageError
from sordino.signal.words import Words, read, tokens

VOCABULARY = ["the", "cup", "Rome", "TV", "naïve", "don't"]
VECTORS = np.random.default_rng(0).normal(size=(6, 3)).astype(np.float32)


def keyed(vocabulary: list[str] = VOCABULARY, vectors: NDArray[np.float32] = VECTORS) -> Any:
    from gensim.models import KeyedVectors

    words = KeyedVectors(vectors.shape[1])
    words.add_vectors(vocabulary, vectors)
    return words


def written(folder: Path, kind: str, vectors: NDArray[np.float32] = VECTORS) -> Path:
    """The vocabulary above in a file of this kind, written by gensim itself."""
    path, words = folder / f"words{kind.split()[0]}", keyed(VOCABULARY, vectors)
    if kind == ".kv":
        words.save(str(path))
    elif kind == ".kv and .npy":
        words.save(str(path), separately=["vectors"])
    else:
        words.save_word2vec_format(str(path), binary=kind == ".bin")
    return path


KINDS = (".kv", ".kv and .npy", ".bin", ".txt")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        ("  ... !? — ", []),
        ("It's eleven o'clock", ["it's", "eleven", "o'clock"]),
        ("‘Don’t’, he said", ["don't", "he", "said"]),
        ("IT'S ELEVEN", ["it's", "eleven"]),
        ("well-known -- 'quoted'", ["well-known", "quoted"]),
        ("nai\u0308ve na\u00efve", ["naïve", "naïve"]),
        ("[LAUGHTER] snake_case KL-5", ["laughter", "snake", "case", "kl-5"]),
        ("Eisschrank. Überübermorgen", ["eisschrank", "überübermorgen"]),
    ],
)
def test_tokens_are_the_words(text: str, expected: list[str]) -> None:
    assert tokens(text) == expected


@given(st.text())
def test_tokens_are_a_fixed_point(text: str) -> None:
    words = tokens(text)
    assert tokens(" ".join(words)) == words
    assert all(token and not any(letter.isspace() for letter in token) for token in words)


def test_a_word_is_looked_up_as_lower_case_name_and_acronym() -> None:
    words = Words.of(VOCABULARY, VECTORS)
    np.testing.assert_array_equal(
        words("THE cup, Rome; rome, tv don’t"), VECTORS[[0, 1, 2, 2, 3, 5]]
    )
    names = Words.of(["us", "US"], VECTORS[:2])
    np.testing.assert_array_equal(names("US us"), VECTORS[[0, 0]])
    assert "rome" in words
    assert "paris" not in words


def test_an_unknown_word_is_the_mean_and_keeps_its_place() -> None:
    words = Words.of(VOCABULARY, VECTORS)
    np.testing.assert_allclose(words.unknown, VECTORS.mean(axis=0), rtol=1e-6)
    np.testing.assert_array_equal(
        words("the blue cup"), np.stack([VECTORS[0], words.unknown, VECTORS[1]])
    )


def test_an_unknown_word_is_the_files_own_where_it_has_one() -> None:
    words = Words.of(["the", "<unk>"], VECTORS[:2])
    np.testing.assert_array_equal(words("the blue cup"), VECTORS[[0, 1, 1]])
    assert "unk" not in words


@pytest.mark.parametrize("text", ["", "   ", "?!", "nothing of this is known", "[---]"])
def test_what_holds_no_known_word_is_one_row(text: str) -> None:
    words = Words.of(VOCABULARY, VECTORS)
    assert words(text).shape == (1, 3)
    assert words(text).dtype == np.float32
    np.testing.assert_array_equal(words(text)[0], words.unknown)


def test_what_is_looked_up_is_ones_own_to_change() -> None:
    words = Words.of(VOCABULARY, VECTORS)
    before = words.hash
    for text in ("the cup", ""):
        words(text)[:] = 7
    assert words.hash == Words.of(VOCABULARY, VECTORS).hash == before
    with pytest.raises(ValueError, match="read-only"):
        words.vectors[0, 0] = 7
    with pytest.raises(ValueError, match="read-only"):
        words.unknown[0] = 7


def test_the_hash_knows_every_word_and_vector() -> None:
    changed = VECTORS.copy()
    changed[5, 2] += 1e-6
    vocabularies = (
        Words.of(VOCABULARY, VECTORS),
        Words.of([*VOCABULARY[:5], "do"], VECTORS),
        Words.of(VOCABULARY, changed),
    )
    assert len({words.hash for words in vocabularies}) == 3


@pytest.mark.parametrize(
    ("vocabulary", "vectors", "message"),
    [
        ([], np.zeros((0, 3)), "0 different words of 0"),
        (
            ["a"],
            np.zeros((2, 3)),
            r"1 different words of 1 and vectors \(2, 3\), expected a row a word",
        ),
        (["a", "a"], np.zeros((2, 3)), "1 different words of 2"),
        (["a"], np.zeros(3), r"vectors \(3,\)"),
        (["a", "b"], np.array([[1.0], [np.nan]]), "NaN or infinite, expected numbers"),
        (["<unk>", "b"], np.array([[1.0], [np.inf]]), "NaN or infinite, expected numbers"),
    ],
)
def test_what_is_no_vocabulary_is_refused(
    vocabulary: list[str], vectors: NDArray[np.float64], message: str
) -> None:
    with pytest.raises(FeatureError, match=message):
        Words.of(vocabulary, vectors)


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_file_holds_the_same_words(tmp_path: Path, kind: str) -> None:
    words = read(written(tmp_path, kind))
    assert list(words.row_of) == VOCABULARY
    np.testing.assert_array_equal(words.vectors, VECTORS)
    assert words.hash == Words.of(VOCABULARY, VECTORS).hash
    assert (len(words), words.dims) == (6, 3)


def test_vectors_beside_the_file_are_memory_mapped(tmp_path: Path) -> None:
    words = read(written(tmp_path, ".kv and .npy"))
    assert isinstance(words.vectors, np.memmap)
    assert not words.vectors.flags.writeable
    assert Path(str(words.vectors.filename)).name == "words.kv.vectors.npy"


def test_a_suffix_in_capitals_and_windows_line_ends_are_read(tmp_path: Path) -> None:
    path = written(tmp_path, ".txt").rename(tmp_path / "WORDS.TXT")
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    np.testing.assert_array_equal(read(path).vectors, VECTORS)


def test_the_c_tool_ends_every_vector_with_a_line(tmp_path: Path) -> None:
    rows = b"".join(
        word.encode() + b" " + row.tobytes() + b"\n"
        for word, row in zip(VOCABULARY, VECTORS, strict=True)
    )
    (tmp_path / "c.bin").write_bytes(b"6 3\n" + rows)
    words = read(tmp_path / "c.bin")
    assert list(words.row_of) == VOCABULARY
    np.testing.assert_array_equal(words.vectors, VECTORS)


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_a_file_cut_short_anywhere_is_refused(tmp_path: Path, kind: str) -> None:
    path = written(tmp_path, kind)
    if kind == ".kv and .npy":
        path = path.with_name("words.kv.vectors.npy")
    content = path.read_bytes()
    for size in range(len(content)):
        path.write_bytes(content[:size])
        with pytest.raises(
            FeatureError, match=r"words\..*: no word vectors that can be read, expected a whole"
        ):
            read(tmp_path / f"words{kind.split()[0]}")


FOREIGN: dict[str, bytes] = {
    "empty": b"",
    "text": b"dear diary\n" * 100,
    "a page": b"<!DOCTYPE html>\n<html>" + b"x" * 1000,
    "an image": b"\x89PNG\r\n\x1a\n" + np.random.default_rng(0).bytes(1000),
    "noise": np.random.default_rng(1).bytes(5000),
    "a line without end": b"1" * 10_000,
    "words that are not there": b"1000000000000 300\n" + b"the 0.5\n" * 10,
    "no words": b"0 300\n" + b"the 0.5\n" * 10,
    "no dimensions": b"2 0\nthe\ncup\n",
    "fewer than nothing": b"-2 -3\n" + b"the 0.5\n" * 10,
    "a list": pickle.dumps(["the", "cup"]),
    "an array": pickle.dumps(VECTORS),
}


@pytest.mark.parametrize("suffix", [".kv", ".bin", ".txt"])
@pytest.mark.parametrize("content", FOREIGN)
def test_a_foreign_file_is_refused_in_one_line(tmp_path: Path, suffix: str, content: str) -> None:
    path = tmp_path / f"x{suffix}"
    path.write_bytes(FOREIGN[content])
    says = {"a page": "a web page, expected word vectors[^\n]*"}.get(
        content, r"no word vectors that can be read[^\n]*anew"
    )
    with pytest.raises(FeatureError, match=rf"^[^\n]*x\{suffix}: {says}$"):
        read(path)


@pytest.mark.parametrize("kind", KINDS)
def test_a_file_with_a_vector_of_nan_is_refused(tmp_path: Path, kind: str) -> None:
    path = written(tmp_path, kind, np.where(np.arange(3) == 1, np.float32("nan"), VECTORS))
    with pytest.raises(FeatureError, match="no word vectors that can be read"):
        read(path)


@pytest.mark.parametrize(
    ("kind", "suffix"), [(".txt", ".bin"), (".bin", ".txt"), (".bin", ".kv"), (".kv", ".txt")]
)
def test_one_kind_under_the_name_of_another_is_refused(
    tmp_path: Path, kind: str, suffix: str
) -> None:
    rng = np.random.default_rng(0)
    keyed_vectors = keyed(
        [f"word{row}" for row in range(50)], rng.normal(size=(50, 100)).astype(np.float32)
    )
    path = tmp_path / f"x{suffix}"
    if kind == ".kv":
        keyed_vectors.save(str(path))
    else:
        keyed_vectors.save_word2vec_format(str(path), binary=kind == ".bin")
    with pytest.raises(FeatureError, match="no word vectors that can be read"):
        read(path)


class Harm:
    """What pickles into a command that leaves a file behind."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.path),)


def test_a_foreign_pickle_executes_nothing(tmp_path: Path) -> None:
    model = keyed()
    model.more = Harm(tmp_path / "harmed")
    model.save(str(tmp_path / "x.kv"))
    with pytest.raises(FeatureError, match="no word vectors that can be read"):
        read(tmp_path / "x.kv")
    assert not (tmp_path / "harmed").exists()


def test_vectors_that_are_not_beside_their_file_are_named(tmp_path: Path) -> None:
    path = written(tmp_path, ".kv and .npy")
    (tmp_path / "words.kv.vectors.npy").unlink()
    with pytest.raises(
        FeatureError,
        match=r"words\.kv\.vectors\.npy is missing, expected it beside the file: copy both",
    ):
        read(path)


def test_another_suffix_and_no_file_are_told(tmp_path: Path) -> None:
    with pytest.raises(
        FeatureError, match=r"suffix \.gz, expected \.kv, \.bin, \.txt: unpack or convert it"
    ):
        read(tmp_path / "GoogleNews.bin.gz")
    with pytest.raises(StorageError, match=r"gone\.bin: No such file or directory: check the path"):
        read(tmp_path / "gone.bin")
    (tmp_path / "folder.kv").mkdir()
    with pytest.raises(StorageError, match=r"folder\.kv: Is a directory"):
        read(tmp_path / "folder.kv")


def test_reading_needs_no_gensim(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    paths = [written(tmp_path, kind) for kind in (".bin", ".txt", ".kv")]
    monkeypatch.setitem(sys.modules, "gensim", None)
    for path in paths:
        np.testing.assert_array_equal(read(path)("the cup"), VECTORS[:2])
