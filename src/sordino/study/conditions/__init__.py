"""The study of conditions: releases on test recordings in noise, rooms and channels."""

from sordino.study.conditions.report import condition_figures
from sordino.study.conditions.study import RELEASES, ConditionStudy, compare_feature_sets, evaluate
from sordino.study.conditions.units import STUDY

__all__ = [
    "RELEASES",
    "STUDY",
    "ConditionStudy",
    "compare_feature_sets",
    "condition_figures",
    "evaluate",
]
