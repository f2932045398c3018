"""The bundle: its files, its policies by family, and the test vectors that check a runtime."""

from __future__ import annotations
