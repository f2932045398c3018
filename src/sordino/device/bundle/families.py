"""The structure of a policy by family, in one table; a bundle with any other structure is refused.

An attacker with this source can forge any bundle and compute its checksums. The name of a family is
a promise to the user, so the structure must keep it: inputs and outputs of the model, the keyed
random draw, the arrays with their types and shapes, and the number of decisions. With `drawn`, the
released vector depends on the input through one of at most K decisions only. Its draw follows from
the features, which no model of the bundle computes (`sordino.device.serving`). The structure does
not show the *meaning* of a decision and of its vectors: signature and audit serve this purpose.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sordino.device.bundle.bundle import PREPROCESS_FILE, Bundle, PolicyEntry
from sordino.device.bundle.encoder import check_encoder
from sordino.device.bundle.interface import describe, matches, read_interface
from sordino.errors import BundleError
from sordino.policy import MOST_SENSITIVE

WIDEST_VECTOR: Final = 1 << 16
"""Dimensions of the widest vector, of features or released."""

LONGEST_POLICY_NAME: Final = 200
"""Characters of the longest name of a policy."""

LONGEST_EMOTION: Final = 200
"""Characters of the longest name of an emotion."""

MOST_PROTOTYPES: Final = 1 << 17
"""The limit of prototypes. One prototype needs six utterances, so this fits the largest corpora."""

LARGEST_EPSILON: Final = 50.0
"""The largest finite epsilon. Beyond it no bin is ever flipped, and a bundle must state `inf`."""

LARGEST_NOISE: Final = 1e30
"""The largest scale of noise: float32 ends at 3e38."""

LEAST_SPREAD: Final = 0.01
"""The least noise of an embedding. `private+` has one scale, a root mean square of 1 by its layer
normalisation, and `sordino.release.EmbeddingFitter` adds 0.5 by default.
"""


class Structure(NamedTuple):
    """The structure of a policy of one family."""

    chance: str
    """The kind of keyed random draw (`sordino.device.serving.RELEASE_KINDS`)."""
    outputs: tuple[str, ...] = ()
    """The outputs of the model; empty without a model."""
    bins: tuple[int, int] | None = None
    """The smallest and the largest number of decisions; None without decisions. Of a family of
    vectors, beyond one for each required emotion and one for all others.
    """
    arrays: tuple[str, ...] = ()
    """The names of all arrays."""
    single: bool = False
    """Whether each decision has exactly one vector."""


_PROTOTYPES: Final = ("bin", "prototypes")
_NETWORK: Final = Structure("none", ("out",))
_EMBEDDING: Final = Structure("none", ("out",))

VECTOR_FAMILIES: Final[dict[str, Structure]] = {
    "none": Structure("none"),
    "rae": _NETWORK,
    "rae-grl": _NETWORK,
    "rae-grl+": _NETWORK,
    "rae-leace": _NETWORK,
    "leace": _NETWORK,
    "noise-gauss": Structure("noise"),
    "noise-laplace": Structure("noise"),
    "drawn": Structure("drawn", ("bin",), (0, 0), _PROTOTYPES),
    "drawn+detail": Structure("drawn", ("bin",), (0, 1), _PROTOTYPES),
    "label": Structure("drawn", ("bin",), (0, 1), _PROTOTYPES, single=True),
    "drawn+rae": Structure("mixed", ("bin", "out"), (0, 0), ("bin", "factor", "prototypes")),
}
"""Families of vectors. `drawn+rae` represents `drawn+rae-25` and other shares in percent."""

CLIP_FAMILIES: Final[dict[str, Structure]] = {
    "general": _EMBEDDING,
    "private": _EMBEDDING,
    "private-streams": _EMBEDDING,
    "private-speaker": _EMBEDDING,
    "private-multiple": _EMBEDDING,
    "dp": _EMBEDDING,
    "private+": Structure("clip-noise", ("out",)),
    "drawn": Structure("clip-drawn", ("bin", "logits"), (2, 4), _PROTOTYPES),
}
"""Families of embeddings, which read sequences."""

_MIXTURE: Final = re.compile(r"drawn\+rae-([1-9][0-9]?)")


def is_family(family: str) -> bool:
    """Whether there is a family of this name."""
    return family != "drawn+rae" and (
        family in VECTOR_FAMILIES or family in CLIP_FAMILIES or bool(_MIXTURE.fullmatch(family))
    )


def check_structure(bundle: Bundle) -> None:
    """Raise `BundleError` where a policy of a bundle has another structure than its family; the
    message names the fault.
    """
    features = bundle.card["features"]
    _features(features)
    check_encoder(bundle)
    for entry in bundle.policies.values():
        if not (entry.name.isprintable() and 0 < len(entry.name) <= LONGEST_POLICY_NAME):
            raise BundleError(
                f"a policy of the name {entry.name[:LONGEST_POLICY_NAME]!r}, expected up to "
                f"{LONGEST_POLICY_NAME} printable characters"
            )
        _PolicyCheck(bundle, entry, "streams" in features).run()


def _features(features: Mapping[str, Any]) -> None:
    """Raise where the card does not state the width of the features."""
    streams = features.get("streams")
    widths = list(streams.values()) if isinstance(streams, dict) else [features.get("dims")]
    if (
        ("streams" in features) == ("dims" in features)
        or not widths
        or not all(map(_width, widths))
    ):
        raise BundleError(
            "features without a width in card.json, expected `dims` or `streams`: write it again"
        )
    if "streams" in features and not set(streams or ()) <= {"audio", "text"}:
        raise BundleError(
            f"streams {', '.join(streams or ())}, expected audio or text or both: write it again"
        )


def _width(width: Any) -> bool:
    return type(width) is int and 1 <= width <= WIDEST_VECTOR


class _PolicyCheck:
    """The check of one policy."""

    def __init__(self, bundle: Bundle, entry: PolicyEntry, clips: bool) -> None:
        self.bundle, self.entry, self.clips = bundle, entry, clips

    def refuse(self, came: str, expected: str) -> BundleError:
        """The error with a fault."""
        return BundleError(
            f"policy {self.entry.name} of family {self.entry.family!r}: {came}, expected "
            f"{expected}: do not use the bundle, ask its maker for another"
        )

    def run(self) -> None:
        entry = self.entry
        structure = self.structure()
        if not _width(entry.width):
            raise self.refuse(f"a width of {_short(entry.width)}", f"1 to {WIDEST_VECTOR} numbers")
        self.emotions()
        self.release()
        self.chance(structure)
        self.preprocess()
        self.model(structure)
        if structure.arrays:
            self.arrays(structure)
        elif entry.arrays is not None:
            raise self.refuse(f"arrays {entry.arrays!r}", "none")

    def structure(self) -> Structure:
        families, family = (CLIP_FAMILIES if self.clips else VECTOR_FAMILIES), self.entry.family
        if not self.clips and _MIXTURE.fullmatch(family):
            family = "drawn+rae"
        elif family == "drawn+rae" or family not in families:
            raise self.refuse("an unknown family", ", ".join(families))
        return families[family]

    def emotions(self) -> None:
        """Raise where an emotion has no name that a screen can show, or too many are sensitive."""
        policy = self.entry.policy
        if not policy.is_resolved:
            raise self.refuse('sensitive = "rest"', "the names of the sensitive emotions")
        if len(policy.sensitive) > MOST_SENSITIVE:
            raise self.refuse(
                f"{len(policy.sensitive)} sensitive emotions", f"at most {MOST_SENSITIVE}"
            )
        for name in policy.emotions:
            if not (name.isprintable() and 0 < len(name) <= LONGEST_EMOTION):
                raise self.refuse(
                    f"an emotion {_short(name)}", f"1 to {LONGEST_EMOTION} printable characters"
                )

    def release(self) -> None:
        """Raise where the policy names another release than its entry."""
        policy, family = self.entry.policy, self.entry.family
        if policy.release not in ("", family) and (policy.release, family) != (
            "drawn",
            "drawn+detail",
        ):
            raise self.refuse(
                f"a policy that asks for {policy.release!r}", "the family that its policy asks for"
            )

    def chance(self, structure: Structure) -> None:
        chance = self.entry.chance
        if chance.get("kind") != structure.chance:
            raise self.refuse(f"chance {_short(chance.get('kind'))}", repr(structure.chance))
        names = {"kind", *_SETTINGS[structure.chance]}
        if set(chance) != names:
            raise self.refuse(
                f"settings of chance {', '.join(sorted(chance))[:60]}", ", ".join(sorted(names))
            )
        if "epsilon" in names:
            self.epsilon(chance["epsilon"])
        for name in names & {"scale", "spread"}:
            if not (_real(chance[name]) and 0 < chance[name] <= LARGEST_NOISE):
                raise self.refuse(
                    f"noise of {name} {_short(chance[name])}",
                    f"more than 0, at most {LARGEST_NOISE:g}",
                )
        if "spread" in names and chance["spread"] < LEAST_SPREAD:
            raise self.refuse(f"noise of spread {chance['spread']:g}", f"at least {LEAST_SPREAD:g}")
        if "noise" in names and chance["noise"] != self.entry.family.removeprefix("noise-"):
            raise self.refuse(
                f"noise {_short(chance['noise'])}", "the noise that the family is named after"
            )
        if "share" in names:
            share = int(self.entry.family.rpartition("-")[2]) / 100
            if not (_real(chance["share"]) and math.isclose(chance["share"], share, abs_tol=1e-9)):
                raise self.refuse(f"a share of {_short(chance['share'])}", f"{share:g}")

    def epsilon(self, text: Any) -> None:
        """Raise for an invalid epsilon, or another one than the policy sets."""
        try:
            epsilon = float(text) if isinstance(text, str) else math.nan
        except ValueError:
            epsilon = math.nan
        if not (epsilon == math.inf or 0 < epsilon <= LARGEST_EPSILON) or str(epsilon) not in (
            text,
            f"{text}.0",
        ):
            raise self.refuse(
                f"epsilon {_short(text)}", f"a number above 0, up to {LARGEST_EPSILON:g}, or inf"
            )
        policy = self.entry.policy
        setting = policy.settings(policy.release or self.entry.family).get("epsilon")
        if setting is not None and not (_real(setting) and float(setting) == epsilon):
            raise self.refuse(f"epsilon {text}", f"{setting}, which its policy sets")

    def preprocess(self) -> None:
        features, name = self.bundle.card["features"], self.entry.preprocess
        if name is None:
            if not self.clips and self.entry.width != features["dims"]:
                raise self.refuse(
                    f"a width of {self.entry.width} without a scaled space",
                    f"that of the features, {features['dims']}",
                )
            return
        if name != PREPROCESS_FILE:
            raise self.refuse(f"scaled by {name!r}", PREPROCESS_FILE)
        if self.clips and "audio" not in features["streams"]:
            raise self.refuse("a scale without a stream of audio", "none")
        width = features["streams"]["audio"] if self.clips else features["dims"]
        output, columns = ("y", width) if self.clips else ("z", self.entry.width)
        self.fits(name, {"x": ("float32", None, width)}, {output: ("float32", None, columns)})

    def model(self, structure: Structure) -> None:
        name, width = self.entry.model, self.entry.width
        if not structure.outputs:
            if name is not None:
                raise self.refuse(f"a model, {name!r}", "none")
            return
        if name is None:
            raise self.refuse("no model", f"one that gives {' and '.join(structure.outputs)}")
        shapes: dict[str, _Shape] = {
            "out": ("float32", None, width),
            "bin": ("int64", None),
            "logits": ("float32", None, None),
        }
        inputs: dict[str, _Shape] = {"z": ("float32", None, width)}
        if self.clips:
            streams: dict[str, int] = self.bundle.card["features"]["streams"]
            inputs = {stream: ("float32", None, None, size) for stream, size in streams.items()}
            inputs |= {f"{stream}_length": ("int64", None) for stream in streams}
        self.fits(name, inputs, {output: shapes[output] for output in structure.outputs})

    def fits(self, name: str, inputs: Mapping[str, _Shape], outputs: Mapping[str, _Shape]) -> None:
        """Raise where a model has other inputs or outputs."""
        model = read_interface(self.bundle.files[name], name)
        for verb, tensors, shapes in (
            ("takes", model.inputs, inputs),
            ("gives", model.outputs, outputs),
        ):
            if set(tensors) != set(shapes) or not all(
                matches(tensors[key], *shapes[key]) for key in shapes
            ):
                raise self.refuse(f"{name} {verb} {describe(tensors)}", _shapes(shapes))

    def arrays(self, structure: Structure) -> None:
        if self.entry.arrays is None:
            raise self.refuse("no arrays", " and ".join(structure.arrays))
        arrays, width = self.bundle.arrays(self.entry.arrays), self.entry.width
        if tuple(sorted(arrays)) != structure.arrays:
            raise self.refuse(
                f"arrays {', '.join(sorted(arrays)) or 'none'}", ", ".join(structure.arrays)
            )
        of_bin, prototypes = arrays["bin"], arrays["prototypes"]
        self.table(
            "prototypes", prototypes, len(of_bin) if _array(of_bin, np.int64, 1) else -1, width
        )
        fewest, largest = structure.bins or (0, 0)
        if not self.clips:
            required = len(self.entry.policy.required_emotions)
            fewest += 1 + required
            largest = fewest + (largest if required == 1 else 0)
        if len(of_bin) > MOST_PROTOTYPES:
            raise self.refuse(f"{len(of_bin)} prototypes", f"at most {MOST_PROTOTYPES}")
        bins = set(of_bin.tolist())
        if bins != set(range(len(bins))) or not fewest <= len(bins) <= largest:
            raise self.refuse(
                f"prototypes of the decisions {sorted(bins)[:9]}",
                f"0 to {largest - 1}, each with one",
            )
        if structure.single and len(of_bin) != len(bins):
            raise self.refuse(f"{len(of_bin)} vectors for {len(bins)} decisions", "one each")
        if "factor" in arrays:
            factor = arrays["factor"]
            self.table("factor", factor, min(width, len(factor)) if factor.ndim else -1, width)
            if not (np.abs(factor).sum(axis=1) > 0).all():
                raise self.refuse(
                    "a factor of noise that is zero", "noise in place of the removed residual"
                )

    def table(self, name: str, array: NDArray[Any], rows: int, columns: int) -> None:
        """Raise unless an array is finite float32 with these rows and columns."""
        if not _array(array, np.float32, 2) or array.shape != (rows, columns) or not rows:
            wanted = (
                f"{rows} x {columns}"
                if rows > 0
                else f"a whole number for each row, and {columns} columns"
            )
            raise self.refuse(
                f"{name} of shape {array.shape} and type {array.dtype}", f"float32, {wanted}"
            )
        if not np.isfinite(array).all():
            raise self.refuse(f"{name} with NaN or infinity", "finite numbers")


_Shape = tuple[Any, ...]
"""A type and sizes; None is any size."""

_SETTINGS: Final = {
    "none": (),
    "noise": ("noise", "scale"),
    "drawn": ("epsilon",),
    "mixed": ("epsilon", "share"),
    "clip-noise": ("spread",),
    "clip-drawn": ("epsilon",),
}
"""The settings of each kind of keyed random draw, beside its `kind`."""


def _array(array: Any, dtype: type, dimensions: int) -> bool:
    return (
        isinstance(array, np.ndarray)
        and array.dtype == np.dtype(dtype)
        and array.ndim == dimensions
    )


def _real(value: Any) -> bool:
    """Whether a value of JSON is a number within the range of float64."""
    return (
        isinstance(value, int | float) and not isinstance(value, bool) and -1e300 <= value <= 1e300
    )


def _short(value: Any) -> str:
    """A value of JSON for a message."""
    return (
        repr(value)[:60]
        if not isinstance(value, int) or abs(value) < 1e18
        else f"{str(value)[:20]}..."
    )


def _shapes(shapes: Mapping[str, _Shape]) -> str:
    return ", ".join(f"{name} {shape[0]} {list(shape[1:])}" for name, shape in shapes.items())
