"""Test vectors: what a bundle must make of synthetic input, computed in the lab, so that any
runtime can prove itself.

vectors   sound (samples,) int16, where sordino has the extractor; x (n, dims), whose first row is that of the sound;
          z (n, d); and by policy, in the order of policies.json, released_0 (n, k), released_1, ...
clips     audio (steps, width) and text where there is such a stream; released_0 (1, k), ...
both      key_0, ... (16,) uint8: the key that chance was drawn with, least byte first
          for vectors chance_0 (n, 3): `signal.chance.uniform`

Where weights are rounded to 8 bits (`int8` in the card) the lab has no such release: the numbers
are then those of the bundle itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from sordino.device.bundle.bundle import Bundle
from sordino.device.bundle.test_vectors import TOLERANCE
from sordino.device.extractors import extractor
from sordino.device.key import SIZE
from sordino.device.serving import ClipServing, VectorServing
from sordino.device.sound.synthesis import synthetic
from sordino.errors import BundleError, DependencyError
from sordino.features import Normalise, Preprocess
from sordino.nn.sequences import Sequences
from sordino.release import Embedding, Release
from sordino.signal import keyed_random

ROWS: Final = 8
SECONDS: Final = 1.0
STEPS: Final = 23

Arrays = dict[str, NDArray[Any]]


def proof(
    made: Bundle,
    preprocess: Preprocess | Normalise | None,
    releases: Mapping[str, Release | Embedding],
    seed: int,
) -> Arrays:
    """The test vectors of a bundle. Raises `BundleError` where an unrounded one gives other numbers
    than the lab.
    """
    sound = _sound(made, seed)
    if "streams" in made.card["features"]:
        return _of_clips(made, preprocess, releases, sound, seed)
    return _of_vectors(made, preprocess, releases, sound, seed)


def _of_vectors(
    made: Bundle, preprocess: Any, releases: Mapping[str, Any], sound: Arrays, seed: int
) -> Arrays:
    dims = made.card["features"]["dims"]
    x: NDArray[Any] = np.random.default_rng(seed).normal(size=(ROWS, dims))
    if isinstance(preprocess, Preprocess):  # where speech lies, as a scaler sees it
        spread = np.divide(1, preprocess.factor, out=np.zeros(dims), where=preprocess.factor > 0)
        x = preprocess.offset + (0.5 + 0.3 * x) * spread
    x = x.astype(np.float32)
    if sound:
        x[0] = extractor(made.card["features"])(_samples(sound))
    found: Arrays = {**sound, "x": x}
    for place, (name, release) in enumerate(releases.items()):
        key = int(release.config.get("key", 0))
        runtime = VectorServing(made, made.policies[name], key)
        z = runtime.scaled(x)
        if not made.card["int8"]:
            lab: NDArray[np.float32] = preprocess(x) if preprocess else x
            _agree(name, z, lab)
            z = lab
        released = runtime.released(z)
        if not made.card["int8"]:
            lab = release(z)
            _agree(name, released, lab)
            released = lab
        found |= {"z": z, f"released_{place}": released, f"key_{place}": _bytes(key)}
        found[f"chance_{place}"] = keyed_random.uniform(z, key, 3)
    return found


def _of_clips(
    made: Bundle, preprocess: Any, releases: Mapping[str, Any], sound: Arrays, seed: int
) -> Arrays:
    random = np.random.default_rng(seed)
    widths: dict[str, int] = made.card["features"]["streams"]
    clip = {
        name: random.normal(size=(STEPS, width)).astype(np.float32)
        for name, width in widths.items()
    }
    if sound and "audio" in clip:
        clip["audio"] = extractor(made.card["features"])(_samples(sound))
    found: Arrays = {**sound, **clip}
    scaled = {**clip, "audio": preprocess([clip["audio"]])[0]} if preprocess else clip
    for place, (name, release) in enumerate(releases.items()):
        runtime = ClipServing(made, made.policies[name], 0)
        released = runtime.released(scaled)
        if not made.card["int8"]:
            lab = release(
                Sequences.of(**{stream: [values] for stream, values in scaled.items()}), key=0
            )
            _agree(name, runtime.scaled(clip).get("audio", lab), scaled.get("audio", lab))
            _agree(name, released, lab)
            released = lab
        found |= {f"released_{place}": released, f"key_{place}": _bytes(0)}
    return found


def _bytes(key: int) -> NDArray[np.uint8]:
    """A key as arrays hold it, and as BLAKE2b takes it: no integer of theirs has 128 bits."""
    return np.frombuffer(key.to_bytes(SIZE, "little"), np.uint8)


def _sound(made: Bundle, seed: int) -> Arrays:
    """Samples as 16-bit integers, where their features can be computed here."""
    try:
        rate = extractor(made.card["features"]).sampling_rate
        sound = {"sound": (synthetic(SECONDS, rate, seed) * 32768).astype(np.int16)}
        extractor(made.card["features"])(_samples(sound))
    except (BundleError, DependencyError):  # vectors made elsewhere
        return {}
    return sound


def _samples(sound: Arrays) -> NDArray[np.float32]:
    return sound["sound"].astype(np.float32) / np.float32(32768)


def _agree(name: str, device: NDArray[Any], lab: NDArray[Any]) -> None:
    if not np.allclose(device, lab, rtol=TOLERANCE, atol=TOLERANCE):
        raise BundleError(
            f"policy {name}: the bundle differs from the lab by up to "
            f"{np.abs(device - lab).max():.2g}, expected at "
            f"most {TOLERANCE:g}: report it with the release that was exported"
        )
