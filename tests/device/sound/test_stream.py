"""What comes of an endless stream: released vectors, or nothing and why; never what was heard."""

from __future__ import annotations

import logging
import tracemalloc
from datetime import date
from pathlib import Path

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
from tests.device.synthetic_sound_bundle import RATE, SECONDS, bundle, prototypes, said

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


def told(results: list[Result]) -> list[str]:
    """The name of each reason, `out` for what is released."""
    return [one.reason.name if isinstance(one, Withheld) else "out" for one in results]


def vectors(results: list[Result]) -> list[bytes]:
    return [one.vector.tobytes() for one in results if isinstance(one, Released)]


def test_each_utterance_becomes_one_prototype() -> None:
    results = everything(runtime(), said())
    assert told(results) == ["out"] * len(SECONDS)
    assert set(vectors(results)) <= prototypes()


@settings(max_examples=8, deadline=None)
@given(st.lists(st.integers(0, 170000), max_size=8))
def test_blocks_of_any_size_give_the_same_vectors(cuts: list[int]) -> None:
    whole = vectors(everything(runtime(), said()))
    assert vectors(everything(runtime(), *np.split(said(), sorted(cuts)))) == whole


@settings(max_examples=8, deadline=None)
@given(st.lists(st.integers(0, 400000), max_size=8), st.sampled_from([8000, 22050, 44100, 48000]))
def test_blocks_of_any_size_are_resampled_to_the_same_sound(cuts: list[int], rate: int) -> None:
    whole, parts = Recorder(), Recorder()
    samples = said(rate)
    everything(Stream(whole, rate), samples)
    everything(Stream(parts, rate), *np.split(samples, sorted(cuts)))
    assert len(whole.heard) == len(parts.heard) == len(SECONDS)
    for one, other in zip(whole.heard, parts.heard, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("rate", [8000, 44100, 48000])
def test_another_rate_hears_the_same(rate: int) -> None:
    usual, other = Recorder(), Recorder()
    everything(Stream(usual), said())
    everything(Stream(other, rate), said(rate))
    for one, same in zip(usual.heard, other.heard, strict=True):
        assert abs(one.size - same.size) < RATE // 10
        assert np.std(same) == pytest.approx(np.std(one), rel=0.1)


def test_several_channels_are_their_mean() -> None:
    one, two = Recorder(), Recorder()
    left, right = said(seed=1), said(seed=2)
    everything(Stream(one), (left + right) / 2)
    everything(Stream(two), np.column_stack([left, right]))
    for mono, stereo in zip(one.heard, two.heard, strict=True):
        np.testing.assert_allclose(mono, stereo, atol=1e-7)


@pytest.mark.parametrize("rate", [RATE, 48000])
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 1e300])
def test_samples_that_are_no_numbers_withhold_their_utterance_alone(bad: float, rate: int) -> None:
    samples = said(rate).astype(np.float64)
    samples[round(1.5 * rate)] = bad
    results = everything(Stream(runtime(), rate), samples)
    assert told(results) == ["NOT_FINITE", "out", "out", "out"]


def test_samples_that_are_no_numbers_are_told_of_where_nobody_speaks() -> None:
    assert told(everything(runtime(), np.full(RATE * 2, np.nan))) == ["NOT_FINITE"]


def test_a_click_is_too_short() -> None:
    samples = np.random.default_rng(0).normal(0, 0.001, 3 * RATE)
    samples[RATE : RATE + 200] = 0.5
    assert told(everything(runtime(), samples)) == ["TOO_SHORT"]


def test_what_is_clipped_is_withheld() -> None:
    assert told(everything(runtime(), np.clip(said(level=3.0), -1, 1))) == ["CLIPPED"] * len(
        SECONDS
    )


def test_silence_is_no_utterance_and_not_one_either_when_asked_for_one() -> None:
    silence = np.zeros(5 * RATE, np.float32)
    assert everything(runtime(), silence) == []
    assert (
        told([runtime().utterance(silence, RATE), runtime().utterance(silence + 0.5, RATE)])
        == ["SILENT"] * 2
    )


@pytest.mark.parametrize("rate", [0, -1, 7999, 384001, 16000.0, None])
def test_a_rate_that_no_stream_has_withholds_everything(rate: int) -> None:
    assert (
        told(everything(Stream(runtime(), rate), said()[:RATE], said()[:RATE]))
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
def test_a_block_that_is_no_sound_is_withheld_and_so_is_what_it_interrupts(block: Samples) -> None:
    samples = said()
    middle = round(1.6 * RATE)
    results = everything(runtime(), samples[:middle], block, samples[middle:])
    assert told(results) == ["NO_SAMPLES", "NOT_FINITE", "out", "out", "out"]


def test_no_samples_are_nothing() -> None:
    assert everything(runtime(), np.zeros(0), np.zeros((0, 2))) == []


def test_a_judge_that_fails_releases_nothing_and_its_error_goes_nowhere() -> None:
    class Failing:
        def utterance(self, samples: NDArray[np.floating], sampling_rate: int) -> Result:
            raise RuntimeError(f"{samples} at {sampling_rate}")

    assert told(everything(Stream(Failing()), said())) == ["MODEL"] * len(SECONDS)


def test_what_follows_the_end_is_a_new_stream() -> None:
    one = runtime()
    first, second = (vectors(everything(one, said())) for _ in range(2))
    assert first == second


def test_the_budget_of_a_day_is_kept(tmp_path: Path) -> None:
    results = everything(runtime(3, DailyBudget(tmp_path / "budget", lambda: TODAY)), said())
    assert told(results) == ["out", "out", "out", "BUDGET_SPENT"]
    again = everything(
        runtime(3, DailyBudget(tmp_path / "budget", lambda: TODAY)), said()
    )  # after a restart
    assert told(again) == ["BUDGET_SPENT"] * 4


def test_what_is_withheld_costs_nothing(tmp_path: Path) -> None:
    budget = DailyBudget(tmp_path / "budget", lambda: TODAY)
    assert told(everything(runtime(3, budget), np.clip(said(level=3.0), -1, 1))) == ["CLIPPED"] * 4
    assert told(everything(runtime(3, budget), said())) == ["out", "out", "out", "BUDGET_SPENT"]


def test_a_policy_with_a_budget_that_nobody_counts_releases_nothing() -> None:
    assert told(everything(runtime(3), said())) == ["UNCOUNTED"] * 4


def test_a_clock_that_fails_releases_nothing(tmp_path: Path) -> None:
    def broken() -> date:
        raise OSError("no clock")

    assert (
        told(everything(runtime(3, DailyBudget(tmp_path / "budget", broken)), said()))
        == ["BUDGET_UNKNOWN"] * 4
    )


def test_memory_does_not_grow_with_the_stream() -> None:
    stream = Stream(Recorder2(), 48000, Segmentation(longest_seconds=5.0))
    block = np.column_stack([said(48000)[: 48000 * 8]] * 2)
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

    def utterance(self, samples: NDArray[np.floating], sampling_rate: int) -> Result:  # noqa: ARG002
        return Withheld(Reason.MODEL)


def test_nothing_that_is_written_returned_or_shown_holds_what_was_heard(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """Samples of one utterance, as bytes and as text, are looked for in all that is left behind."""
    monkeypatch.chdir(tmp_path)
    caplog.set_level(logging.DEBUG)
    samples = said()
    one = runtime(3, DailyBudget(tmp_path / "budget", lambda: TODAY))
    results = everything(one, *np.array_split(samples, 50)[:-1])
    shown = [repr(thing) for thing in (one, one.__dict__["_stream"], *results)] + [
        caplog.text,
        *capfd.readouterr(),
    ]
    left = [path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()]
    left += [text.encode() for text in shown] + [
        one.vector.tobytes() for one in results if isinstance(one, Released)
    ]
    assert len(results) == 4
    heard = samples[RATE : RATE + RATE]
    for at in range(0, RATE - 2, 7):
        assert not any(heard[at : at + 2].tobytes() in thing for thing in left)
        assert not any(f"{heard[at]:.5g}".encode() in thing for thing in left)
