"""Test vectors: synthetic inputs and the outputs of the lab, which any runtime must reproduce.

vectors   sound (samples,) int16, if sordino has the extractor; x (n, dims), the first row is that
          of the sound; z (n, d); for each policy, in the order of policies.json, released_0 (n, k),
          released_1, ...
clips     audio (steps, width) and text if there is such a stream; released_0 (1, k), ...
both      key_0, ... (16,) uint8: the key of the random draw, least byte first
          for vectors chance_0 (n, 3): `keyed_random.uniform`

If weights are rounded to 8 bits (`int8` in the card) the lab has no such release: the outputs are
then those of the bundle itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from sordino import keyed_random
from sordino.device.bundle.bundle import Bundle
from sordino.device.bundle.test_vectors import TOLERANCE
from sordino.device.extractors import extractor
from sordino.device.key import KEY_BYTES
from sordino.device.serving import ClipServing, VectorServing
from sordino.device.sound.synthesis import synthetic
from sordino.errors import BundleError, DependencyError
from sordino.features import Normalise, Preprocess
from sordino.nn.sequences import Sequences
from sordino.release import Embedding, Release

ROWS: Final = 8
SOUND_SECONDS: Final = 1.0
CLIP_STEPS: Final = 23

_Arrays = dict[str, NDArray[Any]]


def make_test_vectors(
    bundle: Bundle,
    preprocess: Preprocess | Normalise | None,
    releases: Mapping[str, Release | Embedding],
    seed: int,
) -> _Arrays:
    """The test vectors of a bundle.

    Raises `BundleError` where a bundle without rounding gives other numbers than the lab.
    """
    sound = _sound(bundle, seed)
    if "streams" in bundle.card["features"]:
        return _of_clips(bundle, preprocess, releases, sound, seed)
    return _of_vectors(bundle, preprocess, releases, sound, seed)


def _of_vectors(
    bundle: Bundle, preprocess: Any, releases: Mapping[str, Any], sound: _Arrays, seed: int
) -> _Arrays:
    dims = bundle.card["features"]["dims"]
    x: NDArray[Any] = np.random.default_rng(seed).normal(size=(ROWS, dims))
    if isinstance(preprocess, Preprocess):  # in the range of speech, by the scaler
        spread = np.divide(1, preprocess.factor, out=np.zeros(dims), where=preprocess.factor > 0)
        x = preprocess.offset + (0.5 + 0.3 * x) * spread
    x = x.astype(np.float32)
    if sound:
        x[0] = extractor(bundle)(_samples(sound))
    arrays: _Arrays = {**sound, "x": x}
    for index, (name, release) in enumerate(releases.items()):
        key = int(release.config.get("key", 0))
        runtime = VectorServing(bundle, bundle.policies[name], key)
        z = runtime.scaled(x)
        if not bundle.card["int8"]:
            lab: NDArray[np.float32] = preprocess(x) if preprocess else x
            _agree(name, z, lab)
            z = lab
        released = runtime.released(z)
        if not bundle.card["int8"]:
            lab = release(z)
            _agree(name, released, lab)
            released = lab
        arrays |= {"z": z, f"released_{index}": released, f"key_{index}": _bytes(key)}
        arrays[f"chance_{index}"] = keyed_random.uniform(z, key, 3)
    return arrays


def _of_clips(
    bundle: Bundle, preprocess: Any, releases: Mapping[str, Any], sound: _Arrays, seed: int
) -> _Arrays:
    random = np.random.default_rng(seed)
    widths: dict[str, int] = bundle.card["features"]["streams"]
    clip = {
        name: random.normal(size=(CLIP_STEPS, width)).astype(np.float32)
        for name, width in widths.items()
    }
    if sound and "audio" in clip:
        clip["audio"] = extractor(bundle)(_samples(sound))
    arrays: _Arrays = {**sound, **clip}
    scaled = {**clip, "audio": preprocess([clip["audio"]])[0]} if preprocess else clip
    for index, (name, release) in enumerate(releases.items()):
        runtime = ClipServing(bundle, bundle.policies[name], 0)
        released = runtime.released(scaled)
        if not bundle.card["int8"]:
            lab = release(
                Sequences.of(**{stream: [values] for stream, values in scaled.items()}), key=0
            )
            _agree(name, runtime.scaled(clip).get("audio", lab), scaled.get("audio", lab))
            _agree(name, released, lab)
            released = lab
        arrays |= {f"released_{index}": released, f"key_{index}": _bytes(0)}
    return arrays


def _bytes(key: int) -> NDArray[np.uint8]:
    """A key as bytes for BLAKE2b: arrays have no integers of 128 bits."""
    return np.frombuffer(key.to_bytes(KEY_BYTES, "little"), np.uint8)


def _sound(bundle: Bundle, seed: int) -> _Arrays:
    """Samples as 16-bit integers, if their features can be computed here."""
    try:
        rate = extractor(bundle).sampling_rate
        sound = {"sound": (synthetic(SOUND_SECONDS, rate, seed) * 32768).astype(np.int16)}
        extractor(bundle)(_samples(sound))
    except (BundleError, DependencyError):  # features of another package
        return {}
    return sound


def _samples(sound: _Arrays) -> NDArray[np.float32]:
    return sound["sound"].astype(np.float32) / np.float32(32768)


def _agree(name: str, device: NDArray[Any], lab: NDArray[Any]) -> None:
    if not np.allclose(device, lab, rtol=TOLERANCE, atol=TOLERANCE):
        raise BundleError(
            f"policy {name}: the bundle differs from the lab by up to "
            f"{np.abs(device - lab).max():.2g}, expected at most {TOLERANCE:g}: report it with the "
            "release that was exported"
        )
