"""From what was fitted in the lab to a bundle: the last step that needs PyTorch.

What is a function of the input alone becomes a model; chance is drawn on the device, by the
functions that drew it in the lab. Before a bundle is written it is run beside the releases that it
came from (`proof`).
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
from sordino.device.bundle import bundle, families
from sordino.device.bundle.bundle import PREPROCESS, VECTORS, Bundle, Served
from sordino.errors import ReleaseError
from sordino.export import networks
from sordino.export.graph import SYMBOLS, Graph, Symbol, rounded
from sordino.export.parity import proof
from sordino.features import Normalise, Preprocess
from sordino.policy import Policy
from sordino.release import (
    Composed,
    Drawn,
    Embedding,
    Erased,
    Identity,
    Mixture,
    NetworkRelease,
    Noise,
    Release,
)
from sordino.release.drawn.release import decide
from sordino.signal.feature_sets import FEATURE_SETS, SEQUENCES

PACKAGES: Final = ("numpy", "onnx", "onnxruntime", "scikit-learn", "torch")
"""Whose versions a card names."""

AS_IT_IS: Final = {"kind": "none"}
"""No chance: what the model makes goes out."""

_NOTHING: Final = 1e-9
"""Singular values of a change below this one are the rounding of float64, in a space where speech
spreads over 1.
"""

Makes = Callable[[Symbol], dict[str, Symbol]]
"""What a model does to the scaled space, `(n, d)`: its outputs by name."""


def _through(z: Symbol) -> dict[str, Symbol]:
    """What needs no model."""
    return {"out": z}


@dataclass(frozen=True)
class Part:
    """What a release is on a device: how chance comes in, and a model and arrays where it needs
    them.

    The model is given as what it makes of vectors, or of an embedding as a whole.
    """

    chance: Mapping[str, Any]
    makes: Makes = _through
    arrays: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    whole: bytes | None = None

    def model(self, width: int) -> bytes | None:
        """The model as a file; None where there is none."""
        if self.whole or self.makes is _through:
            return self.whole
        graph = Graph()
        return graph.model(**self.makes(graph.input("z", np.float32, "n", width)))


def _erased(release: Erased) -> Part:
    """The map as `z + z A B`, in float64: it has no direction left that shows a secret, and rounded
    it would have one.

    A is `(d, r)` and B `(r, d)`, with a direction for each secret: smaller than the map in 8 bits.
    """
    taken, offset = release.arrays["map"] - np.eye(_width(release)), release.arrays["offset"]
    left, strength, right = np.linalg.svd(taken)
    rank = np.count_nonzero(strength > _NOTHING)
    factors = [left[:, :rank] * strength[:rank], right[:rank]] if 2 * rank < len(taken) else [taken]

    def makes(z: Symbol) -> dict[str, Symbol]:
        change = exact = z.astype(np.float64)
        for factor in factors:
            change = change @ factor
        return {"out": (exact + change + offset).astype(np.float32)}

    return Part(AS_IT_IS, makes)


def _network(release: NetworkRelease) -> Part:
    return Part(AS_IT_IS, lambda z: {"out": networks.autoencoder(z, release.network)})


def _drawn(release: Drawn) -> Part:
    config, arrays = release.config, release.arrays

    def makes(z: Symbol) -> dict[str, Symbol]:
        given: Any = z.astype(np.float64)
        bins: Any = decide(given, arrays, config["tilt"], config["threshold"], SYMBOLS)
        return {"bin": bins}

    shipped = {name: arrays[name] for name in ("prototypes", "bin")}
    return Part({"kind": "drawn", "epsilon": str(config["epsilon"])}, makes, shipped)


def _mixture(release: Mixture) -> Part:
    drawn, autoencoder = _drawn(release.drawn), part_of(release.autoencoder)
    means = release.arrays["means"].astype(np.float32)

    def makes(z: Symbol) -> dict[str, Symbol]:
        bins, out = drawn.makes(z)["bin"], autoencoder.makes(z)["out"]
        return {"bin": bins, "out": out - z.graph.op("Gather", means, bins)}

    arrays = {**drawn.arrays, "factor": release.arrays["factor"].astype(np.float32)}
    return Part({**drawn.chance, "kind": "mixed", "share": release.config["share"]}, makes, arrays)


def _composed(release: Composed) -> Part:
    parts = [part_of(one) for one in release.parts]
    if any(part.chance != AS_IT_IS for part in parts):
        raise ReleaseError(
            f"{release.name} draws between its parts, which no device does: fit another release"
        )

    def makes(z: Symbol) -> dict[str, Symbol]:
        for part in parts:
            z = part.makes(z)["out"]
        return {"out": z}

    return Part(AS_IT_IS, makes)


def _embedding(release: Embedding) -> Part:
    if release.bins:
        task, epsilon = release.config["task"], str(release.config["epsilon"])
        shipped = {name: release.arrays[name] for name in ("prototypes", "bin")}
        whole = networks.decision(release.network, task, release.arrays["bias"])
        return Part({"kind": "clip-drawn", "epsilon": epsilon}, arrays=shipped, whole=whole)
    spread = float(release.config["shape"]["noise"])
    chance = {"kind": "clip-noise", "spread": spread} if spread else AS_IT_IS
    return Part(chance, whole=networks.embedding(release.network))


FAMILIES: Final[dict[type, Callable[[Any], Part]]] = {
    Identity: lambda release: Part(AS_IT_IS),  # noqa: ARG005
    Noise: lambda release: Part(
        {"kind": "noise", "noise": release.config["kind"], "scale": release.config["scale"]}
    ),
    Erased: _erased,
    NetworkRelease: _network,
    Composed: _composed,
    Drawn: _drawn,
    Mixture: _mixture,
    Embedding: _embedding,
}
"""What each kind of release is on a device."""


def part_of(release: Release | Embedding) -> Part:
    """What a release is on a device. Raises `ReleaseError` for a kind that is not in `FAMILIES`."""
    if type(release) not in FAMILIES:
        kinds = ", ".join(kind.__name__ for kind in FAMILIES)
        raise ReleaseError(
            f"a {type(release).__name__}, expected one of {kinds}: add it to `export.FAMILIES`"
        )
    return FAMILIES[type(release)](release)


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
    """Write a bundle that serves one policy or several; the path. The same input gives the same
    bytes.

    - `path`: a folder, or one file where the name ends in `.sordino`.
    - `preprocess`: what the releases were fitted behind; of embeddings a `Normalise` of kind
      `corpus`, or None for sequences that come on their scale.
    - `releases`: policy and release by the name that a user picks them by, of vectors or of
      embeddings, not both.
    - `features`: the feature set; of another name than those of sordino, the bundle takes vectors
      alone.
    - `card`: for people, as JSON: `made_on` (corpus to counts), `data_licences`, `commercial_use`,
      `audit`, ...
    - `int8`: weights in a quarter of the size, and other numbers: audit such a bundle again
      (`device.reaudit`).
    - `seed`: of the synthetic sound in the test vectors.

    Raises `ReleaseError` for a release of a kind that no device runs or of another width,
    `BundleError` where what the bundle gives is not what the lab gives.
    """
    if not releases:
        raise ReleaseError("no release, expected one or more: fit one")
    if len({isinstance(release, Embedding) for _, release in releases.values()}) > 1:
        raise ReleaseError(
            "releases of vectors and of sequences came, expected one kind: write two bundles"
        )
    files: dict[str, bytes] = {}
    turned = rounded if int8 else bytes
    if preprocess is not None:
        files[PREPROCESS] = turned(networks.to_scale(preprocess))
    served = []
    for place, (name, (policy, release)) in enumerate(releases.items()):
        _check(release, preprocess)
        part = part_of(release)
        content, model, arrays = (
            part.model(_width(release)),
            f"release-{place}.onnx",
            f"release-{place}.npz",
        )
        files |= {model: turned(content)} if content else {}
        files |= {arrays: _npz(part.arrays)} if part.arrays else {}
        served.append(
            Served(
                name,
                policy,
                release.name,
                _width(release),
                part.chance,
                PREPROCESS if preprocess is not None else None,
                model if content else None,
                arrays if part.arrays else None,
            )
        )
    whole = _card(card, features, preprocess, next(iter(releases.values()))[1], int8)
    made = Bundle(files, whole, {one.name: one for one in served})
    proven = proof(
        made, preprocess, {name: release for name, (_, release) in releases.items()}, seed
    )
    families.check(made)
    return bundle.write(path, whole, served, files | {VECTORS: _npz(proven)})


def _check(release: Release | Embedding, preprocess: Preprocess | Normalise | None) -> None:
    """Raise for a release that does not stand behind this preprocessing."""
    if (
        isinstance(preprocess, Normalise) != isinstance(release, Embedding)
        and preprocess is not None
    ):
        raise ReleaseError(
            f"{release.name} behind a {type(preprocess).__name__}, expected a Preprocess before "
            "vectors "
            "and a Normalise before sequences: pass what it was fitted behind"
        )
    if isinstance(preprocess, Normalise) and preprocess.how != "corpus":
        raise ReleaseError(
            f"normalisation {preprocess.how!r}, expected 'corpus', which a device can do alone: "
            "fit so"
        )
    if isinstance(preprocess, Preprocess) and preprocess.dims != _width(release):
        raise ReleaseError(
            f"{release.name} of {_width(release)} dimensions, expected the {preprocess.dims} of "
            "the "
            "preprocessing: pass what it was fitted behind"
        )


def _width(release: Release | Embedding) -> int:
    """Numbers in a released vector."""
    if isinstance(release, Embedding):
        return release.network.shape.width
    return int(release.config["width"])


def _card(
    card: Mapping[str, Any],
    features: str,
    preprocess: Preprocess | Normalise | None,
    release: Any,
    int8: bool,
) -> dict[str, Any]:
    """What the caller says, and what is known here."""
    known: Mapping[str, Any] = {**FEATURE_SETS, **SEQUENCES}
    described = dict(known[features].config) if features in known else {}
    if isinstance(release, Embedding):
        described["streams"] = release.network.shape.streams
    else:
        described["dims"] = (
            preprocess.offset.size if isinstance(preprocess, Preprocess) else _width(release)
        )
    versions = {"sordino": sordino.__version__} | {
        name: importlib.metadata.version(name) for name in PACKAGES
    }
    return {**card, "features": {**described, "set": features}, "versions": versions, "int8": int8}


def _npz(arrays: Mapping[str, NDArray[Any]]) -> bytes:
    """Arrays as NPZ, the same ones always as the same bytes."""
    content = io.BytesIO()
    np.savez(content, **arrays)  # type: ignore[arg-type]  # numpy 2.0 takes `allow_pickle` for an array
    return content.getvalue()
