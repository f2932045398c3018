"""Normalisation of frames: every mel band minus a mean, divided by a standard deviation.

    how        mean and deviation of                       requires                   on a device
    ---------  ------------------------------------------  -------------------------  --------------
    speaker    all frames of the speaker in these rows     the speaker and all their  no
                                                           utterances
    utterance  the utterance                               the whole utterance        after its end
    corpus     the training rows                           nothing                    frame by frame
    running    the training rows, counted as `weight`      earlier frames             frame by frame
               frames, and the utterance so far

`speaker` is the paper's (Jaiswal and Mower Provost 2020, section 3.3). It removes much of the
speaker's identity, so it is a defence of its own. A device without speaker labels cannot use it,
and results state the normalisation. `speaker` and `utterance` fit nothing in training; `corpus` and
`running` are fitted on training rows only.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from sordino.errors import FeatureError

NORMALISATIONS: Final = ("speaker", "utterance", "corpus", "running")
"""The kinds of normalisation, as in the table above."""

WEIGHT: Final = 300
"""The weight of the training rows in `running`, in frames: after three seconds the utterance
determines half of the mean.
"""

Frames = Sequence[NDArray[np.floating]]


@dataclass(frozen=True, eq=False)
class Normalise:
    """Sequences `(frames, d)` to normalised sequences of the same lengths, float32.

    An immutable callable with its own copies of arrays; equal `hash` means equal function. Computed
    in float64. A constant band becomes 0, and so does an utterance of one frame under `utterance`.
    A speaker with one utterance has the same result under `speaker` and `utterance`.

    Raises `FeatureError` for sequences of another width, without frames, with NaN or infinity, and
    under `speaker` for another number of speakers than sequences.
    """

    how: str
    mean: NDArray[np.float64]  # (d,) of the training rows; 0 without them
    deviation: NDArray[np.float64]  # (d,) likewise, 0 for a constant band; 1 without them
    weight: int = WEIGHT

    def __post_init__(self) -> None:
        for name in ("mean", "deviation"):
            array = np.array(getattr(self, name), dtype=np.float64)
            array.setflags(write=False)
            object.__setattr__(self, name, array)

    def __call__(
        self, frames: Frames, speakers: NDArray[np.str_] | None = None
    ) -> list[NDArray[np.float32]]:
        """The normalised sequences. `speakers` has one name per sequence, for `speaker` only."""
        _check(frames, self.dims)
        if self.how == "speaker":
            return _by_speaker(frames, speakers)
        if self.how == "utterance":
            return [_scaled(sequence, *_moments([sequence])) for sequence in frames]
        if self.how == "running":
            return [Running(self)(sequence) for sequence in frames]
        return [_scaled(sequence, self.mean, self.deviation) for sequence in frames]

    def stream(self) -> Running:
        """A normaliser for one utterance in chunks. Raises `FeatureError` unless `how` is
        `running`.
        """
        if self.how != "running":
            raise FeatureError(
                f"normalisation {self.how!r} in chunks, expected 'running': fit that one"
            )
        return Running(self)

    @property
    def dims(self) -> int:
        """d, the number of bands."""
        return self.mean.size

    @property
    def hash(self) -> str:
        """12 hexadecimal digits of the kind and the fitted arrays."""
        content = json.dumps([self.how, self.weight]).encode()
        return hashlib.sha256(content + self.mean.tobytes() + self.deviation.tobytes()).hexdigest()[
            :12
        ]


class Running:
    """The normalisation of one utterance in chunks: `(n, d) -> (n, d)` float32, for n ≥ 0.

    With the training rows' mean m and deviation s at weight w, the frames x₁ … x_t so far, and d =
    x − m:

        mean_t − m    = Σ d / (w + t)
        variance_t    = (w s² + Σ d²) / (w + t) − (Σ d / (w + t))²    >=  w s² / (w + t)

    The values of a frame do not depend on later frames, and the sums are added frame by frame: all
    divisions into chunks yield the same bits.
    """

    def __init__(self, normalise: Normalise) -> None:
        self._normalise = normalise
        self._count = 0
        self._sums = np.zeros((2, normalise.dims))  # of d, of d²

    def __call__(self, chunk: NDArray[np.floating]) -> NDArray[np.float32]:
        mean, deviation, weight = (
            self._normalise.mean,
            self._normalise.deviation,
            self._normalise.weight,
        )
        if chunk.shape[1:] != mean.shape or not np.isfinite(chunk).all():
            raise FeatureError(
                f"a chunk of shape {chunk.shape}, expected numbers (frames, {mean.size}): check "
                "the frames"
            )
        d = chunk - mean  # (n, d)
        sums = np.cumsum(np.concatenate([self._sums[None], np.stack([d, d**2], axis=1)]), axis=0)[
            1:
        ]  # (n, 2, d)
        count = (weight + self._count + np.arange(1, len(d) + 1))[:, None]  # (n, 1)
        least = (
            weight * deviation**2 / count
        )  # (n, d), holds whatever rounding does to the difference below
        ahead = sums[:, 0] / count
        variance = np.maximum(least + sums[:, 1] / count - ahead**2, least)
        self._count += len(d)
        self._sums = sums[-1] if len(d) else self._sums
        return _scaled(d, ahead, np.where(deviation > 0, np.sqrt(variance), 0))


@dataclass
class NormaliseFitter:
    """Fits a `Normalise`: `how` is one of `NORMALISATIONS`, `weight` (frames, at least 1) is for
    `running` only.

    A large weight makes `running` similar to `corpus`, which retains the loudness of a speaker; a
    small weight makes it similar to `utterance`, which removes it.

    >>> training = [np.array([[0.0], [2.0]]), np.array([[4.0]])]
    >>> normalise = NormaliseFitter("corpus").fit(training)
    >>> normalise.mean, [sequence.tolist() for sequence in normalise([np.array([[2.0]])])]
    (array([2.]), [[[0.0]]])
    """

    how: str = "speaker"
    weight: int = WEIGHT

    def fit(self, frames: Frames) -> Normalise:
        """Fit on these sequences, the training rows. Raises `FeatureError` for invalid settings and
        sequences.
        """
        if self.how not in NORMALISATIONS:
            raise FeatureError(
                f"normalisation {self.how!r}, expected one of {', '.join(NORMALISATIONS)}: choose "
                "one"
            )
        if self.weight < 1:
            raise FeatureError(
                f"weight {self.weight}, expected at least 1 frame: choose a larger weight"
            )
        if not len(frames):
            raise FeatureError(
                "no sequences to fit on, expected the training rows: choose more of them"
            )
        dims = frames[0].shape[-1] if frames[0].ndim else 0
        _check(frames, dims)
        fitted = (
            _moments(frames)
            if self.how in ("corpus", "running")
            else (np.zeros(dims), np.ones(dims))
        )
        return Normalise(self.how, *fitted, self.weight)


def _by_speaker(frames: Frames, speakers: NDArray[np.str_] | None) -> list[NDArray[np.float32]]:
    """Each sequence, normalised by the moments of all sequences of its speaker."""
    count = 0 if speakers is None else len(speakers)
    if speakers is None or count != len(frames):
        raise FeatureError(
            f"{count} speakers for {len(frames)} sequences, expected one each: give the speaker of "
            "each row"
        )
    names, of_row = np.unique(speakers, return_inverse=True)
    moments = [
        _moments([frames[int(row)] for row in np.flatnonzero(of_row == index)])
        for index in range(len(names))
    ]
    return [
        _scaled(sequence, *moments[index]) for sequence, index in zip(frames, of_row, strict=True)
    ]


def _moments(frames: Frames) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean and standard deviation over all frames, each `(d,)`; exactly 0 for the deviation of a
    constant band.
    """
    count = sum(map(len, frames))
    mean = np.sum([sequence.sum(axis=0, dtype=np.float64) for sequence in frames], axis=0) / count
    square = np.sum([((sequence - mean) ** 2).sum(axis=0) for sequence in frames], axis=0) / count
    low, high = (
        np.array([pick(sequence, axis=0) for sequence in frames]) for pick in (np.min, np.max)
    )
    return mean, np.where(low.min(axis=0) == high.max(axis=0), 0, np.sqrt(square))


def _scaled(
    sequence: NDArray[np.floating], mean: NDArray[np.float64], deviation: NDArray[np.float64]
) -> NDArray[np.float32]:
    """(sequence − mean) / deviation, and 0 where the deviation is 0."""
    centred = sequence - mean
    return np.divide(centred, deviation, out=np.zeros_like(centred), where=deviation > 0).astype(
        np.float32
    )


def _check(frames: Frames, dims: int) -> None:
    for row, sequence in enumerate(frames):
        if sequence.ndim != 2 or not sequence.size or sequence.shape[1] != dims:
            raise FeatureError(
                f"sequence {row} of shape {sequence.shape}, expected (frames, {dims}) with one "
                "frame or more: extract it anew"
            )
        bad = sequence.size - np.count_nonzero(np.isfinite(sequence))
        if bad:
            raise FeatureError(
                f"sequence {row}: {bad} of {sequence.size} values are NaN or infinite: leave it out"
            )
