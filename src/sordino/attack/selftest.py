"""Tables with a planted leak of known size, and one with none: an audit that is right finds the
first and not the last.

Each has 30 speakers, half of either value of the secret, 50 utterances of each and 24 dimensions.
Every dimension is standard normal over utterances of random speakers, 0.36 of its variance being
the speaker's; then all are rotated, so that no dimension stands alone. Leaks are planted before
that:

    mean          one dimension is shifted by 2
    variance      one dimension is three times as wide
    product       two dimensions are correlated by 0.8 for one value and by -0.8 for the other (an exclusive-or)
    norm          all dimensions are 1.15 times as long
    curve         one dimension bends up with another, by z² - 1, for one value, and down for the other
    patient       one dimension is shifted by 0.5, where speakers differ little (0.01 of the variance): much in 20 rows
    rare          one dimension is shifted by 8 in 5 % of the utterances
    none          nothing: the secret is constant within speakers, and they differ in everything else
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np

from sordino.types import Matrix, Rows

SPEAKERS: Final = 30
UTTERANCES: Final = 50
DIMENSIONS: Final = 24
SHARE: Final = 0.36
"""Of the variance, that between speakers."""


@dataclass(frozen=True)
class Table:
    """Vectors `(n, 24)`, a secret of 0 and 1 `(n,)`, and its speakers `(n,)`."""

    x: Matrix
    secret: Rows
    speaker: Rows


Plant = Callable[[Matrix, Rows, np.random.Generator], Matrix]


def _mean(z: Matrix, secret: Rows, _: np.random.Generator) -> Matrix:
    z[:, 0] += 2 * secret
    return z


def _variance(z: Matrix, secret: Rows, _: np.random.Generator) -> Matrix:
    z[:, 0] *= 1 + 2 * secret
    return z


def _product(z: Matrix, secret: Rows, _: np.random.Generator) -> Matrix:
    sign = 2 * secret - 1
    z[:, 1] = 0.8 * sign * z[:, 0] + 0.6 * z[:, 1]
    return z


def _norm(z: Matrix, secret: Rows, _: np.random.Generator) -> Matrix:
    return z * (1 + 0.15 * secret[:, None])


def _curve(z: Matrix, secret: Rows, _: np.random.Generator) -> Matrix:
    z[:, 1] += (2 * secret - 1) * (z[:, 0] ** 2 - 1)
    return z


def _patient(z: Matrix, secret: Rows, random: np.random.Generator) -> Matrix:
    alike = random.normal(0, 0.1, (SPEAKERS, DIMENSIONS))[
        np.repeat(np.arange(SPEAKERS), UTTERANCES)
    ]
    z = alike + random.normal(0, np.sqrt(0.99), z.shape)
    z[:, 0] += 0.5 * secret
    return z


def _rare(z: Matrix, secret: Rows, random: np.random.Generator) -> Matrix:
    z[:, 0] += 8 * secret * (random.random(len(z)) < 0.05)
    return z


def _none(z: Matrix, _: Rows, __: np.random.Generator) -> Matrix:
    return z


SCENES: Final[dict[str, tuple[Plant, float]]] = {
    "mean": (_mean, 0.921),
    "variance": (_variance, 0.795),
    "product": (_product, 0.900),
    "norm": (_norm, 0.751),
    "curve": (_curve, 0.871),
    "patient": (_patient, 0.638),
    "rare": (_rare, 0.525),
    "none": (_none, 0.5),
}
"""How each leak is planted, and the AUC of the best possible attacker of one utterance of a speaker
never seen, who knows how it is planted (Bayes).
"""


def planted(name: str, seed: int = 0) -> Table:
    """The table of a scene; the same seed gives the same bytes."""
    random = np.random.default_rng([seed, *name.encode()])
    speaker = np.repeat(np.arange(SPEAKERS), UTTERANCES)
    secret = np.repeat(random.permutation(np.arange(SPEAKERS) % 2), UTTERANCES)
    voices = random.normal(0, np.sqrt(SHARE), (SPEAKERS, DIMENSIONS))
    z = voices[speaker] + random.normal(0, np.sqrt(1 - SHARE), (len(speaker), DIMENSIONS))
    rotation, _ = np.linalg.qr(random.normal(size=(DIMENSIONS, DIMENSIONS)))
    return Table(SCENES[name][0](z, secret, random) @ rotation, secret.astype(np.intp), speaker)
