"""Releases that are trained autoencoders."""

from __future__ import annotations
