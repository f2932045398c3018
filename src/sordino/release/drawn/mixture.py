"""Releases `drawn+rae-25` and `drawn+rae-50`: the way between a decision and an autoencoder.

    out = prototype of the bin + share · r + √(1 − share²) · noise          r = rae(z) − mean of rae(z) over the bin

Who knows the prototypes, and everybody does, subtracts the one that was drawn. Were `share · r`
alone added to it, the whole of r could be had again by dividing by the share, however small: so
noise fills what is left out. It is Gaussian with the covariance of r over all bins, so where
residuals of every bin spread alike no direction gives more than another, and a linear leak of d
standard deviations in r (an AUC of Φ(d / √2)) becomes one of at most share · d; of a bin whose
residuals spread more it becomes more. At share 0 this is the drawn release with natural spread, at
share 1 the autoencoder's output with its means moved.

There is no bound for it: a share of what leaks does leak. Noise follows from the vector and the
key.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sordino.corpora.split import Part
from sordino.corpora.table import Corpus
from sordino.nn.fit import Plan, run
from sordino.policy import Policy
from sordino.release.autoencoder.replacement import ReplacementFitter
from sordino.release.composed import Restore, packed, restored_parts
from sordino.release.drawn.fit import DrawnFitter
from sordino.release.drawn.prototypes import REFUSED
from sordino.release.drawn.release import Drawn
from sordino.release.frozen import Frozen
from sordino.release.protocol import Release, checked
from sordino.signal import keyed_random
from sordino.types import Arrays, Vectors


class Mixture(Frozen):
    """A drawn release and a share of what an autoencoder adds to its bins."""

    def __init__(
        self, name: str, config: Mapping[str, Any], arrays: Arrays, parts: Sequence[Release]
    ) -> None:
        super().__init__(name, config, arrays)
        drawn, self.autoencoder = parts
        if not isinstance(drawn, Drawn):
            raise TypeError(f"a {type(drawn).__name__} came, expected a drawn release")
        self.drawn = drawn

    def __call__(self, z: Vectors) -> Vectors:
        z = checked(z, self._config["width"])
        bins, share = self.drawn.decide(z), self._config["share"]
        residual = self.autoencoder(z) - self.arrays["means"][bins]
        return keyed_random.mix(
            z,
            self._config["key"],
            self.drawn.drawn(z, bins),
            residual,
            self.arrays["factor"],
            share,
        )

    @classmethod
    def restore(
        cls, name: str, config: dict[str, Any], arrays: Arrays, restored: Restore
    ) -> Mixture:
        """The release that `save` wrote."""
        for needed in ("width", "share", "key"):
            config[needed]
        for needed in ("means", "factor"):
            arrays[needed]
        return cls(name, config, arrays, restored_parts(config, arrays, restored))


@dataclass(frozen=True)
class MixtureFitter:
    """Fits both and the spread of the residual; `share` 0 to 1 is how much goes out of what the
    autoencoder adds.
    """

    drawn: DrawnFitter
    autoencoder: ReplacementFitter
    share: float = 0.25
    seed: int = 0

    parts = ("drawn", "autoencoder")

    @classmethod
    def of(cls, policy: Policy, share: float, seed: int) -> MixtureFitter:
        """Of the drawn release and the paper's autoencoder."""
        return cls(
            DrawnFitter(policy, seed=seed), ReplacementFitter(policy, seed=seed), share, seed
        )

    @property
    def name(self) -> str:
        return f"drawn+rae-{100 * self.share:.0f}"

    def fit(self, z: Vectors, corpus: Corpus, part: Part) -> Mixture:
        """The release, fitted on the rows of one party: `z` is `(utterances, d)` in the corpus' row
        order.
        """
        return run(self.plan(z, corpus, part))

    def plan(self, z: Vectors, corpus: Corpus, part: Part) -> Plan[Mixture]:
        """The release, by the jobs of the autoencoder."""
        drawn = yield from self.drawn.plan(z, corpus, part)
        autoencoder = yield from self.autoencoder.plan(z, corpus, part)
        own = z[part.rows]
        out, bins = np.asarray(autoencoder(own), np.float64), drawn.decide(own)
        speaker = corpus.speaker[part.rows]  # nobody's row: a bin of few people has the mean of all
        enough = [len(np.unique(speaker[bins == one])) >= REFUSED for one in range(drawn.bins)]
        means = np.stack(
            [
                out[bins == one].mean(axis=0) if several else out.mean(axis=0)
                for one, several in enumerate(enough)
            ]
        )
        parts, arrays = packed([drawn, autoencoder])
        arrays |= {"means": means, "factor": _factor(out - means[bins])}
        config = {"width": int(z.shape[1]), "share": self.share, "key": self.seed, "parts": parts}
        return Mixture(self.name, config, arrays, [drawn, autoencoder])


def _factor(residual: NDArray[np.float64]) -> NDArray[np.float64]:
    """F `(rank, d)`, FᵀF the covariance of residuals `(n, d)`: standard normal numbers times F have
    their spread.
    """
    values, vectors = np.linalg.eigh(residual.T @ residual / len(residual))
    kept = values > values[-1] * len(values) * np.finfo(np.float64).eps
    factor: NDArray[np.float64] = np.sqrt(values[kept])[:, None] * vectors[:, kept].T
    return factor
