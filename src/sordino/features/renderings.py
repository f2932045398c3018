"""Recordings in other conditions, as sounds: seeded by their recording, read where needed."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from sordino.errors import AudioError
from sordino.features.sounds import Recording
from sordino.signal import audio
from sordino.signal.conditions import RECIPE, Sources, in_condition, standard
from sordino.signal.conditions.level import Waveform, tile
from sordino.signal.conditions.noise import unit_power

STANDARD: Final = "standard"
"""The recipe of copies, beside `sordino.signal.conditions.CONDITIONS`."""

MOST_NOISES: Final = 1000
"""Recordings of noise in one folder."""

NOISE_SUFFIXES: Final = (".wav", ".flac", ".ogg", ".mp3", ".aiff", ".aif")


@dataclass(frozen=True)
class NoiseRecording:
    """A recording of noise, of which a part of any length is read."""

    file: str
    seconds: float
    checksum: str

    def part(self, random: np.random.Generator, length: int) -> Waveform:
        """`length` samples at 16 kHz from a random offset on, of mean power 1, repeated if the
        recording is shorter. A part that is silent is replaced by that around the loudest sample.

        Raises `AudioError` for a silent recording, which would be no noise.
        """
        seconds = length / audio.SAMPLING_RATE
        if self.seconds > seconds + audio.LATE_SECONDS:
            start = random.uniform(0, self.seconds - seconds - audio.LATE_SECONDS)
            samples, offset = audio.read(self.file, start, start + seconds), 0
        else:
            samples = audio.read(self.file)
            offset = int(random.integers(len(samples)))
        if not samples.any():
            samples = _sounding(self.file)
            offset = max(0, int(np.abs(samples).argmax()) - length // 2)
        return unit_power(tile(samples.astype(np.float64), length, offset))


@dataclass(frozen=True)
class Rendering:
    """A recording in another condition, seeded by its checksum and a number.

    `condition` is `STANDARD` for a copy of fitting, or one of
    `sordino.signal.conditions.CONDITIONS`.
    """

    recording: Recording
    condition: str
    number: int
    voices: tuple[Recording, ...] = ()
    """Recordings for the babble."""
    noises: tuple[NoiseRecording, ...] = ()

    @property
    def file(self) -> str:
        """The recording."""
        return self.recording.file

    @property
    def key(self) -> str:
        """The recording, condition and number, and a digest of all recordings mixed in."""
        parts = [self.recording.key, self.condition, str(self.number)]
        sources = [voice.key for voice in self.voices]
        sources += [f"noise:{noise.checksum}" for noise in self.noises]
        return " ".join([*parts, hashlib.sha256(" ".join(sources).encode()).hexdigest()])

    def read(self, sampling_rate: int) -> NDArray[np.float32]:
        """The samples `(samples,)` in the condition."""
        random = seeded(self.recording.key, self.condition, str(self.number))
        sources = Sources(
            lambda: [voice.read() for voice in self.voices],
            self._recorded if self.noises else None,
        )
        samples = self.recording.read()
        if self.condition == STANDARD:
            rendered = standard(samples, random, sources)
        else:
            rendered = in_condition(self.condition, samples, random, sources)
        return audio.resampler(audio.SAMPLING_RATE, sampling_rate)(rendered, True)

    def _recorded(self, random: np.random.Generator, length: int) -> Waveform:
        return self.noises[random.integers(len(self.noises))].part(random, length)


def noises(folder: str | Path | None) -> tuple[NoiseRecording, ...]:
    """The recordings of noise in a folder, in the order of their names; none for no folder.

    Files with other suffixes than those of recordings are ignored. Raises `AudioError` for a folder
    without a recording, with over 1,000, and for an unusable or silent recording.
    """
    if folder is None:
        return ()
    files = sorted(file for file in Path(folder).glob("*") if file.suffix.lower() in NOISE_SUFFIXES)
    if not 0 < len(files) <= MOST_NOISES:
        raise AudioError(
            f"{folder}: {len(files)} recordings, expected 1 to {MOST_NOISES} of "
            f"{', '.join(NOISE_SUFFIXES)}: choose a folder with noise"
        )
    return tuple(_noise(file.absolute()) for file in files)


def _noise(file: Path) -> NoiseRecording:
    seconds = audio.duration(file, audio.LONGEST_SECONDS)
    if not audio.SHORTEST_SECONDS <= seconds <= audio.LONGEST_SECONDS:
        raise AudioError(
            f"{file}: {seconds:.2f} s, expected {audio.SHORTEST_SECONDS} to "
            f"{audio.LONGEST_SECONDS:.0f} s of noise: cut it, or leave it out"
        )
    _sounding(file)
    with file.open("rb") as stream:
        return NoiseRecording(str(file), seconds, hashlib.file_digest(stream, "sha256").hexdigest())


def _sounding(file: str | Path) -> NDArray[np.float32]:
    """The samples of a recording of noise. Raises `AudioError` for silence."""
    samples = audio.read(file)
    if not samples.any():
        raise AudioError(f"{file}: silent, expected noise: leave it out")
    return samples


def seeded(*names: str) -> np.random.Generator:
    """A random generator for some names: the same on every machine."""
    digest = hashlib.sha256("\n".join(names).encode()).digest()
    return np.random.default_rng(int.from_bytes(digest[:16], "big"))


def choose(pool: Sequence[Recording], recording: Recording, count: int) -> tuple[Recording, ...]:
    """`count` recordings of a pool without the recording itself, seeded by it; fewer if the pool is
    smaller. The order of the pool does not matter.
    """
    others = {other.key: other for other in pool if other.key != recording.key}
    order = seeded(recording.key, "voices").permutation(len(others))[:count]
    names = sorted(others)
    return tuple(others[names[index]] for index in order)


def condition_record(copies: int, noise: Sequence[str]) -> dict[str, Any]:
    """The conditions of fits and tables, for records and cards: copies of each recording, and
    checksums of recordings of noise.
    """
    if not copies:
        return {"name": "none", "copies": 0}
    return {"name": "standard", "copies": copies, "recipe": RECIPE, "noise": list(noise)}
