"""Synthetic tables with a planted leak of known size, and one without: a correct audit finds the
leaks and nothing in the table without one.

Each table has 30 speakers, half of them with either value of the secret, 50 utterances per speaker
and 24 dimensions. Every dimension is standard normal over utterances of random speakers. Speakers
account for 0.36 of its variance. Finally a rotation mixes all dimensions. Leaks are planted before
the rotation:

    mean          one dimension is shifted by 2
    variance      one dimension is three times as wide
    product       two dimensions are correlated by 0.8 for one value and by -0.8 for the other
                  (an exclusive-or)
    norm          all dimensions are 1.15 times as long
    curve         one dimension depends on another by z² - 1 for one value, and by 1 - z² for the
                  other
    patient       one dimension is shifted by 0.5, and speakers differ little (0.01 of the
                  variance): a large leak in 20 rows
    rare          one dimension is shifted by 8 in 5 % of the utterances
    none          no leak: the secret is constant within speakers, and speakers differ at random
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np

from sordino.types import Matrix, Rows

N_SPEAKERS: Final = 30
UTTERANCES: Final = 50
DIMENSIONS: Final = 24
SHARE: Final = 0.36
"""The share of the variance between speakers."""


@dataclass(frozen=True)
class SyntheticTable:
    """Vectors `(n, 24)`, a secret of 0 and 1 `(n,)`, and its speakers `(n,)`."""

    x: Matrix
    secret: Rows
    speaker: Rows


Plant = Callable[[Matrix, Rows, np.random.Generator], Matrix]


def _plant_mean(z: Matrix, secret: Rows, _: np.random.Generator) -> Matrix:
    z[:, 0] += 2 * secret
    return z


def _plant_variance(z: Matrix, secret: Rows, _: np.random.Generator) -> Matrix:
    z[:, 0] *= 1 + 2 * secret
    return z


def _plant_product(z: Matrix, secret: Rows, _: np.random.Generator) -> Matrix:
    sign = 2 * secret - 1
    z[:, 1] = 0.8 * sign * z[:, 0] + 0.6 * z[:, 1]
    return z


def _plant_norm(z: Matrix, secret: Rows, _: np.random.Generator) -> Matrix:
    return z * (1 + 0.15 * secret[:, None])


def _plant_curve(z: Matrix, secret: Rows, _: np.random.Generator) -> Matrix:
    z[:, 1] += (2 * secret - 1) * (z[:, 0] ** 2 - 1)
    return z


def _plant_patient(z: Matrix, secret: Rows, random: np.random.Generator) -> Matrix:
    voices = random.normal(0, 0.1, (N_SPEAKERS, DIMENSIONS))[
        np.repeat(np.arange(N_SPEAKERS), UTTERANCES)
    ]
    z = voices + random.normal(0, np.sqrt(0.99), z.shape)
    z[:, 0] += 0.5 * secret
    return z


def _plant_rare(z: Matrix, secret: Rows, random: np.random.Generator) -> Matrix:
    z[:, 0] += 8 * secret * (random.random(len(z)) < 0.05)
    return z


def _plant_none(z: Matrix, _: Rows, __: np.random.Generator) -> Matrix:
    return z


LEAKS: Final[dict[str, tuple[Plant, float]]] = {
    "mean": (_plant_mean, 0.921),
    "variance": (_plant_variance, 0.795),
    "product": (_plant_product, 0.900),
    "norm": (_plant_norm, 0.751),
    "curve": (_plant_curve, 0.871),
    "patient": (_plant_patient, 0.638),
    "rare": (_plant_rare, 0.525),
    "none": (_plant_none, 0.5),
}
"""The function that plants each leak, and the AUC of the optimal (Bayes) attacker with one
utterance of a new speaker.
"""


def plant(name: str, seed: int = 0) -> SyntheticTable:
    """The table with a leak; the same seed gives the same bytes."""
    random = np.random.default_rng([seed, *name.encode()])
    speaker = np.repeat(np.arange(N_SPEAKERS), UTTERANCES)
    secret = np.repeat(random.permutation(np.arange(N_SPEAKERS) % 2), UTTERANCES)
    voices = random.normal(0, np.sqrt(SHARE), (N_SPEAKERS, DIMENSIONS))
    z = voices[speaker] + random.normal(0, np.sqrt(1 - SHARE), (len(speaker), DIMENSIONS))
    rotation, _ = np.linalg.qr(random.normal(size=(DIMENSIONS, DIMENSIONS)))
    return SyntheticTable(
        LEAKS[name][0](z, secret, random) @ rotation, secret.astype(np.intp), speaker
    )
