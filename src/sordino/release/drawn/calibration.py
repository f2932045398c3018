"""The boundary of the required bin: a tilt and a threshold of cross-fitted scores.

tilt        log weights of neutral and of each sensitive emotion in the score, until every one of
            them falls equally often in the required bin
threshold   where the required emotion is missed as often as the others fall in its bin, or
            where they do so at a given rate

Of several required emotions, each has a tilt and a threshold of its own.

The weight of an emotion rises while it falls in the bin more often than the others:

    tilt_e <- tilt_e + STEP (logit r_e − mean of the logits)        r_e: its share in the bin

A few dozen utterances cannot tell small differences of r_e from noise, and larger weights cost
recall. The iteration starts without weights, and it ends where each sensitive emotion differs from
neutral by at most half a standard error of the difference (`GAP_ERRORS`). Weights follow from the
scores of the fitting recordings. On other recordings they cost recall and do not equalise the
shares, so a release for them allows a larger difference.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from sordino.release.drawn.scorer import Boundary, required, weights
from sordino.types import Codes, Matrix

STEP: Final = 0.5
"""The step of the iteration; larger ones oscillate."""

STEPS: Final = 60
"""The limit of steps. Where the goal is out of reach, the most equal step is used."""

GAP_ERRORS: Final = 0.5
"""A difference between neutral and a sensitive emotion of fewer standard errors counts as none."""

FEWEST_UTTERANCES: Final = 20
"""With fewer utterances of an emotion, all sensitive emotions share one weight."""

NEUTRAL, REQUIRED = 0, 1
"""The codes of the first two emotions of a policy; all others are sensitive."""


def calibrate_each(
    posterior: Matrix,
    emotion: Codes,
    required: int,
    rate: float | None,
    gap: float = GAP_ERRORS,
    copies: int = 0,
) -> list[Boundary]:
    """The boundary of the bin of each of so many required emotions, as `calibrate`: each is
    calibrated as if it were the only one, on the utterances of no other required emotion.
    """
    if required == 1:
        return [Boundary(*calibrate(posterior, emotion, rate, gap, copies))]
    boundaries, others = [], [NEUTRAL, *range(1 + required, posterior.shape[1])]
    for column in range(1, 1 + required):
        columns = np.array([NEUTRAL, column, *others[1:]])
        position = np.full(posterior.shape[1], -1, np.intp)
        position[columns] = np.arange(len(columns))
        rows = position[emotion] >= 0
        codes = position[emotion[rows]]
        tilt = calibrate(posterior[rows][:, columns], codes, rate, gap, copies)
        boundaries.append(Boundary(*tilt))
    return boundaries


def calibrate(
    posterior: Matrix,
    emotion: Codes,
    rate: float | None,
    gap: float = GAP_ERRORS,
    copies: int = 0,
) -> tuple[tuple[float, ...], float]:
    """The tilt at which neutral and every sensitive emotion fall equally often in the required bin,
    up to `gap` standard errors, and its threshold.

    `posterior` is `(n, emotions)` from a `Scorer`, and `emotion` `(n,)` has positions in the
    emotions of a policy. `rate` is the largest share of neutral or of a sensitive emotion in the
    required bin; None means the equal error rate. The tilt has the log weight of neutral, then
    those of the sensitive emotions.

    Each utterance stands in 1 + `copies` rows. All of them count for the shares, and utterances
    alone for standard errors: the copies of an utterance are not independent.
    """
    group = _groups(emotion, posterior.shape[1], 1 + copies)  # of each emotion
    row_group = group[emotion]
    count = group.max() + 1
    tilt, best = np.zeros(count), (np.inf, (), 0.0)
    for _ in range(STEPS):
        expanded = tuple(tilt[group[group >= 0]].tolist())
        score = required(posterior, weights(expanded, posterior.shape[1]))
        others = [np.sort(score[row_group == code]) for code in range(count)]
        threshold = _threshold(np.sort(score[emotion == REQUIRED]), others, rate)
        rates, errors = _rates(others, threshold, 1 + copies)
        differences = np.abs(rates[1:] - rates[0]) - gap * np.hypot(errors[1:], errors[0])
        excess = max(float(differences.max()), 0.0)
        if excess < best[0]:
            best = (excess, expanded, threshold)
        if not excess:
            break
        logits = np.log(rates / (1 - rates))
        tilt = tilt + STEP * (logits - logits.mean())
    return best[1:]


def _groups(emotion: Codes, count: int, rows_per_utterance: int) -> Codes:
    """The group of each emotion that shares a weight, `(count,)`; -1 for the required one."""
    sizes = np.bincount(emotion, minlength=count) / rows_per_utterance
    group = np.arange(-1, count - 1)
    group[[NEUTRAL, REQUIRED]] = 0, -1
    if sizes[REQUIRED + 1 :].min() < FEWEST_UTTERANCES:
        group[REQUIRED + 1 :] = 1
    return group


def _rates(
    others: list[Matrix], threshold: float, rows_per_utterance: int
) -> tuple[Matrix, Matrix]:
    """The share of each group above the threshold, with half an utterance added on both sides, and
    its standard error.
    """
    rows = np.array([len(score) for score in others])
    above = rows - [np.searchsorted(score, threshold, side="right") for score in others]
    sizes, above = rows / rows_per_utterance, above / rows_per_utterance
    rates = (above + 0.5) / (sizes + 1)
    return rates, np.sqrt(rates * (1 - rates) / sizes)


def _threshold(required_score: Matrix, others: list[Matrix], rate: float | None) -> float:
    """The lowest threshold that every other group exceeds at most at this rate; scores are sorted.

    Without a rate, the equal error rate with the required rows. Candidates lie half-way between
    scores.
    """
    scores = np.unique(np.concatenate([required_score, *others]))
    candidates = np.append((scores[1:] + scores[:-1]) / 2, scores[-1])
    largest = np.max([_above(score, candidates) for score in others], axis=0)
    allowed = 1 - _above(required_score, candidates) if rate is None else rate
    return float(candidates[np.argmax(largest <= allowed)])


def _above(score: Matrix, candidates: Matrix) -> Matrix:
    """The share of sorted scores above each candidate."""
    above: Matrix = 1 - np.searchsorted(score, candidates, side="right") / len(score)
    return above
