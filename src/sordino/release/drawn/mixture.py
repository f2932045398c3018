"""Release `drawn+rae-25`: a drawn release with a quarter of the residual of an autoencoder.

    out = prototype of the bin + share · r + √(1 − share²) · noise
    r   = rae(z) − mean of rae(z) over the bin

The prototypes are public, so an attacker can subtract the drawn one. Without noise, a division by
the share would then recover r, however small the share. So Gaussian noise with the covariance of r
over all bins fills the remainder. Where the residuals of all bins have equal covariance, a linear
leak of d standard deviations in r (an AUC of Φ(d / √2)) becomes a leak of at most share · d; in a
bin with a larger spread it is larger. At share 0 this is the drawn release with natural spread, and
at share 1 the output of the autoencoder with shifted means.

There is no bound for it, since a share of the residual does leak. The noise follows from the vector
and the key.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sordino import keyed_random
from sordino.corpora.split import Part
from sordino.corpora.table import Corpus
from sordino.nn.fit import Plan, run_plan
from sordino.release.array_release import ArrayRelease
from sordino.release.autoencoder.replacement import ReplacementFitter
from sordino.release.composed import join_parts, split_parts
from sordino.release.drawn.fit import DrawnFitter
from sordino.release.drawn.prototypes import FEWEST_SPEAKERS
from sordino.release.drawn.release import Drawn
from sordino.release.protocol import Release, Restore, as_vectors
from sordino.types import Arrays, Codes, Matrix, Vectors


class Mixture(ArrayRelease):
    """A drawn release plus a share of the residual of an autoencoder."""

    def __init__(
        self, name: str, config: Mapping[str, Any], arrays: Arrays, parts: Sequence[Release]
    ) -> None:
        super().__init__(name, config, arrays)
        drawn, self.autoencoder = parts
        if not isinstance(drawn, Drawn):
            raise TypeError(f"a {type(drawn).__name__}, expected a drawn release")
        self.drawn = drawn

    def __call__(self, z: Vectors) -> Vectors:
        z = as_vectors(z, self._config["width"])
        bins, share = self.drawn.decide(z), self._config["share"]
        residual = self.autoencoder(z) - self.arrays["means"][bins]
        return keyed_random.mix(
            z,
            self._config["key"],
            self.drawn.draw(z, bins),
            residual,
            self.arrays["factor"],
            share,
        )

    @classmethod
    def restore(
        cls, name: str, config: dict[str, Any], arrays: Arrays, restore: Restore
    ) -> Mixture:
        """The release that `save` wrote; `restore` restores each part."""
        for key in ("width", "share", "key"):
            config[key]
        for key in ("means", "factor"):
            arrays[key]
        return cls(name, config, arrays, split_parts(config, arrays, restore))


@dataclass(frozen=True)
class MixtureFitter:
    """Fits both parts and the covariance of the residual; `share`, 0 to 1, is the released share of
    the residual.
    """

    drawn: DrawnFitter
    autoencoder: ReplacementFitter
    share: float = 0.25
    seed: int = 0

    parts = ("drawn", "autoencoder")

    @property
    def name(self) -> str:
        return f"drawn+rae-{100 * self.share:.0f}"

    def fit(self, z: Vectors, corpus: Corpus, part: Part) -> Mixture:
        """The release, fitted on the rows of one party: `z` is `(utterances, d)` in the corpus' row
        order.
        """
        return run_plan(self.plan(z, corpus, part))

    def plan(self, z: Vectors, corpus: Corpus, part: Part) -> Plan[Mixture]:
        """The release, by the jobs of the autoencoder."""
        drawn = yield from self.drawn.plan(z, corpus, part)
        autoencoder = yield from self.autoencoder.plan(z, corpus, part)
        fitting = z[part.rows]
        out, bins = np.asarray(autoencoder(fitting), np.float64), drawn.decide(fitting)
        means = _bin_means(out, bins, corpus.speaker[part.rows], drawn.bins)
        parts, arrays = join_parts([drawn, autoencoder])
        arrays |= {"means": means, "factor": _factor(out - means[bins])}
        config = {"width": int(z.shape[1]), "share": self.share, "key": self.seed, "parts": parts}
        return Mixture(self.name, config, arrays, [drawn, autoencoder])


def _bin_means(out: Matrix, bins: Codes, speaker: NDArray[np.str_], count: int) -> Matrix:
    """The mean of each bin, `(count, d)`; the mean of all rows where a bin has so few speakers that
    its mean could reveal them.
    """
    means = []
    for number in range(count):
        rows = bins == number
        enough = len(np.unique(speaker[rows])) >= FEWEST_SPEAKERS
        means.append((out[rows] if enough else out).mean(axis=0))
    return np.stack(means)


def _factor(residual: Matrix) -> Matrix:
    """F `(rank, d)` with FᵀF the covariance of residuals `(n, d)`: standard normal numbers times F
    have this covariance.
    """
    values, vectors = np.linalg.eigh(residual.T @ residual / len(residual))
    positive = values > values[-1] * len(values) * np.finfo(np.float64).eps
    factor: Matrix = np.sqrt(values[positive])[:, None] * vectors[:, positive].T
    return factor
