"""What a policy of each family may consist of, in one table; a bundle that holds anything else is
not read.

An attacker who has this source forges any bundle and computes all checksums anew. The name of a
family is a promise to the user, so the structure must keep it: what the model takes and gives, how
chance comes in, which arrays there are, of which type and shape, and how many decisions. Of `drawn`
the input then reaches the released vector through a decision among at most K alone, as long as two
inputs are two points of the scaled space, from which chance follows: `sordino.device.serving`
refuses two inputs of one point. *Which* decision the model takes, and which vectors stand for it,
no structure tells: that is what a signature and the audit are for.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sordino.device.bundle.bundle import PREPROCESS, Bundle, Served
from sordino.device.bundle.interface import Interface, Tensor, interface, matches
from sordino.errors import BundleError

WIDEST: Final = 1 << 16
"""Numbers in the widest vector, of features or released."""

NAME: Final = 200
"""Characters of the longest name of a policy."""

MOST: Final = 1 << 17
"""Prototypes: six utterances make one, so this stands for the largest corpora."""

STRONGEST: Final = 50.0
"""The largest finite epsilon: beyond it no bin is ever flipped, and the bundle must say so."""

LARGEST_NOISE: Final = 1e30
"""The largest scale of noise: float32 ends at 3e38."""

LEAST_SPREAD: Final = 0.01
"""The least noise of an embedding. `private+` has one scale, a root mean square of 1 by its layer
normalisation, and `sordino.release.EmbeddingFitter` adds 0.5 by default.
"""


class Structure(NamedTuple):
    """What a policy of one family consists of."""

    chance: str
    """The kind of chance (`sordino.device.serving.DRAWS`)."""
    outputs: tuple[str, ...] = ()
    """What the model gives; there is no model where it is empty."""
    bins: tuple[int, int] | None = None
    """The fewest and the most decisions; None where the model decides nothing."""
    arrays: tuple[str, ...] = ()
    """The arrays, all of them."""
    alone: bool = False
    """Whether one vector alone stands for each decision."""


_PROTOTYPES: Final = ("bin", "prototypes")
_NETWORK: Final = Structure("none", ("out",))
_EMBEDDING: Final = Structure("none", ("out",))

VECTORS: Final[dict[str, Structure]] = {
    "none": Structure("none"),
    "rae": _NETWORK,
    "rae-grl": _NETWORK,
    "rae-grl+": _NETWORK,
    "rae-leace": _NETWORK,
    "leace": _NETWORK,
    "noise-gauss": Structure("noise"),
    "noise-laplace": Structure("noise"),
    "drawn": Structure("drawn", ("bin",), (2, 2), _PROTOTYPES),
    "drawn+detail": Structure("drawn", ("bin",), (2, 3), _PROTOTYPES),
    "label": Structure("drawn", ("bin",), (2, 3), _PROTOTYPES, alone=True),
    "drawn+rae": Structure("mixed", ("bin", "out"), (2, 2), ("bin", "factor", "prototypes")),
}
"""Families of vectors. `drawn+rae` stands for `drawn+rae-25` and all others of a share in percent.
"""

CLIPS: Final[dict[str, Structure]] = {
    "general": _EMBEDDING,
    "private": _EMBEDDING,
    "private-streams": _EMBEDDING,
    "private-speaker": _EMBEDDING,
    "private-multiple": _EMBEDDING,
    "private+": Structure("clip-noise", ("out",)),
    "drawn": Structure("clip-drawn", ("bin", "logits"), (2, 4), _PROTOTYPES),
}
"""Families of embeddings, which take sequences."""

_MIXTURE: Final = re.compile(r"drawn\+rae-([1-9][0-9]?)")


def known(family: str) -> bool:
    """Whether there is a family of this name."""
    return family != "drawn+rae" and (
        family in VECTORS or family in CLIPS or bool(_MIXTURE.fullmatch(family))
    )


def check(bundle: Bundle) -> None:
    """Raise `BundleError` where a policy of a bundle is not what its family may be; the message
    names the fault.
    """
    features = bundle.card["features"]
    _features(features)
    for served in bundle.policies.values():
        if not (served.name.isprintable() and 0 < len(served.name) <= NAME):
            raise BundleError(
                f"a policy of the name {served.name[:NAME]!r}, expected up to {NAME} printable "
                "characters"
            )
        _Checked(bundle, served, "streams" in features).all()


def _features(features: Mapping[str, Any]) -> None:
    """Raise where the card does not say how wide the features are."""
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
    return type(width) is int and 1 <= width <= WIDEST


class _Checked:
    """One policy under check."""

    def __init__(self, bundle: Bundle, served: Served, clips: bool) -> None:
        self.bundle, self.served, self.clips = bundle, served, clips

    def refuse(self, came: str, expected: str) -> BundleError:
        """The error that names a fault."""
        return BundleError(
            f"policy {self.served.name} of family {self.served.family!r}: {came}, expected "
            f"{expected}: "
            "do not use the bundle, ask its maker for another"
        )

    def all(self) -> None:
        served = self.served
        structure = self.structure()
        if not _width(served.width):
            raise self.refuse(f"a width of {_short(served.width)}", f"1 to {WIDEST} numbers")
        self.release()
        self.chance(structure)
        self.preprocess()
        self.model(structure)
        if structure.arrays:
            self.arrays(structure)
        elif served.arrays is not None:
            raise self.refuse(f"arrays {served.arrays!r}", "none")

    def structure(self) -> Structure:
        families, family = (CLIPS if self.clips else VECTORS), self.served.family
        if not self.clips and _MIXTURE.fullmatch(family):
            family = "drawn+rae"
        elif family == "drawn+rae" or family not in families:
            raise self.refuse("an unknown family", ", ".join(families))
        return families[family]

    def release(self) -> None:
        """Raise where the policy names another release than the one that serves it."""
        policy, family = self.served.policy, self.served.family
        if policy.release not in ("", family) and (policy.release, family) != (
            "drawn",
            "drawn+detail",
        ):
            raise self.refuse(
                f"a policy that asks for {policy.release!r}", "the family that its policy asks for"
            )

    def chance(self, structure: Structure) -> None:
        chance = self.served.chance
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
        if "noise" in names and chance["noise"] != self.served.family.removeprefix("noise-"):
            raise self.refuse(
                f"noise {_short(chance['noise'])}", "the noise that the family is named after"
            )
        if "share" in names:
            share = int(self.served.family.rpartition("-")[2]) / 100
            if not (_real(chance["share"]) and math.isclose(chance["share"], share, abs_tol=1e-9)):
                raise self.refuse(f"a share of {_short(chance['share'])}", f"{share:g}")

    def epsilon(self, text: Any) -> None:
        """Raise for an epsilon that is none, or another one than the policy sets."""
        try:
            epsilon = float(text) if isinstance(text, str) else math.nan
        except ValueError:
            epsilon = math.nan
        if not (epsilon == math.inf or 0 < epsilon <= STRONGEST) or str(epsilon) not in (
            text,
            f"{text}.0",
        ):
            raise self.refuse(
                f"epsilon {_short(text)}", f"a number above 0, up to {STRONGEST:g}, or inf"
            )
        policy = self.served.policy
        asked = policy.settings(policy.release or self.served.family).get("epsilon")
        if asked is not None and not (_real(asked) and float(asked) == epsilon):
            raise self.refuse(f"epsilon {text}", f"{asked}, which its policy sets")

    def preprocess(self) -> None:
        features, name = self.bundle.card["features"], self.served.preprocess
        if name is None:
            if not self.clips and self.served.width != features["dims"]:
                raise self.refuse(
                    f"a width of {self.served.width} without a scaled space",
                    f"that of the features, {features['dims']}",
                )
            return
        if name != PREPROCESS:
            raise self.refuse(f"scaled by {name!r}", PREPROCESS)
        if self.clips and "audio" not in features["streams"]:
            raise self.refuse("a scale without a stream of audio", "none")
        width = features["streams"]["audio"] if self.clips else features["dims"]
        given = ("y", width) if self.clips else ("z", self.served.width)
        self.fits(name, {"x": ("float32", None, width)}, {given[0]: ("float32", None, given[1])})

    def model(self, structure: Structure) -> None:
        name, width = self.served.model, self.served.width
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
        """Raise where a model takes or gives anything else."""
        try:
            model: Interface = interface(self.bundle.files[name])
        except (ValueError, UnicodeDecodeError) as error:
            raise BundleError(
                f"{name}: not a model that can be read ({error}): write the bundle again"
            ) from error
        for what, given, asked in (
            ("takes", model.inputs, inputs),
            ("gives", model.outputs, outputs),
        ):
            if set(given) != set(asked) or not all(
                matches(given[key], *asked[key]) for key in asked
            ):
                raise self.refuse(f"{name} {what} {_listed(given)}", _asked(asked))

    def arrays(self, structure: Structure) -> None:
        if self.served.arrays is None:
            raise self.refuse("no arrays", " and ".join(structure.arrays))
        arrays, width = self.bundle.arrays(self.served.arrays), self.served.width
        if tuple(sorted(arrays)) != structure.arrays:
            raise self.refuse(
                f"arrays {', '.join(sorted(arrays)) or 'none'}", ", ".join(structure.arrays)
            )
        of_bin, prototypes = arrays["bin"], arrays["prototypes"]
        self.table(
            "prototypes", prototypes, len(of_bin) if _array(of_bin, np.int64, 1) else -1, width
        )
        least, most = structure.bins or (0, 0)
        if len(of_bin) > MOST:
            raise self.refuse(f"{len(of_bin)} prototypes", f"at most {MOST}")
        bins = set(of_bin.tolist())
        if bins != set(range(len(bins))) or not least <= len(bins) <= most:
            raise self.refuse(
                f"prototypes of the decisions {sorted(bins)[:9]}", f"0 to {most - 1}, each with one"
            )
        if structure.alone and len(of_bin) != len(bins):
            raise self.refuse(f"{len(of_bin)} vectors for {len(bins)} decisions", "one each")
        if "factor" in arrays:
            factor = arrays["factor"]
            self.table("factor", factor, min(width, len(factor)) if factor.ndim else -1, width)
            if not (np.abs(factor).sum(axis=1) > 0).all():
                raise self.refuse(
                    "a factor of noise that is zero", "noise in the place of what is left out"
                )

    def table(self, name: str, array: NDArray[Any], rows: int, columns: int) -> None:
        """Raise for an array that is no table of finite float32 of so many rows and columns."""
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
"""A type, and lengths, None for any."""

_SETTINGS: Final = {
    "none": (),
    "noise": ("noise", "scale"),
    "drawn": ("epsilon",),
    "mixed": ("epsilon", "share"),
    "clip-noise": ("spread",),
    "clip-drawn": ("epsilon",),
}
"""What each kind of chance is set by, beside its `kind`."""


def _array(array: Any, dtype: type, dimensions: int) -> bool:
    return (
        isinstance(array, np.ndarray)
        and array.dtype == np.dtype(dtype)
        and array.ndim == dimensions
    )


def _real(value: Any) -> bool:
    """Whether a value of JSON is a number that any arithmetic takes."""
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


def _listed(tensors: Mapping[str, Tensor]) -> str:
    shown = [
        f"{name[:20]} {tensor.dtype} {list(tensor.shape or ())}"
        for name, tensor in list(tensors.items())[:6]
    ]
    return ", ".join(shown) or "nothing"


def _asked(shapes: Mapping[str, _Shape]) -> str:
    return ", ".join(f"{name} {shape[0]} {list(shape[1:])}" for name, shape in shapes.items())
