"""EMO-DB: the official release and its names."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sordino import corpora
from sordino.corpora.adapters import emodb
from sordino.corpora.checks.check import counts, differences, identical
from sordino.corpora.checks.published import PUBLISHED
from sordino.errors import CorpusError


@pytest.fixture(scope="module")
def corpus(data: Path) -> corpora.Corpus:
    return corpora.load("emodb", data / "emodb")


def test_the_official_release_has_the_published_counts(corpus: corpora.Corpus) -> None:
    assert len(corpus) == 535
    assert differences(counts(corpus, PUBLISHED["emodb"])) == []
    assert identical(corpus, corpus.checksums()) == []


def test_labels_follow_the_name_of_the_file(corpus: corpora.Corpus) -> None:
    row = corpus.table.iloc[0]
    assert Path(row["file"]).stem == "03a01Fa"
    assert row["speaker"] == "emodb/03"
    assert row["gender"] == "male"
    assert row["age"] == 31
    assert row["emotion"] == "happy"
    assert row["transcript"] == "Der Lappen liegt auf dem Eisschrank."


def test_every_speaker_says_german_sentences_of_the_ten(corpus: corpora.Corpus) -> None:
    assert set(corpus.table["transcript"]) == set(emodb.SENTENCES.values())
    assert len(emodb.SENTENCES) == 10


@settings(deadline=None)
@given(
    speaker=st.sampled_from(sorted(emodb.SPEAKERS)),
    sentence=st.sampled_from(sorted(emodb.SENTENCES)),
    letter=st.sampled_from("AEFLNTWaBCX"),
    version=st.sampled_from(["", "a", "f", "A", "1"]),
)
def test_a_name_is_read_or_refused(speaker: str, sentence: str, letter: str, version: str) -> None:
    name = f"{speaker}{sentence}{letter}{version}"
    if letter in "AEFLNTW" and version in ("", "a", "f"):
        assert emodb.parse(name)["emotion"] == emodb.EMOTION_CODES[letter]
        return
    with pytest.raises(CorpusError, match="not a name of this corpus"):
        emodb.parse(name)


def test_two_corpora_join_in_order_and_share_no_speaker(data: Path, corpus: corpora.Corpus) -> None:
    ravdess = corpora.load("ravdess", data / "ravdess")
    joined = corpora.join([ravdess, corpus])
    assert joined.name == "ravdess+emodb"
    assert len(set(joined.speaker)) == 34
    assert joined.table["age"].isna().sum() == 1440
