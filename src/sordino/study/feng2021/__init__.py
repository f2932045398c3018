"""Feng 2021: hide emotions and gender in utterance features, and see who still finds them."""

from __future__ import annotations

from sordino.study.feng2021.study import reproduce

__all__ = ["reproduce"]
