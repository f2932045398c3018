"""Recordings in other conditions: noise, rooms, channels, and the recipe of a copy.

Everything is computed at 16 kHz from parameters; no recording of a room or of noise is shipped.
Speech codecs with a model of the voice (GSM, AMR) are left out. So are MP3 and Opus, because the
installed build of libsndfile decides whether and how it encodes them.
"""

from __future__ import annotations

from sordino.signal.conditions.standard import RECIPE, Sources, config, standard
from sordino.signal.conditions.unseen import CONDITIONS, in_condition

__all__ = [
    "CONDITIONS",
    "RECIPE",
    "Sources",
    "config",
    "in_condition",
    "standard",
]
