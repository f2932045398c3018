"""Leakage of a release: gender and membership as in the papers, and areas under ROC curves."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from sordino.define import Role
from sordino.errors import SordinoError
from sordino.metrics.utility import ClassCodes, same_length, uar

_RocAxis = NDArray[np.float64]


def leakage_feng(gender: ClassCodes, prediction: ClassCodes) -> float:
    """L of Feng and Narayanan (2021): accuracy of the risk model's gender head on released vectors,
    in [0, 1].

    Its chance level is the majority's share and differs between corpora; that of `privacy` does
    not. Both (n,), codes in the order of `sordino.define.GENDERS`. NaN without rows.

    >>> leakage_feng(np.array([0, 0, 0, 1]), np.array([0, 0, 1, 1]))
    0.75
    """
    same_length(gender=gender, prediction=prediction)
    return float(np.mean(gender == prediction)) if gender.size else float("nan")


def privacy(secret: ClassCodes, prediction: ClassCodes) -> float:
    """P = 1 - UAR of an attacker, in [0, 1]; chance is 1/2 for two classes. NaN with fewer than two
    true classes.

    Feng and Narayanan (2021), section V-C, and Jaiswal and Mower Provost (2020), section 5. Values
    above 1/2 are no additional privacy: see `privacy_folded`.

    >>> privacy(np.array([0, 0, 1, 1]), np.array([0, 1, 1, 1]))
    0.25
    """
    return 1 - uar(secret, prediction)


def privacy_folded(secret: ClassCodes, prediction: ClassCodes) -> float:
    """min(P, 1 - P), in [0, 1/2]: an attacker with a UAR below chance can be inverted. Binary
    secrets only.

    For an interval, fold that of `privacy` (`Interval.folded`): this function has a kink at 1/2,
    and the mean over draws must precede folding.

    >>> privacy_folded(np.array([0, 0, 1, 1]), np.array([1, 1, 0, 0]))
    0.0
    """
    p = privacy(secret, prediction)
    return min(p, 1 - p)


def membership(member: ClassCodes, prediction: ClassCodes) -> float:
    """MI of Jaiswal and Mower Provost (2020), section 4.2: UAR of membership inference, chance 1/2.

    Both (n,), 1 for members; in [0, 1]. NaN with fewer than two true values. Compare with its
    control, the same on an embedding that was trained without them (`sordino.attack.membership`).

    >>> membership(np.array([0, 0, 1, 1]), np.array([0, 0, 1, 0]))
    0.75
    """
    return uar(member, prediction)


def auc(positive: NDArray[np.bool_], score: NDArray[np.floating[Any]]) -> float:
    """The area under the ROC curve: P(a positive scores above a negative), ties counting 1/2; in
    [0, 1], chance 1/2.

    It is the Mann-Whitney statistic: with midranks R of all scores, (Σ R(positive) - P (P + 1) / 2)
    / (P · N). Here the negatives below each positive are counted by bisection, which gives the same
    number. `positive` (n,) bool, `score` (n,) in any unit, infinities included. NaN without a
    positive or without a negative. Raises `SordinoError` for a NaN score.

    >>> auc(np.array([True, True, False, False]), np.array([0.9, 0.4, 0.4, 0.1]))
    0.875
    """
    same_length(positive=positive, score=score)
    if np.isnan(score).any():
        raise SordinoError(
            "a score is NaN, expected a number in every row: correct the attacker or drop the row"
        )
    if positive.dtype != np.bool_:
        raise SordinoError(
            f"positive of type {positive.dtype} came, expected bool: compare with the positive "
            "class"
        )
    above, below = score[positive], np.sort(score[~positive])
    pairs = above.size * below.size
    if not pairs:
        return float("nan")
    twice = below.searchsorted(above, "left").sum() + below.searchsorted(above, "right").sum()
    return float(twice / (2 * pairs))  # a tie counts once in `twice`


def distinguish(truth: ClassCodes, score: NDArray[np.floating[Any]]) -> float:
    """AUC of sensitive against neutral, in [0, 1], chance 1/2; rows of the required role are left
    out.

    It measures the aim of replacement, equal outputs for both. `truth` (n,) role codes, `score`
    (n,) higher for sensitive. NaN without a sensitive or without a neutral row.

    >>> distinguish(np.array([2, 0, 1, 2]), np.array([0.8, 0.3, 9.0, 0.1]))
    0.5
    """
    same_length(truth=truth, score=score)
    sensitive = truth == Role.SENSITIVE
    rows = sensitive | (truth == Role.NEUTRAL)
    return auc(sensitive[rows], score[rows])


def advantage(secret: ClassCodes, prediction: ClassCodes, classes: int) -> float:
    """The advantage of an attacker over chance, (UAR - 1 / C) / (1 - 1 / C), at most 1; chance is
    0.

    >>> advantage(np.array([0, 0, 1, 1]), np.array([0, 0, 1, 0]), 2)
    0.5
    """
    return (uar(secret, prediction) - 1 / classes) / (1 - 1 / classes)


def tpr_at_fpr(positive: NDArray[np.bool_], score: NDArray[np.floating[Any]], fpr: float) -> float:
    """The share of positives that score above all but a share `fpr` of the negatives, in [0, 1];
    chance is `fpr`.

    It measures confident predictions (Carlini et al. 2022). NaN with fewer than 1 / `fpr`
    negatives, which cannot resolve this rate.

    >>> score = np.array([0.1, 0.2, 0.3, 0.9, 0.25, 0.95])
    >>> tpr_at_fpr(np.array([False, False, False, False, True, True]), score, 0.25)
    0.5
    """
    same_length(positive=positive, score=score)
    below, above = np.sort(score[~positive]), score[positive]
    if not above.size or below.size * fpr < 1 - 1e-9:
        return float("nan")
    allowed = int(np.floor(fpr * below.size + 1e-9))
    return float(np.mean(above > below[below.size - allowed - 1])) if allowed < below.size else 1.0


def roc_curve(
    positive: NDArray[np.bool_], score: NDArray[np.floating[Any]]
) -> tuple[_RocAxis, _RocAxis]:
    """Rates of false and of true positives, both rising from 0 to 1; equal scores are one step.

    >>> roc_curve(np.array([True, False]), np.array([2.0, 1.0]))
    (array([0., 0., 1.]), array([0., 1., 1.]))
    """
    same_length(positive=positive, score=score)
    order = np.argsort(-score, kind="stable")
    # the last position of each run of equal scores
    last = np.append(np.flatnonzero(np.diff(score[order])), len(score) - 1)
    true, false = (np.append(0, np.cumsum(mask[order])[last]) for mask in (positive, ~positive))
    return false / max(false[-1], 1), true / max(true[-1], 1)


def eer(positive: NDArray[np.bool_], score: NDArray[np.floating[Any]]) -> float:
    """The equal error rate: equal rates of false acceptance and false rejection, in [0, 1]; chance
    is 1/2.

    The ROC curve is interpolated linearly between thresholds: equal scores are accepted in random
    order, so a constant score has 1/2. NaN without a positive or without a negative.

    >>> eer(np.array([True, True, False, False]), np.array([0.9, 0.3, 0.4, 0.1]))
    0.5
    >>> eer(np.array([True, True, False, False]), np.array([0.9, 0.8, 0.4, 0.1]))
    0.0
    >>> eer(np.array([True, True, False, False]), np.array([0.9, 0.5, 0.5, 0.5]))
    0.3333333333333333
    """
    same_length(positive=positive, score=score)
    if positive.all() or not positive.any():
        return float("nan")
    false, true = roc_curve(positive, score)
    excess = false + true - 1  # false acceptance minus false rejection: ascending from -1 to 1
    cross = int(np.argmax(excess >= 0))
    share = -excess[cross - 1] / (excess[cross] - excess[cross - 1])
    return float(false[cross - 1] + share * (false[cross] - false[cross - 1]))


def bits(secret: ClassCodes, probability: NDArray[np.floating[Any]], classes: int) -> float:
    """Usable information in bits: H(secret) minus the cross-entropy of a calibrated attacker (Xu et
    al. 2020).

    `probability` (n,) is the attacker's probability of the true value of each row. Chance is 0;
    values below 0 are worse than the prior; at most H. NaN without rows.

    >>> bits(np.array([0, 1]), np.array([1.0, 1.0]), 2)
    1.0
    """
    same_length(secret=secret, probability=probability)
    if not secret.size:
        return float("nan")
    share = np.bincount(secret, minlength=classes) / secret.size
    entropy = -float(np.sum(share[share > 0] * np.log2(share[share > 0])))
    return entropy + float(np.mean(np.log2(np.maximum(probability, 1e-12))))
