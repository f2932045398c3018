"""Readers and writers for formats that other tools share."""

from __future__ import annotations
