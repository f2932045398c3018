"""Conditions of a test. They share neither noise nor room with the recipe of fitting.

clean            the recording
noise-20, -10    everyday noise 20 and 10 dB below active level: recordings, or else a hum, a
                 fan, clatter or traffic
babble-10        six voices 10 dB below active level
telephone        300 to 3400 Hz, mu-law
room             early reflections, and a decay that is slower in low bands; T60 .5 s
white-60         white noise at -60 dBFS
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.signal import butter, sosfilt

from sordino.signal.audio import SAMPLING_RATE
from sordino.signal.conditions import channels, noise
from sordino.signal.conditions.level import Waveform, add_noise
from sordino.signal.conditions.standard import Sources

CONDITIONS: Final = (
    "clean",
    "noise-20",
    "noise-10",
    "babble-10",
    "telephone",
    "room",
    "white-60",
)
"""Conditions to measure a release in, by name; a number is the ratio of signal to noise in dB."""

BAND_T60: Final = {(50, 500): 0.65, (500, 2000): 0.5, (2000, 7900): 0.3}
"""T60 in seconds by band in Hz."""

_ROOM_SEED: Final = 41


def in_condition(
    name: str, samples: Waveform, random: np.random.Generator, sources: Sources
) -> NDArray[np.float32]:
    """The samples in one of `CONDITIONS`, of the same length.

    The same generator and sources give the same bytes on one machine. Raises `KeyError` for
    another name.
    """
    kind, _, level = name.partition("-")
    wide: Waveform = samples.astype(np.float64)
    if kind == "noise":
        recorded = sources.recorded or everyday
        wide = add_noise(wide, recorded(random, len(wide)), float(level))
    elif kind == "babble":
        wide = add_noise(wide, noise.babble(random, sources.voices(), len(wide)), float(level))
    elif kind == "white":
        wide = wide + random.standard_normal(len(wide)) * 10 ** (-float(level) / 20)
    else:
        wide = _CHANNELS[kind](wide)
    return wide.astype(np.float32)


def everyday(random: np.random.Generator, length: int) -> Waveform:
    """Synthetic everyday noise, `(length,)`, of a random kind and of mean power 1."""
    kinds = (hum, fan, clatter, traffic)
    return noise.unit_power(kinds[random.integers(len(kinds))](random, length))


def hum(random: np.random.Generator, length: int) -> Waveform:
    """A mains hum: harmonics of 50 or 60 Hz over a little white noise."""
    seconds, mains = np.arange(length) / SAMPLING_RATE, random.choice([50, 60])
    phases = random.uniform(0, 2 * np.pi, 30)
    tones = [
        np.sin(2 * np.pi * mains * harmonic * seconds + phases[harmonic - 1]) / harmonic
        for harmonic in range(1, 31)
    ]
    total: Waveform = np.sum(tones, axis=0) + 0.05 * random.standard_normal(length)
    return total


def fan(random: np.random.Generator, length: int) -> Waveform:
    """A fan: low-passed noise that beats with the blades, and a tone of the motor."""
    seconds, blades = np.arange(length) / SAMPLING_RATE, random.uniform(15, 40)
    low = butter(2, random.uniform(600, 2500), fs=SAMPLING_RATE, output="sos")
    air = sosfilt(low, random.standard_normal(length)) * (
        1 + 0.5 * np.sin(2 * np.pi * blades * seconds)
    )
    total: Waveform = air + 0.1 * np.sin(2 * np.pi * 7 * blades * seconds)
    return total


def clatter(random: np.random.Generator, length: int) -> Waveform:
    """Dishes: about six blows a second that ring for some milliseconds, over faint noise."""
    total = 0.01 * random.standard_normal(length)
    for _ in range(1 + random.poisson(6 * length / SAMPLING_RATE)):
        seconds = np.arange(3200) / SAMPLING_RATE
        ring = np.exp(-seconds / random.uniform(0.005, 0.04)) * random.lognormal(0, 0.7)
        blow = ring * np.sin(2 * np.pi * random.uniform(800, 6000) * seconds)
        start = int(random.integers(length))
        total[start : start + len(blow)] += blow[: length - start]
    return total


def traffic(random: np.random.Generator, length: int) -> Waveform:
    """A road: a rumble below 400 Hz, and tyres that swell and fade as cars pass."""
    seconds = np.arange(length) / SAMPLING_RATE
    rumble = butter(2, 400, fs=SAMPLING_RATE, output="sos")
    tyres = butter(1, (500, 1500), "bandpass", fs=SAMPLING_RATE, output="sos")
    passing: Waveform = np.exp(
        -(((seconds - random.uniform(0, seconds[-1])) / random.uniform(0.5, 2)) ** 2)
    )
    total: Waveform = 3 * sosfilt(rumble, random.standard_normal(length))
    total += (0.2 + passing) * sosfilt(tyres, random.standard_normal(length))
    return total


def room_response() -> Waveform:
    """The impulse response of the test room, the same at every call."""
    random = np.random.default_rng(_ROOM_SEED)
    seconds = np.arange(round(0.65 * SAMPLING_RATE)) / SAMPLING_RATE
    late = np.zeros(len(seconds))
    for band, t60 in BAND_T60.items():
        sos = butter(2, band, "bandpass", fs=SAMPLING_RATE, output="sos")
        decay = np.exp(-channels.DECAY * seconds / t60)
        late += sosfilt(sos, random.standard_normal(len(seconds))) * decay
    late[: round(0.03 * SAMPLING_RATE)] = 0
    response: Waveform = late * 10 ** (-4 / 20) / np.sqrt(np.sum(late**2))
    early = random.uniform(0.004, 0.05, 10)
    response[np.round(early * SAMPLING_RATE).astype(int)] += (
        random.choice([-1, 1], 10) * 0.4 * np.exp(-early / 0.03)
    )
    response[0] = 1
    return response


def _in_test_room(samples: Waveform) -> Waveform:
    return channels.in_room(samples, room_response())


def _unchanged(samples: Waveform) -> Waveform:
    return samples


_CHANNELS: Final[dict[str, Callable[[Waveform], Waveform]]] = {
    "clean": _unchanged,
    "telephone": channels.telephone,
    "room": _in_test_room,
}
