"""Releases adapted to another place or to a user, and what that keeps and gives away."""

from __future__ import annotations
