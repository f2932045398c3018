"""Metrics of utility (`utility`), of leakage (`leakage`) and of re-identification
(`reidentification`), and their uncertainty (`interval` for one figure, `significance` for a
difference).

Every metric is a function of whole arrays that returns one float: NaN if it is not defined, never a
warning. `better_scores` and `isolated` return arrays, from which metrics follow. Roles are codes in
the order of `sordino.define.Role`, genders in the order of `sordino.define.GENDERS`; the caller
drops rows of unknown gender. numpy and scipy only.

>>> import numpy as np
>>> from sordino.metrics import auc, interval
>>> speaker = np.repeat([f"corpus/{i}" for i in range(12)], 10)
>>> rng = np.random.default_rng(0)
>>> male = np.repeat(np.arange(12) % 2 == 0, 10)
>>> score = male + np.repeat(rng.normal(size=12), 10) + rng.normal(size=120)
>>> def statistic(rows):
...     return auc(male[rows], score[rows])
>>> interval(statistic, speaker, stratum=male, group=male).rounded(2)
Interval(value=0.72, low=0.42, high=0.9, n=120, speakers=12)
"""

from __future__ import annotations

from sordino.metrics.interval import MINIMUM_SPEAKERS, Interval, interval
from sordino.metrics.leakage import (
    advantage,
    auc,
    bits,
    distinguish,
    eer,
    leakage_feng,
    membership,
    privacy,
    privacy_folded,
    roc_curve,
    tpr_at_fpr,
)
from sordino.metrics.reidentification import (
    SINGLING_OUT_CHANCE,
    better_scores,
    isolated,
    linkability,
    rank_bits,
)
from sordino.metrics.significance import (
    Adjusted,
    TTest,
    benjamini_hochberg,
    corrected_resampled_t,
    paired_t,
)
from sordino.metrics.utility import detail_r2, f1, uar, uar_by_gender, uar_difference, unchanged

__all__ = [
    "MINIMUM_SPEAKERS",
    "SINGLING_OUT_CHANCE",
    "Adjusted",
    "Interval",
    "TTest",
    "advantage",
    "auc",
    "benjamini_hochberg",
    "better_scores",
    "bits",
    "corrected_resampled_t",
    "detail_r2",
    "distinguish",
    "eer",
    "f1",
    "interval",
    "isolated",
    "leakage_feng",
    "linkability",
    "membership",
    "paired_t",
    "privacy",
    "privacy_folded",
    "rank_bits",
    "roc_curve",
    "tpr_at_fpr",
    "uar",
    "uar_by_gender",
    "uar_difference",
    "unchanged",
]
