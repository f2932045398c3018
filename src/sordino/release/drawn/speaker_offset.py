"""The contribution of one user to every value, estimated from running sums and subtracted: one
number for a score, one vector for a vector.

    v = μ + a + e        μ mean of the fitting speakers; a of this user, variance B; e of one
                         utterance, variance W
    â = Σ (vᵢ − μ) / W  ÷  (1 / B + n / W)

This is the best linear unbiased prediction (Henderson 1975) from n utterances. Without utterances
it is zero, and with many it is the whole contribution of the user; outliers are clipped at
`CLIP_DEVIATIONS`. Where the emotion of an utterance is known, μ and W are those of that emotion.
Without it, a user who is mostly neutral, or sad for a month, is treated as a person who always
sounds like that.

The method requires that all utterances are of one user, as on a phone, and it changes the bins of
that user (`docs/methods/personalise.md`). Its state for vectors is a voice print: it stays on the
device. It needs only numpy.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from sordino import storage
from sordino.errors import ReleaseError
from sordino.types import Codes, Matrix

CLIP_DEVIATIONS: Final = 5.0
"""An utterance counts as at most so many standard deviations from μ."""

SMALLEST_RATIO: Final = 1e-3
"""B is at least this share of W, so that similar fitting speakers do not fix the offset at 0."""

SMALLEST_VARIANCE: Final = 1e-150
"""The variance of a constant value, so that a division by it stays finite."""


@dataclass(frozen=True, eq=False)
class SpeakerStatistics:
    """Means and variances of the fitting speakers. For k emotions and d values, `table` is `(2 k +
    3, d)`.

    Its rows: the mean of all utterances and of each emotion; the variance of all utterances around
    the means of their speakers, and of each emotion; the variance between speakers.
    """

    emotions: tuple[str, ...]
    table: Matrix

    def __post_init__(self) -> None:
        table = np.array(self.table, dtype=np.float64)
        if table.ndim != 2 or len(table) != 2 * len(self.emotions) + 3:
            raise ReleaseError(
                f"statistics of shape {table.shape}, expected ({2 * len(self.emotions) + 3}, d): "
                "fit the release again"
            )
        table.setflags(write=False)
        object.__setattr__(self, "table", table)

    @classmethod
    def fit(
        cls,
        values: NDArray[np.floating[Any]],
        speaker: NDArray[np.str_],
        emotion: Codes,
        emotions: Sequence[str],
        copies: int = 0,
    ) -> SpeakerStatistics:
        """The statistics of values `(n, d)` with speakers `(n,)` and emotions `(n,)`, positions in
        `emotions`. Each utterance stands in 1 + `copies` rows and is counted once.

        B is the variance of the speakers' means after subtraction of the emotions' means, minus the
        part that is due to few utterances. Raises `ReleaseError` for fewer than two speakers of two
        utterances.
        """
        v = np.asarray(values, np.float64)
        names, code = np.unique(speaker, return_inverse=True)
        utterances = len(v) / (1 + copies)
        counts = np.bincount(code, minlength=1) / (1 + copies)
        if len(names) < 2 or utterances < 2 * len(names):
            raise ReleaseError(
                f"{utterances:g} utterances of {len(names)} speaker(s), expected two of two or "
                "more: add recordings"
            )
        rows_of = [np.flatnonzero(emotion == label) for label in range(len(emotions))]
        # an emotion without utterances has the statistics of all
        rows_of = [rows if len(rows) else np.arange(len(v)) for rows in rows_of]
        means = np.stack([v[rows].mean(axis=0) for rows in rows_of])
        residual = v - means[emotion]
        offset = _means(residual, code)
        freedom = utterances / (utterances - len(names))
        any_within = ((v - _means(v, code)[code]) ** 2).mean(axis=0) * freedom
        squares = (residual - offset[code]) ** 2 * freedom
        within = [squares[rows].mean(axis=0) for rows in rows_of]
        between = offset.var(axis=0, ddof=1) - squares.mean(axis=0) * np.mean(1 / counts)
        between = np.maximum(between, SMALLEST_RATIO * any_within)
        return cls(
            tuple(emotions), np.vstack([v.mean(axis=0), *means, any_within, *within, between])
        )

    def of_emotion(self, emotion: str) -> tuple[Matrix, Matrix]:
        """Mean and variance within speakers of an emotion; of all utterances for an empty name.
        Raises `ReleaseError` for an unknown emotion.
        """
        if emotion not in ("", *self.emotions):
            raise ReleaseError(
                f"emotion {emotion!r}, expected one of {', '.join(self.emotions)}, or none: "
                "correct it"
            )
        row = ("", *self.emotions).index(emotion)
        mean, within = self.table[row], self.table[len(self.emotions) + 1 + row]
        return mean, np.maximum(within, SMALLEST_VARIANCE)

    @property
    def between(self) -> Matrix:
        """The variance between speakers, `(d,)`."""
        between: Matrix = np.maximum(self.table[-1], SMALLEST_VARIANCE)
        return between


class Personal:
    """The running sums of one user: a state of 2 d numbers, of constant size.

    >>> values, speaker = np.array([[0.0], [1.0], [4.0], [5.0]]), np.array(["a", "a", "b", "b"])
    >>> emotion, emotions = np.array([0, 1, 0, 1]), ("neutral", "sad")
    >>> me = Personal(SpeakerStatistics.fit(values, speaker, emotion, emotions))
    >>> me(np.array([[5.0]])).tolist()
    [[5.0]]
    >>> for _ in range(20):
    ...     me.update(np.array([[4.0]]), "neutral")
    >>> me.offset.round(1).tolist()  # this user's neutral is two units above the mean
    [2.0]
    """

    def __init__(self, people: SpeakerStatistics) -> None:
        self.people = people
        self._sum = np.zeros(people.table.shape[1])
        self._precision = np.zeros(people.table.shape[1])

    def update(self, values: NDArray[np.floating[Any]], emotion: str = "") -> None:
        """Add utterances `(n, d)`, of this emotion where it is known.

        The order matters only through rounding. Raises `ReleaseError` for another width, NaN or
        infinity, and an unknown emotion; the state is then unchanged.
        """
        v = self._require(values)
        mean, within = self.people.of_emotion(emotion)
        limit = CLIP_DEVIATIONS * np.sqrt(within + self.people.between)
        self._sum = self._sum + (np.clip(v - mean, -limit, limit) / within).sum(axis=0)
        self._precision = self._precision + len(v) / within

    @property
    def offset(self) -> Matrix:
        """The estimated contribution of this user, `(d,)`; 0 before the first utterance."""
        return self._sum / (1 / self.people.between + self._precision)

    def __call__(self, values: NDArray[np.floating[Any]]) -> Matrix:
        """Values minus the contribution of the user, `(n, d)`."""
        difference: Matrix = self._require(values) - self.offset
        return difference

    def _require(self, values: NDArray[np.floating[Any]]) -> Matrix:
        v = np.asarray(values, np.float64)
        if v.ndim != 2 or v.shape[1] != self._sum.size or not np.isfinite(v).all():
            raise ReleaseError(
                f"values of shape {v.shape}, expected finite ones (n, {self._sum.size}): leave "
                "that utterance out"
            )
        return v

    def save(self, path: str | Path) -> Path:
        """Write the state as JSON. It is a voice print: keep it with the data of the user."""
        state = {
            "emotions": self.people.emotions,
            "people": self.people.table.tolist(),
            "sum": self._sum.tolist(),
            "precision": self._precision.tolist(),
        }
        return storage.write(Path(path), json.dumps(state), mode=0o600)

    @classmethod
    def load(cls, path: str | Path) -> Personal:
        """The state that `save` wrote. Raises `ReleaseError` for any other file."""
        try:
            with storage.as_storage_error(path):
                state = json.loads(Path(path).read_text(encoding="utf-8"))
            table = np.array(state["people"], np.float64)
            me = cls(SpeakerStatistics(tuple(state["emotions"]), table))
            sums = [np.array(state[name], np.float64) for name in ("sum", "precision")]
        except (ValueError, KeyError, TypeError) as error:
            raise ReleaseError(
                f"{path}: not a personal state, expected a file that `save` wrote: begin a new one"
            ) from error
        if any(array.shape != me._sum.shape or not np.isfinite(array).all() for array in sums):
            raise ReleaseError(
                f"{path}: parts of the state are missing or not finite: begin a new one"
            )
        me._sum, me._precision = sums
        return me


def replay(
    values: NDArray[np.floating[Any]],
    speaker: NDArray[np.str_],
    people: SpeakerStatistics,
    seed: int = 0,
) -> Matrix:
    """Values `(n, d)` in sequence: each value minus the contribution of its speaker, as estimated
    from the earlier utterances of that speaker.

    A release that is fitted on them serves a user from the first utterance on. `seed` decides the
    order.
    """
    random, v = np.random.default_rng(seed), np.asarray(values, np.float64)
    out = np.empty_like(v)
    for name in np.unique(speaker):
        me = Personal(people)
        for row in random.permutation(np.flatnonzero(speaker == name)):
            out[row] = me(v[row, None])[0]
            me.update(v[row, None])
    return out


def _means(values: Matrix, speaker: Codes) -> Matrix:
    """The mean of each speaker, `(speakers, d)`, from speaker codes `(n,)`."""
    total = np.zeros((speaker.max() + 1, values.shape[1]))
    np.add.at(total, speaker, values)
    mean: Matrix = total / np.bincount(speaker)[:, None]
    return mean
