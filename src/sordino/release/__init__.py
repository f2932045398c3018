"""What is let out: fitters that end in frozen releases."""

from __future__ import annotations

from sordino.release.embedding import EMBEDDINGS, Embedding, EmbeddingFitter
from sordino.release.fitters import FITTERS, load
from sordino.release.identity import Identity, IdentityFitter
from sordino.release.network import NetworkRelease
from sordino.release.protocol import Fitter, Release
from sordino.release.replacement import ReplacementFitter
from sordino.release.retaining import RetainingFitter

__all__ = [
    "EMBEDDINGS",
    "FITTERS",
    "Embedding",
    "EmbeddingFitter",
    "Fitter",
    "Identity",
    "IdentityFitter",
    "NetworkRelease",
    "Release",
    "ReplacementFitter",
    "RetainingFitter",
    "load",
]
