"""From features to the released vector: the models of one policy, and the keyed random draw after.

vectors   x (n, dims) -> preprocess -> z (n, d) -> model -> outputs -> draw -> released (n, k)
clips     by stream (steps, width) -> preprocess -> model -> outputs (1, k) -> draw -> released
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sordino import keyed_random
from sordino.device.bundle.archive import sha256
from sordino.device.bundle.bundle import Bundle, PolicyEntry
from sordino.errors import BundleError, ReleaseError
from sordino.onnx.model import Model, is_finite
from sordino.types import Arrays, Vectors

if TYPE_CHECKING:
    from sordino.device.channel import Channel

Clip = Mapping[str, NDArray[np.floating]]

LOUDEST: Final = 1e9
"""The largest number of a scaled clip. Speech never reaches it. Far beyond it networks overflow,
and layers of ONNX Runtime turn NaN into numbers.
"""

_FLOAT32: Final = np.dtype(np.float32)
_INT64: Final = np.dtype(np.int64)


class Draw(NamedTuple):
    """The keyed random draw of one policy: its settings, and the arrays that it draws from."""

    settings: Mapping[str, Any]
    """The settings of the draw in the bundle."""
    arrays: Arrays
    """The arrays of the policy by name."""
    rows: Mapping[int, Sequence[int]]
    """Rows of the prototypes by bin; empty without prototypes."""


def _deterministic(source: Any, outputs: Arrays, key: int, draw: Draw) -> Vectors:  # noqa: ARG001
    return outputs["out"]


def _noise(source: Any, outputs: Arrays, key: int, draw: Draw) -> Vectors:
    settings = draw.settings
    return outputs["out"] + keyed_random.noise(
        source, key, settings["noise"], settings["scale"], outputs["out"].shape[1]
    )


def _prototype(source: Any, outputs: Arrays, key: int, draw: Draw) -> Vectors:
    epsilon = float(draw.settings["epsilon"])
    prototypes = draw.arrays["prototypes"]
    return keyed_random.draw(source, outputs["bin"], key, prototypes, draw.rows, epsilon)


def _mixture(source: Any, outputs: Arrays, key: int, draw: Draw) -> Vectors:
    prototype, share = _prototype(source, outputs, key, draw), draw.settings["share"]
    return keyed_random.mix(source, key, prototype, outputs["out"], draw.arrays["factor"], share)


def _clip_noise(source: Any, outputs: Arrays, key: int, draw: Draw) -> Vectors:
    out: Vectors = outputs["out"]
    spread = np.float32(draw.settings["spread"])
    return out + spread * keyed_random.clip_noise(source, key, out.shape[1])


def _clip_prototype(source: Any, outputs: Arrays, key: int, draw: Draw) -> Vectors:
    return _prototype([keyed_random.flatten(source)], outputs, key, draw)


RELEASE_KINDS: Final[dict[str, Callable[[Any, Arrays, int, Draw], Vectors]]] = {
    "none": _deterministic,
    "noise": _noise,
    "drawn": _prototype,
    "mixed": _mixture,
    "clip-noise": _clip_noise,
    "clip-drawn": _clip_prototype,
}
"""Keyed random draws by the `kind` that a bundle names. Each takes the source of the draw (features
or a clip), the outputs of the model and a key, and returns the released vectors. Training has the
same functions (`sordino.keyed_random`).
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
        self.channel: Channel | None = None

    def centre_by(self, channel: Channel) -> None:
        """Centre each utterance by the mean of the device. Raises `ReleaseError` without a scaled
        space of vectors, and with a finite `epsilon`: a recording that is decided twice under one
        key would tell whether its decision changed.
        """
        if float(self._draw.settings.get("epsilon", "inf")) != float("inf"):
            raise ReleaseError(
                f"policy {self.entry.name} has a finite epsilon, which does not hold beside a "
                "channel: leave the channel out"
            )
        if self.preprocess is None or not isinstance(self, VectorServing):
            raise ReleaseError(
                f"policy {self.entry.name} has no scaled space of vectors, expected one for a "
                "channel: leave the channel out"
            )
        self.channel = channel

    def draw(self, source: Any, outputs: Arrays, count: int) -> Vectors:
        """The released vectors, `(count, k)`, from the outputs of the model."""
        if "bin" in outputs:
            self._check_bins(outputs["bin"], count)
        released = self._release(source, outputs, self.key, self._draw)
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

    def released(self, z: Vectors, source: Vectors | None = None) -> Vectors:
        """The released vectors of vectors in the scaled space, `(n, d)` to `(n, k)`.

        The draw follows from `source`, `(n, any)`; from `z` itself where there is none, as in the
        lab and in test vectors.
        """
        outputs = self.model(z=z) if self.model else {"out": z}
        return self.draw(z if source is None else source, outputs, len(z))

    def __call__(self, features: NDArray[np.floating]) -> Vectors:
        """The released vectors of features, `(n, dims)` to `(n, k)`, row by row.

        The last digits of a product follow from the number of rows, and decisions from the digits.
        The draw follows from the features, which no model of the bundle computes: a forged scale
        cannot choose it.
        """
        x = self._floats(features)
        if len(x) == 1:
            return self._row(x)
        return np.concatenate([self._row(x[row : row + 1]) for row in range(len(x))])

    def _row(self, x: Vectors) -> Vectors:
        z = self._scaled(x)
        return self.released(z if self.channel is None else self.channel.centre(z, self._space), x)

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

    def released(
        self, clip: Mapping[str, Vectors], source: Mapping[str, Vectors] | None = None
    ) -> Vectors:
        """The released vector of one clip on its scale, `(1, k)`. Alone it needs no padding.

        The draw follows from the clip `source`; from `clip` itself where there is none.
        """
        if self.model is None:
            raise ReleaseError("no model for clips, expected one: write the bundle again")
        inputs: dict[str, NDArray[Any]] = {}
        for name, values in clip.items():
            inputs |= {name: values[None], f"{name}_length": np.array([len(values)], np.int64)}
        return self.draw(clip if source is None else source, self.model(**inputs), 1)

    def __call__(self, clips: Sequence[Clip]) -> Vectors:
        """The released vectors of clips, `(n, k)`."""
        if not len(clips):
            raise ReleaseError("no clips, expected one or more: leave the call out")
        return np.concatenate([self._clip(clip) for clip in clips])

    def _clip(self, clip: Clip) -> Vectors:
        floats = self._floats(clip)
        return self.released(self._scaled(floats), floats)
