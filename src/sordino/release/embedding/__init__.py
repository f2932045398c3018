"""Embeddings of sound and words as releases."""

from __future__ import annotations
