"""What is let out: fitters that end in frozen releases."""

from __future__ import annotations

from sordino.release.chosen import COSTS, WHAT, check, explain, fitter, name_of
from sordino.release.composed import Composed, ComposedFitter
from sordino.release.drawn import Drawn
from sordino.release.embedding import EMBEDDINGS, Embedding
from sordino.release.erasure import Erased, ErasureFitter
from sordino.release.fit_drawn import DrawnFitter, bounds
from sordino.release.fit_embedding import EmbeddingFitter
from sordino.release.fitters import FITTERS, load
from sordino.release.identity import Identity, IdentityFitter
from sordino.release.mixture import Mixture, MixtureFitter
from sordino.release.network import NetworkRelease
from sordino.release.noise import Noise, NoiseFitter
from sordino.release.personal import People, Personal, replayed
from sordino.release.protocol import Fitter, Release
from sordino.release.replacement import ReplacementFitter
from sordino.release.retaining import RetainingFitter
from sordino.release.several import Joint, JointDrawn, joint, joint_bounds
from sordino.release.shared import plan_all

__all__ = [
    "COSTS",
    "EMBEDDINGS",
    "FITTERS",
    "WHAT",
    "Composed",
    "ComposedFitter",
    "Drawn",
    "DrawnFitter",
    "Embedding",
    "EmbeddingFitter",
    "Erased",
    "ErasureFitter",
    "Fitter",
    "Identity",
    "IdentityFitter",
    "Joint",
    "JointDrawn",
    "Mixture",
    "MixtureFitter",
    "NetworkRelease",
    "Noise",
    "NoiseFitter",
    "People",
    "Personal",
    "Release",
    "ReplacementFitter",
    "RetainingFitter",
    "bounds",
    "check",
    "explain",
    "fitter",
    "joint",
    "joint_bounds",
    "load",
    "name_of",
    "plan_all",
    "replayed",
]
