"""Releases of every family fitted on planted vectors behind features of very different scales, and
bundles of them.
"""

from __future__ import annotations

import tempfile
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from sordino import export
from sordino.device.sound.synthesis import synthetic
from sordino.features import NormaliseFitter, Preprocess, PreprocessFitter
from sordino.nn.fit import Settings
from sordino.nn.fit_multimodal import Training
from sordino.nn.multimodal import Shape
from sordino.nn.sequences import Sequences
from sordino.policy import Policy
from sordino.release import (
    FITTERS,
    ComposedFitter,
    Embedding,
    EmbeddingFitter,
    MixtureFitter,
    Release,
    ReplacementFitter,
    RetainingFitter,
)
from sordino.signal.filterbank import filterbank
from sordino.testing import POLICY, SyntheticVectors, synthetic_vectors
from tests.release.synthetic_releases import drawing, renamed

OTHER: Final = Policy(required="happy", sensitive=("sad", "angry"))
CARD: Final[dict[str, Any]] = {
    "name": "planted",
    "made_on": {"planted": {"utterances": 240, "speakers": 20}},
    "data_licences": ["none: made on the spot"],
    "commercial_use": "open",
    "audit": {"gender": {"verdict": "no leak found", "auc": 0.52, "bound_auc": float("nan")}},
}


@cache
def scene() -> SyntheticVectors:
    return synthetic_vectors(speakers=36, rows=8)


@cache
def features() -> NDArray[np.float32]:
    """`(n, 60)` with columns from thousandths to millions, as functionals; one is constant."""
    random = np.random.default_rng(0)
    scale = 10.0 ** random.uniform(-3, 6, 60)
    z = scene().z
    x = (
        z @ random.normal(size=(z.shape[1], 60)) + random.normal(0, 0.1, (len(z), 60)) + 100
    ) * scale
    x[:, 7] = 3
    return np.asarray(x, np.float32)


@cache
def preprocess() -> Preprocess:
    return PreprocessFitter(scale="zscore", components=24).fit(
        features()[scene().parts.transform.rows]
    )


@cache
def scaled() -> NDArray[np.float32]:
    return preprocess()(features())


@cache
def fitted(name: str, policy: Policy = POLICY) -> Release:
    synthetic = scene()
    release: Release = short(FITTERS[name](policy, 0)).fit(
        scaled(), synthetic.corpus, synthetic.parts.transform
    )
    return release


def short(fitter: Any) -> Any:
    """The same fitter with small networks and little training: quality does not matter here."""
    if isinstance(fitter, ReplacementFitter):
        return replace(fitter, embeddings=(4, 8), settings=Settings(epochs=2))
    if isinstance(fitter, RetainingFitter):
        return replace(fitter, embedding=4, surrogate_size=8, epochs=2)
    if isinstance(fitter, ComposedFitter):
        return replace(fitter, first=short(fitter.first))
    return (
        replace(fitter, autoencoder=short(fitter.autoencoder))
        if isinstance(fitter, MixtureFitter)
        else fitter
    )


@cache
def bundled(name: str, *, int8: bool = False) -> Path:
    """The path of a bundle of one family, one file."""
    path = Path(tempfile.mkdtemp()) / "one.sordino"
    return export.write(
        path, preprocess(), {"mine": (POLICY, fitted(name))}, features="made", card=CARD, int8=int8
    )


def clips(n: int = 24, seed: int = 0, *, text: bool = False) -> Sequences:
    random = np.random.default_rng(seed)
    audio = [random.normal(3, 2, (random.integers(1, 19), 6)) for _ in range(n)]
    return Sequences.of(
        audio=audio,
        text=[random.normal(size=(random.integers(1, 5), 5)) for _ in audio] if text else None,
    )


SHAPES: Final = {
    "audio": Shape(audio=6, text=None, kernels=8, gru_width=8),
    "stride 1": Shape(
        audio=6, text=None, kernels=8, gru_width=8, conv_stride=1, conv_width=3, conv_layers=2
    ),
    "stride 3": Shape(audio=6, text=None, kernels=8, gru_width=8, conv_stride=3, conv_width=3),
    "both": Shape(audio=6, text=5, kernels=8, gru_width=8),
}


@cache
def embedding(name: str, shape: str) -> Embedding:
    if name == "drawn":
        return drawing(embedding("general", shape))
    if name == "dp":
        return renamed(embedding("general", shape), name)
    at = np.arange(24)
    labels = {"activation": at % 3, "gender": at // 3 % 2, "speaker": at // 3 % 4}
    fitter = EmbeddingFitter(name, SHAPES[shape], Training(epochs=1))
    return fitter.fit(clips(text=shape == "both"), labels, None, {})[0]


@cache
def talking() -> Path:
    """A bundle for sound: frames of a filterbank, normalised, to an embedding with noise."""
    frames = [filterbank(synthetic(0.3, 16000, seed)) for seed in range(12)]
    scale = NormaliseFitter("corpus").fit(frames)
    labels = {"activation": np.arange(12) % 3, "gender": np.arange(12) % 2}
    fitter = EmbeddingFitter(
        "private+", Shape(audio=40, kernels=8, gru_width=8), Training(epochs=1)
    )
    embedding = fitter.fit(Sequences.of(audio=scale(frames)), labels, None, {})[0]
    path = Path(tempfile.mkdtemp()) / "talking.sordino"
    return export.write(
        path, scale, {"mine": (POLICY, embedding)}, features="filterbank", card=CARD
    )
