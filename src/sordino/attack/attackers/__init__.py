"""The attackers: families by name, their kernels and estimators, and their scores."""

from __future__ import annotations
