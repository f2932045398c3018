"""A release in a file of its own: copy it, change `fit` and `__call__`, keep the rest."""

import numpy as np

from sordino.release import ArrayRelease, as_vectors


class Rounded(ArrayRelease):
    def __call__(self, z):
        step = self.arrays["step"]
        return (np.round(as_vectors(z, len(step)) / step) * step).astype(np.float32)


class RoundedFitter:
    """each dimension rounded to steps of two standard deviations"""

    name = "rounded"

    def __init__(self, policy, seed=0):
        self.policy, self.seed = policy, seed

    def fit(self, z, corpus, part):
        step = 2 * z[part.rows].std(axis=0) + 1e-6
        return Rounded(self.name, {"width": z.shape[1]}, {"step": step})
