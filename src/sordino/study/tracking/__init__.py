"""The study of tracking: the share of an emotion over days, estimated from releases alone."""

from sordino.study.tracking.report import tracking_figures
from sordino.study.tracking.study import RELEASES, TrackingStudy, evaluate
from sordino.study.tracking.units import STUDY

__all__ = ["RELEASES", "STUDY", "TrackingStudy", "evaluate", "tracking_figures"]
