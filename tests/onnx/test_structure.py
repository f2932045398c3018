"""A model is plain arithmetic of a bounded size, or it is refused before ONNX Runtime sees it."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest

from sordino.device import Runtime, read
from sordino.device.bundle import bundle
from sordino.errors import BundleError, ReleaseError
from sordino.onnx.model import Model
from sordino.onnx.protobuf import Bounds
from sordino.onnx.shapes import OPERATORS
from sordino.onnx.structure import BUNDLE, Limits, check_model
from tests.device.synthetic_bundles import bundled
from tests.device.synthetic_sound_bundle import bundle_path
from tests.onnx import hostile_models as hostile
from tests.onnx import synthetic_onnx
from tests.onnx.exported_models import models

SECONDS, MEGABYTES = 1, 200
PEAK = "int(open('/proc/self/status').read().split('VmHWM:')[1].split()[0]) / 1024"
"""Megabytes of the process itself; what `resource` counts begins with the memory of its parent."""

LINUX = pytest.mark.skipif(
    not Path("/proc/self/status").exists(), reason="no /proc to read the peak memory from"
)


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
        "import sys, time, glob\nfrom sordino.onnx.structure import check_model\nfrom "
        "sordino.errors import BundleError\nfor path in glob.glob(sys.argv[1] + '/*.onnx'):\n    "
        "content, start = open(path, 'rb').read(), time.process_time()\n    try: "
        "check_model(content, path)\n    except BundleError: print(time.process_time() - "
        f"start)\nprint({PEAK})"
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
    original = read(bundled("leace"))
    entries = [replace(policy, model=name) for policy in original.policies.values()]
    files = {key: value for key, value in original.files.items() if not key.endswith(".json")} | {
        name: model
    }
    return bundle.write(path, original.card, entries, files)


@pytest.mark.parametrize("form", ["b.sordino", "b"])
@pytest.mark.parametrize("file", ["release-0.onnx", "model.bin"])
def test_a_bundle_cannot_read_the_key(
    form: str, file: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = tmp_path / synthetic_onnx.KEY
    key.parent.mkdir()
    key.write_bytes(bytes(range(16)))
    monkeypatch.chdir(tmp_path)
    path = forged(tmp_path / form, synthetic_onnx.leak(24), file)
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
    (tmp_path / synthetic_onnx.KEY).write_bytes(bytes(range(16)))
    monkeypatch.chdir(tmp_path)
    session = onnxruntime.InferenceSession(
        synthetic_onnx.leak(16), providers=["CPUExecutionProvider"]
    )
    out = session.run(None, {"z": np.ones((1, 16), np.float32)})[0]
    assert out.tolist() == [list(range(16))]


@LINUX
def test_a_forged_bundle_is_not_shown_either(tmp_path: Path) -> None:
    path = forged(tmp_path / "b.sordino", synthetic_onnx.leak(24))
    code = (
        "import sys, time\nstart = time.process_time()\nfrom sordino.cli import main\nsys.argv[1:] "
        "= ['bundle', 'show', sys.argv[1]]\ntry: main()\nexcept SystemExit as done: "
        f"print('status', done.code)\nprint(time.process_time() - start, {PEAK})"
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
    model = synthetic_onnx.harmless()
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


@pytest.mark.slow
def test_every_family_passes_and_every_operator_is_in_use() -> None:
    for name, content in models().items():
        check_model(content, name)
    operators = {
        node.op_type
        for content in models().values()
        for node in onnx.load_from_string(content).graph.node
    }
    assert operators <= set(BUNDLE.operators) == set(OPERATORS)
    assert {"Conv", "GRU", "LayerNormalization", "Range", "Softmax", "Selu"} <= operators


ROUNDED = {
    "inputs and weights, as sordino wrote until 0.3": [
        synthetic_onnx.node("DynamicQuantizeLinear", "x", "q s z"),
        synthetic_onnx.node("MatMulInteger", "q w z zeros", "i"),
        synthetic_onnx.node("Cast", "i", "f", to=1),
        synthetic_onnx.node("Mul", "f s", "g"),
        synthetic_onnx.node("Mul", "g scale", "y"),
    ],
    "weights, by DequantizeLinear": [
        synthetic_onnx.node("DequantizeLinear", "w scale zeros", "f", axis=1),
        synthetic_onnx.node("MatMul", "x f", "y"),
    ],
    "weights, by Cast and Mul": [
        synthetic_onnx.node("Cast", "w", "i", to=1),
        synthetic_onnx.node("Mul", "i scale", "f"),
        synthetic_onnx.node("MatMul", "x f", "y"),
    ],
}


@pytest.mark.parametrize("form", ROUNDED)
def test_models_of_8_bits_pass_and_run(form: str) -> None:
    constants = [
        synthetic_onnx.constant("w", np.arange(20).reshape(4, 5), np.int8),
        synthetic_onnx.constant("scale", np.full(5, 0.5)),
        synthetic_onnx.constant("zeros", np.zeros(5), np.int8),
    ]
    model = Model(synthetic_onnx.proto(ROUNDED[form], constants).SerializeToString(), form)
    y = model(x=np.eye(4, dtype=np.float32)[:3])["y"]
    np.testing.assert_allclose(y, np.arange(20).reshape(4, 5)[:3] * 0.5, rtol=0.01)


def test_a_check_costs_little_of_a_cold_start() -> None:
    import time

    contents = read(bundle_path()).files
    seconds = []
    for _ in range(5):
        start = time.process_time()
        for name in ("preprocess.onnx", "release-0.onnx"):
            check_model(contents[name], name)
        seconds.append(time.process_time() - start)
    assert min(seconds) < 0.02


def test_limits_are_an_argument() -> None:
    content = synthetic_onnx.harmless().SerializeToString()
    for limits, words in [
        (Limits(operators={"Mul": OPERATORS["Mul"]}), "operator Add"),
        (Limits(opsets=range(19, 21)), "opset 18"),
        (Limits(model_bytes=10), "a model of"),
        (Limits(initialiser_bytes=15), "initialiser of 16 bytes"),
        (Limits(bounds=Bounds(3, 10, 10)), "over 3 fields"),
        (Limits(elements=3), "shape"),
        (Limits(all_elements=3), "more than 3 numbers together"),
        (Limits(live_elements=3), "more than 3 numbers together"),
        (Limits(work=3), "too much work"),
        (Limits(whole_work=3), "too much work"),
        (Limits(model_bytes=10, advice="export it again"), ": export it again$"),
    ]:
        with pytest.raises(BundleError, match=words):
            check_model(content, "m.onnx", limits)


def test_a_long_input_does_not_take_memory_without_bound() -> None:
    """The square of 4,096 steps is small, that of ten minutes is not."""
    nodes = [
        synthetic_onnx.node("ReduceSum", "x a", "s", keepdims=0),
        synthetic_onnx.node("Unsqueeze", "s a", "column"),
        synthetic_onnx.node("Add", "s column", "square"),
        synthetic_onnx.node("ReduceSum", "square a", "t", keepdims=1),
        synthetic_onnx.node("Add", "x t"),
    ]
    model = Model(
        synthetic_onnx.proto(
            nodes, [synthetic_onnx.constant("a", [1], np.int64)]
        ).SerializeToString(),
        "m.onnx",
    )
    assert model(x=np.ones((100, 4), np.float32))["y"].shape == (100, 4)
    with pytest.raises(ReleaseError, match="too much memory on input of this length"):
        model(x=np.ones((60_000, 4), np.float32))


def test_a_long_input_of_a_plain_model_runs() -> None:
    model = Model(synthetic_onnx.harmless().SerializeToString(), "m.onnx")
    assert model(x=np.ones((60_000, 4), np.float32))["y"].shape == (60_000, 4)
