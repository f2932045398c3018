"""Sound and words as numbers: recordings, their mel energies, their functionals, and the vectors of
what was said.
"""

from __future__ import annotations

from sordino.signal import audio, wav, words
from sordino.signal.filterbank import filterbank
from sordino.signal.functionals import Blocks, functionals

__all__ = ["Blocks", "audio", "filterbank", "functionals", "wav", "words"]
