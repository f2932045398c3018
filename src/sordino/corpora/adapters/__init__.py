"""Corpora that sordino can read: one file a corpus, and their registry."""

from __future__ import annotations
