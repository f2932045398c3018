"""`scripts/encoder-check` compares the installed weights with a file as OpenAI publishes it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from sordino.signal.encoder import TINY_EN, is_installed
from sordino.signal.encoder.shape import Weights
from sordino.signal.encoder.weights import read_weights

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.skipif(not is_installed(TINY_EN), reason="no package of weights")
SCRIPT = Path(__file__).parents[3] / "scripts" / "encoder-check"

LAYER = {
    "self_attention/layer_norm/gamma": "attn_ln.weight",
    "self_attention/layer_norm/beta": "attn_ln.bias",
    "self_attention/linear_1/weight": "attn.out.weight",
    "self_attention/linear_1/bias": "attn.out.bias",
    "ffn/layer_norm/gamma": "mlp_ln.weight",
    "ffn/layer_norm/beta": "mlp_ln.bias",
    "ffn/linear_0/weight": "mlp.0.weight",
    "ffn/linear_0/bias": "mlp.0.bias",
    "ffn/linear_1/weight": "mlp.2.weight",
    "ffn/linear_1/bias": "mlp.2.bias",
}


@pytest.fixture(scope="module")
def weights() -> Weights:
    return read_weights(TINY_EN)


def published(weights: Weights) -> dict[str, NDArray[np.float32]]:
    """The weights under the names of OpenAI's code."""
    tensors = {
        f"encoder.{conv}.{part}": weights[f"{conv}/{part}"]
        for conv in ("conv1", "conv2")
        for part in ("weight", "bias")
    }
    tensors["encoder.positional_embedding"] = weights["position_encodings/encodings"]
    for layer in range(TINY_EN.shape.layers):
        block = f"encoder.blocks.{layer}"
        for mine, theirs in LAYER.items():
            tensors[f"{block}.{theirs}"] = weights[f"layer_{layer}/{mine}"]
        for part in ("weight", "bias"):
            linear = np.split(weights[f"layer_{layer}/self_attention/linear_0/{part}"], 3)
            for name, values in zip(("query", "key", "value"), linear, strict=True):
                tensors[f"{block}.attn.{name}.{part}"] = values
        del tensors[f"{block}.attn.key.bias"]
    return tensors


def save(path: Path, tensors: dict[str, NDArray[np.float32]]) -> Path:
    state = {name: torch.from_numpy(values.copy()) for name, values in tensors.items()}
    torch.save({"dims": {"n_mels": 80}, "model_state_dict": state}, path)
    return path


def run(*arguments: object) -> subprocess.CompletedProcess[str]:
    variables = os.environ | {"PYTHON": sys.executable}
    command = [str(SCRIPT), *map(str, arguments)]
    return subprocess.run(command, env=variables, capture_output=True, text=True, check=False)


@pytest.mark.slow
def test_the_same_weights_agree_and_the_file_is_no_original(
    weights: Weights, tmp_path: Path
) -> None:
    tensors = published(weights)
    rounded = {name: values * np.float32(1.0001) for name, values in tensors.items()}
    done = run(save(tmp_path / "tiny.en.pt", rounded))
    assert done.returncode == 1, done.stderr
    assert "not that of OpenAI's file" in done.stdout
    assert done.stdout.count("agrees") == 9
    assert "DIFFERS" not in done.stdout


@pytest.mark.slow
@pytest.mark.parametrize("change", ["value", "absent", "nan"])
def test_other_weights_are_named_by_their_group(
    weights: Weights, tmp_path: Path, change: str
) -> None:
    tensors, name = published(weights), "encoder.blocks.1.mlp.0.weight"
    if change == "absent":
        del tensors[name]
    else:
        tensors[name] = tensors[name].copy()
        tensors[name][3, 5] += np.float32("nan" if change == "nan" else 0.01)
    done = run(save(tmp_path / "tiny.en.pt", tensors))
    assert done.returncode == 1
    lines = [line.split()[0] for line in done.stdout.splitlines() if "DIFFERS" in line]
    assert lines == ["layer_1/ffn"]


class Exploit:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, ("touch executed",)


@pytest.mark.slow
def test_no_code_of_a_file_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    torch.save({"model_state_dict": Exploit()}, tmp_path / "base.pt")
    done = run(tmp_path / "base.pt")
    assert done.returncode == 2
    assert "not a file of tensors" in done.stderr
    assert not (tmp_path / "executed").exists()


@pytest.mark.slow
@pytest.mark.parametrize("arguments", [(), ("absent.pt",)])
def test_without_a_file_there_is_one_line(arguments: tuple[str, ...]) -> None:
    done = run(*arguments)
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.slow
def test_without_a_network_there_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")
    done = run("--download")
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
    assert "no answer from https://openaipublic" in done.stderr
