"""An endless stream gives released vectors or reasons, and never samples."""

from __future__ import annotations

import logging
import tracemalloc
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from sordino.device import (
    DailyBudget,
    Reason,
    Released,
    Result,
    Runtime,
    Segmentation,
    Stream,
    Withheld,
)
from tests.device.synthetic_sound_bundle import RATE, SECONDS, bundle, prototypes, speech

TODAY = date(2026, 1, 31)
Samples = NDArray[np.float32]


class Recorder:
    """Remembers what it was asked to judge."""

    def __init__(self) -> None:
        self.heard: list[Samples] = []

    def utterance(self, samples: NDArray[np.floating], sampling_rate: int) -> Result:
        assert sampling_rate == RATE
        self.heard.append(samples.astype(np.float32))
        return Withheld(Reason.MODEL)


def runtime(per_day: int | None = None, budget: DailyBudget | None = None) -> Runtime:
    return Runtime(bundle(per_day), key=7, budget=budget)


def everything(stream: Stream | Runtime, *blocks: NDArray[np.floating]) -> list[Result]:
    return [result for block in blocks for result in stream.push(block)] + stream.end()


def reasons(results: list[Result]) -> list[str]:
    """The name of each reason, `out` for what is released."""
    return [result.reason.name if isinstance(result, Withheld) else "out" for result in results]


def vectors(results: list[Result]) -> list[bytes]:
    return [result.vector.tobytes() for result in results if isinstance(result, Released)]


def test_each_utterance_becomes_one_prototype() -> None:
    results = everything(runtime(), speech())
    assert reasons(results) == ["out"] * len(SECONDS)
    assert set(vectors(results)) <= prototypes()


@pytest.mark.slow
@settings(max_examples=8, deadline=None)
@given(st.lists(st.integers(0, 170000), max_size=8))
def test_blocks_of_any_size_give_the_same_vectors(cuts: list[int]) -> None:
    expected = vectors(everything(runtime(), speech()))
    assert vectors(everything(runtime(), *np.split(speech(), sorted(cuts)))) == expected


@settings(max_examples=8, deadline=None)
@given(st.lists(st.integers(0, 400000), max_size=8), st.sampled_from([8000, 22050, 44100, 48000]))
def test_blocks_of_any_size_are_resampled_to_the_same_sound(cuts: list[int], rate: int) -> None:
    single, parts = Recorder(), Recorder()
    samples = speech(rate)
    everything(Stream(single, rate), samples)
    everything(Stream(parts, rate), *np.split(samples, sorted(cuts)))
    assert len(single.heard) == len(parts.heard) == len(SECONDS)
    for sound, joined in zip(single.heard, parts.heard, strict=True):
        np.testing.assert_array_equal(sound, joined)


@pytest.mark.parametrize("rate", [8000, 44100, 48000])
def test_another_rate_hears_the_same(rate: int) -> None:
    usual, resampled = Recorder(), Recorder()
    everything(Stream(usual), speech())
    everything(Stream(resampled, rate), speech(rate))
    for sound, copy in zip(usual.heard, resampled.heard, strict=True):
        assert abs(sound.size - copy.size) < RATE // 10
        assert np.std(copy) == pytest.approx(np.std(sound), rel=0.1)


def test_several_channels_are_their_mean() -> None:
    mean, channels = Recorder(), Recorder()
    a, b = speech(seed=1), speech(seed=2)
    everything(Stream(mean), (a + b) / 2)
    everything(Stream(channels), np.column_stack([a, b]))
    for mono, stereo in zip(mean.heard, channels.heard, strict=True):
        np.testing.assert_allclose(mono, stereo, atol=1e-7)


@pytest.mark.parametrize("rate", [RATE, 48000])
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 1e300])
def test_nan_withholds_its_own_utterance_only(bad: float, rate: int) -> None:
    samples = speech(rate).astype(np.float64)
    samples[round(1.5 * rate)] = bad
    results = everything(Stream(runtime(), rate), samples)
    assert reasons(results) == ["NOT_FINITE", "out", "out", "out"]


def test_nan_outside_speech_is_reported() -> None:
    assert reasons(everything(runtime(), np.full(RATE * 2, np.nan))) == ["NOT_FINITE"]


def test_a_click_is_too_short() -> None:
    samples = np.random.default_rng(0).normal(0, 0.001, 3 * RATE)
    samples[RATE : RATE + 200] = 0.5
    assert reasons(everything(runtime(), samples)) == ["TOO_SHORT"]


@pytest.mark.parametrize("level", [0.1, 1.0])
def test_a_square_wave_is_withheld_at_any_level(level: float) -> None:
    square = level * np.sign(np.random.default_rng(0).normal(size=RATE))
    assert reasons([runtime().utterance(square, RATE)]) == ["CLIPPED"]


def test_speech_that_is_too_loud_is_released() -> None:
    # angry speech is clipped first: to withhold it would reveal the emotion by silence
    assert reasons(everything(runtime(), np.clip(speech(level=1.5), -1, 1))) == ["out"] * len(
        SECONDS
    )


def test_silence_is_not_an_utterance() -> None:
    silence = np.zeros(5 * RATE, np.float32)
    assert everything(runtime(), silence) == []
    assert (
        reasons([runtime().utterance(silence, RATE), runtime().utterance(silence + 0.5, RATE)])
        == ["SILENT"] * 2
    )


@pytest.mark.parametrize("rate", [0, -1, 7999, 384001, 16000.0, None])
def test_a_rate_that_no_stream_has_withholds_everything(rate: int) -> None:
    assert (
        reasons(everything(Stream(runtime(), rate), speech()[:RATE], speech()[:RATE]))
        == ["WRONG_RATE"] * 2
    )


@pytest.mark.parametrize(
    "block",
    [
        None,
        [0.0, 0.5],
        np.zeros(100, np.int16),
        np.zeros((2, 2, 2)),
        np.zeros((5, 0)),
        np.float32(1),
        np.zeros(9, np.complex64),
        np.array(["a"]),
    ],
)
def test_a_block_without_sound_withholds_its_utterance(block: Samples) -> None:
    samples = speech()
    middle = round(1.6 * RATE)
    results = everything(runtime(), samples[:middle], block, samples[middle:])
    assert reasons(results) == ["NO_SAMPLES", "NOT_FINITE", "out", "out", "out"]


def test_no_samples_are_nothing() -> None:
    assert everything(runtime(), np.zeros(0), np.zeros((0, 2))) == []


def test_a_failing_judge_releases_nothing_and_hides_its_error() -> None:
    class Failing:
        def utterance(self, samples: NDArray[np.floating], sampling_rate: int) -> Result:
            raise RuntimeError(f"{samples} at {sampling_rate}")

    assert reasons(everything(Stream(Failing()), speech())) == ["MODEL"] * len(SECONDS)


def test_what_follows_the_end_is_a_new_stream() -> None:
    device = runtime()
    first, second = (vectors(everything(device, speech())) for _ in range(2))
    assert first == second


def test_the_budget_of_a_day_is_kept(tmp_path: Path) -> None:
    results = everything(runtime(3, DailyBudget(tmp_path / "budget", lambda: TODAY)), speech())
    assert reasons(results) == ["out", "out", "out", "BUDGET_SPENT"]
    repeated = everything(
        runtime(3, DailyBudget(tmp_path / "budget", lambda: TODAY)), speech()
    )  # after a restart
    assert reasons(repeated) == ["BUDGET_SPENT"] * 4


def test_what_is_withheld_costs_nothing(tmp_path: Path) -> None:
    budget = DailyBudget(tmp_path / "budget", lambda: TODAY)
    square = np.sign(np.random.default_rng(0).normal(size=RATE))
    withheld = [runtime(3, budget).utterance(square, RATE) for _ in range(4)]
    assert reasons(withheld) == ["CLIPPED"] * 4
    assert reasons(everything(runtime(3, budget), speech())) == [
        "out",
        "out",
        "out",
        "BUDGET_SPENT",
    ]


def test_a_limited_policy_without_a_count_releases_nothing() -> None:
    assert reasons(everything(runtime(3), speech())) == ["UNCOUNTED"] * 4


def test_a_clock_that_fails_releases_nothing(tmp_path: Path) -> None:
    def broken() -> date:
        raise OSError("no clock")

    assert (
        reasons(everything(runtime(3, DailyBudget(tmp_path / "budget", broken)), speech()))
        == ["BUDGET_UNKNOWN"] * 4
    )


def test_memory_does_not_grow_with_the_stream() -> None:
    stream = Stream(Recorder2(), 48000, Segmentation(longest_seconds=5.0))
    block = np.column_stack([speech(48000)[: 48000 * 8]] * 2)
    tracemalloc.start()
    try:
        stream.push(block)
        tracemalloc.reset_peak()
        before = tracemalloc.get_traced_memory()[0]
        for _ in range(12):
            stream.push(block)
        now, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert now - before < 2e5
    assert peak - before < 3e6


class Recorder2:
    """Judges without remembering."""

    def utterance(self, *_: Any) -> Result:
        return Withheld(Reason.MODEL)


def test_no_output_contains_the_samples(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """Samples of one utterance are searched in all traces, as bytes and as text."""
    monkeypatch.chdir(tmp_path)
    caplog.set_level(logging.DEBUG)
    samples = speech()
    device = runtime(3, DailyBudget(tmp_path / "budget", lambda: TODAY))
    results = everything(device, *np.array_split(samples, 50)[:-1])
    texts = [repr(thing) for thing in (device, device.__dict__["_stream"], *results)] + [
        caplog.text,
        *capfd.readouterr(),
    ]
    traces = [path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()]
    traces += [text.encode() for text in texts] + [
        result.vector.tobytes() for result in results if isinstance(result, Released)
    ]
    assert len(results) == 4
    part = samples[RATE : RATE + RATE]
    for at in range(0, RATE - 2, 7):
        assert not any(part[at : at + 2].tobytes() in thing for thing in traces)
        assert not any(f"{part[at]:.5g}".encode() in thing for thing in traces)
