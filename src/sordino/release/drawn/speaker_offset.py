"""What one user adds to every value, told by running sums and taken off: of a score one number, of
a vector one vector.

    v = μ + a + e        μ the people fitted on; a of this user, variance B; e of one utterance, variance W
    â = Σ (vᵢ − μ) / W  ÷  (1 / B + n / W)

the best linear unbiased prediction (Henderson 1975) from n utterances so far: with none nothing is
taken off, with many all that is the user's, and wild ones count no more than `FURTHEST`. Where the
emotion of an utterance is known, μ and W are those of that emotion. Without it a user who is mostly
neutral, or sad for a month, is taken for one who always sounds like that.

It needs to know *that* it hears one user, as a phone does, and it changes what is told of that user
(`docs/methods/personalise.md`). What it keeps of vectors is a print of a voice: it stays on the device, and
is nothing to release. numpy alone.
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
from sordino.types import Matrix

FURTHEST: Final = 5.0
"""No utterance counts as further from μ than so many standard deviations: one wild recording moves
little.
"""

LEAST: Final = 1e-3
"""B is at least this share of W: speakers fitted on who happen to be alike stop nobody from being
unlike.
"""

STILL: Final = 1e-150
"""The variance of what never varies: divided by it, sums stay finite."""


@dataclass(frozen=True, eq=False)
class People:
    """The people fitted on. Of k emotions and d values `table` is `(2 k + 3, d)`.

    Its rows: the mean of any utterance and of each emotion's; the variance of any around its
    speaker's mean, and of each emotion's; the variance between speakers.
    """

    emotions: tuple[str, ...]
    table: Matrix

    def __post_init__(self) -> None:
        own = np.array(self.table, dtype=np.float64)
        if own.ndim != 2 or len(own) != 2 * len(self.emotions) + 3:
            raise ReleaseError(
                f"statistics of shape {own.shape}, expected ({2 * len(self.emotions) + 3}, d): fit "
                "the release anew"
            )
        own.setflags(write=False)
        object.__setattr__(self, "table", own)

    @classmethod
    def of(
        cls,
        values: NDArray[np.floating[Any]],
        speaker: NDArray[np.str_],
        emotion: NDArray[np.intp],
        emotions: Sequence[str],
    ) -> People:
        """From values `(n, d)`, who says each, and its emotion, a place in `emotions`, each `(n,)`.

        B is the variance of speakers' means less what few utterances add to it, emotions taken off.
        Raises `ReleaseError` for fewer than two speakers of two utterances.
        """
        v = np.asarray(values, np.float64)
        names, who = np.unique(speaker, return_inverse=True)
        counts = np.bincount(who, minlength=1)
        if len(names) < 2 or len(v) < 2 * len(names):
            raise ReleaseError(
                f"{len(v)} utterances of {len(names)} speaker(s), expected two of two or more: add "
                "recordings"
            )
        rows = [np.flatnonzero(emotion == one) for one in range(len(emotions))]
        rows = [
            some if len(some) else np.arange(len(v)) for some in rows
        ]  # nobody said any: as any other utterance
        means = np.stack([v[some].mean(axis=0) for some in rows])
        rest = v - means[emotion]
        own = _means(rest, who)
        freedom = len(v) / (len(v) - len(names))
        any_within = ((v - _means(v, who)[who]) ** 2).mean(axis=0) * freedom
        squares = (rest - own[who]) ** 2 * freedom
        within = [squares[some].mean(axis=0) for some in rows]
        between = own.var(axis=0, ddof=1) - squares.mean(axis=0) * np.mean(1 / counts)
        between = np.maximum(between, LEAST * any_within)
        return cls(
            tuple(emotions), np.vstack([v.mean(axis=0), *means, any_within, *within, between])
        )

    def kind(self, emotion: str) -> tuple[Matrix, Matrix]:
        """Mean and variance within speakers of an emotion, of any where it is empty. Raises
        `ReleaseError`.
        """
        if emotion not in ("", *self.emotions):
            raise ReleaseError(
                f"emotion {emotion!r}, expected one of {', '.join(self.emotions)}, or none: "
                "correct it"
            )
        place = ("", *self.emotions).index(emotion)
        mean, within = self.table[place], self.table[len(self.emotions) + 1 + place]
        return mean, np.maximum(within, STILL)

    @property
    def between(self) -> Matrix:
        """The variance between speakers, `(d,)`."""
        between: Matrix = np.maximum(self.table[-1], STILL)
        return between


class Personal:
    """One user's running sums, a state of 2 d numbers however long it runs.

    >>> values, speaker = np.array([[0.0], [1.0], [4.0], [5.0]]), np.array(["anna", "anna", "ben", "ben"])
    >>> me = Personal(People.of(values, speaker, np.array([0, 1, 0, 1]), ("neutral", "sad")))
    >>> me(np.array([[5.0]])).tolist()
    [[5.0]]
    >>> for _ in range(20):
    ...     me.update(np.array([[4.0]]), "neutral")
    >>> me.offset.round(1).tolist()  # of the two units by which this user's neutral is above theirs
    [2.0]
    """

    def __init__(self, people: People) -> None:
        self.people = people
        self._sum = np.zeros(people.table.shape[1])
        self._precision = np.zeros(people.table.shape[1])

    def update(self, values: NDArray[np.floating[Any]], emotion: str = "") -> None:
        """Hear utterances `(n, d)`, of this emotion where it is known.

        Raises `ReleaseError` for another width, NaN or infinity, and an emotion that is not known;
        the state is then as it was. The order does not matter but for rounding.
        """
        v = self._checked(values)
        mean, within = self.people.kind(emotion)
        furthest = FURTHEST * np.sqrt(within + self.people.between)
        self._sum = self._sum + (np.clip(v - mean, -furthest, furthest) / within).sum(axis=0)
        self._precision = self._precision + len(v) / within

    @property
    def offset(self) -> Matrix:
        """What this user adds, as far as it is known, `(d,)`; 0 before anything was heard."""
        return self._sum / (1 / self.people.between + self._precision)

    def __call__(self, values: NDArray[np.floating[Any]]) -> Matrix:
        """Values less what the user adds, `(n, d)`."""
        less: Matrix = self._checked(values) - self.offset
        return less

    def _checked(self, values: NDArray[np.floating[Any]]) -> Matrix:
        v = np.asarray(values, np.float64)
        if v.ndim != 2 or v.shape[1] != self._sum.size or not np.isfinite(v).all():
            raise ReleaseError(
                f"values of shape {v.shape}, expected finite ones (n, {self._sum.size}): leave "
                "that utterance out"
            )
        return v

    def save(self, path: str | Path) -> Path:
        """Write the state as JSON. It is a print of the user: keep it where the user's own data is."""
        state = {
            "emotions": self.people.emotions,
            "people": self.people.table.tolist(),
            "sum": self._sum.tolist(),
            "precision": self._precision.tolist(),
        }
        return storage.write(path, json.dumps(state), mode=0o600)

    @classmethod
    def load(cls, path: str | Path) -> Personal:
        """The state that `save` wrote. Raises `ReleaseError` for another file."""
        try:
            with storage.told(path):
                state = json.loads(Path(path).read_text(encoding="utf-8"))
            me = cls(People(tuple(state["emotions"]), np.array(state["people"], np.float64)))
            sums = [np.array(state[name], np.float64) for name in ("sum", "precision")]
        except (ValueError, KeyError, TypeError) as error:
            raise ReleaseError(
                f"{path}: not a personal state, expected what `save` wrote: begin a new one"
            ) from error
        if any(one.shape != me._sum.shape or not np.isfinite(one).all() for one in sums):
            raise ReleaseError(
                f"{path}: parts of the state are missing or not finite: begin a new one"
            )
        me._sum, me._precision = sums
        return me


def replayed(
    values: NDArray[np.floating[Any]], speaker: NDArray[np.str_], people: People, seed: int = 0
) -> Matrix:
    """Values `(n, d)` as if each speaker's had come one by one, each less what was known of the
    speaker before it.

    What is fitted on them serves users at any time, from the first utterance on. `seed` decides the
    order.
    """
    random, v = np.random.default_rng(seed), np.asarray(values, np.float64)
    out = np.empty_like(v)
    for one in np.unique(speaker):
        me = Personal(people)
        for row in random.permutation(np.flatnonzero(speaker == one)):
            out[row] = me(v[row, None])[0]
            me.update(v[row, None])
    return out


def _means(values: Matrix, who: NDArray[np.intp]) -> Matrix:
    """The mean of each speaker, `(speakers, d)`."""
    total = np.zeros((who.max() + 1, values.shape[1]))
    np.add.at(total, who, values)
    mean: Matrix = total / np.bincount(who)[:, None]
    return mean
