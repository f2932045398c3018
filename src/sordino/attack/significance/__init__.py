"""Whether an attack does better than chance: the permutation test and the null distribution."""

from __future__ import annotations
