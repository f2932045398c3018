"""From what was fitted in the lab to a bundle: the last step that needs PyTorch.

What is a function of the input alone becomes a model; chance is drawn on the device, by the functions that drew it in
the lab. Before a bundle is written it is run beside the releases that it came from (`proof`).
"""

from __future__ import annotations

import importlib.metadata
import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

import sordino
from sordino.device import bundle, networks
from sordino.device.bundle import PREPROCESS, VECTORS, Bundle, Served
from sordino.device.graph import SYMBOLS, Graph
from sordino.device.model import quantised
from sordino.device.proof import proof
from sordino.errors import ReleaseError
from sordino.features import Normalise, Preprocess
from sordino.policy import Policy
from sordino.release import Drawn, Embedding, Erased, Identity, NetworkRelease, Noise, Release
from sordino.release.drawn import decide
from sordino.signal.feature_sets import FEATURE_SETS, SEQUENCES

PACKAGES: Final = ("numpy", "onnx", "onnxruntime", "scikit-learn", "torch")
"""Whose versions a card names."""

AS_IT_IS: Final = {"kind": "none"}


@dataclass(frozen=True)
class Part:
    """What a release is on a device: how chance comes in, a model and arrays where it needs them."""

    chance: Mapping[str, Any]
    model: bytes | None = None
    arrays: Mapping[str, NDArray[Any]] = field(default_factory=dict)


def _drawn(release: Drawn) -> Part:
    graph = Graph()
    z = graph.input("z", np.float32, "n", release.config["width"]).astype(np.float64)
    at: Any = (z, release.arrays, release.config["tilt"], release.config["threshold"], SYMBOLS)
    model = graph.model(bin=(decide(*at), ["n"]))
    arrays = {name: release.arrays[name] for name in ("prototypes", "bin")}
    return Part({"kind": "drawn", "epsilon": str(release.config["epsilon"])}, model, arrays)


def _embedding(release: Embedding) -> Part:
    spread = float(release.config["shape"]["noise"])
    chance = {"kind": "clip-noise", "spread": spread} if spread else AS_IT_IS
    return Part(chance, networks.embedding(release.network))


FAMILIES: Final[dict[type, Callable[[Any], Part]]] = {
    Identity: lambda release: Part(AS_IT_IS),  # noqa: ARG005
    Noise: lambda release: Part({"kind": "noise", "noise": release.config["kind"], "scale": release.config["scale"]}),
    Erased: lambda release: Part(AS_IT_IS, networks.affine(release.arrays["map"], release.arrays["offset"])),
    NetworkRelease: lambda release: Part(AS_IT_IS, networks.autoencoder(release.network)),
    Drawn: _drawn,
    Embedding: _embedding,
}
"""What each kind of release is on a device."""


def write(
    path: str | Path,
    preprocess: Preprocess | Normalise | None,
    releases: Mapping[str, tuple[Policy, Release | Embedding]],
    *,
    features: str,
    card: Mapping[str, Any],
    int8: bool = False,
    seed: int = 0,
) -> Path:
    """Write a bundle that serves one policy or several; the path. The same input gives the same bytes.

    - `path`: a folder, or one file where the name ends in `.sordino`.
    - `preprocess`: what the releases were fitted behind; of embeddings a `Normalise` of kind `corpus`, or None for
      sequences that come on their scale.
    - `releases`: policy and release by the name that a user picks them by, of vectors or of embeddings, not both.
    - `features`: the feature set; of another name than those of sordino, the bundle takes vectors alone.
    - `card`: for people, as JSON: `made_on` (corpus to counts), `data_licences`, `commercial_use`, `audit`, ...
    - `int8`: weights in a quarter of the size, and other numbers: audit such a bundle again (`device.reaudit`).
    - `seed`: of the synthetic sound in the test vectors.

    Raises `ReleaseError` for a release of a kind that no device runs or of another width, `BundleError` where what the
    bundle gives is not what the lab gives.
    """
    if not releases:
        raise ReleaseError("no release, expected one or more: fit one")
    files: dict[str, bytes] = {}
    turned = quantised if int8 else bytes
    if preprocess is not None:
        to_scale = networks.normalise if isinstance(preprocess, Normalise) else networks.preprocess
        files[PREPROCESS] = turned(to_scale(preprocess))
    served = []
    for place, (name, (policy, release)) in enumerate(releases.items()):
        part = _part(release, preprocess)
        model, arrays = f"release-{place}.onnx", f"release-{place}.npz"
        files |= {model: turned(part.model)} if part.model else {}
        files |= {arrays: _npz(part.arrays)} if part.arrays else {}
        served.append(Served(
            name, policy, release.name, _width(release), part.chance, PREPROCESS if preprocess is not None else None,
            model if part.model else None, arrays if part.arrays else None,
        ))  # fmt: skip
    whole = _card(card, features, preprocess, next(iter(releases.values()))[1], int8)
    made = Bundle(files, whole, {one.name: one for one in served})
    proven = proof(made, preprocess, {name: release for name, (_, release) in releases.items()}, not int8, seed)
    return bundle.write(path, whole, served, files | {VECTORS: _npz(proven)})


def _part(release: Release | Embedding, preprocess: Preprocess | Normalise | None) -> Part:
    """What a release is on a device, where it stands behind this preprocessing."""
    if type(release) not in FAMILIES:
        kinds = ", ".join(kind.__name__ for kind in FAMILIES)
        raise ReleaseError(f"a {type(release).__name__}, expected one of {kinds}: add it to `export.FAMILIES`")
    if isinstance(preprocess, Normalise) != isinstance(release, Embedding) and preprocess is not None:
        raise ReleaseError(f"{release.name} behind a {type(preprocess).__name__}, expected a Preprocess before vectors "
                           "and a Normalise before sequences: pass what it was fitted behind")  # fmt: skip
    if isinstance(preprocess, Normalise) and preprocess.how != "corpus":
        raise ReleaseError(f"normalisation {preprocess.how!r}, expected 'corpus', which a device can do alone: fit so")
    if isinstance(preprocess, Preprocess) and preprocess.dims != _width(release):
        raise ReleaseError(f"{release.name} of {_width(release)} dimensions, expected the {preprocess.dims} of the "
                           "preprocessing: pass what it was fitted behind")  # fmt: skip
    return FAMILIES[type(release)](release)


def _width(release: Release | Embedding) -> int:
    """Numbers in a released vector."""
    if isinstance(release, Embedding):
        return release.network.shape.width
    return int(release.config["width"])


def _card(
    card: Mapping[str, Any], features: str, preprocess: Preprocess | Normalise | None, release: Any, int8: bool
) -> dict[str, Any]:
    """What the caller says, and what is known here."""
    known: Mapping[str, Any] = {**FEATURE_SETS, **SEQUENCES}
    described = dict(known[features].config) if features in known else {}
    if isinstance(release, Embedding):
        described["streams"] = release.network.shape.streams
    else:
        described["dims"] = preprocess.offset.size if isinstance(preprocess, Preprocess) else _width(release)
    versions = {"sordino": sordino.__version__} | {name: importlib.metadata.version(name) for name in PACKAGES}
    return {**card, "features": {**described, "set": features}, "versions": versions, "int8": int8}


def _npz(arrays: Mapping[str, NDArray[Any]]) -> bytes:
    """Arrays as NPZ, the same ones always as the same bytes."""
    content = io.BytesIO()
    np.savez(content, allow_pickle=False, **arrays)
    return content.getvalue()
