"""From a fitted release in the lab to a bundle for a device: the last step that needs PyTorch.

Functions of the input alone become a model. Random draws are made on the device by the functions of
the lab. Before a bundle is written it runs beside its releases (`sordino.export.parity`).
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
from sordino.device.bundle import archive, bundle, families
from sordino.device.bundle.bundle import (
    ENCODER_FILE,
    PREPROCESS_FILE,
    VECTORS_FILE,
    Bundle,
    PolicyEntry,
)
from sordino.errors import ReleaseError
from sordino.export import networks
from sordino.export.parity import make_test_vectors
from sordino.features import Normalise, Preprocess
from sordino.onnx.writer import GraphBuilder, Symbol, rounded
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
from sordino.release.drawn.release import boundaries, decide
from sordino.signal.encoder.folder import EncoderFolder
from sordino.signal.feature_sets import FEATURE_SETS, SEQUENCES, check_device, speech_of

CARD_PACKAGES: Final = ("numpy", "onnx", "onnxruntime", "scikit-learn", "torch")
"""The packages with a version in the card."""

DETERMINISTIC: Final = {"kind": "none"}
"""No random draw: the output of the model is released."""

_ROUNDING: Final = 1e-9
"""Smaller singular values of a change are rounding errors of float64: speech has a spread of 1."""

GraphOutputs = Callable[[Symbol], dict[str, Symbol]]
"""The outputs of a model by name, from the scaled space `(n, d)`."""


def _identity(z: Symbol) -> dict[str, Symbol]:
    """The outputs without a model."""
    return {"out": z}


@dataclass(frozen=True)
class DeviceRelease:
    """A release on a device: the settings of its random draw, and a model and arrays if needed.

    The model is a function of vectors (`outputs`), or the file of an embedding (`network_model`).
    """

    chance: Mapping[str, Any]
    outputs: GraphOutputs = _identity
    arrays: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    network_model: bytes | None = None

    def model(self, width: int) -> bytes | None:
        """The model as a file, or None."""
        if self.network_model or self.outputs is _identity:
            return self.network_model
        graph = GraphBuilder()
        return graph.model(**self.outputs(graph.input("z", np.float32, "n", width)))


def _erased(release: Erased) -> DeviceRelease:
    """The map as `z + z A B`, in float64. Rounding would restore a direction with a secret.

    A is `(d, r)` and B `(r, d)`, with one direction per secret: smaller than the map in 8 bits.
    """
    change, offset = release.arrays["map"] - np.eye(_width(release)), release.arrays["offset"]
    u, singular, vt = np.linalg.svd(change)
    rank = np.count_nonzero(singular > _ROUNDING)
    low_rank = [u[:, :rank] * singular[:rank], vt[:rank]]
    factors = low_rank if 2 * rank < len(change) else [change]

    def outputs(z: Symbol) -> dict[str, Symbol]:
        product = exact = z.astype(np.float64)
        for factor in factors:
            product = product @ factor
        return {"out": (exact + product + offset).astype(np.float32)}

    return DeviceRelease(DETERMINISTIC, outputs)


def _network(release: NetworkRelease) -> DeviceRelease:
    return DeviceRelease(DETERMINISTIC, lambda z: {"out": networks.autoencoder(z, release.network)})


def _drawn(release: Drawn) -> DeviceRelease:
    config, arrays = release.config, release.arrays

    def outputs(z: Symbol) -> dict[str, Symbol]:
        exact: Any = z.astype(np.float64)
        bins: Any = decide(exact, arrays, boundaries(config), networks.SYMBOLS)
        return {"bin": bins}

    shipped = {name: arrays[name] for name in ("prototypes", "bin")}
    return DeviceRelease({"kind": "drawn", "epsilon": str(config["epsilon"])}, outputs, shipped)


def _mixture(release: Mixture) -> DeviceRelease:
    drawn, autoencoder = _drawn(release.drawn), device_release(release.autoencoder)
    means = release.arrays["means"].astype(np.float32)

    def outputs(z: Symbol) -> dict[str, Symbol]:
        bins, out = drawn.outputs(z)["bin"], autoencoder.outputs(z)["out"]
        return {"bin": bins, "out": out - z.graph.op("Gather", means, bins)}

    arrays = {**drawn.arrays, "factor": release.arrays["factor"].astype(np.float32)}
    return DeviceRelease(
        {**drawn.chance, "kind": "mixed", "share": release.config["share"]}, outputs, arrays
    )


def _composed(release: Composed) -> DeviceRelease:
    parts = [device_release(part) for part in release.parts]
    if any(part.chance != DETERMINISTIC for part in parts):
        raise ReleaseError(
            f"{release.name} draws between its parts, which no device does: fit another release"
        )

    def outputs(z: Symbol) -> dict[str, Symbol]:
        for part in parts:
            z = part.outputs(z)["out"]
        return {"out": z}

    return DeviceRelease(DETERMINISTIC, outputs)


def _embedding(release: Embedding) -> DeviceRelease:
    if (latent := release.network.shape.latent) != "standardised":
        raise ReleaseError(
            f"embedding {release.name!r} with a {latent} latent, expected one that a device "
            "computes: it serves comparisons only, fit private+ or drawn"
        )
    if release.bins:
        task, epsilon = release.config["task"], str(release.config["epsilon"])
        shipped = {name: release.arrays[name] for name in ("prototypes", "bin")}
        network_model = networks.decision(release.network, task, release.arrays["bias"])
        return DeviceRelease(
            {"kind": "clip-drawn", "epsilon": epsilon}, arrays=shipped, network_model=network_model
        )
    spread = float(release.config["shape"]["noise"])
    chance = {"kind": "clip-noise", "spread": spread} if spread else DETERMINISTIC
    return DeviceRelease(chance, network_model=networks.embedding(release.network))


EXPORTERS: Final[dict[type, Callable[[Any], DeviceRelease]]] = {
    Identity: lambda release: DeviceRelease(DETERMINISTIC),  # noqa: ARG005
    Noise: lambda release: DeviceRelease(
        {"kind": "noise", "noise": release.config["kind"], "scale": release.config["scale"]}
    ),
    Erased: _erased,
    NetworkRelease: _network,
    Composed: _composed,
    Drawn: _drawn,
    Mixture: _mixture,
    Embedding: _embedding,
}
"""The function that exports each class of releases."""


def device_release(release: Release | Embedding) -> DeviceRelease:
    """A release on a device. Raises `ReleaseError` for a class that is not in `EXPORTERS`."""
    if type(release) not in EXPORTERS:
        kinds = ", ".join(kind.__name__ for kind in EXPORTERS)
        raise ReleaseError(
            f"a {type(release).__name__}, expected one of {kinds}: add it to `export.EXPORTERS`"
        )
    return EXPORTERS[type(release)](release)


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
    """Write a bundle with one policy or several; the path. The same input gives the same bytes.

    - `path`: a folder, or one file if the name ends in `.sordino`.
    - `preprocess`: the preprocessing before the releases; for embeddings a `Normalise` of kind
      `corpus`, or None for sequences that are scaled already.
    - `releases`: policy and release by name, of vectors or of embeddings, not both.
    - `features`: the feature set; with a name that sordino does not know, the bundle accepts
      vectors only.
    - `card`: for people, as JSON: `made_on` (corpus to counts), `data_licences`, `commercial_use`,
      `audit`, ...
    - `int8`: weights in a quarter of the size. The released vectors change, so audit such a bundle
      again (`sordino.export.quantisation`).
    - `seed`: of the synthetic sound in the test vectors.

    Raises `ReleaseError` for a release of an unknown class or another width, `FeatureError` for
    features that no device computes, `BundleError` where the bundle gives other numbers than the
    lab.
    """
    check_device(features)
    if not releases:
        raise ReleaseError("no release, expected one or more: fit one")
    if len({isinstance(release, Embedding) for _, release in releases.values()}) > 1:
        raise ReleaseError(
            "releases of vectors and of sequences came, expected one kind: write two bundles"
        )
    parts = [device_release(release) for _, release in releases.values()]
    full_card = _card(card, features, preprocess, next(iter(releases.values()))[1], int8)
    files = _encoder(features, full_card)
    encode = rounded if int8 else bytes
    if preprocess is not None:
        files[PREPROCESS_FILE] = encode(networks.to_scale(preprocess))
    entries = []
    for index, (name, (policy, release)) in enumerate(releases.items()):
        _check(release, preprocess)
        part = parts[index]
        content = part.model(_width(release))
        model, arrays = f"release-{index}.onnx", f"release-{index}.npz"
        files |= {model: encode(content)} if content else {}
        files |= {arrays: _npz(part.arrays)} if part.arrays else {}
        entries.append(
            PolicyEntry(
                name,
                policy,
                release.name,
                _width(release),
                part.chance,
                PREPROCESS_FILE if preprocess is not None else None,
                model if content else None,
                arrays if part.arrays else None,
            )
        )
    draft = Bundle(files, full_card, {entry.name: entry for entry in entries})
    vectors = make_test_vectors(
        draft, preprocess, {name: release for name, (_, release) in releases.items()}, seed
    )
    families.check_structure(draft)
    return bundle.write(path, full_card, entries, files | {VECTORS_FILE: _npz(vectors)})


def _encoder(features: str, card: dict[str, Any]) -> dict[str, bytes]:
    """The encoder of a feature set as a file, if a device has the set and needs one; the card then
    names its origin. A device has no set of a folder, so that its bundle takes vectors.
    """
    speech = speech_of(FEATURE_SETS[features]) if features in FEATURE_SETS else None
    if speech is None or isinstance(speech.checkpoint, EncoderFolder):
        return {}
    content = speech.model()
    card["features"]["encoder"] = {**speech.origin, "sha256": archive.sha256(content)}
    return {ENCODER_FILE: content}


def _check(release: Release | Embedding, preprocess: Preprocess | Normalise | None) -> None:
    """Raise for a release that was fitted after other preprocessing."""
    if (
        isinstance(preprocess, Normalise) != isinstance(release, Embedding)
        and preprocess is not None
    ):
        raise ReleaseError(
            f"{release.name} behind a {type(preprocess).__name__}, expected a Preprocess before "
            "vectors and a Normalise before sequences: pass what it was fitted behind"
        )
    if isinstance(preprocess, Normalise) and preprocess.how != "corpus":
        raise ReleaseError(
            f"normalisation {preprocess.how!r}, expected 'corpus', which a device can do alone: "
            "fit so"
        )
    if isinstance(preprocess, Preprocess) and preprocess.dims != _width(release):
        raise ReleaseError(
            f"{release.name} of {_width(release)} dimensions, expected the {preprocess.dims} of "
            "the preprocessing: pass what it was fitted behind"
        )


def _width(release: Release | Embedding) -> int:
    """Dimensions of a released vector."""
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
    """The card of the caller with features, versions and rounding."""
    extractors: Mapping[str, Any] = {**FEATURE_SETS, **SEQUENCES}
    described = dict(extractors[features].config) if features in extractors else {}
    if isinstance(release, Embedding):
        described["streams"] = release.network.shape.streams
    else:
        described["dims"] = (
            preprocess.offset.size if isinstance(preprocess, Preprocess) else _width(release)
        )
    versions = {"sordino": sordino.__version__} | {
        name: importlib.metadata.version(name) for name in CARD_PACKAGES
    }
    return {**card, "features": {**described, "set": features}, "versions": versions, "int8": int8}


def _npz(arrays: Mapping[str, NDArray[Any]]) -> bytes:
    """Arrays as NPZ; the same arrays give the same bytes."""
    content = io.BytesIO()
    # mypy of numpy 2.0 takes the name of an array for `allow_pickle`.
    np.savez(content, **arrays)  # type: ignore[arg-type]
    return content.getvalue()
