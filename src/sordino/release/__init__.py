"""What is let out: fitters that end in frozen releases."""

from __future__ import annotations

from sordino.release.drawn import Drawn, DrawnFitter, bounds
from sordino.release.embedding import EMBEDDINGS, Embedding, EmbeddingFitter
from sordino.release.erasure import Erased, ErasureFitter
from sordino.release.fitters import FITTERS, load
from sordino.release.identity import Identity, IdentityFitter
from sordino.release.network import NetworkRelease
from sordino.release.noise import Noise, NoiseFitter
from sordino.release.personal import People, Personal, replayed
from sordino.release.protocol import Fitter, Release
from sordino.release.replacement import ReplacementFitter
from sordino.release.retaining import RetainingFitter

__all__ = [
    "EMBEDDINGS",
    "FITTERS",
    "Drawn",
    "DrawnFitter",
    "Embedding",
    "EmbeddingFitter",
    "Erased",
    "ErasureFitter",
    "Fitter",
    "Identity",
    "IdentityFitter",
    "NetworkRelease",
    "Noise",
    "NoiseFitter",
    "People",
    "Personal",
    "Release",
    "ReplacementFitter",
    "RetainingFitter",
    "bounds",
    "load",
    "replayed",
]
