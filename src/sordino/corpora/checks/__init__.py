"""Checks of a copy of a corpus: its counts, its recordings and its licence."""

from __future__ import annotations
