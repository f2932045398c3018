"""A model is plain arithmetic of a bounded size, or it is refused before ONNX Runtime sees it."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import numpy_helper

from sordino import export
from sordino.device import Runtime, read
from sordino.device.bundle import bundle
from sordino.device.onnx.graph import build_graph
from sordino.device.onnx.model import Model
from sordino.device.onnx.protobuf import Bounds, Message, parse_message
from sordino.device.onnx.schema import MODEL
from sordino.device.onnx.shapes import OPERATORS
from sordino.device.onnx.structure import BUNDLE, Limits, check_model
from sordino.errors import BundleError, ReleaseError
from sordino.release import FITTERS
from tests.device.onnx import hostile_models as hostile
from tests.device.synthetic_bundles import CARD, bundled, embedding, talking
from tests.device.synthetic_sound_bundle import place
from tests.release.synthetic_vectors import POLICY

SECONDS, MEGABYTES = 1, 200
PEAK = "int(open('/proc/self/status').read().split('VmHWM:')[1].split()[0]) / 1024"
"""Megabytes of the process itself; what `resource` counts begins with the memory of its parent."""

LINUX = pytest.mark.skipif(
    not Path("/proc/self/status").exists(), reason="no /proc to read the peak memory from"
)


@cache
def models() -> dict[str, bytes]:
    """Models of every family, some of them rounded, by bundle and file."""
    paths = {name: bundled(name) for name in FITTERS}
    paths |= {f"{name} rounded": bundled(name, int8=True) for name in ("leace", "drawn")}
    paths |= {"talking": talking(), "listening": place()}
    for name, shape in [("general", "both"), ("drawn", "audio")]:
        path = talking().parent / f"{name}-{shape}.sordino"
        releases: Any = {"mine": (POLICY, embedding(name, shape))}
        paths[path.stem] = export.write(
            path, None, releases, features="made", card=CARD, int8=shape == "audio"
        )
    files = {name: read(path).files for name, path in paths.items()}
    return {
        f"{name} {file}": content
        for name, parts in files.items()
        for file, content in parts.items()
        if file.endswith(".onnx")
    }


class Silent:
    def refuse(self, reason: str) -> None:
        raise AssertionError(reason)

    def visit(self, kind: str, message: Message) -> None:
        pass


def parsed(content: bytes) -> Message:
    return parse_message(content, MODEL, "Model", BUNDLE.bounds, Silent())


@pytest.mark.parametrize("name", hostile.CASES)
def test_a_hostile_model_is_refused_by_name(name: str) -> None:
    with pytest.raises(BundleError, match=hostile.CASES[name][0]) as caught:
        check_model(hostile.content(name), "release-0.onnx")
    assert str(caught.value).startswith("release-0.onnx: ")
    assert str(caught.value).isprintable()
    with pytest.raises(BundleError, match=hostile.CASES[name][0]):
        Model(hostile.content(name), "release-0.onnx")


@LINUX
def test_refusals_take_under_a_second_and_200_mb(tmp_path: Path) -> None:
    for number, name in enumerate(hostile.CASES):
        (tmp_path / f"{number}.onnx").write_bytes(hostile.content(name))
    code = (
        "import sys, time, glob\n"
        "from sordino.device.onnx.structure import check_model\n"
        "from sordino.errors import BundleError\n"
        "for path in glob.glob(sys.argv[1] + '/*.onnx'):\n"
        "    content, start = open(path, 'rb').read(), time.process_time()\n"
        "    try: check_model(content, path)\n"
        "    except BundleError: print(time.process_time() - start)\n"
        f"print({PEAK})"
    )
    seconds, megabytes = _numbers(code, tmp_path)
    assert len(seconds) == len(hostile.CASES)
    assert max(seconds) < SECONDS
    assert megabytes < MEGABYTES


def _numbers(code: str, path: Path) -> tuple[list[float], float]:
    """The lines that a program prints: seconds, and megabytes last."""
    done = subprocess.run(
        [sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True
    )
    *seconds, megabytes = map(float, done.stdout.split())
    return seconds, megabytes


def forged(path: Path, model: bytes, name: str = "release-0.onnx") -> Path:
    """A bundle of an erasure with another model, whose checksums are right."""
    whole = read(bundled("leace"))
    served = [replace(policy, model=name) for policy in whole.policies.values()]
    files = {key: value for key, value in whole.files.items() if not key.endswith(".json")} | {
        name: model
    }
    return bundle.write(path, whole.card, served, files)


@pytest.mark.parametrize("form", ["b.sordino", "b"])
@pytest.mark.parametrize("file", ["release-0.onnx", "model.bin"])
def test_a_bundle_cannot_read_the_key(
    form: str, file: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = tmp_path / hostile.KEY
    key.parent.mkdir()
    key.write_bytes(bytes(range(16)))
    monkeypatch.chdir(tmp_path)
    path = forged(tmp_path / form, hostile.leak(24), file)
    with pytest.raises(
        BundleError, match=f"{form}: {file}: external data: expected a model of sordino"
    ):
        Runtime(path)


def test_the_key_leaks_where_nothing_is_checked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The attack is real: ONNX Runtime alone reads the file."""
    import onnxruntime

    (tmp_path / "state").mkdir()
    (tmp_path / hostile.KEY).write_bytes(bytes(range(16)))
    monkeypatch.chdir(tmp_path)
    session = onnxruntime.InferenceSession(hostile.leak(16), providers=["CPUExecutionProvider"])
    out = session.run(None, {"z": np.ones((1, 16), np.float32)})[0]
    assert out.tolist() == [list(range(16))]


@LINUX
def test_a_forged_bundle_is_not_shown_either(tmp_path: Path) -> None:
    path = forged(tmp_path / "b.sordino", hostile.leak(24))
    code = (
        "import sys, time\n"
        "start = time.process_time()\n"
        "from sordino.cli import main\n"
        "sys.argv[1:] = ['bundle', 'show', sys.argv[1]]\n"
        "try: main()\n"
        "except SystemExit as done: print('status', done.code)\n"
        f"print(time.process_time() - start, {PEAK})"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=False
    )
    assert "external data" in " ".join(done.stderr.split())
    status, seconds, megabytes = done.stdout.replace("status", "").split()
    assert int(status) == 2
    assert float(seconds) < 2 * SECONDS  # with every import
    assert float(megabytes) < MEGABYTES


def test_a_file_in_another_format_is_refused() -> None:
    """ONNX Runtime takes bytes 4 to 8 for the mark of its own format, in a file that is ONNX as
    well.
    """
    model = hostile.harmless()
    model.producer_name = "ORTM and more"
    content = model.SerializeToString()
    assert content[4:8] == b"ORTM"
    with pytest.raises(BundleError, match="the format of ONNX Runtime"):
        check_model(content, "m.onnx")


@pytest.mark.parametrize(
    "content", [b"", b"no model", b"\x00", bytes(100), b"\x7fELF" + bytes(60), b"{}"]
)
def test_a_file_that_is_no_model_is_refused(content: bytes) -> None:
    with pytest.raises(
        BundleError,
        match=r"m\.onnx: not a model that ONNX Runtime reads, .*: write the bundle again",
    ):
        check_model(content, "m.onnx")


GRAPH = hostile.harmless().graph.SerializeToString()
DUPLICATES = {
    "graph": hostile.field(7, GRAPH),
    "ir_version": b"\x08\x08",
    "producer_name": hostile.field(2, b"a") * 2,
}
TORN = {
    "cut integer": b"\x08\x88",
    "long integer": b"\x28\x80\x00",
    "integer of 65 bits": b"\x28" + b"\xff" * 9 + b"\x02",
    "integer without end": b"\x28" + b"\xff" * 11,
    "long tag": b"\x88\x80\x80\x80\x80\x00\x08",
    "field 0": b"\x00\x08",
    "group": b"\x0b\x0c",
    "group of a message": b"\x3b\x3c",
    "wire type 6": b"\x0e\x00",
    "fixed for an integer": b"\x0d\x00\x00\x00\x00",
    "length beyond the end": b"\x12\x7f",
    "unknown field": b"\x1a\x00" + hostile.field(12, b""),
    "not UTF-8": hostile.field(3, b"\xff"),
}


@pytest.mark.parametrize("name", [*TORN, *DUPLICATES])
def test_bytes_of_two_meanings_are_refused(name: str) -> None:
    content = hostile.harmless().SerializeToString()
    check_model(content, "m.onnx")
    with pytest.raises(BundleError, match="not a model that ONNX Runtime reads"):
        check_model(content + {**TORN, **DUPLICATES}[name], "m.onnx")


def test_a_second_data_location_does_not_hide_the_first() -> None:
    for order in (b"\x70\x01\x70\x00", b"\x70\x00\x70\x01"):
        tensor = hostile.constant("c", [1, 2, 3, 4]).SerializeToString() + order
        graph = (
            hostile.field(5, tensor)
            + hostile.proto([hostile.node("Add", "x c")]).graph.SerializeToString()
        )
        with pytest.raises(BundleError, match="data_location twice"):
            check_model(
                b"\x08\x08" + hostile.field(8, b"\x10\x12") + hostile.field(7, graph), "m.onnx"
            )


def test_a_location_beyond_32_bits_is_external() -> None:
    """Other readers keep the lower half, which says EXTERNAL."""
    tensor = hostile.constant("c", [1, 2, 3, 4]).SerializeToString() + b"\x70\x81\x80\x80\x80\x10"
    graph = (
        hostile.field(5, tensor)
        + hostile.proto([hostile.node("Add", "x c")]).graph.SerializeToString()
    )
    with pytest.raises(BundleError, match="external data"):
        check_model(b"\x08\x08" + hostile.field(8, b"\x10\x12") + hostile.field(7, graph), "m.onnx")


def test_lists_of_integers_may_be_packed_or_not() -> None:
    base = hostile.proto([hostile.node("Add", "x c")])
    for dims in (b"\x08\x01\x08\x04", b"\x0a\x02\x01\x04", b"\x08\x01\x0a\x01\x04"):
        tensor = dims + b"\x10\x01" + hostile.field(8, b"c") + hostile.field(9, bytes(16))
        graph = base.graph.SerializeToString() + hostile.field(5, tensor)
        content = b"\x08\x08" + hostile.field(8, b"\x10\x12") + hostile.field(7, graph)
        check_model(content, "m.onnx")
        assert list(onnx.load_from_string(content).graph.initializer[0].dims) == [1, 4]


def test_every_family_passes_and_every_operator_is_in_use() -> None:
    for name, content in models().items():
        check_model(content, name)
    used = {
        node.op_type
        for content in models().values()
        for node in onnx.load_from_string(content).graph.node
    }
    assert used <= BUNDLE.operators == set(OPERATORS)
    assert {"Conv", "GRU", "LayerNormalization", "Range", "Softmax", "Selu"} <= used


ROUNDED = {
    "inputs and weights, as sordino wrote until 0.3": [
        hostile.node("DynamicQuantizeLinear", "x", "q s z"),
        hostile.node("MatMulInteger", "q w z zeros", "i"),
        hostile.node("Cast", "i", "f", to=1),
        hostile.node("Mul", "f s", "g"),
        hostile.node("Mul", "g scale", "y"),
    ],
    "weights, by DequantizeLinear": [
        hostile.node("DequantizeLinear", "w scale zeros", "f", axis=1),
        hostile.node("MatMul", "x f", "y"),
    ],
    "weights, by Cast and Mul": [
        hostile.node("Cast", "w", "i", to=1),
        hostile.node("Mul", "i scale", "f"),
        hostile.node("MatMul", "x f", "y"),
    ],
}


@pytest.mark.parametrize("form", ROUNDED)
def test_models_of_8_bits_pass_and_run(form: str) -> None:
    constants = [
        hostile.constant("w", np.arange(20).reshape(4, 5), np.int8),
        hostile.constant("scale", np.full(5, 0.5)),
        hostile.constant("zeros", np.zeros(5), np.int8),
    ]
    model = Model(hostile.proto(ROUNDED[form], constants).SerializeToString(), form)
    y = model(x=np.eye(4, dtype=np.float32)[:3])["y"]
    np.testing.assert_allclose(y, np.arange(20).reshape(4, 5)[:3] * 0.5, rtol=0.01)


def test_the_reader_agrees_with_onnx() -> None:
    for content in models().values():
        expected, graph = (
            onnx.load_from_string(content).graph,
            build_graph(parsed(content)["graph"], 1 << 26),
        )
        nodes = [(node.op_type, tuple(node.input), tuple(node.output)) for node in expected.node]
        assert [(node.kind, node.inputs, node.outputs) for node in graph.nodes] == nodes
        attributes = [
            {one.name: onnx.helper.get_attribute_value(one) for one in node.attribute}
            for node in expected.node
        ]
        assert [dict(node.attributes) for node in graph.nodes] == attributes
        arrays = {one.name: numpy_helper.to_array(one) for one in expected.initializer}
        assert {name: tensor.shape for name, tensor in graph.initialisers.items()} == {
            name: array.shape for name, array in arrays.items()
        }
        assert all(
            arrays[name].ravel().tolist() == list(tensor.content)
            for name, tensor in graph.initialisers.items()
            if tensor.content
        )


def test_a_check_costs_little_of_a_cold_start() -> None:
    import time

    contents = read(place()).files
    seconds = []
    for _ in range(5):
        start = time.process_time()
        for name in ("preprocess.onnx", "release-0.onnx"):
            check_model(contents[name], name)
        seconds.append(time.process_time() - start)
    assert min(seconds) < 0.02


def test_limits_are_an_argument() -> None:
    content = hostile.harmless().SerializeToString()
    for limits, words in [
        (Limits(operators=frozenset({"Mul"})), "operator Add"),
        (Limits(opsets=range(19, 21)), "opset 18"),
        (Limits(model_bytes=10), "a model of"),
        (Limits(initialiser_bytes=15), "initialiser of 16 bytes"),
        (Limits(bounds=Bounds(3, 10, 10)), "over 3 fields"),
        (Limits(elements=3), "shape"),
        (Limits(work=3), "too much work"),
    ]:
        with pytest.raises(BundleError, match=words):
            check_model(content, "m.onnx", limits)


@settings(deadline=None, max_examples=200)
@given(data=st.data())
def test_changed_bytes_are_refused_or_harmless(data: st.DataObject) -> None:
    """What passes is read by onnx in the same way, and runs or is refused with an error of sordino."""
    content = bytearray(data.draw(st.sampled_from(sorted(models().values()))))
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(content) - 1))
        content[at : at + data.draw(st.integers(0, 2))] = data.draw(st.binary(max_size=3))
    try:
        check_model(bytes(content), "m.onnx")
    except BundleError:
        return
    graph = onnx.load_from_string(bytes(content)).graph
    nodes = build_graph(parsed(bytes(content))["graph"], 1 << 26).nodes
    assert [node.op_type for node in graph.node] == [node.kind for node in nodes]


@settings(deadline=None, max_examples=200)
@given(content=st.binary(max_size=300))
def test_any_bytes_are_refused_with_an_error_of_sordino(content: bytes) -> None:
    with pytest.raises(BundleError):
        check_model(content, "m.onnx")


def test_a_number_beyond_32_bits_is_refused() -> None:
    """ONNX Runtime keeps the lower half: a range of no numbers here had 600 million there."""
    limit = (
        hostile.field(8, b"l") + b"\x10\x06\x28\x80\x8c\x8d\x9e\xf2\xff\xff\xff\xff\x01"
    )  # int32_data of -2^32 + 6e8
    numbers = [hostile.constant(name, value, np.int32) for name, value in (("f", 0), ("d", 1))]
    graph = hostile.proto([hostile.node("Range", "f l d")], numbers).graph.SerializeToString()
    content = (
        b"\x08\x08"
        + hostile.field(8, b"\x10\x12")
        + hostile.field(7, graph + hostile.field(5, limit))
    )
    with pytest.raises(BundleError, match="an integer of over 32 bits"):
        check_model(content, "m.onnx")


def test_a_long_input_does_not_take_memory_without_bound() -> None:
    """The square of 4,096 steps is small, that of ten minutes is not."""
    nodes = [
        hostile.node("ReduceSum", "x a", "s", keepdims=0),
        hostile.node("Unsqueeze", "s a", "column"),
        hostile.node("Add", "s column", "square"),
        hostile.node("ReduceSum", "square a", "t", keepdims=1),
        hostile.node("Add", "x t"),
    ]
    model = Model(
        hostile.proto(nodes, [hostile.constant("a", [1], np.int64)]).SerializeToString(), "m.onnx"
    )
    assert model(x=np.ones((100, 4), np.float32))["y"].shape == (100, 4)
    with pytest.raises(ReleaseError, match="too much memory on input of this length"):
        model(x=np.ones((60_000, 4), np.float32))


def test_a_long_input_of_a_plain_model_runs() -> None:
    model = Model(hostile.harmless().SerializeToString(), "m.onnx")
    assert model(x=np.ones((60_000, 4), np.float32))["y"].shape == (60_000, 4)
