"""Blocks of samples from a microphone (PortAudio, through `sounddevice`)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from sordino.errors import AudioError, DependencyError, install_step

READ_SECONDS: Final = 0.1


def sounddevice_library() -> Any:
    """The package `sounddevice`. Raises `DependencyError` if it, or PortAudio, is not installed."""
    try:
        import sounddevice
    except ImportError as error:
        raise DependencyError(
            "sounddevice is not installed, expected it for a microphone: "
            f"{install_step('microphone')}"
        ) from error
    except OSError as error:
        raise DependencyError(
            "the system's PortAudio is not installed, expected it for a microphone: apt install "
            "libportaudio2, or the package of your system"
        ) from error
    return sounddevice


def listen() -> tuple[int, Iterator[NDArray[np.float32]]]:
    """The sampling rate of the default microphone in Hz, and endless blocks of samples `(n,)`.

    If the machine was too slow and sound was lost, a NaN marks the gap. Recording starts with the
    first block. Raises `AudioError` without a microphone, `DependencyError` as
    `sounddevice_library` does.
    """
    sounddevice = sounddevice_library()
    try:
        rate = round(sounddevice.query_devices(kind="input")["default_samplerate"])
    except (sounddevice.PortAudioError, ValueError) as error:
        raise AudioError(
            "no microphone is found, expected one: connect it, and allow its use"
        ) from error
    return rate, _blocks(sounddevice, rate)


def _blocks(sounddevice: Any, rate: int) -> Iterator[NDArray[np.float32]]:
    try:
        with sounddevice.InputStream(samplerate=rate, channels=1, dtype="float32") as stream:
            while True:
                samples, lost = stream.read(round(READ_SECONDS * rate))
                if lost:
                    yield np.full(1, np.nan, np.float32)
                yield samples[:, 0]
    except sounddevice.PortAudioError as error:
        raise AudioError(
            "the microphone stopped, expected it to go on: connect it again"
        ) from error
