"""A small bundle that `sordino.device.read` accepts, written without fitting."""

from __future__ import annotations

import io
import tempfile
from functools import cache
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from sordino.device.bundle import bundle
from sordino.device.bundle.archive import sha256
from sordino.device.bundle.bundle import PolicyEntry
from sordino.onnx.writer import GraphBuilder
from sordino.policy import Policy

WIDTH: Final = 8
SAD: Final = Policy(required="sad", sensitive=("happy", "angry"))
HAPPY: Final = Policy(required="happy", sensitive=("sad", "angry"))
ANGRY: Final = Policy(required="angry", sensitive=("sad", "happy"))
CARD: Final[dict[str, Any]] = {
    "name": "synthetic",
    "features": {"set": "made", "dims": WIDTH},
    "made_on": {"synthetic": {"utterances": 240, "speakers": 20}},
    "rates": {},
}


@cache
def prototypes(seed: int = 0) -> NDArray[np.float32]:
    """`(6, WIDTH)`; the first three are of bin 0, the others of bin 1."""
    return np.random.default_rng(seed).normal(size=(6, WIDTH)).astype(np.float32)


def _model() -> bytes:
    graph = GraphBuilder()
    z = graph.input("z", np.float32, "n", WIDTH)
    return graph.model(bin=graph.op("ArgMax", z, dtype=np.int64, axis=1, keepdims=0))


def _npz(array: NDArray[np.float32], bins: list[int]) -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, prototypes=array, bin=np.array(bins, np.int64))
    return buffer.getvalue()


@cache
def bundle_file(seed: int = 0, rates: str = "") -> Path:
    """A `.sordino` file with the policies drawn (sad), label (happy) and noise (angry)."""
    drawn = {"kind": "drawn", "epsilon": "inf"}
    noise = {"kind": "noise", "noise": "gauss", "scale": 1.0}
    model, rows = _model(), prototypes(seed)
    entries = [
        PolicyEntry("drawn", SAD, "drawn", WIDTH, drawn, None, "release-0.onnx", "release-0.npz"),
        PolicyEntry("label", HAPPY, "label", WIDTH, drawn, None, "release-1.onnx", "release-1.npz"),
        PolicyEntry("noise", ANGRY, "noise-gauss", WIDTH, noise),
    ]
    files = {
        "release-0.onnx": model,
        "release-0.npz": _npz(rows, [0, 0, 0, 1, 1, 1]),
        "release-1.onnx": model,
        "release-1.npz": _npz(rows[[0, 3]], [0, 1]),
    }
    path = Path(tempfile.mkdtemp()) / "synthetic.sordino"
    return bundle.write(path, CARD | ({"comment": rates} if rates else {}), entries, files)


def digest(path: Path) -> str:
    """The name of a bundle in a batch."""
    return sha256(bundle.read(path).manifest)
