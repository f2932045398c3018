"""A feature set in a file of its own: the energy of the recording in eight bands."""

import numpy as np

from sordino.errors import AudioError


class BandEnergies:
    name = "band-energies"
    sampling_rate = 16000
    dims = 8
    names = tuple(f"energy of band {band}" for band in range(8))
    recipe = 1  # count the changes that change values
    config = {"name": name, "sampling_rate": sampling_rate, "recipe": recipe}

    def __call__(self, samples):
        if not len(samples) or not np.isfinite(samples).all():
            raise AudioError("no finite samples, expected an utterance: leave it out")
        power = np.abs(np.fft.rfft(samples, 16384)) ** 2 / len(samples)
        bands = np.array_split(power[1:], self.dims)
        return np.log([band.sum() + 1e-10 for band in bands]).astype(np.float32)
