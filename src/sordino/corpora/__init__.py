"""Corpora of emotional speech as tables with one row per utterance."""

from __future__ import annotations

from sordino.corpora import dimensions, split
from sordino.corpora.adapters.registry import ADAPTERS, load
from sordino.corpora.checks import check, published
from sordino.corpora.level_classes import keep_levels
from sordino.corpora.table import Corpus, join

__all__ = [
    "ADAPTERS",
    "Corpus",
    "check",
    "dimensions",
    "join",
    "keep_levels",
    "load",
    "published",
    "split",
]
