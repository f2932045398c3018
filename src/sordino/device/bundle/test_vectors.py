"""The test vectors of a bundle must be reproduced before anything is released.

The lab writes the vectors (`sordino.export.parity`). They detect, before the first utterance of a
user, a device with other arithmetic, a damaged library, a model that is not the exported one, and
noise that is too weak. An attacker can write vectors that fit a forged model; only a signature
detects that.

    x (or a clip)          -> scaled space, within `TOLERANCE` of the stored scaled space
    stored scaled space    -> released vectors with the stored key, within `TOLERANCE` of the
                              stored released vectors

Models of older bundles of 8 bits round their inputs, and their numbers depend on the processor.
There the scaled space may differ on average by `ROUNDED` of its spread, and released vectors are
checked for shape and finite numbers only.
"""

from __future__ import annotations

import copy
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from sordino.device.bundle.bundle import VECTORS_FILE, Bundle
from sordino.device.serving import ClipServing, VectorServing
from sordino.errors import BundleError, ReleaseError
from sordino.onnx.model import rounds_inputs
from sordino.types import Arrays

TOLERANCE: Final = 1e-4
"""The tolerance between the numbers of a bundle and the lab, absolute and relative."""

ROUNDED: Final = 0.1
"""The tolerance of the scaled space of a bundle of 8 bits: the root mean square of the difference,
in units of its spread.
"""

MOST_ROWS: Final = 256
"""The limit of rows of test vectors, which limits the time of a start."""

WEAKEST: Final = 0.01
"""The least noise, in units of the spread of the test vectors in the scaled space, or of the size
(root mean square) of the released vector of a clip.
"""

_KEY_BYTES: Final = 16
_IDENTICAL: Final = 1e-6


def check_test_vectors(bundle: Bundle, serving: VectorServing | ClipServing) -> None:
    """Raise `BundleError` where a policy does not reproduce the test vectors of its bundle."""
    if VECTORS_FILE not in bundle.files:
        raise BundleError(
            f"{VECTORS_FILE} is missing, expected the test vectors of the bundle: write the bundle "
            "again"
        )
    arrays, name = bundle.arrays(VECTORS_FILE), serving.entry.name
    index = list(bundle.policies).index(name)
    try:
        key, released = arrays[f"key_{index}"], arrays[f"released_{index}"]
        if (
            key.dtype != np.uint8
            or key.shape != (_KEY_BYTES,)
            or not 1 <= len(released) <= MOST_ROWS
        ):
            raise BundleError(
                f"{VECTORS_FILE}: a key or rows that are none, expected those of the lab: write it "
                "again"
            )
        probe = copy.copy(serving)
        probe.key = int.from_bytes(key.tobytes(), "little")
        exact = not any(
            rounds_inputs(content)
            for name, content in bundle.files.items()
            if name.endswith(".onnx")
        )
        if isinstance(probe, VectorServing):
            _prove_table(probe, arrays["x"], arrays["z"], released, exact)
        else:
            _prove_clip(
                probe, {stream: arrays[stream] for stream in probe.streams}, released, exact
            )
    except KeyError as error:
        raise BundleError(
            f"{VECTORS_FILE}: {error.args[0]} is missing for policy {name}, expected test vectors: "
            "write the bundle again"
        ) from error
    except ReleaseError as error:
        raise BundleError(f"policy {name} fails on its own test vectors: {error}") from error


def _prove_table(serving: VectorServing, x: Any, z: Any, released: Any, exact: bool) -> None:
    entry = serving.entry
    for name, array, width in (
        ("x", x, serving.dims),
        ("z", z, entry.width),
        ("released", released, entry.width),
    ):
        if (
            array.shape != (len(released), width)
            or array.dtype != np.float32
            or not np.isfinite(array).all()
        ):
            raise BundleError(
                f"{VECTORS_FILE}: {name} of shape {array.shape} and type {array.dtype}, expected "
                f"finite float32 {(len(released), width)}: write the bundle again"
            )
    spread = float(z.std())
    scaled = serving.scaled(x)
    if exact:
        _agree(entry.name, "scaled space", scaled, z)
    elif (apart := float(np.sqrt(((scaled - z) ** 2).mean()))) > ROUNDED * spread:
        raise BundleError(
            f"policy {entry.name}: the scaled space of 8 bits differs by {apart:.2g} on average, "
            f"expected at most {ROUNDED * spread:.2g}: copy the bundle anew, or fit it again"
        )
    scale = entry.chance.get("scale")
    if entry.preprocess and scale is not None and scale < WEAKEST * spread:
        raise BundleError(
            f"policy {entry.name}: noise of scale {scale:g} on numbers of spread {spread:g}, "
            "expected more: do not use the bundle"
        )
    output = serving.released(z)
    if entry.family != "none" and np.allclose(output, z, rtol=_IDENTICAL, atol=_IDENTICAL * spread):
        raise BundleError(
            f"policy {entry.name} of family {entry.family!r} releases its input as it is, expected "
            "that of 'none' alone: do not use the bundle"
        )
    if exact:
        _agree(entry.name, "released vectors", output, released)


def _prove_clip(serving: ClipServing, clip: Arrays, released: Any, exact: bool) -> None:
    for stream, values in clip.items():
        if (
            values.ndim != 2
            or values.dtype != np.float32
            or not 1 <= len(values) <= 100 * MOST_ROWS
        ):
            raise BundleError(
                f"{VECTORS_FILE}: {stream} of shape {values.shape} and type {values.dtype}, "
                "expected float32 (steps, width): write the bundle again"
            )
    output = serving.released(serving.scaled(clip))
    if released.shape != output.shape or released.dtype != np.float32:
        raise BundleError(
            f"{VECTORS_FILE}: a released vector of shape {released.shape}, expected "
            f"{output.shape}: write the bundle again"
        )
    spread, size = serving.entry.chance.get("spread"), float(np.sqrt(np.mean(output**2)))
    if spread is not None and spread < WEAKEST * size:
        raise BundleError(
            f"policy {serving.entry.name}: noise of spread {spread:g} on numbers of size "
            f"{size:.2g}, expected more: do not use the bundle"
        )
    if exact:
        _agree(serving.entry.name, "released vectors", output, released)


def _agree(name: str, label: str, device: NDArray[Any], lab: NDArray[Any]) -> None:
    if not np.allclose(device, lab, rtol=TOLERANCE, atol=TOLERANCE):
        raise BundleError(
            f"policy {name}: {label} differ from the bundle's test vectors by up to "
            f"{np.abs(device - lab).max():.2g}, expected at most {TOLERANCE:g}: copy the bundle "
            "anew, or fit it again"
        )
