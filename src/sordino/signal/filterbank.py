"""A recording as frames: the logarithm of its energy in mel bands, as Kaldi computes it (Povey et
al. 2011).

    samples     16 kHz, full scale ±1
      frames    25 ms every 10 ms, those that lie in the recording as a whole: 1 + (samples − 400) // 160 of them
      each      minus its mean; x[t] − 0.97 x[t − 1]; times a Hamming window; padded to 512
      energy    |FFT|², summed under 40 triangles that are evenly spaced in mel = 1127 ln(1 + f / 700) from 20 Hz to
                half the sampling rate, each reaching to the centres of its neighbours
      values    ln(max(energy, FLOOR))

A frame depends on its own 25 ms and on nothing else: cut a recording at any multiple of 10 ms, and
the frames that lie within a part are the same bits. Kaldi counts samples as 16-bit integers, so its
values are 2 ln(32768) = 20.79 higher; its dither, which is random, is off.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from sordino.errors import AudioError
from sordino.signal import audio
from sordino.signal.audio import SAMPLING_RATE

if TYPE_CHECKING:
    import kaldi_native_fbank

BANDS: Final = 40
"""Mel bands, and so values a frame (Jaiswal and Mower Provost 2020, section 3.3)."""

FRAME_SECONDS: Final = 0.025
"""What a frame looks at."""

STEP_SECONDS: Final = 0.01
"""From the start of one frame to that of the next."""

LOWEST_HZ: Final = 20.0
"""Where the lowest band begins."""

FLOOR: Final = 2.0**-30
"""The least energy, that of one step of 16 bits: digital silence is ln(FLOOR) = −20.79 in all
bands, a little below the faintest noise that 16 bits hold, and not minus infinity. Kaldi's own
floor of 2^-23 would lie within the pauses of quiet recordings when full scale is ±1: a quarter of
RAVDESS.
"""

SLOWEST_HZ: Final = 8000
"""The lowest sampling rate: below it the bands are narrower than the lines of the spectrum."""

RECIPE: Final = 1
"""Counts the changes of this file and of `sordino.signal.audio` that change values."""


def filterbank(
    samples: NDArray[np.floating], sampling_rate: int = SAMPLING_RATE
) -> NDArray[np.float32]:
    """The log mel energies of a recording, `(samples,) -> (frames, 40)`, from −20.79 to about 14.

    `samples` are full scale at ±1, `sampling_rate` is theirs in Hz; another rate has other bands,
    so resample to the one that a model was trained with.

    Raises `AudioError` for less than one frame of 25 ms, NaN or infinity, several channels, and
    under 8 kHz.

    >>> time = np.arange(8000) / 16000
    >>> frames = filterbank(np.sin(2 * np.pi * 1000 * time))
    >>> frames.shape, int(frames[0].argmax())  # 1000 mel is 1000 Hz: the band centred nearest, at 991 mel
    ((48, 40), 13)
    """
    import kaldi_native_fbank  # here: a device that gets features starts without it

    _check(samples, sampling_rate)
    energies = kaldi_native_fbank.OnlineFbank(_options(sampling_rate))
    energies.accept_waveform(
        sampling_rate, samples.astype(np.float32).data
    )  # as an array it is read at half the speed
    frames = np.stack(
        [energies.get_frame(frame) for frame in range(energies.num_frames_ready)]
    )  # (frames, 40)
    values: NDArray[np.float32] = np.log(np.maximum(frames, np.float32(FLOOR)))
    return values


def versions() -> dict[str, str]:
    """What else decides the values of a recording."""
    import importlib.metadata  # here, as it loads slowly and no frame needs it

    return {
        "kaldi-native-fbank": importlib.metadata.version("kaldi-native-fbank")
    } | audio.versions()


@dataclass(frozen=True)
class Filterbank:
    """`filterbank` at one sampling rate, under the name and settings that decide its values."""

    name: str = "filterbank"
    sampling_rate: int = SAMPLING_RATE

    @property
    def recipe(self) -> int:
        """Counts the changes that change values."""
        return RECIPE

    @property
    def config(self) -> dict[str, object]:
        """All that decides the values, versions included."""
        settings = {
            "name": self.name,
            "sampling_rate": self.sampling_rate,
            "recipe": RECIPE,
            "bands": BANDS,
        }
        settings |= {
            "frame": FRAME_SECONDS,
            "step": STEP_SECONDS,
            "lowest_hz": LOWEST_HZ,
            "floor": FLOOR,
        }
        return settings | versions()

    def __call__(self, samples: NDArray[np.float32]) -> NDArray[np.float32]:
        return filterbank(samples, self.sampling_rate)


def _options(sampling_rate: int) -> kaldi_native_fbank.FbankOptions:
    import kaldi_native_fbank

    options = kaldi_native_fbank.FbankOptions()
    options.frame_opts.samp_freq = sampling_rate
    options.frame_opts.frame_length_ms = 1000 * FRAME_SECONDS
    options.frame_opts.frame_shift_ms = 1000 * STEP_SECONDS
    options.frame_opts.window_type = "hamming"
    options.frame_opts.preemph_coeff = 0.97
    options.frame_opts.remove_dc_offset = True
    options.frame_opts.round_to_power_of_two = True
    options.frame_opts.snip_edges = True
    options.frame_opts.dither = 0.0
    options.mel_opts.num_bins = BANDS
    options.mel_opts.low_freq = LOWEST_HZ
    options.mel_opts.high_freq = 0.0  # half the sampling rate
    options.use_power = True
    options.use_energy = False
    options.use_log_fbank = False  # the floor is ours
    return options


def _check(samples: NDArray[np.floating], sampling_rate: int) -> None:
    if sampling_rate < SLOWEST_HZ:
        raise AudioError(
            f"sampling_rate {sampling_rate} Hz, expected at least {SLOWEST_HZ}: resample to "
            f"{SAMPLING_RATE}"
        )
    audio.check(samples)
    if samples.size < int(FRAME_SECONDS * sampling_rate):
        raise AudioError(
            f"{1000 * samples.size / sampling_rate:.3g} ms of sound, expected at least "
            f"{1000 * FRAME_SECONDS:.0f}, one "
            "frame: leave it out, or take a longer cut"
        )
