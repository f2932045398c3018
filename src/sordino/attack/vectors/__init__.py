"""The audit of a table of vectors: its result, its estimates, and other packages that use it."""

from __future__ import annotations
