"""Jaiswal and Mower Provost (2020): embeddings of sound and words that hide gender and speaker."""

from __future__ import annotations

from sordino.study.jaiswal2020.study import reproduce, summary

__all__ = ["reproduce", "summary"]
