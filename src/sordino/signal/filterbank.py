"""Log mel energies of a recording by frames, as Kaldi computes them (Povey et al. 2011).

    samples     16 kHz, full scale ±1
      frames    25 ms every 10 ms, complete frames only: 1 + (samples − 400) // 160 each      minus
      its mean; x[t] − 0.97 x[t − 1]; times a Hamming window; padded to 512 energy    |FFT|², summed
      under 40 triangles that are evenly spaced in mel = 1127 ln(1 + f / 700)
                from 20 Hz to half the sampling rate; each reaches to the centres of its neighbours
      values    ln(max(energy, ENERGY_FLOOR))

A frame depends on its own 25 ms alone: after a cut at a multiple of 10 ms, the frames within a part
have the same bits. Kaldi represents samples as 16-bit integers, so its values are 2 ln(32768) =
20.79 higher. Its random dither is off.
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
"""Mel bands, the values of a frame (Jaiswal and Mower Provost 2020, section 3.3)."""

FRAME_SECONDS: Final = 0.025
"""The length of a frame."""

STEP_SECONDS: Final = 0.01
"""The distance between the starts of two frames."""

LOWEST_BAND_HZ: Final = 20.0
"""The lower edge of the lowest band."""

ENERGY_FLOOR: Final = 2.0**-30
"""The lowest energy, that of one step of 16 bits: digital silence is ln(ENERGY_FLOOR) = −20.79 in
all bands, a little below the faintest noise of 16 bits, instead of minus infinity. Kaldi's floor of
2^-23 at full scale ±1 would lie within the pauses of quiet recordings: a quarter of RAVDESS.
"""

LOWEST_RATE_HZ: Final = 8000
"""The lowest sampling rate: below it the bands are narrower than the bins of the spectrum."""

RECIPE: Final = 1
"""Number of changes of this file and of `sordino.signal.audio` that changed values."""


def filterbank(
    samples: NDArray[np.floating], sampling_rate: int = SAMPLING_RATE
) -> NDArray[np.float32]:
    """The log mel energies of a recording, `(samples,) -> (frames, 40)`, from −20.79 to about 14.

    `samples` have full scale at ±1, `sampling_rate` is theirs in Hz. Another rate has other bands,
    so resample to the rate of the training data.

    Raises `AudioError` for less than one frame of 25 ms, NaN or infinity, several channels, and
    under 8 kHz.

    >>> time = np.arange(8000) / 16000
    >>> frames = filterbank(np.sin(2 * np.pi * 1000 * time))
    >>> frames.shape, int(frames[0].argmax())  # 1000 Hz is 1000 mel; the nearest band is at 991 mel
    ((48, 40), 13)
    """
    import kaldi_native_fbank  # here: a device with given features starts without it

    _check(samples, sampling_rate)
    energies = kaldi_native_fbank.OnlineFbank(_options(sampling_rate))
    waveform = samples.astype(np.float32).data  # an array is read at half the speed
    energies.accept_waveform(sampling_rate, waveform)
    count = energies.num_frames_ready
    frames = np.stack([energies.get_frame(frame) for frame in range(count)])  # (frames, 40)
    values: NDArray[np.float32] = np.log(np.maximum(frames, np.float32(ENERGY_FLOOR)))
    return values


def versions() -> dict[str, str]:
    """Versions of the packages that determine the values."""
    import importlib.metadata  # here, as it loads slowly and no frame needs it

    return {
        "kaldi-native-fbank": importlib.metadata.version("kaldi-native-fbank")
    } | audio.versions()


@dataclass(frozen=True)
class Filterbank:
    """`filterbank` at one sampling rate, with the name and settings that determine its values."""

    name: str = "filterbank"
    sampling_rate: int = SAMPLING_RATE

    @property
    def dims(self) -> int:
        """The values of a frame."""
        return BANDS

    @property
    def recipe(self) -> int:
        """Number of changes that changed values."""
        return RECIPE

    @property
    def config(self) -> dict[str, object]:
        """All settings and versions that determine the values."""
        settings = {
            "name": self.name,
            "sampling_rate": self.sampling_rate,
            "recipe": RECIPE,
            "bands": BANDS,
        }
        settings |= {
            "frame": FRAME_SECONDS,
            "step": STEP_SECONDS,
            "lowest_hz": LOWEST_BAND_HZ,
            "floor": ENERGY_FLOOR,
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
    options.mel_opts.low_freq = LOWEST_BAND_HZ
    options.mel_opts.high_freq = 0.0  # half the sampling rate
    options.use_power = True
    options.use_energy = False
    options.use_log_fbank = False  # this module applies its own floor
    return options


def _check(samples: NDArray[np.floating], sampling_rate: int) -> None:
    if sampling_rate < LOWEST_RATE_HZ:
        raise AudioError(
            f"sampling_rate {sampling_rate} Hz, expected at least {LOWEST_RATE_HZ}: resample to "
            f"{SAMPLING_RATE}"
        )
    audio.check_samples(samples)
    if samples.size < int(FRAME_SECONDS * sampling_rate):
        raise AudioError(
            f"{1000 * samples.size / sampling_rate:.3g} ms of sound, expected at least "
            f"{1000 * FRAME_SECONDS:.0f}, one frame: leave it out, or take a longer cut"
        )
