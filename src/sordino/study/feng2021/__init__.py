"""Feng and Narayanan (2021): emotions and gender hidden in utterance features, under attack."""

from __future__ import annotations

from sordino.study.feng2021.comparison import Setting, compare_settings, settings_of
from sordino.study.feng2021.curve_report import learning_curves
from sordino.study.feng2021.study import reproduce

__all__ = ["Setting", "compare_settings", "learning_curves", "reproduce", "settings_of"]
