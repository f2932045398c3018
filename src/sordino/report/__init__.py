"""Reports: estimates from predictions, then tables, figures and pages.

>>> len(COLUMNS), COLUMNS[0], COLUMNS[-1]
(20, 'study', 'chance')
"""

from __future__ import annotations

from typing import Final

from sordino.columns import ESTIMATE_COLUMNS as _COLUMNS
from sordino.record import versions
from sordino.report.estimate_table import Estimate, Estimates
from sordino.report.estimates import headline, measure, pooled
from sordino.report.page import Card, Definitions, Page, Picture, Section, Terms, Text
from sordino.report.release_page import csv, write
from sordino.report.tables import Cell, Table

COLUMNS: Final = _COLUMNS
"""The columns of `estimates.csv`, in their order."""

__all__ = [
    "COLUMNS",
    "Card",
    "Cell",
    "Definitions",
    "Estimate",
    "Estimates",
    "Page",
    "Picture",
    "Section",
    "Table",
    "Terms",
    "Text",
    "csv",
    "headline",
    "measure",
    "pooled",
    "versions",
    "write",
]
