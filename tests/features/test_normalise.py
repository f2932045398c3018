"""Four ways to one scale: each by its definition, none by a row that it must not see, `running` by
no later frame.
"""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from sordino.errors import FeatureError
from sordino.features import NORMALISATIONS, Normalise, NormaliseFitter

DIMS = 5
Sequences = list[NDArray[np.float32]]


def synthetic_frames(lengths: list[int], seed: int = 0) -> Sequences:
    """Sequences whose level and spread differ from one to the next and from band to band."""
    rng = np.random.default_rng(seed)
    level, spread = (
        rng.normal(-10, 4, (len(lengths), 1, DIMS)),
        rng.uniform(0.5, 3, (len(lengths), 1, DIMS)),
    )
    return [
        (level[row] + spread[row] * rng.normal(size=(length, DIMS))).astype(np.float32)
        for row, length in enumerate(lengths)
    ]


TRAINING, TEST = synthetic_frames([30, 50, 8]), synthetic_frames([20, 1, 40, 33], seed=1)
SPEAKERS = np.array(["c/1", "c/2", "c/1", "c/3"])


def fitted(how: str, training: Sequences = TRAINING, weight: int = 300) -> Normalise:
    return NormaliseFitter(how, weight).fit(training)


def applied(how: str, frames: Sequences = TEST, speakers: NDArray[np.str_] = SPEAKERS) -> Sequences:
    return fitted(how)(frames, speakers)


def z(frames: NDArray[np.float32], reference: NDArray[np.float32]) -> NDArray[np.float64]:
    wide = reference.astype(np.float64)
    scores: NDArray[np.float64] = (frames - wide.mean(axis=0)) / wide.std(axis=0)
    return scores


def test_speaker_is_the_z_score_over_all_that_a_speaker_said() -> None:
    result = applied("speaker")
    first = np.concatenate([TEST[0], TEST[2]])
    np.testing.assert_allclose(result[0], z(TEST[0], first), atol=1e-5)
    np.testing.assert_allclose(result[2], z(TEST[2], first), atol=1e-5)
    np.testing.assert_allclose(np.concatenate([result[0], result[2]]).mean(axis=0), 0, atol=1e-5)


def test_a_speaker_with_one_utterance_gets_what_utterance_gives() -> None:
    for row in (1, 3):
        np.testing.assert_array_equal(applied("speaker")[row], applied("utterance")[row])


def test_utterance_is_the_z_score_over_the_utterance() -> None:
    result = applied("utterance")
    for row in (0, 2, 3):
        np.testing.assert_allclose(result[row], z(TEST[row], TEST[row]), atol=1e-5)
    np.testing.assert_array_equal(result[1], np.zeros((1, DIMS)))


def test_corpus_is_the_z_score_over_the_training_rows() -> None:
    for row, result in enumerate(applied("corpus")):
        np.testing.assert_allclose(result, z(TEST[row], np.concatenate(TRAINING)), atol=1e-5)


@pytest.mark.parametrize("weight", [1, 300])
def test_running_is_the_z_score_over_training_and_earlier_frames(
    weight: int,
) -> None:
    """Frame by frame: the moments of `weight` frames spread like the training rows, and of the
    utterance up to here.
    """
    everyone = np.concatenate(TRAINING).astype(np.float64)
    mean, variance = everyone.mean(axis=0), everyone.var(axis=0)
    for sequence, result in zip(TEST, fitted("running", weight=weight)(TEST), strict=True):
        for last in range(1, len(sequence) + 1):
            frames = sequence[:last].astype(np.float64)
            mean_so_far = (weight * mean + frames.sum(axis=0)) / (weight + last)
            second = (weight * (variance + mean**2) + (frames**2).sum(axis=0)) / (weight + last)
            expected = (sequence[last - 1] - mean_so_far) / np.sqrt(second - mean_so_far**2)
            np.testing.assert_allclose(result[last - 1], expected, atol=1e-5)


def test_running_goes_from_corpus_to_utterance() -> None:
    heavy, light = (
        fitted("running", weight=10**9)([TEST[2]]),
        fitted("running", weight=1)([np.tile(TEST[2], (200, 1))]),
    )
    np.testing.assert_allclose(heavy[0], applied("corpus")[2], atol=1e-4)
    np.testing.assert_allclose(light[0][-40:], applied("utterance")[2], atol=0.05)


@pytest.mark.parametrize("how", ["corpus", "running"])
def test_what_is_fitted_sees_training_rows_only(how: str) -> None:
    """Whatever the other rows hold, what is fitted and every other row's values are the same to the
    last bit.
    """
    rows = [*TRAINING, *TEST]
    training = np.arange(len(TRAINING))
    wild = [
        sequence * 100 - 7 if row >= len(TRAINING) + 1 else sequence
        for row, sequence in enumerate(rows)
    ]
    first, second = (
        NormaliseFitter(how).fit([rows_fitted[row] for row in training])
        for rows_fitted in (rows, wild)
    )
    assert first.hash == second.hash
    everyone = np.concatenate(TRAINING).astype(np.float64)
    np.testing.assert_allclose(first.mean, everyone.mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(first.deviation, everyone.std(axis=0), rtol=1e-12)
    for before, after in zip(
        first(rows)[: len(TRAINING) + 1], second(wild)[: len(TRAINING) + 1], strict=True
    ):
        np.testing.assert_array_equal(before, after)


@pytest.mark.parametrize("how", ["speaker", "utterance"])
def test_speaker_and_utterance_do_not_depend_on_the_fit(how: str) -> None:
    first, second = fitted(how), fitted(how, synthetic_frames([3, 4], seed=9))
    assert first.hash == second.hash
    for before, after in zip(first(TEST, SPEAKERS), second(TEST, SPEAKERS), strict=True):
        np.testing.assert_array_equal(before, after)


@pytest.mark.parametrize("how", ["utterance", "corpus", "running"])
def test_an_utterance_is_the_same_alone_and_among_others(how: str) -> None:
    single = [applied(how, [sequence], SPEAKERS[:1])[0] for sequence in TEST]
    for first, second in zip(single, applied(how), strict=True):
        np.testing.assert_array_equal(first, second)


@pytest.mark.parametrize("how", NORMALISATIONS)
def test_laws_that_all_obey(how: str) -> None:
    """Lengths and input stay, the same again, row order does not matter, the result is float32 and
    finite.
    """
    before = [sequence.copy() for sequence in TEST]
    result = applied(how)
    order = np.array([2, 0, 3, 1])
    turned = applied(how, [TEST[row] for row in order], SPEAKERS[order])
    for row, sequence in enumerate(TEST):
        assert result[row].dtype == np.float32
        assert result[row].shape == sequence.shape
        assert result[row].flags.writeable
        assert np.isfinite(result[row]).all()
        np.testing.assert_array_equal(sequence, before[row])
        np.testing.assert_allclose(
            turned[int(np.flatnonzero(order == row)[0])], result[row], atol=1e-6
        )
        np.testing.assert_array_equal(applied(how)[row], result[row])


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 40), st.integers(0, 2**32 - 1))
def test_running_looks_at_no_later_frame(frame: int, seed: int) -> None:
    sequence = TEST[2]
    changed = sequence.copy()
    changed[frame:] = np.random.default_rng(seed).normal(0, 50, changed[frame:].shape)
    running = fitted("running")
    np.testing.assert_array_equal(running([changed])[0][:frame], running([sequence])[0][:frame])
    assert (
        frame == len(sequence)
        or (running([changed])[0][frame:] != running([sequence])[0][frame:]).any()
    )


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(0, 40), max_size=6))
def test_running_gives_the_same_bits_in_any_chunks(cuts: list[int]) -> None:
    running = fitted("running")
    stream = running.stream()
    chunks = [stream(chunk) for chunk in np.split(TEST[2], sorted(cuts))]
    np.testing.assert_array_equal(np.concatenate(chunks), running([TEST[2]])[0])


@pytest.mark.parametrize("how", NORMALISATIONS)
def test_a_band_that_is_constant_becomes_nothing(how: str) -> None:
    frames = [
        np.concatenate([sequence, np.full((len(sequence), 1), 0.1, np.float32)], axis=1)
        for sequence in TRAINING
    ]
    result = fitted(how, frames)(frames, np.array(["a", "b", "b"]))
    for sequence in result:
        np.testing.assert_array_equal(sequence[:, -1], 0)
        assert (sequence[:, :-1] != 0).all()


@pytest.mark.parametrize("how", NORMALISATIONS)
def test_digital_silence_stays_finite(how: str) -> None:
    silence = [np.full((5000, DIMS), np.float32(-20.794415)) for _ in SPEAKERS]
    for sequence in applied(how, silence):
        assert np.isfinite(sequence).all()
        assert np.abs(sequence).max() < 20


def test_a_normalisation_cannot_change() -> None:
    training = [sequence.copy() for sequence in TRAINING]
    normalise = fitted("corpus", training)
    before = normalise.hash
    training[0][:] = 0
    assert normalise.hash == before
    with pytest.raises(ValueError, match="read-only"):
        normalise.mean[0] = 1
    mean = normalise.mean.copy()
    normalisation = Normalise("corpus", mean, normalise.deviation)
    mean[:] = 0
    assert normalisation.hash == before


def test_the_hash_tells_all_apart() -> None:
    everyone = [fitted(how) for how in NORMALISATIONS]
    everyone += [fitted("running", weight=3), fitted("corpus", TRAINING[:2])]
    assert len({normalise.hash for normalise in everyone}) == len(everyone)


@pytest.mark.parametrize(
    ("how", "weight", "training", "message"),
    [
        (
            "z",
            300,
            TRAINING,
            "normalisation 'z', expected one of speaker, utterance, corpus, running",
        ),
        ("running", 0, TRAINING, "weight 0, expected at least 1 frame"),
        ("corpus", 300, [], "no sequences to fit on, expected the training rows"),
        (
            "corpus",
            300,
            [np.zeros((0, 5))],
            r"sequence 0 of shape \(0, 5\), expected \(frames, 5\) with one frame or more",
        ),
        ("speaker", 300, [np.zeros(5)], r"sequence 0 of shape \(5,\)"),
        (
            "corpus",
            300,
            [np.zeros((2, 5)), np.zeros((2, 4))],
            r"sequence 1 of shape \(2, 4\), expected \(frames, 5\)",
        ),
        (
            "utterance",
            300,
            [np.full((2, 5), np.nan)],
            "sequence 0: 10 of 10 values are NaN or infinite",
        ),
    ],
)
def test_what_cannot_be_fitted_is_refused(
    how: str, weight: int, training: Sequences, message: str
) -> None:
    with pytest.raises(FeatureError, match=message):
        NormaliseFitter(how, weight).fit(training)


@pytest.mark.parametrize("how", NORMALISATIONS)
@pytest.mark.parametrize(
    ("frames", "message"),
    [
        (np.zeros((3, 4)), r"sequence 1 of shape \(3, 4\), expected \(frames, 5\)"),
        (
            np.zeros((0, 5)),
            r"sequence 1 of shape \(0, 5\), expected \(frames, 5\) with one frame or more",
        ),
        (np.full((1, 5), np.inf), "sequence 1: 5 of 5 values are NaN or infinite"),
    ],
)
def test_what_cannot_be_normalised_is_refused(
    how: str, frames: NDArray[np.float32], message: str
) -> None:
    with pytest.raises(FeatureError, match=message):
        applied(how, [TEST[0], frames], SPEAKERS[:2])


def test_speaker_without_speakers_is_refused() -> None:
    with pytest.raises(FeatureError, match="0 speakers for 4 sequences, expected one each"):
        fitted("speaker")(TEST)
    with pytest.raises(FeatureError, match="3 speakers for 4 sequences, expected one each"):
        fitted("speaker")(TEST, SPEAKERS[:3])


def test_chunks_are_for_running_and_of_its_width() -> None:
    with pytest.raises(FeatureError, match="'corpus' in chunks, expected 'running': fit that one"):
        fitted("corpus").stream()
    with pytest.raises(
        FeatureError, match=r"a chunk of shape \(2, 4\), expected numbers \(frames, 5\)"
    ):
        fitted("running").stream()(np.zeros((2, 4)))
    with pytest.raises(FeatureError, match=r"a chunk of shape \(1, 5\), expected numbers"):
        fitted("running").stream()(np.full((1, 5), np.nan))
