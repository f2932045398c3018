"""The outputs of a drawn release: synthetic vectors of a class that repeat no recording.

    y      vectors in their leading dimensions, from the mean of the class means, whitened by the
           covariance within classes
    Q      the directions between the class means: one fewer than classes, orthonormal
    u_s    the mean of Qᵀ y over the recordings of the class of speaker s, clipped to length 1
    t      the mean of u_s over speakers plus Gaussian noise, scaled to a length of `DISTANCE`
    p      the vector of Q t, plus `SPREAD` times the deviation within classes times standard normal
           numbers, in all dimensions

A class has `COUNT` prototypes with the same t and other random numbers. t alone depends on the
recordings of the class, and has a few numbers. Given the model of speech (its mean, spread and
directions; with `detail` also the boundary of intensity) and the number of speakers, all t together
are (epsilon, `DELTA`)-differentially private for adding or removing the recordings of a speaker
(`sordino.release.drawn.gaussian_mechanism`). **The model has no such guarantee**: its mean alone,
which every prototype repeats, may tell a speaker of an unusual voice. Neither has the scorer, the
scaled space or a bundle as a whole. Every further fit on the same speakers spends epsilon again.
The guarantee requires noise of the operating system. That of an estimate follows from its seed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from sordino.errors import ReleaseError
from sordino.release.drawn.gaussian_mechanism import add_gaussian_noise, noise_scale
from sordino.types import Codes, Matrix, Vectors

COUNT: Final = 3
"""Prototypes of a class."""

EPSILON: Final = 6.0
"""The default epsilon of all prototypes of a release. With 14 fitting speakers, 4 costs up to
.02 of U; with more speakers less.
"""

DELTA: Final = 1e-5
"""The delta of all prototypes of a release; below 1 / speakers."""

LEADING: Final = 64
"""Leading dimensions in which classes differ: those that are components of synthetic speech in the
scaled space of `speech+mel`. With more, the directions themselves remember the recordings.
"""

DISTANCE: Final = 18.0
"""The distance of a class from the mean of all, in standard deviations within classes: so far that
models of other speakers recognise the class despite `SPREAD`. With 11, they miss one class in ten.
"""

REACH: Final = 6.0
"""The largest distance of a speaker's mean, in standard deviations within classes, where distances
are not scaled.
"""

SPREAD: Final = 1.1
"""The spread of prototypes, in standard deviations within classes: a little more than that of
speech. With half of it, a fitted recording is recognised with an AUC of .62 instead of .55.
"""

LONGEST_NOISE: Final = 0.5
"""Longer noise may bring a prototype nearer to another emotion: it turns the longest mean of a
class, of length 1, by 30 degrees.
"""

FEWEST_SPEAKERS: Final = 4
"""Fewer speakers of a class would decide its directions."""

_SHRINKAGE: Final = 0.3  # of the covariance towards a sphere


def prototypes(
    z: Vectors | Matrix,
    label: Codes,
    speaker: NDArray[Any],
    names: list[str],
    random: np.random.Generator | None,
    epsilon: float = EPSILON,
    leading: int = LEADING,
    scaled: bool = True,
) -> Vectors:
    """The prototypes of the first classes, `(len(names) * COUNT, d)` float32, class after class.

    - `z`: `(n, d)`, those dimensions first that vary most; only the first `leading` distinguish
      classes. `label`: codes from 0, `(n,)`; `speaker`: `(n,)`.
    - `names`: of the classes with prototypes, for errors; further codes only decide the directions.
    - `random`: of an estimate. Without it, all random numbers are those of the operating system, as
      the guarantee requires.
    - `epsilon`: of all prototypes together, infinite for no noise.
    - `scaled`: whether every class is brought to `DISTANCE`. Without it, a class may stay nearer,
      as the middle one of ordered classes, and means are clipped to `REACH`.

    Raises `ReleaseError` for a class of fewer than four speakers, and for an epsilon of 0 or less.
    """
    for code, name in enumerate(names):
        speakers = len(np.unique(speaker[label == code]))
        if speakers < FEWEST_SPEAKERS:
            raise ReleaseError(
                f"{speakers} speaker(s) have utterances of {name} among those fitted on, expected "
                f"{FEWEST_SPEAKERS} or more: add speakers"
            )
    if isinstance(epsilon, bool) or not isinstance(epsilon, int | float) or not epsilon > 0:
        raise ReleaseError(
            f"prototype_epsilon {epsilon!r}, expected a number above 0, infinity for no noise: "
            "correct it"
        )
    exact: Matrix = np.asarray(z, np.float64)
    if not np.isfinite(exact).all():
        raise ReleaseError("vectors with NaN or infinity, expected finite ones: leave them out")
    model = _Model.fit(exact, label, min(leading, z.shape[1]))
    reach = 1.0 if scaled else REACH
    means = reach * bounded_means(model.position(exact) / reach, label, speaker, len(names))
    scale = reach * mean_noise(epsilon, len(np.unique(speaker)), len(names))
    if not scaled:  # a mean also moves by its denominator
        scale *= 2
    means = add_gaussian_noise(means, scale, random)
    if scaled:
        length = np.linalg.norm(means, axis=1, keepdims=True)
        means = DISTANCE * means / np.maximum(length, np.finfo(np.float64).tiny)
    centres = np.repeat(model.vectors(means), COUNT, axis=0)
    random = np.random.default_rng() if random is None else random
    noise = SPREAD * model.deviation * random.standard_normal(centres.shape)
    return np.asarray(centres + noise, np.float32)


def mean_noise(epsilon: float, speakers: int, classes: int) -> float:
    """The standard deviation of the noise on each direction of a mean; means have a length of at
    most 1.
    """
    return noise_scale(epsilon, DELTA, float(np.sqrt(classes)) / speakers)


def bounded_means(position: Matrix, label: Codes, speaker: NDArray[Any], classes: int) -> Matrix:
    """The mean over all speakers of their clipped means in each class, `(classes, directions)`.

    A speaker moves it by at most √classes / speakers. A speaker without recordings of a class
    counts as 0 there.
    """
    names, row = np.unique(speaker, return_inverse=True)
    means = np.zeros((classes, position.shape[1]))
    for code in range(classes):
        counts = np.bincount(row[label == code], minlength=len(names))
        sums = np.zeros((len(names), position.shape[1]))
        np.add.at(sums, row[label == code], position[label == code])
        of_speaker = sums / np.maximum(counts, 1)[:, None]
        length = np.linalg.norm(of_speaker, axis=1, keepdims=True)
        means[code] = (of_speaker / np.maximum(length, 1)).mean(axis=0)
    return means


@dataclass(frozen=True)
class _Model:
    """A model of speech: where it lies, how it spreads, and the directions between classes."""

    mean: Matrix  # (d,)
    deviation: Matrix  # (d,), within classes
    to_position: Matrix  # (leading, directions)
    to_vector: Matrix  # (directions, leading)

    @classmethod
    def fit(cls, z: Matrix, label: Codes, leading: int) -> _Model:
        """The model of vectors `(n, d)` with classes `(n,)`, codes from 0."""
        present, code = np.unique(label, return_inverse=True)
        means = np.stack([z[code == number].mean(axis=0) for number in range(len(present))])
        mean = means.mean(axis=0)  # that of all would lie near the most frequent class
        residual = z - means[code]
        within = residual[:, :leading]
        covariance = within.T @ within / len(z)
        sphere = np.trace(covariance) / leading * np.eye(leading)
        values, axes = np.linalg.eigh((1 - _SHRINKAGE) * covariance + _SHRINKAGE * sphere)
        root = np.sqrt(np.maximum(values, np.finfo(np.float64).tiny))
        whitened = (means - mean)[:, :leading] @ (axes / root)
        directions = np.linalg.svd(whitened, full_matrices=False)[2][: len(means) - 1]
        return cls(
            mean, residual.std(axis=0), (axes / root) @ directions.T, directions @ (axes * root).T
        )

    def position(self, z: Matrix) -> Matrix:
        """Vectors in the directions between classes, `(n, directions)`."""
        leading = len(self.to_position)
        position: Matrix = (z - self.mean)[:, :leading] @ self.to_position
        return position

    def vectors(self, position: Matrix) -> Matrix:
        """The vectors of positions, `(n, d)`; the mean of all in the other directions."""
        vectors = np.tile(self.mean, (len(position), 1))
        vectors[:, : self.to_vector.shape[1]] += position @ self.to_vector
        return vectors
