"""Sound and words as numbers: recordings, their mel energies, and the vectors of what was said."""

from __future__ import annotations

from sordino.signal import audio, wav, words
from sordino.signal.filterbank import filterbank

__all__ = ["audio", "filterbank", "wav", "words"]
