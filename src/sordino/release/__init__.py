"""What is let out: fitters that end in frozen releases."""

from __future__ import annotations

from sordino.release.autoencoder.network import NetworkRelease
from sordino.release.autoencoder.replacement import ReplacementFitter
from sordino.release.autoencoder.retaining import RetainingFitter
from sordino.release.composed import Composed, ComposedFitter
from sordino.release.drawn.fit import DrawnFitter, bounds
from sordino.release.drawn.joint import Joint, JointDrawn, joint, joint_bounds
from sordino.release.drawn.mixture import Mixture, MixtureFitter
from sordino.release.drawn.release import Drawn
from sordino.release.drawn.speaker_offset import People, Personal, replayed
from sordino.release.embedding.fit import EmbeddingFitter
from sordino.release.embedding.release import EMBEDDINGS, Embedding
from sordino.release.erasure import Erased, ErasureFitter
from sordino.release.fit_all import plan_all
from sordino.release.from_policy import COSTS, WHAT, check, explain, fitter, name_of
from sordino.release.identity import Identity, IdentityFitter
from sordino.release.noise import Noise, NoiseFitter
from sordino.release.protocol import Fitter, Release
from sordino.release.registry import FITTERS, load

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
