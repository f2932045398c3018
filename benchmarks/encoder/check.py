"""Compare the installed weights of `speech` and `speech-tiny` with OpenAI's own files.

    scripts/encoder-check tiny.en.pt base.pt    compares these files
    scripts/encoder-check --download            first downloads both (75 and 145 MB)

The SHA-256 of each file stands in its public address, and a file with another one is no file of
OpenAI's. PyTorch reads tensors alone (`weights_only`), so no code of a file runs. The installed
weights were rounded to float16; no difference may be larger than that.

Status: 0 all agree, 1 a difference is larger or a file is not OpenAI's, 2 nothing was compared.
"""

from __future__ import annotations

import argparse
import hashlib
import re
import sys
import tempfile
import urllib.error
import urllib.request
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sordino.errors import FeatureError, SordinoError
from sordino.signal.encoder import BASE, TINY_EN, Checkpoint, EncoderShape
from sordino.signal.encoder.shape import Weights

ADDRESS = "https://openaipublic.azureedge.net/main/whisper/models/{sha256}/{name}.pt"
PUBLISHED = {
    "tiny.en": "d3dd57d32accea0b295c96e26691aa14d8822fac7d9d27d5dc00b4ca2826dd03",
    "base": "ed3a0b6b1c0edf879ad9b11b1af5a0e6ab5db9205f891f668f8b0e6c6326e34e",
}
"""The SHA-256 in the addresses of `whisper/__init__.py`."""
CHECKPOINTS: Mapping[str, Checkpoint] = {"tiny.en": TINY_EN, "base": BASE}
MOST_BYTES = 1 << 28
TIMEOUT_SECONDS = 60
SAFE_TORCH = (2, 6)
"""Before it, `weights_only` could run code (CVE-2025-32434)."""

PARTS = {
    "self_attention/layer_norm/gamma": "attn_ln.weight",
    "self_attention/layer_norm/beta": "attn_ln.bias",
    "self_attention/linear_1": "attn.out",
    "ffn/layer_norm/gamma": "mlp_ln.weight",
    "ffn/layer_norm/beta": "mlp_ln.bias",
    "ffn/linear_0": "mlp.0",
    "ffn/linear_1": "mlp.2",
}
"""The names of a layer's weights in the file of OpenAI."""


class Difference(NamedTuple):
    """The largest difference of a group of weights."""

    group: str
    largest: float
    rounding: float
    """The largest difference in units of the rounding to float16: at most 1 if all agree."""


def main() -> int:
    """Print the largest difference of each group; the status."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("files", nargs="*", type=Path, metavar="FILE", help="tiny.en.pt, base.pt")
    parser.add_argument("--download", action="store_true", help="get both files first")
    arguments = parser.parse_args()
    if not arguments.files and not arguments.download:
        print(
            "no file, expected tiny.en.pt or base.pt: name it, or pass --download", file=sys.stderr
        )
        return 2
    try:
        with tempfile.TemporaryDirectory() as folder:
            downloads = [download(name, Path(folder)) for name in PUBLISHED if arguments.download]
            return max([check(path) for path in (*arguments.files, *downloads)])
    except (OSError, SordinoError) as error:
        print(error, file=sys.stderr)
        return 2


def download(name: str, folder: Path) -> Path:
    """A file of OpenAI's in a folder. Raises `FeatureError` where there is no network."""
    address = ADDRESS.format(sha256=PUBLISHED[name], name=name)
    try:
        with urllib.request.urlopen(address, timeout=TIMEOUT_SECONDS) as answer:
            content = answer.read(MOST_BYTES + 1)
    except (OSError, urllib.error.URLError) as error:
        raise FeatureError(
            f"{name}.pt: no answer from {address}: get the file elsewhere and name it"
        ) from error
    path = folder / f"{name}.pt"
    path.write_bytes(content)
    return path


def check(path: Path) -> int:
    """Print the comparison of a file with the installed weights; the status."""
    content = path.read_bytes() if path.stat().st_size <= MOST_BYTES else b""
    sha256 = hashlib.sha256(content).hexdigest()
    tensors = read_tensors(path)
    width = tensors["encoder.conv1.bias"].size
    matches = [name for name, item in CHECKPOINTS.items() if item.shape.width == width]
    if not matches:
        raise FeatureError(f"{path}: an encoder of width {width}, expected tiny.en or base")
    name = matches[0]
    genuine = sha256 == PUBLISHED[name]
    print(
        f"{path.name}: {name}, SHA-256 {sha256}, {'' if genuine else 'not '}that of OpenAI's file"
    )
    differences = compare(CHECKPOINTS[name].read(), tensors, CHECKPOINTS[name].shape)
    for group, largest, rounding in differences:
        verdict = "agrees" if rounding <= 1 else "DIFFERS"
        print(f"  {group:24} {largest:10.3g}  {rounding:8.3g} of the rounding  {verdict}")
    return int(not genuine or any(item.rounding > 1 for item in differences))


def read_tensors(path: Path) -> dict[str, NDArray[np.float32]]:
    """The tensors of the encoder in a file of OpenAI's, as float32.

    Raises `FeatureError` for a file that holds more than tensors, and for another file.
    """
    import torch

    release = tuple(int(part) for part in re.findall(r"\d+", torch.__version__)[:2])
    if release < SAFE_TORCH:
        raise FeatureError(f"torch {torch.__version__}, expected 2.6 or newer: install it")
    if path.stat().st_size > MOST_BYTES:
        raise FeatureError(f"{path}: more than {MOST_BYTES} bytes, expected tiny.en.pt or base.pt")
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
        state = content["model_state_dict"]
        tensors = {
            name: tensor.to(torch.float32).numpy()
            for name, tensor in state.items()
            if name.startswith("encoder.")
        }
        tensors["encoder.conv1.bias"]
    except Exception as error:  # damaged files raise any exception
        raise FeatureError(
            f"{path}: not a file of tensors as OpenAI publishes it: get it again"
        ) from error
    return tensors


def compare(
    weights: Weights, tensors: Mapping[str, NDArray[np.float32]], shape: EncoderShape
) -> list[Difference]:
    """The largest difference of each group of weights, NaN and other shapes as infinite."""
    groups: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for name in shape.arrays():
        expected, values = original(name, tensors), weights[name]
        if expected.shape != values.shape:
            groups[group_of(name)].append((np.inf, np.inf))
            continue
        difference = np.abs(values.astype(np.float64) - expected)
        half = np.spacing(np.abs(values).astype(np.float16)).astype(np.float64) / 2
        largest = np.nan_to_num(difference, nan=np.inf, posinf=np.inf)
        groups[group_of(name)].append((float(largest.max()), float((largest / half).max())))
    return [
        Difference(group, max(pair[0] for pair in pairs), max(pair[1] for pair in pairs))
        for group, pairs in groups.items()
    ]


def group_of(name: str) -> str:
    """The group of a weight: a convolution, the positions, or a block of a layer."""
    return "/".join(name.split("/")[: 2 if name.startswith("layer_") else 1])


def original(name: str, tensors: Mapping[str, NDArray[np.float32]]) -> NDArray[np.float32]:
    """The weight of a name of `EncoderShape.arrays` in the file of OpenAI; empty if absent."""
    absent = np.empty(0, np.float32)
    if name == "position_encodings/encodings":
        return tensors.get("encoder.positional_embedding", absent)
    match = re.fullmatch(r"layer_(\d+)/(.+)", name)
    if match is None:
        return tensors.get(f"encoder.{name.replace('/', '.')}", absent)
    block, part = f"encoder.blocks.{match[1]}.", match[2]
    if part.startswith("self_attention/linear_0/"):
        kind = part.rsplit("/", 1)[1]
        query, key, value = (
            tensors.get(f"{block}attn.{letter}.{kind}", absent)
            for letter in ("query", "key", "value")
        )
        key = np.zeros_like(query) if kind == "bias" else key  # keys have no bias
        fits = query.shape[1:] == key.shape[1:] == value.shape[1:]
        return np.concatenate([query, key, value]) if fits else absent
    for mine, theirs in PARTS.items():
        part = part.replace(mine, theirs)
    return tensors.get(block + part.replace("/", "."), absent)


if __name__ == "__main__":
    sys.exit(main())
