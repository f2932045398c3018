"""The study of tracking: the share of an emotion over days, estimated from releases alone."""

from sordino.study.tracking.report import tracking_figures
from sordino.study.tracking.study import RELEASES, TrackingStudy, evaluate
from sordino.study.tracking.units import STUDY
from sordino.study.tracking.users import Simulation

__all__ = ["RELEASES", "STUDY", "Simulation", "TrackingStudy", "evaluate", "tracking_figures"]
