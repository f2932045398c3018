"""Faults of forged bundles with right checksums, and the words of their refusals."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from sordino.onnx.writer import GraphBuilder
from tests.device.bundle.forged import Files, arrays, card, chance, first, in_policy

WIDTH = 24


def model(**outputs: Callable[[Any], Any]) -> bytes:
    """A model of `z` with these outputs."""
    graph = GraphBuilder()
    z = graph.input("z", np.float32, "n", WIDTH)
    return graph.model(**{name: output(z) for name, output in outputs.items()})


def replaced(name: str, content: bytes) -> Callable[[Files], None]:
    return lambda files: files.update({name: content})


def all_of(*changes: Callable[[Files], None]) -> Callable[[Files], None]:
    def changed(files: Files) -> None:
        for change in changes:
            change(files)

    return changed


def first_sign(z: Any) -> Any:
    return (z[:, 0] > 0) * 1


def with_a_second_input() -> bytes:
    graph = GraphBuilder()
    z, bias = graph.input("z", np.float32, "n", WIDTH), graph.input("bias", np.float32, "n", WIDTH)
    return graph.model(bin=((z + bias)[:, 0] > 0) * 1)


NPZ, ONNX = "release-0.npz", "release-0.onnx"
MANY = np.arange(1000, dtype=np.int64)

FAULTS: dict[str, tuple[str, Callable[[Files], None], str]] = {
    "vectors under drawn": ("leace", first(family="drawn"), r"chance 'none', expected 'drawn'"),
    "sensitive emotions without names": (
        "drawn",
        in_policy(sensitive=["rest"]),
        'sensitive = "rest", expected the names of the sensitive emotions',
    ),
    "a level without names": (
        "drawn",
        in_policy(required="activation", sensitive=["rest"]),
        'sensitive = "rest", expected the names',
    ),
    "an escape in an emotion": (
        "drawn",
        in_policy(required="s\x1b[31mad"),
        r"an emotion 's\\x1b\[31mad', expected 1 to 200 printable characters",
    ),
    "a line in neutral": ("drawn", in_policy(neutral="ca\nlm"), r"an emotion 'ca\\nlm', expected"),
    "a change of direction": (
        "drawn",
        in_policy(sensitive=["a\u202eb"]),
        r"an emotion 'a\\u202eb', expected",
    ),
    "a long emotion": ("drawn", in_policy(sensitive=["x" * 201]), "an emotion 'xxx"),
    "a hundred and one sensitive emotions": (
        "drawn",
        in_policy(sensitive=[f"e{number}" for number in range(101)]),
        "101 sensitive emotions, expected at most 100",
    ),
    "no chance": ("drawn", chance(kind="none"), r"chance 'none', expected 'drawn'"),
    "no chance, settings too": (
        "drawn",
        first(chance={"kind": "none"}),
        r"chance 'none', expected 'drawn'",
    ),
    "an unknown chance": ("drawn", chance(kind="clear"), r"chance 'clear', expected 'drawn'"),
    "a list for a chance": (
        "drawn",
        chance(kind=["drawn"]),
        r"chance \['drawn'\], expected 'drawn'",
    ),
    "a setting more": (
        "drawn",
        chance(share=1.0),
        r"settings of chance epsilon, kind, share, expected epsilon, kind",
    ),
    "a model of vectors": (
        "drawn",
        replaced(ONNX, model(out=lambda z: z)),
        r"gives out float32 .*expected bin int64",
    ),
    "vectors beside a bin": (
        "drawn",
        replaced(ONNX, model(bin=first_sign, out=lambda z: z)),
        r"gives bin int64 .*, out float32 .*expected bin",
    ),
    "vectors as a bin": (
        "drawn",
        replaced(ONNX, model(bin=lambda z: z)),
        r"gives bin float32 .*expected bin int64",
    ),
    "a bin for each number": (
        "drawn",
        replaced(ONNX, model(bin=lambda z: (z > 0) * 1)),
        r"gives bin int64 .*24\], expected bin int64 \[None\]",
    ),
    "a second input": (
        "drawn",
        replaced(ONNX, with_a_second_input()),
        r"takes z float32 .*, bias float32",
    ),
    "no model": ("rae", first(model=None), r"no model, expected one that gives out"),
    "a model under none": (
        "leace",
        first(family="none"),
        r"a model, 'release-0.onnx', expected none",
    ),
    "arrays under leace": (
        "drawn",
        all_of(
            first(family="leace", chance={"kind": "none"}), replaced(ONNX, model(out=lambda z: z))
        ),
        r"arrays 'release-0.npz', expected none",
    ),
    "an identity by a name": (
        "none",
        first(family="leace"),
        r"no model, expected one that gives out",
    ),
    "an identity as drawn": ("none", first(family="drawn"), r"chance 'none', expected 'drawn'"),
    "an identity as noise": (
        "none",
        first(family="noise-gauss"),
        r"chance 'none', expected 'noise'",
    ),
    "a family of its own": (
        "none",
        first(family="drawn-safe"),
        r"an unknown family, expected none, rae",
    ),
    "drawn with a space": ("drawn", first(family="drawn "), "an unknown family"),
    "a clip family": ("rae", first(family="private"), "an unknown family"),
    "a mixture of everything": ("drawn+rae-25", first(family="drawn+rae-100"), "an unknown family"),
    "a mixture without share": ("drawn+rae-25", first(family="drawn+rae"), "an unknown family"),
    "another share": ("drawn+rae-25", chance(share=1.0), r"a share of 1.0, expected 0.25"),
    "a share that is true": ("drawn+rae-25", chance(share=True), r"a share of True, expected 0.25"),
    "no noise in a mixture": (
        "drawn+rae-25",
        arrays(NPZ, lambda a: a.update(factor=0 * a["factor"])),
        "a factor of noise that is zero",
    ),
    "a factor of one row": (
        "drawn+rae-25",
        arrays(NPZ, lambda a: a.update(factor=a["factor"][:, :3])),
        r"factor of shape \(24, 3\)",
    ),
    "an epsilon that is none": (
        "drawn",
        chance(epsilon="nan"),
        r"epsilon 'nan', expected a number above 0",
    ),
    "an epsilon of 0": ("drawn", chance(epsilon="0"), r"epsilon '0', expected a number above 0"),
    "an epsilon below 0": ("drawn", chance(epsilon="-1.0"), r"epsilon '-1.0', expected"),
    "an epsilon without flips": (
        "drawn",
        chance(epsilon="1e9"),
        r"epsilon '1e9', expected a number above 0, up to 50",
    ),
    "an epsilon as a number": ("drawn", chance(epsilon=1.0), r"epsilon 1.0, expected"),
    "an epsilon in other words": (
        "drawn",
        chance(epsilon="Infinity"),
        r"epsilon 'Infinity', expected",
    ),
    "noise of 0": ("noise-gauss", chance(scale=0), r"noise of scale 0, expected more than 0"),
    "noise below 0": (
        "noise-gauss",
        chance(scale=-1.0),
        r"noise of scale -1.0, expected more than 0",
    ),
    "noise as text": (
        "noise-gauss",
        chance(scale="1"),
        r"noise of scale '1', expected more than 0",
    ),
    "noise that is none": (
        "noise-gauss",
        chance(scale=None),
        r"noise of scale None, expected more than 0",
    ),
    "noise without end": (
        "noise-gauss",
        chance(scale=10**400),
        r"noise of scale 1000.*, expected more than 0",
    ),
    "noise of another law": (
        "noise-gauss",
        chance(noise="laplace"),
        "noise 'laplace', expected the noise that the family",
    ),
    "wider prototypes": (
        "drawn",
        arrays(NPZ, lambda a: a.update(prototypes=np.tile(a["prototypes"], 2))),
        r"prototypes of shape \(6, 48\) and type float32, expected float32, 6 x 24",
    ),
    "prototypes without a bin": (
        "drawn",
        arrays(NPZ, lambda a: a.update(prototypes=np.tile(a["prototypes"], (2, 1)))),
        r"expected float32, 6 x 24",
    ),
    "bins without a prototype": (
        "drawn",
        arrays(NPZ, lambda a: a.update(bin=np.arange(7, dtype=np.int64))),
        r"expected float32, 7 x 24",
    ),
    "a thousand decisions": (
        "drawn",
        arrays(NPZ, lambda a: a.update(prototypes=np.zeros((1000, WIDTH), np.float32), bin=MANY)),
        r"prototypes of the decisions \[0, 1, .*expected 0 to 1",
    ),
    "three decisions": (
        "drawn",
        arrays(NPZ, lambda a: a.update(bin=np.array([0, 1, 2] * 2))),
        r"decisions \[0, 1, 2\]",
    ),
    "a single decision": (
        "drawn",
        arrays(NPZ, lambda a: a.update(bin=np.array([0, 0, 0] * 2))),
        r"decisions \[0\]",
    ),
    "a decision below 0": (
        "drawn",
        arrays(NPZ, lambda a: a.update(bin=np.array([0, 1, -1] * 2))),
        r"decisions \[",
    ),
    "a decision left out": (
        "drawn",
        arrays(NPZ, lambda a: a.update(bin=np.array([0, 2, 2] * 2))),
        r"decisions \[0, 2\]",
    ),
    "float64 prototypes": (
        "drawn",
        arrays(NPZ, lambda a: a.update(prototypes=a["prototypes"].astype(np.float64))),
        "type float64",
    ),
    "bytes turned round": (
        "drawn",
        arrays(NPZ, lambda a: a.update(prototypes=a["prototypes"].astype(">f4"))),
        "type >f4",
    ),
    "bins as text": (
        "drawn",
        arrays(NPZ, lambda a: a.update(bin=np.array(["0", "1", "1"]))),
        "a whole number for each",
    ),
    "bins as a table": (
        "drawn",
        arrays(NPZ, lambda a: a.update(bin=np.zeros((3, 2), np.int64))),
        "a whole number for each",
    ),
    "no number in a prototype": (
        "drawn",
        arrays(NPZ, lambda a: a.update(prototypes=a["prototypes"] * np.nan)),
        "prototypes with NaN or infinity",
    ),
    "an array more": (
        "drawn",
        arrays(NPZ, lambda a: a.update(means=np.ones(3))),
        "arrays bin, means, prototypes, expected",
    ),
    "an array less": (
        "drawn",
        arrays(NPZ, lambda a: a.pop("bin").fill(0)),
        "arrays prototypes, expected bin, prototypes",
    ),
    "no arrays": ("drawn", first(arrays=None), "no arrays, expected bin and prototypes"),
    "two vectors for a label": (
        "drawn",
        first(family="label"),
        r"6 vectors for 2 decisions, expected one each",
    ),
    "another width": (
        "drawn",
        first(width=23),
        r"preprocess.onnx gives z float32 .*24\], expected z float32 \[None, 23\]",
    ),
    "no width": ("drawn", first(width=0), "a width of 0, expected 1 to 65536"),
    "a width without end": (
        "none",
        first(width=10**9),
        "a width of 1000000000, expected 1 to 65536",
    ),
    "no scaled space": (
        "none",
        first(preprocess=None),
        r"a width of 24 without a scaled space, expected .*60",
    ),
    "scaled by the release": (
        "leace",
        first(preprocess=ONNX),
        "scaled by 'release-0.onnx', expected preprocess.onnx",
    ),
    "scaled by another model": (
        "leace",
        replaced("preprocess.onnx", model(out=lambda z: z)),
        "preprocess.onnx takes z",
    ),
    "no model at all": (
        "leace",
        replaced(ONNX, b"none"),
        r"release-0.onnx: not a model that ONNX Runtime reads",
    ),
    "another card": (
        "drawn",
        card(lambda content: content["features"].update(dims=61)),
        r"takes x float32 .*60\], expected x",
    ),
    "dims that are none": (
        "drawn",
        card(lambda content: content["features"].update(dims=True)),
        "features without a width",
    ),
    "dims and streams": (
        "drawn",
        card(lambda content: content["features"].update(streams={"audio": 6})),
        "without a width",
    ),
    "a name of control": ("drawn", first(name="a\x1b[2Jb"), "a policy of the name"),
    "no name": ("drawn", first(name=""), "a policy of the name ''"),
}
