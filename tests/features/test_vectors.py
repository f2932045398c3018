"""A vector from a table goes to its own utterance, or the table is refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from sordino.corpora import table
from sordino.corpora.table import Corpus
from sordino.errors import FeatureError, StorageError
from sordino.features import read_vectors, write_vectors

X = np.random.default_rng(0).normal(size=(3, 2)).astype(np.float32)
FILES = ["data/A/one.wav", "data/A/two.wav", "data/B/three.wav"]
ALIKE = ["data/A/001.wav", "data/B/001.wav", "data/B/002.wav"]


def corpus_of(files: list[str], **columns: Any) -> Corpus:
    rows = {"file": files, "speaker": [str(row) for row in range(len(files))]}
    return table.make("some", pd.DataFrame(rows | columns))


def parquet(path: Path, x: NDArray[np.float32] = X, **keys: Any) -> Path:
    """A table as others write it."""
    pd.DataFrame({**keys, "a": x[:, 0], "b": x[:, 1]}).to_parquet(path / "made.parquet")
    return path / "made.parquet"


@pytest.mark.parametrize("suffix", ["parquet", "csv", "npz"])
def test_what_is_written_is_read_bit_for_bit_in_any_order(tmp_path: Path, suffix: str) -> None:
    corpus = corpus_of(["a.wav", "a.wav", "b.wav"], start=[0.0, 1.23456, 0.0])
    path = write_vectors(tmp_path / f"x.{suffix}", X, corpus, ["f", "g"])
    order = np.array([2, 0, 1])
    np.testing.assert_array_equal(read_vectors(path, corpus.select(order)), X[order])
    np.testing.assert_array_equal(read_vectors(path, corpus.select(order[:2])), X[order[:2]])


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (FILES, FILES),
        (FILES, ["one.wav", "two.wav", "three.wav"]),
        (FILES, ["/elsewhere/A/one.wav", "/elsewhere/A/two.wav", "/elsewhere/B/three.wav"]),
        (FILES, ["C:\\A\\one.wav", "C:\\A\\two.wav", "C:\\B\\three.wav"]),
        (ALIKE, ["A/001.wav", "B/001.wav", "B/002.wav"]),
        (ALIKE, ["/elsewhere/A/001.wav", "/elsewhere/B/001.wav", "/elsewhere/B/002.wav"]),
        (["A/001.wav", "B/001.wav", "B/002.wav"], ALIKE),
    ],
)
def test_files_are_matched_by_the_end_of_their_path(
    tmp_path: Path, ours: list[str], theirs: list[str]
) -> None:
    path = parquet(tmp_path, X[::-1], file=theirs[::-1])
    np.testing.assert_array_equal(read_vectors(path, corpus_of(ours)), X)


def test_rows_of_other_files_are_left_out(tmp_path: Path) -> None:
    path = parquet(tmp_path, file=ALIKE)
    np.testing.assert_array_equal(read_vectors(path, corpus_of(["elsewhere/B/001.wav"])), X[1:2])


def test_the_index_of_audformat_is_understood(tmp_path: Path) -> None:
    starts = pd.to_timedelta([0, 1.5, 0], unit="s")
    names = ["file", "start", "end"]
    index = pd.MultiIndex.from_arrays(
        [["a.wav", "a.wav", "b.wav"], starts, starts + pd.Timedelta(1, "s")], names=names
    )
    frame = pd.DataFrame(X, index=index, columns=["f", "g"])
    frame.to_parquet(tmp_path / "x.parquet")
    frame.to_csv(tmp_path / "x.csv")
    corpus = corpus_of(["b.wav", "a.wav", "a.wav"], start=[0.0, 1.5, 0.0])
    for name in ("x.parquet", "x.csv"):
        np.testing.assert_array_equal(read_vectors(tmp_path / name, corpus), X[::-1])


def test_without_files_equally_many_rows_match_in_order(tmp_path: Path) -> None:
    np.testing.assert_array_equal(read_vectors(parquet(tmp_path), corpus_of(FILES)), X)
    with pytest.raises(
        FeatureError,
        match="3 rows and no column `file`, expected 2 in the corpus' order: add `file`",
    ):
        read_vectors(parquet(tmp_path), corpus_of(FILES[:2]))


def test_npz_with_the_vectors_alone_is_enough(tmp_path: Path) -> None:
    np.savez(tmp_path / "x.npz", x=X)
    np.testing.assert_array_equal(read_vectors(tmp_path / "x.npz", corpus_of(FILES)), X)


@pytest.mark.parametrize(
    ("ours", "keys", "message"),
    [
        (
            FILES,
            {"file": [*FILES[:2], "other.wav"]},
            r"no row for 1 of 3 utterances, .* the first is utterance 2 \('three\.wav'\): add",
        ),
        (
            ALIKE,
            {"file": ["001.wav", "001b.wav", "002.wav"]},
            r"no row for any .* by the last 2 part\(s\) of `file`: was the table made from this",
        ),
        (
            FILES,
            {"file": [FILES[0], FILES[0], FILES[1]]},
            "comes twice in the table, .* add the column `start`",
        ),
        (
            FILES,
            {"file": FILES, "start": [0.0, 1.0, 0.0]},
            "no row for 1 .* `file` and `start`; the first is utterance 1",
        ),
        (
            FILES,
            {"file": [FILES[0]] * 3, "start": [0.0, 0.0, 1.0]},
            "comes twice in the table, .*: take out the copies",
        ),
        (
            [FILES[0]] * 2,
            {"file": FILES},
            "comes twice in the corpus, expected once each: add the column `start`",
        ),
        (
            FILES,
            {"file": FILES, "start": ["soon", "now", "later"]},
            "`start` is no time, expected seconds",
        ),
    ],
)
def test_an_utterance_without_its_one_row_is_an_error(
    tmp_path: Path, ours: list[str], keys: dict[str, Any], message: str
) -> None:
    with pytest.raises(FeatureError, match=message):
        read_vectors(parquet(tmp_path, **keys), corpus_of(ours))


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        (
            {"gender": [0, 1, 0]},
            "column `gender` is a label or has no name, expected vectors alone",
        ),
        ({"age": [20, 30, 40], "valence": [1, 2, 3]}, r"column `age` \(and 1 more\) is a label"),
        ({"said": ["yes", "no", "yes"]}, "column `said` is not of numbers"),
        (
            {"embedding": [[1.0], [2.0], [3.0, 4.0]]},
            "column `embedding` holds lists of several lengths",
        ),
        (
            {"words": [["a"], ["b"], ["c"]]},
            "column `words` holds lists of string, expected numbers",
        ),
        (
            {"c": [1.0, np.nan, np.nan]},
            "2 values are NaN or infinite, .* the first is `c` of utterance 1: leave",
        ),
        ({"c": [1e300, 0, 0]}, "1 values are NaN or infinite, .* the first is `c` of utterance 0"),
    ],
)
def test_what_is_no_vector_is_refused(
    tmp_path: Path, columns: dict[str, Any], message: str
) -> None:
    with pytest.raises(FeatureError, match=message):
        read_vectors(parquet(tmp_path, file=FILES, **columns), corpus_of(FILES))


@pytest.mark.parametrize("suffix", ["parquet", "csv"])
def test_labels_of_the_corpus_are_left_out_of_a_table(tmp_path: Path, suffix: str) -> None:
    speakers = ["1", "2", "3"]
    corpus = corpus_of(FILES, speaker=speakers, age=[30, np.nan, 50], gender=["female", "", "male"])
    labels = ["speaker", "gender", "age"]
    path = write_vectors(tmp_path / f"x.{suffix}", X, corpus, ["f", "g"], labels)
    order = np.array([2, 0, 1])
    with pytest.warns(UserWarning, match="speaker, gender, age: labels of the corpus"):
        np.testing.assert_array_equal(read_vectors(path, corpus.select(order)), X[order])
    others = corpus_of(FILES, speaker=speakers[::-1])
    with pytest.raises(FeatureError, match=r"column `speaker` .* without --labels writes no label"):
        read_vectors(path, others)


def test_a_csv_with_row_numbers_or_without_dimensions_is_refused(tmp_path: Path) -> None:
    pd.DataFrame(X).to_csv(tmp_path / "numbered.csv")
    pd.DataFrame({"file": FILES}).to_csv(tmp_path / "bare.csv", index=False)
    with pytest.raises(FeatureError, match="column `Unnamed: 0` is a label or has no name"):
        read_vectors(tmp_path / "numbered.csv", corpus_of(FILES))
    with pytest.raises(FeatureError, match="no column of numbers, expected one a dimension"):
        read_vectors(tmp_path / "bare.csv", corpus_of(FILES))


def objects(path: Path) -> None:
    np.savez(path, x=np.array([{}, {}], dtype=object), allow_pickle=True)


UNREADABLE: dict[str, Callable[[Path], object]] = {
    "text.parquet": lambda path: path.write_text("no table"),
    "empty.csv": Path.touch,
    "text.npz": lambda path: path.write_text("no archive"),
    "empty.npz": Path.touch,
    "nameless.npz": lambda path: np.savez(path, X),
    "flat.npz": lambda path: np.savez(path, x=X[0]),
}


@pytest.mark.parametrize("name", UNREADABLE)
def test_a_file_that_is_no_table_is_refused_and_runs_no_code(tmp_path: Path, name: str) -> None:
    UNREADABLE[name](tmp_path / name)
    with pytest.raises(FeatureError, match=f"{name}: not a readable .* table .*: write it anew"):
        read_vectors(tmp_path / name, corpus_of(FILES))


def test_objects_in_an_archive_are_named_and_never_unpickled(tmp_path: Path) -> None:
    objects(tmp_path / "objects.npz")
    with pytest.raises(
        FeatureError,
        match=r"array `x` holds Python objects, which are never unpickled, .* `x\.astype",
    ):
        read_vectors(tmp_path / "objects.npz", corpus_of(FILES))


def test_another_encoding_has_its_own_sentence(tmp_path: Path) -> None:
    (tmp_path / "bytes.csv").write_bytes(b"\xff\xfe\x00\x01,\n")
    with pytest.raises(
        FeatureError, match=r"bytes\.csv: UTF-16 text, expected a CSV table .*: save it as UTF-8"
    ):
        read_vectors(tmp_path / "bytes.csv", corpus_of(FILES))


def test_other_suffixes_and_absent_files_are_errors(tmp_path: Path) -> None:
    with pytest.raises(
        FeatureError, match=r"suffix \.xlsx, expected one of \.parquet, \.csv, \.npz"
    ):
        read_vectors(tmp_path / "x.xlsx", corpus_of(FILES))
    with pytest.raises(FeatureError, match=r"suffix missing, expected one of"):
        write_vectors(tmp_path / "x", X, corpus_of(FILES), ["f", "g"])
    with pytest.raises(
        StorageError, match=r"absent\.csv: No such file or directory: check the path"
    ):
        read_vectors(tmp_path / "absent.csv", corpus_of(FILES))


def test_write_refuses_what_does_not_fit_together(tmp_path: Path) -> None:
    with pytest.raises(FeatureError, match=r"vectors \(3, 2\), expected \(3, 1\)"):
        write_vectors(tmp_path / "x.csv", X, corpus_of(FILES), ["f"])


def test_what_is_written_names_no_speaker(tmp_path: Path) -> None:
    write_vectors(tmp_path / "x.csv", X, corpus_of(FILES), ["f", "g"])
    assert (tmp_path / "x.csv").read_text().splitlines()[0] == "file,start,end,f,g"
