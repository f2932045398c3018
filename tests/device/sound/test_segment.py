"""Utterances in a stream: the same for any block size, detected in noise, in bounded memory."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from sordino.device import Segmentation, Segmenter, Utterance
from sordino.device.sound.synthesis import synthetic
from sordino.errors import AudioError
from sordino.signal import audio

RATE = 16000
DEFAULT_SEGMENTATION = Segmentation()
Samples = NDArray[np.float32]


def quiet(seconds: float, seed: int = 0) -> Samples:
    return np.random.default_rng(seed).normal(0, 0.001, round(seconds * RATE)).astype(np.float32)


def scene(*spans: tuple[float, float], seconds: float = 6.0) -> Samples:
    """Noise, in which something loud goes on from one second to another, once or more."""
    samples = quiet(seconds)
    for begin, end in spans:
        here = slice(round(begin * RATE), round(end * RATE))
        samples[here] += 0.1 * np.random.default_rng(1).normal(size=here.stop - here.start).astype(
            np.float32
        )
    return samples


def segments(samples: Samples, how: Segmentation = DEFAULT_SEGMENTATION) -> list[Utterance]:
    segmenter = Segmenter(how)
    utterances = list(segmenter.push(samples))
    last = segmenter.end()
    return [*utterances, last] if last else utterances


def spans(samples: Samples, how: Segmentation = DEFAULT_SEGMENTATION) -> list[tuple[float, float]]:
    return [
        (round(cut.start_seconds, 2), round(cut.end_seconds, 2)) for cut in segments(samples, how)
    ]


def test_sound_above_the_noise_is_cut_with_lead_and_trail() -> None:
    assert spans(scene((1, 2), (3, 3.6))) == [(0.6, 2.4), (2.6, 4.0)]


def test_noise_alone_is_no_utterance_however_loud_it_is() -> None:
    for level in (0, 1e-6, 1, 100):
        assert spans(level * quiet(20, seed=3)) == []


def test_a_pause_within_the_hangover_ends_no_utterance() -> None:
    samples = scene((1, 2), (2.4, 3))
    assert spans(samples) == [(0.6, 3.4)]
    assert spans(samples, Segmentation(hangover_seconds=0.3, trail_seconds=0.3)) == [
        (0.6, 2.3),
        (2.3, 3.3),
    ]


def test_a_long_utterance_is_cut_without_losing_a_sample() -> None:
    how = Segmentation(longest_seconds=1.5, memory_seconds=10)
    assert spans(scene((1, 5)), how) == [(0.6, 2.1), (2.1, 3.6), (3.6, 5.1)]


def test_the_end_of_the_stream_ends_an_utterance() -> None:
    assert spans(scene((1, 2), seconds=2.05)) == [(0.6, 2.05)]


def test_samples_of_an_utterance_are_those_of_the_stream() -> None:
    samples = scene((1, 2), (3, 3.6))
    for utterance in segments(samples):
        start = round(utterance.start_seconds * RATE)
        np.testing.assert_array_equal(
            utterance.samples, samples[start : start + utterance.samples.size]
        )


def test_a_noise_that_begins_is_noise_after_a_while() -> None:
    samples = quiet(30)
    samples[5 * RATE :] *= 30
    assert len(segments(samples)) == 1
    assert segments(samples)[0].end_seconds < 10


def test_a_click_has_little_activity() -> None:
    (click,) = segments(scene((1, 1.02)))
    assert click.active_seconds <= 0.06
    (word,) = segments(scene((1, 1.6)))
    assert word.active_seconds == pytest.approx(0.6, abs=0.05)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_nan_is_in_an_utterance_and_not_in_the_noise(bad: float) -> None:
    samples = scene((3, 4))
    samples[RATE] = bad
    first, second = segments(samples)
    assert not np.isfinite(first.samples).all()
    assert np.isfinite(second.samples).all()
    assert second.start_seconds == 2.6


@settings(max_examples=15, deadline=None)
@given(st.lists(st.integers(0, 40000), max_size=12), st.integers(0, 3))
def test_blocks_of_any_size_give_the_same_utterances(cuts: list[int], seed: int) -> None:
    samples = np.concatenate(
        [quiet(0.7, seed), synthetic(2.0, RATE, seed), quiet(0.8), scene((0.3, 0.5), seconds=1)]
    )
    samples[50000] = np.nan
    segmenter, utterances = Segmenter(), []
    for block in np.split(samples, sorted(cuts)):
        utterances += list(segmenter.push(block))
    last = segmenter.end()
    utterances += [last] if last else []
    expected = segments(samples)
    assert [(utterance.start_seconds, utterance.active_seconds) for utterance in utterances] == [
        (utterance.start_seconds, utterance.active_seconds) for utterance in expected
    ]
    for utterance, reference in zip(utterances, expected, strict=True):
        np.testing.assert_array_equal(utterance.samples, reference.samples)


def test_sample_by_sample_gives_the_same_utterances() -> None:
    samples = scene((0.5, 1.2), seconds=2)
    segmenter = Segmenter()
    (utterance,) = [
        cut for index in range(samples.size) for cut in segmenter.push(samples[index : index + 1])
    ]
    np.testing.assert_array_equal(utterance.samples, segments(samples)[0].samples)


def test_memory_is_that_of_the_longest_utterance() -> None:
    how = Segmentation(longest_seconds=5.0, memory_seconds=60)
    block = synthetic(10, RATE, seed=0)
    loud = np.random.default_rng(0).normal(0, 0.1, 10 * RATE).astype(np.float32)
    segmenter = Segmenter(how)
    tracemalloc.start()
    try:
        for _ in range(6):  # two minutes, half of them without a pause
            for sound in (block, loud):
                for _ in segmenter.push(sound):
                    pass
        assert (
            tracemalloc.get_traced_memory()[1] < 2e6
        )  # five seconds are 0.32 MB, handed out once more as a copy
    finally:
        tracemalloc.stop()


def test_nothing_shows_samples() -> None:
    samples = scene((1, 2))
    segmenter = Segmenter()
    (utterance,) = segmenter.push(samples)
    assert repr(segmenter) == "Segmenter(6.0 s)"
    assert repr(utterance) == "Utterance(start_seconds=0.6, active_seconds=1.0)"


@pytest.mark.parametrize(
    "wrong",
    [
        {"enter_db": 3.0},
        {"leave_db": 0.0},
        {"leave_db": float("nan")},
        {"memory_seconds": 0.0},
        {"trail_seconds": 1.0},
        {"shortest_seconds": 20.0},
        {"longest_seconds": 0.5},
        {"longest_seconds": float("inf")},
        {"lead_seconds": -1.0},
    ],
)
def test_settings_that_contradict_themselves_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(AudioError, match="expected 0 < leave_db <= enter_db"):
        Segmentation(**wrong)


def test_real_utterances_in_a_stream_are_found(data: Path) -> None:
    """Ten of EMO-DB with pauses of a second, in noise 20 dB below: nine or more are found alone and
    whole.
    """
    files = sorted((data / "emodb").rglob("*.flac"))[::54]
    recordings = [audio.read(file) for file in files]
    parts, true, at = [np.zeros(RATE, np.float32)], [], RATE
    for sound in recordings:
        true.append((at / RATE, (at + sound.size) / RATE))
        parts += [0.05 * sound / np.sqrt(np.mean(sound**2)), np.zeros(RATE, np.float32)]
        at += sound.size + RATE
    samples = np.concatenate(parts) + np.random.default_rng(0).normal(0, 0.005, at).astype(
        np.float32
    )
    cut = [(utterance.start_seconds, utterance.end_seconds) for utterance in segments(samples)]
    overlapping = [
        [span for span in cut if span[0] < end and begin < span[1]] for begin, end in true
    ]
    complete = [
        len(spans) == 1 and abs(spans[0][0] - t[0]) < 0.6 and abs(spans[0][1] - t[1]) < 0.6
        for spans, t in zip(overlapping, true, strict=True)
    ]
    assert sum(complete) >= 9
    assert len(cut) <= 11
