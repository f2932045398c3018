"""The attackers: families by name, their kernels and estimators, and the scores that they give."""

from __future__ import annotations
