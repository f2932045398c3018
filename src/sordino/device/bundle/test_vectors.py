"""A bundle proves itself: before anything is released it gives the outputs that its own test
vectors ask for.

The lab writes the vectors (`sordino.export.parity`). They find, before a user's first utterance, a
device whose arithmetic differs, a damaged library, a model that is not the exported one, and noise
too weak to hide anything. An attacker writes vectors that fit a forged model; only a signature
tells that.

    x (or a clip) -> scaled space, within `TOLERANCE` of the stored one stored scaled space ->
    released vectors, under the stored key, within `TOLERANCE` of the stored ones

Models of older bundles of 8 bits round their inputs, and their numbers depend on the processor:
there the scaled space may differ on average by `ROUNDED` of its spread, and released vectors need
only be of the right shape and finite.
"""

from __future__ import annotations

import copy
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from sordino.device.bundle.bundle import VECTORS, Bundle
from sordino.device.onnx.model import rounds_inputs
from sordino.device.serving import ClipServing, VectorServing
from sordino.errors import BundleError, ReleaseError

TOLERANCE: Final = 1e-4
"""How far a bundle's numbers may lie from the lab's, absolutely or relative to each."""

ROUNDED: Final = 0.1
"""How far the scaled space of a bundle of 8 bits may lie from the lab's on average, in units of its
spread.
"""

MOST: Final = 256
"""Rows of test vectors; a bundle that asks a device to start for longer is refused."""

WEAKEST: Final = 0.01
"""The least noise, in units of the spread of the test vectors in the scaled space, or of the size
(root mean square) of the released vector of a clip.
"""

_KEY: Final = 16  # bytes
_SAME: Final = 1e-6

Arrays = dict[str, NDArray[Any]]


def prove(bundle: Bundle, serving: VectorServing | ClipServing) -> None:
    """Raise `BundleError` where a policy does not give what the bundle's test vectors ask for."""
    if VECTORS not in bundle.files:
        raise BundleError(
            f"{VECTORS} is missing, expected the test vectors of the bundle: write the bundle again"
        )
    arrays, name = bundle.arrays(VECTORS), serving.served.name
    place = list(bundle.policies).index(name)
    try:
        key, released = arrays[f"key_{place}"], arrays[f"released_{place}"]
        if key.dtype != np.uint8 or key.shape != (_KEY,) or not 1 <= len(released) <= MOST:
            raise BundleError(
                f"{VECTORS}: a key or rows that are none, expected those of the lab: write it again"
            )
        proven = copy.copy(serving)
        proven.key = int.from_bytes(key.tobytes(), "little")
        exact = not any(
            rounds_inputs(content)
            for name, content in bundle.files.items()
            if name.endswith(".onnx")
        )
        if isinstance(proven, VectorServing):
            _prove_table(proven, arrays["x"], arrays["z"], released, exact)
        else:
            _prove_clip(
                proven, {stream: arrays[stream] for stream in proven.streams}, released, exact
            )
    except KeyError as error:
        raise BundleError(
            f"{VECTORS}: {error.args[0]} is missing for policy {name}, expected test vectors: "
            "write the bundle again"
        ) from error
    except ReleaseError as error:
        raise BundleError(f"policy {name} fails on its own test vectors: {error}") from error


def _prove_table(serving: VectorServing, x: Any, z: Any, released: Any, exact: bool) -> None:
    served = serving.served
    for name, array, width in (
        ("x", x, serving.dims),
        ("z", z, served.width),
        ("released", released, served.width),
    ):
        if (
            array.shape != (len(released), width)
            or array.dtype != np.float32
            or not np.isfinite(array).all()
        ):
            raise BundleError(
                f"{VECTORS}: {name} of shape {array.shape} and type {array.dtype}, expected finite "
                "float32 "
                f"{(len(released), width)}: write the bundle again"
            )
    spread = float(z.std())
    scaled = serving.scaled(x)
    if exact:
        _agree(served.name, "scaled space", scaled, z)
    elif (apart := float(np.sqrt(((scaled - z) ** 2).mean()))) > ROUNDED * spread:
        raise BundleError(
            f"policy {served.name}: the scaled space of 8 bits differs by {apart:.2g} on average, "
            "expected at most "
            f"{ROUNDED * spread:.2g}: copy the bundle anew, or fit it again"
        )
    scale = served.chance.get("scale")
    if served.preprocess and scale is not None and scale < WEAKEST * spread:
        raise BundleError(
            f"policy {served.name}: noise of scale {scale:g} on numbers of spread {spread:g}, "
            "expected more: "
            "do not use the bundle"
        )
    output = serving.released(z)
    if served.family != "none" and np.allclose(output, z, rtol=_SAME, atol=_SAME * spread):
        raise BundleError(
            f"policy {served.name} of family {served.family!r} releases its input as it is, "
            "expected "
            "that of 'none' alone: do not use the bundle"
        )
    if exact:
        _agree(served.name, "released vectors", output, released)


def _prove_clip(serving: ClipServing, clip: Arrays, released: Any, exact: bool) -> None:
    for stream, values in clip.items():
        if values.ndim != 2 or values.dtype != np.float32 or not 1 <= len(values) <= 100 * MOST:
            raise BundleError(
                f"{VECTORS}: {stream} of shape {values.shape} and type {values.dtype}, expected "
                "float32 "
                "(steps, width): write the bundle again"
            )
    output = serving.released(serving.scaled(clip))
    if released.shape != output.shape or released.dtype != np.float32:
        raise BundleError(
            f"{VECTORS}: a released vector of shape {released.shape}, expected {output.shape}: "
            "write the "
            "bundle again"
        )
    spread, size = serving.served.chance.get("spread"), float(np.sqrt(np.mean(output**2)))
    if spread is not None and spread < WEAKEST * size:
        raise BundleError(
            f"policy {serving.served.name}: noise of spread {spread:g} on numbers of size "
            f"{size:.2g}, expected more: do not use the bundle"
        )
    if exact:
        _agree(serving.served.name, "released vectors", output, released)


def _agree(name: str, what: str, device: NDArray[Any], lab: NDArray[Any]) -> None:
    if not np.allclose(device, lab, rtol=TOLERANCE, atol=TOLERANCE):
        raise BundleError(
            f"policy {name}: {what} differ from the bundle's test vectors by up to "
            f"{np.abs(device - lab).max():.2g}, "
            f"expected at most {TOLERANCE:g}: copy the bundle anew, or fit it again"
        )
