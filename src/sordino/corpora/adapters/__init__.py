"""Adapters of corpora: one file per corpus, and their registry."""

from __future__ import annotations
