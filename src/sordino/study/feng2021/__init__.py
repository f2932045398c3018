"""Feng and Narayanan (2021): emotions and gender hidden in utterance features, under attack."""

from __future__ import annotations

from sordino.study.feng2021.study import reproduce

__all__ = ["reproduce"]
