"""Weights of 8 bits: what a bundle releases is what its rounded weights say, on every processor,
and erasures stay.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from sordino.device import read
from sordino.device.bundle import bundle
from sordino.onnx.model import Model, rounds_inputs
from sordino.onnx.writer import IR, LARGEST_INT8, OPSET, GraphBuilder, quantise, rounded
from tests.device.synthetic_bundles import bundled, features, scaled, scene
from tests.onnx.exact import exact

FAMILIES = ["none", "rae", "rae-grl+", "leace", "rae-leace", "drawn", "drawn+rae-25", "noise-gauss"]
APART = 1e-5
"""How far two processors may be apart, in units of the largest number: 100 times the step of
float32.
"""


def assert_near(output: NDArray[np.floating], expected: NDArray[np.floating]) -> None:
    np.testing.assert_allclose(output, expected, rtol=0, atol=APART * np.abs(expected).max())


@pytest.mark.parametrize("name", FAMILIES)
def test_8_bits_give_what_the_weights_say(name: str) -> None:
    entry = (rounded := read(bundled(name, int8=True))).policies["mine"]
    content = rounded.files["preprocess.onnx"]
    z = Model(content, "scale")(x=features())["z"]
    assert_near(z, exact(content, x=features())["z"])
    if entry.model:
        content = rounded.files[entry.model]
        outputs, expected = Model(content, "release")(z=z), exact(content, z=z)
        assert outputs.keys() == expected.keys()
        for output in outputs:
            assert_near(outputs[output], expected[output])


@pytest.mark.parametrize("name", ["rae", "leace", "rae-leace"])
def test_vectors_of_8_bits_are_of_8_bits(name: str) -> None:
    original = read(bundled(name, int8=True))
    vectors = original.arrays(bundle.VECTORS_FILE)
    assert_near(vectors["z"], exact(original.files["preprocess.onnx"], x=vectors["x"])["z"])
    assert_near(
        vectors["released_0"], exact(original.files["release-0.onnx"], z=vectors["z"])["out"]
    )


@pytest.mark.parametrize("name", FAMILIES)
def test_no_bundle_rounds_its_inputs(name: str) -> None:
    models = [
        content
        for file, content in read(bundled(name, int8=True)).files.items()
        if file.endswith(".onnx")
    ]
    assert models
    assert not any(map(rounds_inputs, models))


def test_an_erasure_stays_one_in_8_bits() -> None:
    """On the rows of the fit no linear classifier predicts gender: both means are equal."""
    full, small = (
        read(bundled("leace", int8=int8)).files["release-0.onnx"] for int8 in (False, True)
    )
    rows = scene().parts.transform.rows
    z, gender = scaled()[rows], scene().corpus.genders()[rows]
    for content in (full, small):
        out = Model(content, "release")(z=z)["out"].astype(np.float64)
        apart = out[gender == 1].mean(axis=0) - out[gender == 0].mean(axis=0)
        assert np.abs(apart).max() < 1e-5 * out.std()


def test_an_erasure_is_smaller_than_its_map() -> None:
    erased = read(bundled("leace", int8=True)).files["release-0.onnx"]
    assert len(erased) < 24 * 24 * 4


@given(
    arrays(
        np.float32,
        st.tuples(st.integers(1, 6), st.integers(1, 6)),
        elements=st.floats(width=32, allow_nan=False, allow_infinity=False),
    )
)
@settings(deadline=None)
def test_rounding_is_off_by_half_a_step(weights: NDArray[np.float32]) -> None:
    numbers, scale = quantise(weights)
    assert numbers.dtype == np.int8
    assert scale.dtype == np.float32
    assert np.abs(numbers.astype(int)).max() <= LARGEST_INT8
    assert (scale > 0).all()
    error = np.abs(weights.astype(np.float64) - numbers * scale.astype(np.float64))
    small = np.finfo(np.float32).tiny * LARGEST_INT8  # a column of nothing larger becomes zeros
    assert (error <= np.maximum(scale * 0.50002, small)).all()


def test_rounding_leaves_float64_and_biases() -> None:
    graph, random = GraphBuilder(), np.random.default_rng(0)
    x = graph.input("x", np.float32, "n", 5)
    single, double, bias = (random.normal(size=shape) for shape in ((5, 4), (4, 3), (3,)))
    model = graph.model(y=(x @ single).astype(np.float64) @ double + bias)
    original = onnx.load_model_from_string(rounded(model))
    kinds = sorted((tensor.data_type, len(tensor.dims)) for tensor in original.graph.initializer)
    expected = [
        (TensorProto.FLOAT, 1),
        (TensorProto.INT8, 2),
        (TensorProto.DOUBLE, 1),
        (TensorProto.DOUBLE, 2),
    ]
    assert kinds == sorted(expected)
    assert rounded(model) == rounded(model)


def integers(width: int = 32) -> tuple[bytes, NDArray[np.int8]]:
    """A model of 8-bit inputs by 8-bit weights, as sordino wrote them before; pairs of products
    exceed 16 bits.
    """
    random = np.random.default_rng(0)
    weights = random.choice(np.array([-127, 127], np.int8), (width, width))
    weights[: width // 2] = np.abs(weights[: width // 2])
    nodes = [
        helper.make_node("DynamicQuantizeLinear", ["z"], ["q", "step", "zero"]),
        helper.make_node("MatMulInteger", ["q", "w", "zero"], ["sums"]),
        helper.make_node("Cast", ["sums"], ["floats"], to=TensorProto.FLOAT),
        helper.make_node("Mul", ["floats", "step"], ["out"]),
    ]
    return saved(width, nodes, numpy_helper.from_array(weights, "w")), weights


def saved(width: int, nodes: list[onnx.NodeProto], *constants: onnx.TensorProto) -> bytes:
    ends = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", width])
        for name in ("z", "out")
    ]
    graph = helper.make_graph(nodes, "sordino", ends[:1], ends[1:], list(constants))
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR)
    return bytes(model.SerializeToString())


def test_an_old_bundle_gives_exact_integers() -> None:
    """Some processors add two products of 8 bits in 16 bits, and stop at 32767."""
    content, weights = integers()
    z = np.random.default_rng(1).uniform(0, 255, (1, 32)).astype(np.float32)
    z[0, 0] = 255  # then the step is 1 and zero is 0
    expected = np.rint(z).astype(np.int64) @ weights.astype(np.int64)
    np.testing.assert_array_equal(Model(content, "old")(z=z)["out"], expected)


def test_no_library_rounds_inputs_of_its_own_accord() -> None:
    """ONNX Runtime 1.32 makes integer products of `DequantizeLinear` and `MatMul` where nobody
    forbids it.
    """
    random = np.random.default_rng(0)
    numbers, steps = (
        random.integers(-127, 128, (32, 32)).astype(np.int8),
        random.uniform(0.001, 0.01, 32),
    )
    constants = (
        numpy_helper.from_array(numbers, "w"),
        numpy_helper.from_array(steps.astype(np.float32), "steps"),
    )
    nodes = [
        helper.make_node("DequantizeLinear", ["w", "steps"], ["floats"], axis=1),
        helper.make_node("MatMul", ["z", "floats"], ["out"]),
    ]
    z = random.normal(size=(9, 32)).astype(np.float32)
    output = Model(saved(32, nodes, *constants), "other")(z=z)["out"]
    assert_near(
        output, z.astype(np.float64) @ (numbers * steps.astype(np.float32).astype(np.float64))
    )


@pytest.mark.slow
def test_what_rounds_its_inputs_is_told(tmp_path: Path) -> None:
    original = read(bundled("leace", int8=True))
    old = {**original.files, "release-0.onnx": integers(24)[0]}
    path = bundle.write(
        tmp_path / "old.sordino", original.card, list(original.policies.values()), old
    )
    assert "round their inputs" not in shown(bundled("leace", int8=True))
    assert "round their inputs" in shown(path)
    assert "Fit it again" in shown(path)


def shown(path: Path) -> str:
    """What `sordino bundle show` prints, in one line."""
    command = [
        sys.executable,
        "-c",
        "from sordino.cli import main; main()",
        "bundle",
        "show",
        str(path),
    ]
    return " ".join(
        subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    )
