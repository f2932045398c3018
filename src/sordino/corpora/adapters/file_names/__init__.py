"""Corpora whose labels are in the names of their recordings, one file each."""

from __future__ import annotations
