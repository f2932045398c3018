"""Functionals are what their names say, computed here one by one; blocks of any length give the
same bits.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from sordino.errors import AudioError
from sordino.signal import Blocks, filterbank, functionals
from sordino.signal.filterbank import ENERGY_FLOOR
from sordino.signal.functionals import NAMES, RANGE_DB, summarise
from sordino.signal.pitch import pitch


def noise(seconds: float = 1.0, seed: int = 0) -> NDArray[np.float32]:
    return np.random.default_rng(seed).normal(0, 0.1, round(16000 * seconds)).astype(np.float32)


def voice(hertz: float, seconds: float = 1.0) -> NDArray[np.float32]:
    """Harmonics of one pitch, weaker the higher they are."""
    time = np.arange(round(16000 * seconds)) / 16000
    orders = np.arange(1, int(4000 / hertz))[:, None]
    samples: NDArray[np.float64] = 0.1 * (np.sin(2 * np.pi * hertz * orders * time) / orders).sum(
        axis=0
    )
    return samples.astype(np.float32)


def talk() -> NDArray[np.float32]:
    """Two pitches with a breath and a pause between them."""
    return np.concatenate(
        [voice(120, 0.8), noise(0.2), np.zeros(6400, dtype=np.float32), voice(210, 0.8)]
    )


def values_by_name(samples: NDArray[np.float32]) -> dict[str, float]:
    return dict(zip(NAMES, functionals(samples).tolist(), strict=True))


Rows = dict[str, NDArray[np.float64]]
Masks = dict[str, NDArray[np.bool_]]


def described(frames: NDArray[np.float64]) -> tuple[Rows, Masks]:
    """Descriptors and masks by name, from frames of 40 bands, pitch and periodicity."""
    energy = np.exp(frames[:, :40]).sum(axis=1)
    top = sorted(energy)[-10]
    speech = energy >= top / 1000
    relative = np.maximum(np.exp(frames[:, :40]) / top, 10**-2.5 / 40)
    frames = np.hstack([np.log(relative), frames[:, 40:]])
    first, last = np.flatnonzero(speech)[[0, -1]]
    span = slice(max(0, first - 10), last + 11)
    frames, loud = frames[span], speech[span]
    rows = {f"band{band:02d}": frames[:, band] for band in range(40)}
    rows |= {f"broad{part}": frames[:, 5 * part : 5 * part + 5].mean(axis=1) for part in range(8)}
    rows["level"] = np.logaddexp.reduce(frames[:, :40], axis=1)
    rows["pitch"], rows["periodicity"] = frames[:, 40], frames[:, 41]
    for order in range(1, 21):
        cosine = [np.cos(np.pi * order * (band + 0.5) / 40) for band in range(40)]
        rows[f"cepstrum{order:02d}"] = np.sqrt(1 / 20) * frames[:, :40] @ cosine
    return rows, {"all": loud | True, "loud": loud, "voiced": loud & (frames[:, 41] >= 0.5)}


def by_name(name: str, rows: Rows, over: Masks) -> float:
    """The value that a name stands for: slow, and by itself."""
    descriptor, _, functional = name.partition("_")
    if descriptor in over:
        return rhythm(over[descriptor].tolist(), functional)
    x = rows[descriptor]
    if move := re.fullmatch(r"move(\d+)", functional):
        mask = over["voiced"] if descriptor in ("pitch", "periodicity") else over["all"]
        changes = changed(x, mask, int(move[1]) // 10)
        return float(np.sqrt(np.mean(np.square(changes)))) if changes else 0.0
    functional, _, where = functional.rpartition("_")
    return functional_of(functional, x, over[where])


def changed(x: NDArray[np.float64], mask: NDArray[np.bool_], lag: int) -> list[float]:
    return [x[t + lag] - x[t] for t in range(len(x) - lag) if mask[t] and mask[t + lag]]


def functional_of(functional: str, x: NDArray[np.float64], mask: NDArray[np.bool_]) -> float:
    chosen, changes = x[mask], changed(x, mask, 2) or [0.0]
    if not chosen.size:
        return 0.0
    values: dict[str, Callable[[], Any]] = {
        "mean": lambda: np.mean(chosen),
        "sd": lambda: np.std(chosen),
        "p05": lambda: np.percentile(chosen, 5) - np.mean(chosen),
        "p95": lambda: np.percentile(chosen, 95) - np.mean(chosen),
        "trend": lambda: np.polyfit(np.flatnonzero(mask) / 100, chosen, 1)[0],
        "change": lambda: np.mean(np.abs(changes)),
        "change_p95": lambda: np.percentile(changes, 95),
    }
    return float(values[functional]())


def rhythm(mask: list[bool], figure: str) -> float:
    lengths = [len(run) / 100 for run in "".join("x" if on else " " for on in mask).split()]
    if not lengths:
        return 0.0
    values: dict[str, Any] = {
        "share": np.mean(mask),
        "rate": 100 * len(lengths) / len(mask),
        "seconds": np.mean(lengths),
    }
    return float((values | {"seconds_sd": np.std(lengths)})[figure])


def test_every_value_is_what_its_name_says() -> None:
    samples = talk()
    frames = np.hstack([filterbank(samples[120:-120]), pitch(samples)])
    vector = functionals(samples)
    assert vector.dtype == np.float32
    assert len(set(NAMES)) == len(NAMES) == vector.size
    described_by = described(frames.astype(float))
    expected = [by_name(name, *described_by) for name in NAMES]
    np.testing.assert_allclose(vector, expected, rtol=1e-4, atol=1e-4)
    np.testing.assert_array_equal(summarise(frames), vector)


def test_sounds_worked_by_hand() -> None:
    grown = values_by_name(noise(2) * np.exp(0.5 * np.arange(32000) / 16000 - 2).astype(np.float32))
    assert grown["level_trend_all"] == pytest.approx(
        1, abs=0.1
    )  # energy grows twice as fast as the samples
    knocks = np.concatenate(
        [part for seed in range(4) for part in (noise(0.5, seed), np.zeros(8000))]
    )
    values = values_by_name(knocks.astype(np.float32))
    assert values["loud_rate"] == pytest.approx(
        4 / 3.6, abs=0.05
    )  # four knocks, three pauses, 0.1 s at the end
    assert values["loud_seconds"] == pytest.approx(0.5, abs=0.05)
    assert values["loud_share"] == pytest.approx(2 / 3.6, abs=0.05)
    sung = values_by_name(talk())
    assert sung["pitch_mean_voiced"] == pytest.approx(
        6 * np.log2(1.2 * 2.1), abs=0.1
    )  # halfway between the two
    assert sung["voiced_share"] == pytest.approx(1.6 / 2.2, abs=0.05)


@pytest.mark.parametrize("quiet", [0.0, 1e-5])
def test_quiet_around_speech_changes_nothing(quiet: float) -> None:
    random = np.random.default_rng(3)
    around = [
        random.normal(0, quiet, round(16000 * seconds)).astype(np.float32)
        for seconds in (0.4, 3, 0.4, 1)
    ]
    short = np.concatenate([around[0], talk(), around[2]])
    long = np.concatenate([around[1], short, around[3]])  # whole frames before it
    np.testing.assert_allclose(functionals(long), functionals(short), rtol=1e-6, atol=1e-6)


def test_a_click_leaves_speech_what_it_was() -> None:
    clicked = talk()
    clicked[9000] = 0.99
    before, after = (
        values_by_name(0.03 * talk()),
        values_by_name(np.where(np.arange(len(clicked)) == 9000, clicked, 0.03 * talk())),
    )
    for name in ("loud_share", "voiced_share", "pitch_mean_voiced", "level_mean_loud"):
        assert after[name] == pytest.approx(before[name], rel=0.05, abs=0.1), name


@pytest.mark.parametrize("gain_db", [-20, -6, 12])
def test_a_gain_changes_no_value(gain_db: float) -> None:
    speech = 0.3 * talk() + np.random.default_rng(4).normal(0, 1e-3, talk().size)
    louder = 10 ** (gain_db / 20) * speech
    assert np.abs(louder).max() < 1
    np.testing.assert_allclose(functionals(louder), functionals(speech), atol=2e-3)


def test_noise_below_the_range_changes_little() -> None:
    """A tenth, or less, of the change in absolute energies, since the pauses are as before."""
    noisy = talk() + np.random.default_rng(4).normal(0, 1e-4, talk().size).astype(np.float32)
    rows = [
        index for index, name in enumerate(NAMES) if re.search(r"band\d\d_(mean|sd|p05)_all", name)
    ]
    moved, moved_absolute = (
        np.abs(functionals(noisy, range_db) - functionals(talk(), range_db))[rows].mean()
        for range_db in (RANGE_DB, None)
    )
    assert moved < 0.1 * moved_absolute


def test_backwards_turns_trends_and_leaves_what_has_no_direction() -> None:
    frames = np.hstack([filterbank(talk()[120:-120]), pitch(talk())])
    forwards, backwards = summarise(frames), summarise(frames[::-1])
    trend = np.array(["_trend_" in name for name in NAMES])
    directed = np.array(["change_p95" in name for name in NAMES]) | trend
    np.testing.assert_allclose(backwards[trend], -forwards[trend], atol=1e-4)
    np.testing.assert_allclose(backwards[~directed], forwards[~directed], atol=1e-4)


def test_silence_is_the_floor_and_otherwise_nothing() -> None:
    silent = values_by_name(np.zeros(16000, dtype=np.float32))
    assert silent["band07_mean_all"] == pytest.approx(-np.log(40))  # every band is as loud
    absolute = functionals(np.zeros(16000, dtype=np.float32), range_db=None)
    assert absolute[NAMES.index("band07_mean_all")] == pytest.approx(np.log(ENERGY_FLOOR))
    assert (
        silent["voiced_share"]
        == silent["pitch_mean_voiced"]
        == silent["periodicity_mean_loud"]
        == 0
    )
    spread = [
        value
        for name, value in silent.items()
        if re.search("_(sd|p05|p95|trend|change|move)", name)
    ]
    np.testing.assert_allclose(spread, 0, atol=1e-4)


SOUNDS = {
    "sixty milliseconds": noise(0.06),
    "sixty milliseconds of voice": voice(200, 0.06),
    "constant": np.full(16000, 0.5),
    "click": np.eye(1, 16000, 8000)[0],
    "clipped": np.sign(voice(150)),
    "beyond full scale": 1e30 * noise(),
    "too faint for 16 bits": 1e-20 * noise(),
    "a minute": noise(60),
}


@pytest.mark.parametrize("kind", SOUNDS)
def test_odd_sounds_have_finite_and_sane_values(kind: str) -> None:
    vector = functionals(SOUNDS[kind].astype(np.float32))
    assert np.isfinite(vector).all()
    assert np.abs(vector).max() < 2000  # trends of a few hundredths of a second are the largest
    expected = functionals(np.clip(SOUNDS[kind], -1, 1))
    np.testing.assert_allclose(vector, expected, atol=1e-3)


@settings(max_examples=12, deadline=None)
@given(st.lists(st.integers(0, 35200), max_size=12))
def test_blocks_give_the_same_bits_as_the_whole(cuts: list[int]) -> None:
    blocks = Blocks()
    for block in np.split(talk(), sorted(cuts)):
        blocks.push(block)
    np.testing.assert_array_equal(blocks.functionals(), functionals(talk()))


def test_blocks_continue_after_a_result_and_after_a_refusal() -> None:
    blocks = Blocks()
    blocks.push(noise()[:5000])
    np.testing.assert_array_equal(blocks.functionals(), functionals(noise()[:5000]))
    with pytest.raises(AudioError, match="1 of 2 samples are NaN or infinite"):
        blocks.push(np.array([0.0, np.nan]))
    blocks.push(noise()[5000:])
    np.testing.assert_array_equal(blocks.functionals(), functionals(noise()))


def test_the_samples_are_left_as_they_are() -> None:
    samples = 20 * noise()
    expected = samples.copy()
    functionals(samples)
    np.testing.assert_array_equal(samples, expected)


@pytest.mark.parametrize(
    ("samples", "message"),
    [
        (np.zeros(959), r"59\.9 ms of sound, expected at least 60: leave it out"),
        (np.zeros(0), "0 ms of sound, expected at least 60"),
        (np.zeros((800, 2)), r"shape \(800, 2\) .*expected one channel of floats"),
        (np.zeros(8000, dtype=np.int16), "type int16, expected .* divide 16-bit integers by 32768"),
        (np.where(np.arange(8000) < 2, np.inf, 0), "2 of 8000 samples are NaN or infinite"),
        (
            np.zeros(16000 * 600 + 1600),
            r"600\.1 s of sound, expected one utterance of at most 600 s: cut it",
        ),
    ],
)
def test_what_is_no_utterance_is_refused(samples: NDArray[np.floating], message: str) -> None:
    with pytest.raises(AudioError, match=message):
        functionals(samples)


def test_the_longest_utterance_is_counted_over_all_blocks() -> None:
    blocks = Blocks()
    blocks.push(noise(0.1))
    with pytest.raises(AudioError, match=r"600\.1 s of sound"):
        blocks.push(np.zeros(16000 * 600, dtype=np.float32))
    assert blocks.seconds == 0.1
