"""Figures as SVG text."""

from __future__ import annotations

from sordino.report.figures.attacker_dots import dots
from sordino.report.figures.confusion_matrices import confusions
from sordino.report.figures.curves_over_setting import curves
from sordino.report.figures.roc_curves import roc
from sordino.report.figures.trade_off import Panel, Point, front

__all__ = ["Panel", "Point", "confusions", "curves", "dots", "front", "roc"]
