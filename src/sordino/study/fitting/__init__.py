"""From policies and recordings to releases: fitted, selected, and described on a card."""

from __future__ import annotations
