"""Releases: fitters that return frozen maps from vectors to released vectors."""

from __future__ import annotations

from sordino.release.array_release import ArrayRelease
from sordino.release.autoencoder.network import NetworkRelease
from sordino.release.autoencoder.replacement import ReplacementFitter
from sordino.release.autoencoder.retaining import RetainingFitter
from sordino.release.composed import Composed, ComposedFitter
from sordino.release.drawn.fit import (
    Decisions,
    DrawnFitter,
    bounds,
    bounds_of_decisions,
    crossfit_decisions,
)
from sordino.release.drawn.joint import Joint, JointDrawn, joint, joint_bounds
from sordino.release.drawn.mixture import Mixture, MixtureFitter
from sordino.release.drawn.release import Drawn
from sordino.release.drawn.speaker_offset import Personal, SpeakerStatistics, replay
from sordino.release.embedding.fit import EmbeddingFitter
from sordino.release.embedding.release import EMBEDDINGS, RIVALS, Embedding
from sordino.release.erasure import Erased, ErasureFitter
from sordino.release.family import Family
from sordino.release.fit_all import plan_all
from sordino.release.from_policy import check, explain_hiding, explain_release, fitter, name_of
from sordino.release.identity import Identity, IdentityFitter
from sordino.release.noise import Noise, NoiseFitter
from sordino.release.peers.families import PEERS
from sordino.release.protocol import Fitter, Release, as_vectors
from sordino.release.registry import FITTERS, added, family, load, register, resolve
from sordino.release.scaled_space import ScaledSpace
from sordino.release.voices import voice_vectors

__all__ = [
    "EMBEDDINGS",
    "FITTERS",
    "PEERS",
    "RIVALS",
    "ArrayRelease",
    "Composed",
    "ComposedFitter",
    "Decisions",
    "Drawn",
    "DrawnFitter",
    "Embedding",
    "EmbeddingFitter",
    "Erased",
    "ErasureFitter",
    "Family",
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
    "Personal",
    "Release",
    "ReplacementFitter",
    "RetainingFitter",
    "ScaledSpace",
    "SpeakerStatistics",
    "added",
    "as_vectors",
    "bounds",
    "bounds_of_decisions",
    "check",
    "crossfit_decisions",
    "explain_hiding",
    "explain_release",
    "family",
    "fitter",
    "joint",
    "joint_bounds",
    "load",
    "name_of",
    "plan_all",
    "register",
    "replay",
    "resolve",
    "voice_vectors",
]
