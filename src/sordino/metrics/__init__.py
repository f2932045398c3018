"""The numbers: what is kept (`utility`), what is given away (`leakage`), and how sure that is (`interval`).

Every metric is a function of whole arrays that returns one float: NaN where it is not defined, never a warning. Roles
are codes in the order of `sordino.define.ROLES`, genders in the order of `sordino.define.GENDERS`; rows of unknown
gender are dropped by the caller. numpy and scipy only.

>>> import numpy as np
>>> from sordino.metrics import auc, interval
>>> speaker = np.repeat([f"corpus/{i}" for i in range(12)], 10)
>>> rng = np.random.default_rng(0)
>>> male = np.repeat(np.arange(12) % 2 == 0, 10)
>>> score = male + np.repeat(rng.normal(size=12), 10) + rng.normal(size=120)
>>> interval(lambda rows: auc(male[rows], score[rows]), speaker, stratum=male, group=male).rounded(2)
Interval(value=0.72, low=0.42, high=0.9, n=120, speakers=12)
"""

from __future__ import annotations

from sordino.metrics.interval import MINIMUM_SPEAKERS, Interval, interval
from sordino.metrics.leakage import auc, distinguish, leakage_feng, privacy, privacy_folded
from sordino.metrics.utility import detail_r2, f1, uar, unchanged

__all__ = [
    "MINIMUM_SPEAKERS",
    "Interval",
    "auc",
    "detail_r2",
    "distinguish",
    "f1",
    "interval",
    "leakage_feng",
    "privacy",
    "privacy_folded",
    "uar",
    "unchanged",
]
