"""Whether a copy of a corpus is whole and readable, and under which licence it may be used."""

from __future__ import annotations
