"""The bundle: its files, its policies by family, and the test vectors that prove a runtime."""

from __future__ import annotations
