"""What a user adds is told and taken off, no more than is known of it, and nothing before anything
is heard.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sordino.errors import ReleaseError, StorageError
from sordino.release import Drawn, DrawnFitter, Personal, SpeakerStatistics, load, replay
from sordino.testing import POLICY, SyntheticVectors, synthetic_vectors

EMOTIONS = ("neutral", "sad")


@cache
def people(between: float = 4.0, dims: int = 3) -> SpeakerStatistics:
    """40 speakers of 20 utterances: variance 1 within them, a known one between; sad ones lie 2
    higher.
    """
    random = np.random.default_rng(0)
    speaker, emotion = np.repeat(np.arange(40), 20), np.tile([0, 1], 400)
    values = random.normal(0, 1, (800, dims)) + random.normal(0, between**0.5, (40, dims))[speaker]
    return SpeakerStatistics.fit(
        values + 2.0 * emotion[:, None], speaker.astype(str), emotion, EMOTIONS
    )


def test_the_spread_of_people_is_what_was_planted() -> None:
    (mean, any_within), (sad, within) = people().of_emotion(""), people().of_emotion("sad")
    assert np.abs(people().between - 4).max() < 2
    assert np.abs(within - 1).max() < 0.15
    assert np.abs(any_within - 2).max() < 0.3  # of any utterance the two emotions are a part
    assert np.abs(sad - mean - 1).max() < 0.15


def test_before_anything_is_heard_it_is_the_identity() -> None:
    values = np.random.default_rng(1).normal(size=(5, 3))
    assert np.array_equal(Personal(people())(values), values)
    nothing = Personal(people())
    nothing.update(np.empty((0, 3)))
    assert np.array_equal(nothing(values), values)


@pytest.mark.parametrize("emotion", ["", "neutral", "sad"])
def test_it_is_the_best_linear_prediction_and_nears_the_truth(emotion: str) -> None:
    random, true = np.random.default_rng(2), np.array([2.0, -1.0, 0.0])
    mean, within = people().of_emotion(emotion)
    heard = mean + true + random.normal(0, within**0.5, (4000, 3))
    me = Personal(people())
    me.update(heard[:5], emotion)
    share = people().between / (people().between + within / 5)
    np.testing.assert_allclose(me.offset, share * (heard[:5].mean(axis=0) - mean))
    me.update(heard[5:], emotion)
    assert np.abs(me.offset - true).max() < 0.1


def test_a_known_emotion_is_not_part_of_the_offset() -> None:
    sad = people().of_emotion("sad")[0] + np.zeros((50, 3))
    report, untold = Personal(people()), Personal(people())
    report.update(sad, "sad")
    untold.update(sad)
    assert np.abs(report.offset).max() < 1e-12
    assert untold.offset.min() > 0.8


@settings(max_examples=30, deadline=None)
@given(order=st.permutations(range(12)), cut=st.integers(0, 12))
def test_neither_order_nor_portions_matter(order: list[int], cut: int) -> None:
    values = np.random.default_rng(3).normal(size=(12, 3))
    once, portions = Personal(people()), Personal(people())
    once.update(values, "sad")
    portions.update(values[order[:cut]], "sad")
    portions.update(values[order[cut:]], "sad")
    np.testing.assert_allclose(portions.offset, once.offset, atol=1e-12)


def test_one_wild_recording_moves_little() -> None:
    me = Personal(people())
    me.update(np.full((1, 3), 1e12))
    furthest = 5 * np.sqrt(people().between + people().of_emotion("")[1])
    assert (me.offset <= furthest).all()


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_what_is_refused_leaves_the_state_as_it_was(value: float) -> None:
    me = Personal(people())
    me.update(np.ones((3, 3)))
    before, bad = me.offset, np.ones((2, 3))
    bad[1, 1] = value
    with pytest.raises(
        ReleaseError,
        match=r"shape \(2, 3\), expected finite ones \(n, 3\): leave that utterance out",
    ):
        me.update(bad)
    with pytest.raises(ReleaseError, match=r"shape \(2, 2\), expected finite ones \(n, 3\)"):
        me.update(np.ones((2, 2)))
    with pytest.raises(
        ReleaseError, match="emotion 'bored', expected one of neutral, sad, or none"
    ):
        me.update(np.ones((1, 3)), "bored")
    assert np.array_equal(me.offset, before)


def test_saved_and_loaded_it_goes_on_exactly(tmp_path: Path) -> None:
    me = Personal(people())
    me.update(np.full((7, 3), 0.1), "sad")
    me.save(tmp_path / "me.json")
    again = Personal.load(tmp_path / "me.json")
    for one in (me, again):
        one.update(np.full((1, 3), 0.3))
    assert np.array_equal(again.offset, me.offset)


@pytest.mark.parametrize(
    "text", ["", "[]", '{"emotions": []}', '{"emotions": [], "people": [[1], [1], [1]]}']
)
def test_a_file_that_is_no_state_is_refused(text: str, tmp_path: Path) -> None:
    (tmp_path / "me.json").write_text(text)
    with pytest.raises(
        ReleaseError,
        match="not a personal state, expected a file that `save` wrote: begin a new one",
    ):
        Personal.load(tmp_path / "me.json")


def test_a_state_of_another_width_or_without_a_file_is_refused(tmp_path: Path) -> None:
    state = '{"emotions": [], "people": [[1], [1], [1]], "sum": [0, 0], "precision": [0, 0]}'
    (tmp_path / "me.json").write_text(state)
    with pytest.raises(ReleaseError, match="parts of the state are missing or not finite"):
        Personal.load(tmp_path / "me.json")
    with pytest.raises(StorageError):
        Personal.load(tmp_path / "none.json")


def test_copies_equal_to_their_recordings_change_no_statistics() -> None:
    random = np.random.default_rng(0)
    speaker, emotion = np.repeat(np.arange(6), 4).astype(str), np.tile([0, 1], 12)
    values = random.normal(size=(24, 3)) + random.normal(size=(6, 3))[speaker.astype(int)]
    repeated = np.tile(values, (4, 1)), np.tile(speaker, 4), np.tile(emotion, 4)
    plain = SpeakerStatistics.fit(values, speaker, emotion, EMOTIONS)
    copied = SpeakerStatistics.fit(*repeated, EMOTIONS, copies=3)
    np.testing.assert_allclose(copied.table, plain.table, rtol=1e-12)
    assert np.abs(SpeakerStatistics.fit(*repeated, EMOTIONS).table - plain.table).max() > 0.01


def test_copies_are_no_further_utterances() -> None:
    values, speaker = np.zeros((8, 1)), np.tile(["a", "b"], 4)
    with pytest.raises(ReleaseError, match=r"2 utterances of 2 speaker\(s\), expected two of two"):
        SpeakerStatistics.fit(values, speaker, np.zeros(8, np.intp), EMOTIONS, copies=3)


def test_one_speaker_is_no_people() -> None:
    with pytest.raises(
        ReleaseError, match=r"4 utterances of 1 speaker\(s\), expected two of two or more"
    ):
        SpeakerStatistics.fit(
            np.zeros((4, 2)), np.array(["anna"] * 4), np.zeros(4, np.intp), ("neutral",)
        )


def test_an_emotion_that_nobody_acted_counts_as_any_other() -> None:
    output = SpeakerStatistics.fit(
        np.random.default_rng(4).normal(size=(40, 2)),
        np.repeat(["a", "b"], 20),
        np.zeros(40, np.intp),
        EMOTIONS,
    )
    assert np.isfinite(output.table).all()


def test_replay_starts_unchanged_and_brings_speakers_closer() -> None:
    random, speaker = np.random.default_rng(5), np.repeat(np.arange(10), 20)
    values = random.normal(0, 1, (200, 3)) + random.normal(0, 2, (10, 3))[speaker]
    output = replay(values, speaker.astype(str), people(), seed=1)
    assert np.array_equal(output, replay(values, speaker.astype(str), people(), seed=1))
    unchanged = (output == values).all(axis=1)
    assert [int(unchanged[speaker == one].sum()) for one in range(10)] == [1] * 10
    spread = [
        np.var([rows[speaker == one].mean() for one in range(10)]) for rows in (values, output)
    ]
    assert spread[1] < spread[0] / 3


@cache
def scene() -> SyntheticVectors:
    return synthetic_vectors(speakers=20, emotion=2.0, voice=1.0)


@cache
def fitted() -> Drawn:
    return DrawnFitter(POLICY).fit(scene().z, scene().corpus, scene().parts.transform)


def test_a_drawn_release_knows_its_people_and_keeps_them(tmp_path: Path) -> None:
    release = fitted()
    assert release.people.emotions == POLICY.emotions
    mean, sad = release.people.of_emotion("neutral")[0], release.people.of_emotion("sad")[0]
    assert (sad > mean).all()
    release.save(tmp_path / "one.npz")
    kept = load(tmp_path / "one.npz")
    assert isinstance(kept, Drawn)
    assert np.array_equal(kept.people.table, release.people.table)


def test_an_offset_user_gets_the_bins_of_other_users() -> None:
    release, z = fitted(), scene().z[scene().parts.test]
    higher = 3 * float(release.people.between[0]) ** 0.5
    me = Personal(release.people)
    me.update(release.score(z)[:, None] + higher)
    plain, labelled = release.decide(z, -higher), release.decide(z, float(me.offset[0]) - higher)
    assert np.array_equal(release.shift(float(me.offset[0])).decide(z, -higher), labelled)
    assert (labelled != release.decide(z)).mean() < (plain != release.decide(z)).mean() / 2


def test_calibration_restores_equal_rates() -> None:
    release, given = fitted(), scene()
    other = given.z + np.where(given.role == 0, 0.8, 0.0)[:, None].astype(
        np.float32
    )  # neutral is not where it was
    own, test = given.parts.risk.rows, given.parts.test

    def gap(of: Drawn) -> float:
        bins, role = of.decide(other[test]), given.role[test]
        return abs(float(bins[role == 0].mean() - bins[role == 2].mean()))

    calibrated = release.calibrate(other[own], given.corpus.select(own))
    assert gap(calibrated) < max(gap(release), 0.15)
    assert np.array_equal(calibrated.arrays["prototypes"], release.arrays["prototypes"])
    assert not np.array_equal(calibrated.people.table, release.people.table)  # of the scores there
    sad = own[given.role[own] == 1]
    with pytest.raises(ReleaseError, match="expected one each, neutral and sensitive ones"):
        release.calibrate(other[sad], given.corpus.select(sad))
