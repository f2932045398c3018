"""From features to the released vector: the models of one policy, and the keyed random draw after.

vectors   x (n, dims) -> preprocess -> z (n, d) -> model -> outputs -> draw -> released (n, k)
clips     by stream (steps, width) -> preprocess -> model -> outputs (1, k) -> draw -> released
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sordino import keyed_random
from sordino.device.bundle.archive import sha256
from sordino.device.bundle.bundle import Bundle, PolicyEntry
from sordino.device.channel import Channel
from sordino.errors import BundleError, ReleaseError
from sordino.onnx.model import Model, is_finite
from sordino.types import Arrays, Vectors

Clip = Mapping[str, NDArray[np.floating]]

LOUDEST: Final = 1e9
"""The largest number of a scaled clip. Speech never reaches it. Far beyond it networks overflow,
and layers of ONNX Runtime turn NaN into numbers.
"""

POINTS: Final = 1 << 12
"""Points of the scaled space in memory, the latest ones."""

_FLOAT32: Final = np.dtype(np.float32)
_INT64: Final = np.dtype(np.int64)


class Draw(NamedTuple):
    """The keyed random draw of one policy: its settings, and the arrays that it draws from."""

    settings: Mapping[str, Any]
    arrays: Arrays
    rows: Mapping[int, Sequence[int]]
    """Rows of the prototypes by bin; empty without prototypes."""


def _deterministic(z: Any, outputs: Arrays, key: int, draw: Draw) -> Vectors:  # noqa: ARG001
    return outputs["out"]


def _noise(z: Any, outputs: Arrays, key: int, draw: Draw) -> Vectors:
    settings = draw.settings
    return outputs["out"] + keyed_random.noise(z, key, settings["noise"], settings["scale"])


def _prototype(z: Any, outputs: Arrays, key: int, draw: Draw) -> Vectors:
    epsilon = float(draw.settings["epsilon"])
    prototypes = draw.arrays["prototypes"]
    return keyed_random.draw(z, outputs["bin"], key, prototypes, draw.rows, epsilon)


def _mixture(z: Any, outputs: Arrays, key: int, draw: Draw) -> Vectors:
    prototype, share = _prototype(z, outputs, key, draw), draw.settings["share"]
    return keyed_random.mix(z, key, prototype, outputs["out"], draw.arrays["factor"], share)


def _clip_noise(z: Any, outputs: Arrays, key: int, draw: Draw) -> Vectors:
    out: Vectors = outputs["out"]
    spread = np.float32(draw.settings["spread"])
    return out + spread * keyed_random.clip_noise(z, key, out.shape[1])


def _clip_prototype(z: Any, outputs: Arrays, key: int, draw: Draw) -> Vectors:
    return _prototype([keyed_random.flatten(z)], outputs, key, draw)


RELEASE_KINDS: Final[dict[str, Callable[[Any, Arrays, int, Draw], Vectors]]] = {
    "none": _deterministic,
    "noise": _noise,
    "drawn": _prototype,
    "mixed": _mixture,
    "clip-noise": _clip_noise,
    "clip-drawn": _clip_prototype,
}
"""Keyed random draws by the `kind` that a bundle names. Each takes the scaled space (or the clip),
the outputs of the model and a key, and returns the released vectors. The functions are those of
training (`sordino.keyed_random`).
"""


class _Serving:
    """The models of one policy, loaded."""

    def __init__(self, bundle: Bundle, entry: PolicyEntry, key: int) -> None:
        self.entry, self.key = entry, key
        self.preprocess = (
            Model(bundle.files[entry.preprocess], entry.preprocess) if entry.preprocess else None
        )
        self.model = Model(bundle.files[entry.model], entry.model) if entry.model else None
        self.arrays: Arrays = bundle.arrays(entry.arrays) if entry.arrays else {}
        rows = keyed_random.rows_by_bin(self.arrays["bin"]) if "bin" in self.arrays else {}
        self._draw = Draw(entry.chance, self.arrays, rows)
        kind = entry.chance.get("kind")
        if kind not in RELEASE_KINDS:
            kinds = ", ".join(RELEASE_KINDS)
            raise BundleError(f"chance {kind!r}, expected one of {kinds}: update sordino")
        self._release = RELEASE_KINDS[kind]
        self._compares_points = self.preprocess is not None and kind != "none"
        self._points, self._lock = dict[int, int](), threading.Lock()
        self.channel: Channel | None = None

    def centre_by(self, channel: Channel) -> None:
        """Centre each utterance by the mean of the device. Raises `ReleaseError` without a scaled
        space of vectors.
        """
        if self.preprocess is None or not isinstance(self, VectorServing):
            raise ReleaseError(
                f"policy {self.entry.name} has no scaled space of vectors, expected one for a "
                "channel: leave the channel out"
            )
        self.channel = channel

    def check_point(self, features: bytes, z: bytes) -> None:
        """Raise `ReleaseError` where another input had the same point of the scaled space.

        The draw follows from that point. A forged scale that maps many inputs to few points would
        draw one vector for each point, and so reveal the point. A scale that was fitted maps
        different utterances to different points.
        """
        if not self._compares_points:
            return
        # 64 bits each; two points of one hash refuse a release and never allow one
        source, point = hash(features), hash(z)
        with self._lock:
            first = self._points.setdefault(point, source)
            if len(self._points) > POINTS:
                del self._points[next(iter(self._points))]
        if first != source:
            raise ReleaseError(
                f"{self.entry.preprocess}: two utterances have the same point of the scaled space, "
                "expected one each: do not use the bundle"
            )

    def draw(self, z: Any, outputs: Arrays, count: int) -> Vectors:
        """The released vectors, `(count, k)`, from the outputs of the model."""
        if "bin" in outputs:
            self._check_bins(outputs["bin"], count)
        released = self._release(z, outputs, self.key, self._draw)
        if released.dtype != _FLOAT32:
            raise ReleaseError(
                f"a released array of type {released.dtype}, expected float32: write the bundle "
                "again"
            )
        if released.shape != (count, self.entry.width) or not is_finite(released):
            raise ReleaseError(
                f"a released array of shape {released.shape}, expected {self.entry.width} finite "
                "numbers a row: write the bundle again"
            )
        return released

    def _check_bins(self, bins: NDArray[Any], count: int) -> None:
        """Raise `ReleaseError` where a model decides for a bin without a prototype."""
        rows = self._draw.rows
        if (
            bins.shape != (count,)
            or bins.dtype != _INT64
            or not all(decision in rows for decision in bins.tolist())
        ):
            raise ReleaseError(
                f"a decision of shape {bins.shape} and type {bins.dtype}, expected one of "
                f"{len(rows)} bins for each row: nothing is released"
            )


class VectorServing(_Serving):
    """Serves vectors: one row an utterance."""

    def __init__(self, bundle: Bundle, entry: PolicyEntry, key: int) -> None:
        super().__init__(bundle, entry, key)
        self.dims = int(bundle.card["features"]["dims"])
        self._space = sha256(bundle.files[entry.preprocess]) if entry.preprocess else ""

    def scaled(self, x: NDArray[np.floating]) -> Vectors:
        """The scaled space, `(n, dims)` to `(n, d)`. It stays on the device."""
        return self._scaled(self._floats(x))

    def _scaled(self, x: Vectors) -> Vectors:
        return self.preprocess(x=x)["z"] if self.preprocess else x

    def released(self, z: Vectors, centred: Vectors | None = None) -> Vectors:
        """The released vectors of vectors in the scaled space, `(n, d)` to `(n, k)`.

        The model takes the `centred` vectors, if there are any. The draw follows from `z`.
        """
        centred = z if centred is None else centred
        return self.draw(z, self.model(z=centred) if self.model else {"out": centred}, len(z))

    def __call__(self, features: NDArray[np.floating]) -> Vectors:
        """The released vectors of features, `(n, dims)` to `(n, k)`, row by row.

        The last digits of a product follow from the number of rows, and the draw from the digits.
        """
        x = self._floats(features)
        if len(x) == 1:
            return self._row(x)
        return np.concatenate([self._row(x[row : row + 1]) for row in range(len(x))])

    def _row(self, x: Vectors) -> Vectors:
        z = self._scaled(x)
        self.check_point(x.tobytes(), z.tobytes())
        if self.channel is None:
            return self.released(z)
        return self.released(z, self.channel.centre(z, self._space))

    def _floats(self, x: NDArray[np.floating]) -> Vectors:
        """Features as float32. Raises `ReleaseError` for another shape, NaN and infinity."""
        if x.ndim != 2 or x.shape[1] != self.dims or not len(x) or x.dtype.kind != "f":
            raise ReleaseError(
                f"features of shape {x.shape} and type {x.dtype}, expected floats (n, "
                f"{self.dims}): extract what the bundle was fitted on"
            )
        if x.dtype != _FLOAT32:
            with np.errstate(over="ignore"):  # too large a number is refused as infinite
                x = x.astype(np.float32)
        x = np.ascontiguousarray(x)
        if not is_finite(x):
            raise ReleaseError(
                "features with NaN or infinity, expected finite numbers: leave those rows out"
            )
        return x


class ClipServing(_Serving):
    """Serves sequences: one clip a row, each a mapping from its streams to `(steps, width)`."""

    def __init__(self, bundle: Bundle, entry: PolicyEntry, key: int) -> None:
        super().__init__(bundle, entry, key)
        self.streams: dict[str, int] = dict(bundle.card["features"]["streams"])

    def scaled(self, clip: Clip) -> dict[str, Vectors]:
        """The streams of one clip on their scale."""
        return self._scaled(self._floats(clip))

    def _floats(self, clip: Clip) -> dict[str, Vectors]:
        """The streams as float32. Raises `ReleaseError` for other streams, NaN and infinity."""
        widths = {name: values.shape[1:] for name, values in clip.items()}
        if widths != {name: (width,) for name, width in self.streams.items()} or not all(
            map(len, clip.values())
        ):
            raise ReleaseError(
                f"streams {widths}, expected (steps, width) of {self.streams}, one step or more "
                "each"
            )
        floats = {name: np.ascontiguousarray(clip[name], np.float32) for name in self.streams}
        if not all(map(is_finite, floats.values())):
            raise ReleaseError("a clip with NaN or infinity, expected finite numbers: leave it out")
        return floats

    def _scaled(self, clip: Mapping[str, Vectors]) -> dict[str, Vectors]:
        scaled = dict(clip)
        if self.preprocess:
            scaled["audio"] = self.preprocess(x=scaled["audio"])["y"]
        if not all((np.abs(values) <= LOUDEST).all() for values in scaled.values()):
            raise ReleaseError(
                f"a clip with numbers beyond {LOUDEST:g}, expected speech: leave it out"
            )
        return scaled

    def released(self, clip: Mapping[str, Vectors]) -> Vectors:
        """The released vector of one clip on its scale, `(1, k)`. Alone it needs no padding."""
        if self.model is None:
            raise ReleaseError("no model for clips, expected one: write the bundle again")
        inputs: dict[str, NDArray[Any]] = {}
        for name, values in clip.items():
            inputs |= {name: values[None], f"{name}_length": np.array([len(values)], np.int64)}
        return self.draw(clip, self.model(**inputs), 1)

    def __call__(self, clips: Sequence[Clip]) -> Vectors:
        """The released vectors of clips, `(n, k)`."""
        if not len(clips):
            raise ReleaseError("no clips, expected one or more: leave the call out")
        return np.concatenate([self._clip(clip) for clip in clips])

    def _clip(self, clip: Clip) -> Vectors:
        floats = self._floats(clip)
        scaled = self._scaled(floats)
        self.check_point(_joined(floats), _joined(scaled))
        return self.released(scaled)


def _joined(streams: Mapping[str, Vectors]) -> bytes:
    return b"".join(values.tobytes() for values in streams.values())
