"""What was recorded: corpora of emotional speech as tables with one row an utterance."""

from __future__ import annotations

from sordino.corpora import check, dimensions, published, split
from sordino.corpora.adapters import ADAPTERS, load
from sordino.corpora.table import Corpus, join

__all__ = ["ADAPTERS", "Corpus", "check", "dimensions", "join", "load", "published", "split"]
