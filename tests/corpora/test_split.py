"""No speaker, session or recording is in two parties; every party has every corpus and gender; the
same every time.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from sordino import corpora
from sordino.corpora import table
from sordino.corpora.groups import blocks
from sordino.corpora.split import Parts, Validation, draws, pairs, three_party
from sordino.corpora.table import Corpus
from sordino.errors import SplitError
from tests.corpora.synthetic_trees import recording

Recorded = tuple[Corpus, NDArray[np.str_]]
BOTH: tuple[Validation, ...] = ("speaker", "utterance")
EMOTIONS = ("neutral", "sad", "happy", "angry")


def recorded(
    *people: tuple[str, str, int],
    rows: int = 4,
    twice: Sequence[tuple[int, int]] = (),
    session: bool = False,
) -> Recorded:
    """Utterances of so many people of a corpus and gender, and their recordings' checksums; rows in
    `twice` share one.

    With `session`, the n-th person of each gender of a corpus is heard with the n-th of the other.
    """
    lines = [
        {
            "corpus": corpus,
            "speaker": f"{gender}{number}",
            "gender": gender,
            "session": f"s{number}" if session else "",
            "emotion": EMOTIONS[row % 4],
            "file": f"{corpus}-{gender}-{number}-{row}.wav",
        }
        for corpus, gender, count in people
        for number in range(count)
        for row in range(rows)
    ]
    corpus = table.make("+".join(dict.fromkeys(name for name, _, _ in people)), pd.DataFrame(lines))
    sums = corpus.column("file")
    for first, second in twice:
        sums[second % len(sums)] = sums[first % len(sums)]
    return corpus, sums


@st.composite
def recordings(draw: st.DrawFn) -> Recorded:
    """One or two corpora of some people of each gender and some without, sessions or identical
    recordings.
    """
    session = draw(st.booleans())
    fewest = 5 if session else 6  # two pairs of identical recordings tie up to three of them
    people = [
        (name, gender, draw(st.integers(0, 4) if gender == "" else st.integers(fewest, 9)))
        for name in draw(st.sampled_from([("a",), ("a", "b")]))
        for gender in ("female", "male", "")
    ]
    pairs = st.lists(
        st.tuples(st.integers(0, 15), st.integers(0, 15)), max_size=2
    )  # of the first four women
    return recorded(
        *people, rows=draw(st.integers(4, 6)), twice=[] if session else draw(pairs), session=session
    )


def parties(parts: Parts) -> tuple[NDArray[np.intp], ...]:
    return parts.risk.rows, parts.transform.rows, parts.test


def flat(parts: Parts) -> tuple[NDArray[np.intp], ...]:
    return (
        parts.risk.train,
        parts.risk.validation,
        parts.transform.train,
        parts.transform.validation,
        parts.test,
    )


@pytest.mark.slow
@settings(deadline=None, max_examples=60)
@given(recordings(), st.sampled_from(BOTH), st.integers(0, 99))
def test_no_speaker_session_or_recording_is_in_two_parties(
    given: Recorded, validation: Validation, seed: int
) -> None:
    corpus, sums = given
    for parts in draws(corpus, seed, validation, sums):
        for labels in (corpus.speaker, sums, corpus.column("session")):
            seen = [set(labels[rows]) - {""} for rows in parties(parts)]
            assert not seen[0] & seen[1]
            assert not seen[0] & seen[2]
            assert not seen[1] & seen[2]


@pytest.mark.slow
@settings(deadline=None, max_examples=60)
@given(recordings(), st.sampled_from(BOTH))
def test_every_utterance_has_one_place_and_no_place_is_empty(
    given: Recorded, validation: Validation
) -> None:
    corpus, sums = given
    for parts in draws(corpus, 0, validation, sums):
        assert sorted(np.concatenate(flat(parts))) == list(range(len(corpus)))
        assert all(len(rows) for rows in flat(parts))


@pytest.mark.slow
@settings(deadline=None, max_examples=60)
@given(recordings(), st.integers(0, 99))
def test_test_parts_are_disjoint_and_five_cover_all_speakers(given: Recorded, seed: int) -> None:
    corpus, sums = given
    output = draws(corpus, seed, sums=sums)
    tested = np.concatenate([parts.test for parts in output])
    assert len(np.unique(tested)) == len(tested)
    assert len(output) < 5 or len(tested) == len(corpus)


@pytest.mark.slow
@settings(deadline=None, max_examples=60)
@given(recordings(), st.integers(0, 99))
def test_every_party_has_every_corpus_and_gender(given: Recorded, seed: int) -> None:
    corpus, sums = given
    kinds = np.char.add(corpus.column("corpus"), corpus.column("gender"))
    labelled = set(kinds[corpus.column("gender") != ""])
    for parts in draws(corpus, seed, sums=sums):
        assert all(labelled <= set(kinds[rows]) for rows in parties(parts))


@pytest.mark.slow
@settings(deadline=None, max_examples=60)
@given(recordings(), st.sampled_from(BOTH), st.integers(0, 99))
def test_the_order_of_the_rows_does_not_matter(
    given: Recorded, validation: Validation, seed: int
) -> None:
    corpus, sums = given
    order = np.random.default_rng(seed).permutation(len(corpus))
    straight, mixed = (
        draws(corpus, seed, validation, sums),
        draws(corpus.select(order), seed, validation, sums[order]),
    )
    for one, other in zip(straight, mixed, strict=True):
        assert all(set(a) == set(order[b]) for a, b in zip(flat(one), flat(other), strict=True))


@pytest.mark.parametrize("validation", BOTH)
def test_the_seed_decides_the_parts(validation: Validation) -> None:
    corpus, sums = recorded(("a", "female", 10), ("a", "male", 10))

    def all_of(seed: int) -> list[list[int]]:
        return [
            rows.tolist() for parts in draws(corpus, seed, validation, sums) for rows in flat(parts)
        ]

    assert all_of(3) == all_of(3)
    assert all_of(3) != all_of(4)


def test_parties_have_the_papers_shares() -> None:
    corpus, sums = recorded(
        ("a", "female", 10), ("a", "male", 10), ("b", "female", 5), ("b", "male", 5)
    )
    for parts in draws(corpus, 0, sums=sums):
        speakers = [len(set(corpus.speaker[rows])) for rows in parties(parts)]
        assert speakers == [12, 12, 6]  # 40, 40 and 20 % of 30


def test_validation_by_speaker_is_a_quarter_of_both_genders() -> None:
    corpus, sums = recorded(("a", "female", 10), ("a", "male", 10))
    for parts in draws(corpus, 0, "speaker", sums):
        for part in (parts.risk, parts.transform):
            kept, learnt = set(corpus.speaker[part.validation]), set(corpus.speaker[part.train])
            assert len(kept) == 2
            assert not kept & learnt
            assert set(corpus.column("gender")[part.validation]) == {"female", "male"}


def test_validation_by_utterance_is_a_quarter_of_each_emotion() -> None:
    corpus, sums = recorded(("a", "female", 5), ("a", "male", 5), rows=32)
    for parts in draws(corpus, 0, "utterance", sums):
        for part in (parts.risk, parts.transform):
            kept = corpus.table.loc[part.validation].groupby(["speaker", "emotion"]).size()
            assert set(kept) == {2}  # of eight
            assert len(kept) == corpus.table.loc[part.rows].groupby(["speaker", "emotion"]).ngroups


def test_identical_recordings_are_on_one_side_of_validation() -> None:
    twice = [
        (row, row + 4) for row in range(0, 320, 8)
    ]  # rows 0 and 4 of eight: the same emotion of a speaker
    corpus, sums = recorded(("a", "female", 20), ("a", "male", 20), rows=8, twice=twice)
    for parts in draws(corpus, 0, "utterance", sums):
        assert not set(sums[parts.risk.train]) & set(sums[parts.risk.validation])
        assert not set(sums[parts.transform.train]) & set(sums[parts.transform.validation])


@pytest.mark.parametrize(("men", "count"), [(3, 3), (4, 4), (5, 5), (12, 5)])
def test_the_smaller_gender_limits_the_number_of_draws(men: int, count: int) -> None:
    corpus, sums = recorded(("a", "female", 12), ("a", "male", men))
    assert len(draws(corpus, 0, sums=sums)) == count


@pytest.mark.parametrize("unknown", [1, 2, 6])
def test_speakers_of_unknown_gender_do_not_change_the_others(
    unknown: int,
) -> None:
    corpus, sums = recorded(("a", "female", 6), ("a", "male", 6), ("a", "", unknown))
    labelled = np.flatnonzero(corpus.column("gender") != "")
    with_them, without = (
        draws(corpus, 0, sums=sums),
        draws(corpus.select(labelled), 0, sums=sums[labelled]),
    )
    assert len(with_them) == 5
    for one, other in zip(with_them, without, strict=True):
        assert sorted(np.concatenate(flat(one))) == list(range(len(corpus)))
        for a, b in zip(parties(one), parties(other), strict=True):
            assert set(a) & set(labelled) == set(labelled[b])
    assert sorted(np.concatenate([parts.test for parts in with_them])) == list(range(len(corpus)))


def test_a_corpus_without_any_gender_is_split_by_speaker() -> None:
    corpus, sums = recorded(("a", "", 10))
    assert [len(set(corpus.speaker[parts.test])) for parts in draws(corpus, 0, sums=sums)] == [
        2
    ] * 5


def test_a_man_and_a_woman_with_one_recording_stay_together() -> None:
    corpus, sums = recorded(("a", "female", 6), ("a", "male", 6), twice=[(0, 24)])
    output = draws(corpus, 0, sums=sums)
    assert len(output) == 5
    for parts in output:
        assert [0 in rows for rows in parties(parts)] == [24 in rows for rows in parties(parts)]


def test_speakers_of_one_session_stay_together() -> None:
    corpus, sums = recorded(("i", "female", 5), ("i", "male", 5), session=True)
    for parts in draws(corpus, 0, sums=sums):
        assert [len(set(corpus.column("session")[rows])) for rows in parties(parts)] == [2, 2, 1]


def test_blocks_follow_chains_of_recordings_and_sessions() -> None:
    rows = {"speaker": list("abcde"), "session": ["", "x", "x", "", ""], "file": list("12345")}
    corpus = table.make("c", pd.DataFrame(rows))
    sums = np.array(
        ["p", "p", "q", "q", "r"]
    )  # a and b share p, b and c the session, c and d share q
    assert blocks(corpus.speaker, corpus.column("session"), sums).tolist() == [0, 0, 0, 0, 1]


def test_a_session_is_no_speaker_of_the_same_name() -> None:
    corpus = table.make(
        "c", pd.DataFrame({"speaker": ["1", "2"], "session": ["", "1"], "file": ["x", "y"]})
    )
    assert blocks(corpus.speaker, corpus.column("session"), np.array(["x", "y"])).tolist() == [0, 1]


def test_checksums_are_made_from_the_files_where_none_are_given(tmp_path: Path) -> None:
    rows = [
        {
            "speaker": f"{gender}{number}",
            "gender": gender,
            "file": recording(tmp_path / f"{gender}{number}.wav", content),
        }
        for content, (gender, number) in enumerate(
            (g, n) for g in ("female", "male") for n in range(6)
        )
    ]
    recording(tmp_path / "female1.wav", 0)  # as female0
    for parts in draws(table.make("a", pd.DataFrame(rows)), 0):
        assert [0 in rows for rows in parties(parts)] == [1 in rows for rows in parties(parts)]


@pytest.mark.parametrize(
    ("people", "says"),
    [
        (
            [("a", "female", 9), ("a", "male", 2)],
            r"a, male: 2 speaker\(s\) .* at least 3 .*: add speakers",
        ),
        (
            [("a", "female", 9), ("b", "male", 1)],
            r"b, male: 1 speaker\(s\) or sessions, expected at least 3",
        ),
        ([("a", "", 2)], r"a, unknown gender: 2 speaker\(s\)"),
        ([("a", "female", 1)], r"a, female: 1 speaker\(s\)"),
        (
            [("a", "female", 3)],
            "a part has one speaker .* expected at least 2 to keep one for validation: add",
        ),
    ],
)
def test_too_few_speakers_are_refused_by_name(
    people: list[tuple[str, str, int]], says: str
) -> None:
    corpus, sums = recorded(*people)
    with pytest.raises(SplitError, match=says):
        draws(corpus, 0, sums=sums)


def test_too_few_sessions_are_refused() -> None:
    corpus, sums = recorded(("i", "female", 2), ("i", "male", 2), session=True)
    with pytest.raises(
        SplitError, match=r"i, female\+male: 2 speaker\(s\) or sessions, expected at least 3"
    ):
        draws(corpus, 0, sums=sums)


def test_no_speakers_name_is_in_a_refusal() -> None:
    corpus, sums = recorded(("a", "female", 9), ("a", "male", 2))
    with pytest.raises(SplitError) as refusal:
        draws(corpus, 0, sums=sums)
    assert not [name for name in set(corpus.speaker) if name in str(refusal.value)]


def test_an_unknown_validation_is_refused() -> None:
    corpus, sums = recorded(("a", "female", 5), ("a", "male", 5))
    unknown: Any = "speakers"
    with pytest.raises(SplitError, match="validation 'speakers', expected speaker or utterance"):
        draws(corpus, 0, unknown, sums)


def test_one_draw_equals_that_of_all_draws() -> None:
    corpus, sums = recorded(("a", "female", 5), ("a", "male", 4))
    every = draws(corpus, 7, sums=sums)
    for number, parts in enumerate(every):
        assert parts.draw == number
        alone = three_party(corpus, 7, number, sums=sums)
        assert all(np.array_equal(a, b) for a, b in zip(flat(alone), flat(parts), strict=True))
    for number in (-1, 4):
        with pytest.raises(SplitError, match=f"draw {number}, expected 0 to 3"):
            three_party(corpus, 7, number, sums=sums)


def test_real_corpora_are_dealt_in_five_draws(data: Path) -> None:
    both = [corpora.load(name, data / name) for name in ("ravdess", "emodb")]
    corpus = corpora.join(both).with_emotions(EMOTIONS)
    output = draws(corpus, 0)
    assert sorted(np.concatenate([parts.test for parts in output])) == list(range(len(corpus)))
    kinds = np.char.add(corpus.column("corpus"), corpus.column("gender"))
    assert all(set(kinds[rows]) == set(kinds) for parts in output for rows in parties(parts))


def test_pairs_test_each_woman_with_each_man() -> None:
    corpus, sums = recorded(("a", "female", 3), ("a", "male", 4), ("a", "", 5))
    dealt = pairs(corpus, 0, sums)
    assert len({tuple(sorted(set(corpus.speaker[test]))) for _, test in dealt}) == len(dealt) == 12
    gender = corpus.genders()
    for part, test in dealt:
        assert sorted(set(gender[test])) == [0, 1]
        assert len(set(corpus.speaker[test])) == 2
        assert not set(corpus.speaker[test]) & set(corpus.speaker[part.rows])
        assert set(gender[part.rows]) == {0, 1}, "nobody of unknown gender"
        assert len(set(corpus.speaker[part.rows])) == 5
        assert not np.intersect1d(part.train, part.validation).size


def test_too_few_speakers_for_pairs_are_refused() -> None:
    corpus, sums = recorded(("a", "female", 2), ("a", "male", 9))
    with pytest.raises(
        SplitError, match="2 women and 9 men, expected 3 of each to leave a pair out"
    ):
        pairs(corpus, 0, sums)
