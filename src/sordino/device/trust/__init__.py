"""Whom a device trusts: signatures, versions, and what it asks of every bundle."""

from __future__ import annotations
