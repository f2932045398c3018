"""Speech as numbers: recordings, mel energies, functionals and word vectors."""

from __future__ import annotations

from sordino.signal import audio, wav, words
from sordino.signal.filterbank import filterbank
from sordino.signal.functionals import Blocks, functionals

__all__ = ["Blocks", "audio", "filterbank", "functionals", "wav", "words"]
