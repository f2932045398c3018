"""From features to what goes out: the models of one policy, and chance where they leave off.

vectors   x (n, dims) -> preprocess -> z (n, d) -> model -> out -> chance -> released (n, k)
clips     by stream (steps, width) -> preprocess -> model -> out (1, k) -> chance -> released
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from sordino.device.bundle.bundle import Bundle, Served
from sordino.device.onnx.model import Model
from sordino.errors import BundleError, ReleaseError
from sordino.signal import keyed_random
from sordino.types import Arrays, Vectors

Settings = Mapping[str, Any]
Made = Mapping[str, NDArray[Any]]
"""What a model made, by the name of the output."""

Clip = Mapping[str, NDArray[np.floating]]

LARGEST: Final = 1e9
"""Of the numbers of a scaled clip, which speech never reaches: far beyond it networks overflow, and
what is no number then comes out of ONNX Runtime's layers as one.
"""


POINTS: Final = 1 << 12
"""Points of the scaled space in memory, the latest ones."""


def _as_it_is(z: Any, made: Made, key: int, settings: Settings, arrays: Arrays) -> Vectors:  # noqa: ARG001
    return made["out"]


def _noise(z: Any, made: Made, key: int, settings: Settings, arrays: Arrays) -> Vectors:  # noqa: ARG001
    return made["out"] + keyed_random.noise(z, key, settings["noise"], settings["scale"])


def _drawn(z: Any, made: Made, key: int, settings: Settings, arrays: Arrays) -> Vectors:
    epsilon = float(settings["epsilon"])
    return keyed_random.draw(z, made["bin"], key, arrays["prototypes"], arrays["bin"], epsilon)


def _mixed(z: Any, made: Made, key: int, settings: Settings, arrays: Arrays) -> Vectors:
    prototype = _drawn(z, made, key, settings, arrays)
    return keyed_random.mix(z, key, prototype, made["out"], arrays["factor"], settings["share"])


def _clip_noise(z: Any, made: Made, key: int, settings: Settings, arrays: Arrays) -> Vectors:  # noqa: ARG001
    out: Vectors = made["out"]
    return out + np.float32(settings["spread"]) * keyed_random.clip_noise(z, key, out.shape[1])


def _clip_drawn(z: Any, made: Made, key: int, settings: Settings, arrays: Arrays) -> Vectors:
    return _drawn([keyed_random.flatten(z)], made, key, settings, arrays)


CHANCE: Final[dict[str, Callable[[Any, Made, int, Settings, Arrays], Vectors]]] = {
    "none": _as_it_is,
    "noise": _noise,
    "drawn": _drawn,
    "mixed": _mixed,
    "clip-noise": _clip_noise,
    "clip-drawn": _clip_drawn,
}
"""How chance comes in, by the `kind` that a bundle names: from the scaled space (or the clip) and
what the model made of it to what goes out, by a key. The functions are those of training
(`sordino.signal.keyed_random`).
"""


class _Serving:
    """The models of one policy, loaded."""

    def __init__(self, bundle: Bundle, served: Served, key: int) -> None:
        self.served, self.key = served, key
        self.preprocess = (
            Model(bundle.files[served.preprocess], served.preprocess) if served.preprocess else None
        )
        self.model = Model(bundle.files[served.model], served.model) if served.model else None
        self.arrays = bundle.arrays(served.arrays) if served.arrays else {}
        self._points, self._lock = dict[int, int](), threading.Lock()
        self.bins = frozenset(self.arrays["bin"].tolist()) if "bin" in self.arrays else frozenset()
        if served.chance.get("kind") not in CHANCE:
            raise BundleError(
                f"chance {served.chance.get('kind')!r}, expected one of {', '.join(CHANCE)}: "
                "update sordino"
            )

    def distinct(self, given: bytes, z: bytes) -> None:
        """Raise `ReleaseError` where another input had the same point of the scaled space.

        Chance follows from that point. A forged scale that maps many inputs to few points would
        have one vector drawn for each, and so release which point it is. Scales that were fitted
        keep different utterances apart.
        """
        if not self.preprocess or self.served.chance["kind"] == "none":
            return
        source, point = (
            hash(given),
            hash(z),
        )  # 64 bits; a chance hit refuses, it releases nothing more
        with self._lock:
            known = self._points.setdefault(point, source)
            if len(self._points) > POINTS:
                del self._points[next(iter(self._points))]
        if known != source:
            raise ReleaseError(
                f"{self.served.preprocess}: two utterances have the same point of the scaled "
                "space, expected one each: "
                "do not use the bundle"
            )

    def chosen(self, z: Any, made: Made, rows: int) -> Vectors:
        """What goes out once chance has come in."""
        if "bin" in made:
            self._decided(made["bin"], rows)
        released = CHANCE[self.served.chance["kind"]](
            z, made, self.key, self.served.chance, self.arrays
        )
        if released.dtype != np.float32:
            raise ReleaseError(
                f"a released array of type {released.dtype}, expected float32: write the bundle "
                "again"
            )
        if released.shape != (rows, self.served.width) or not np.isfinite(released).all():
            raise ReleaseError(
                f"a released array of shape {released.shape}, expected {self.served.width} finite "
                "numbers a row: write the bundle again"
            )
        return released

    def _decided(self, bins: NDArray[Any], rows: int) -> None:
        """Raise `ReleaseError` where a model decides for anything that no prototype stands for."""
        if (
            bins.shape != (rows,)
            or bins.dtype != np.int64
            or not self.bins.issuperset(bins.tolist())
        ):
            raise ReleaseError(
                f"a decision of shape {bins.shape} and type {bins.dtype}, expected one of "
                f"{len(self.bins)} bins for "
                "each row: nothing is released"
            )


class Table(_Serving):
    """Serves vectors: one row an utterance."""

    def __init__(self, bundle: Bundle, served: Served, key: int) -> None:
        super().__init__(bundle, served, key)
        self.dims = int(bundle.card["features"]["dims"])

    def scaled(self, x: NDArray[np.floating]) -> Vectors:
        """The scaled space, `(n, dims)` to `(n, d)`. It stays on the device."""
        return self._scaled(self._checked(x))

    def _scaled(self, x: Vectors) -> Vectors:
        return self.preprocess(x=x)["z"] if self.preprocess else x

    def released(self, z: Vectors) -> Vectors:
        """What goes out of vectors in the scaled space, `(n, d)` to `(n, k)`."""
        return self.chosen(z, self.model(z=z) if self.model else {"out": z}, len(z))

    def __call__(self, features: NDArray[np.floating]) -> Vectors:
        """Row by row: a product's last digits follow from how many rows there are, and chance
        follows from them.
        """
        x = self._checked(features)
        return np.concatenate([self._row(x[row : row + 1]) for row in range(len(x))])

    def _row(self, x: Vectors) -> Vectors:
        z = self._scaled(x)
        self.distinct(x.tobytes(), z.tobytes())
        return self.released(z)

    def _checked(self, x: NDArray[np.floating]) -> Vectors:
        if x.ndim != 2 or x.shape[1] != self.dims or not len(x) or x.dtype.kind != "f":
            raise ReleaseError(
                f"features of shape {x.shape} and type {x.dtype}, expected floats (n, "
                f"{self.dims}): extract "
                "what the bundle was fitted on"
            )
        if x.dtype != np.float32:
            with np.errstate(over="ignore"):  # what is too large is refused as infinite
                x = x.astype(np.float32)
        x = np.ascontiguousarray(x)
        if not np.isfinite(x).all():
            raise ReleaseError(
                "features with NaN or infinity, expected finite numbers: leave those rows out"
            )
        return x


class Clips(_Serving):
    """Serves sequences: one clip a row, each a mapping from its streams to `(steps, width)`."""

    def __init__(self, bundle: Bundle, served: Served, key: int) -> None:
        super().__init__(bundle, served, key)
        self.streams: dict[str, int] = dict(bundle.card["features"]["streams"])

    def scaled(self, clip: Clip) -> dict[str, Vectors]:
        """The streams of one clip on their scale."""
        widths = {name: values.shape[1:] for name, values in clip.items()}
        if widths != {name: (width,) for name, width in self.streams.items()} or not all(
            map(len, clip.values())
        ):
            raise ReleaseError(
                f"streams {widths}, expected (steps, width) of {self.streams}, one step or more "
                "each"
            )
        scaled = {name: np.ascontiguousarray(clip[name], np.float32) for name in self.streams}
        if not all(np.isfinite(values).all() for values in scaled.values()):
            raise ReleaseError("a clip with NaN or infinity, expected finite numbers: leave it out")
        if self.preprocess:
            scaled["audio"] = self.preprocess(x=scaled["audio"])["y"]
        if not all((np.abs(values) <= LARGEST).all() for values in scaled.values()):
            raise ReleaseError(
                f"a clip with numbers beyond {LARGEST:g}, expected speech: leave it out"
            )
        return scaled

    def released(self, clip: Mapping[str, Vectors]) -> Vectors:
        """What goes out of one clip on its scale, `(1, k)`. Alone it needs no padding."""
        if self.model is None:
            raise ReleaseError("no model for clips, expected one: write the bundle again")
        inputs: dict[str, NDArray[Any]] = {}
        for name, values in clip.items():
            inputs |= {name: values[None], f"{name}_length": np.array([len(values)], np.int64)}
        return self.chosen(clip, self.model(**inputs), 1)

    def __call__(self, clips: Sequence[Clip]) -> Vectors:
        if not len(clips):
            raise ReleaseError("no clips, expected one or more: leave the call out")
        return np.concatenate([self._clip(clip) for clip in clips])

    def _clip(self, clip: Clip) -> Vectors:
        scaled = self.scaled(clip)
        given = [np.ascontiguousarray(clip[name], np.float32).tobytes() for name in self.streams]
        self.distinct(b"".join(given), b"".join(values.tobytes() for values in scaled.values()))
        return self.released(scaled)
