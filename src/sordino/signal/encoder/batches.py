"""The encoder of `graph` in PyTorch, for windows of several recordings at once on a GPU.

    windows   log mel energies `(n, 80)` each, with zeros behind the shorter ones
      mask    zeros behind a window after each convolution; no attention reads them
      sums    of the outputs over the positions of each window, in float64

The weights are those of the model of a device: rounded to 8 bits, times their scale. Vectors differ
from those of the model by at most `VECTOR_TOLERANCE`, for sums have another order. All products are
in float32 without shorter formats (TF32).
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from sordino.signal.encoder.graph import NORM_EPSILON, quantised
from sordino.signal.encoder.log_mel import MEL_BANDS
from sordino.signal.encoder.shape import EncoderShape, Weights
from sordino.signal.encoder.weights import WeightSource

if TYPE_CHECKING:
    import torch

VECTOR_TOLERANCE: Final = 1e-5
"""The largest difference of a value between devices, as a share of the largest of a vector."""

MOST_FRAMES: Final = 1 << 16
"""Frames in a batch with its zeros: 131 MB for the widest layer of a width of 512."""

MOST_PAIRS: Final = 1 << 24
"""Pairs of positions in a batch: 537 MB for 8 heads."""

Windows = Sequence[NDArray[np.float32]]
"""The windows of a recording, each `(frames, 80)`."""


class BatchEncoder:
    """Windows to the sums of their outputs, on a device of PyTorch."""

    def __init__(self, shape: EncoderShape, weights: Weights, device: str) -> None:
        import torch  # here: a device of a user has none

        self._shape, self._device, self._torch = shape, device, torch
        self._weights = {
            name: torch.from_numpy(np.ascontiguousarray(values, np.float32)).to(device)
            for name, values in _rounded(shape, weights)
        }

    def __call__(self, recordings: Sequence[Windows]) -> list[NDArray[np.float32]]:
        """The mean output over all windows of each recording, `(width,)` each."""
        windows = [window for recording in recordings for window in recording]
        sums = np.zeros((len(windows), self._shape.width))
        for rows in _batches([len(window) for window in windows]):
            sums[rows] = self._sums([windows[row] for row in rows])
        vectors, start = [], 0
        for recording in recordings:
            total = sums[start : (start := start + len(recording))].sum(axis=0)
            positions = sum((len(window) + 1) // 2 for window in recording)
            vectors.append((total / positions).astype(np.float32))
        return vectors

    def _sums(self, windows: Windows) -> NDArray[np.float64]:
        """The sums of the outputs of each window, `(windows, width)`."""
        lengths = np.array([len(window) for window in windows])
        frames = np.zeros((len(windows), lengths.max(), MEL_BANDS), np.float32)
        for row, window in enumerate(windows):
            frames[row, : len(window)] = window
        with self._torch.inference_mode():
            tensors = (
                self._torch.from_numpy(values).to(self._device) for values in (frames, lengths)
            )
            outputs, used = self.outputs(*tensors)
            sums: NDArray[np.float64] = (outputs.double() * used).sum(dim=1).cpu().numpy()
        return sums

    def outputs(
        self, frames: torch.Tensor, lengths: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """The outputs `(windows, positions, width)` for frames `(windows, n, 80)`, and whether a
        position is one of its window, `(windows, positions, 1)`.
        """
        gelu = self._torch.nn.functional.gelu
        x = gelu(self._convolve(frames, "conv1", 1)) * self._used(frames, lengths)
        x = gelu(self._convolve(x, "conv2", 2))  # (windows, positions, width)
        used = self._used(x, (lengths + 1) // 2)
        x = x + self._weights["position_encodings/encodings"][: x.shape[1]]
        unused = self._torch.where(used, 0.0, -self._torch.inf).transpose(1, 2)[:, None]
        for layer in range(self._shape.layers):
            x = x + self._attend(x, unused, f"layer_{layer}/self_attention")
            inner = self._linear(self._norm(x, f"layer_{layer}/ffn"), f"layer_{layer}/ffn/linear_0")
            x = x + self._linear(gelu(inner), f"layer_{layer}/ffn/linear_1")
        return x, used

    def _used(self, x: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        """Whether a step `(windows, steps, any)` is one of its window, `(windows, steps, 1)`."""
        steps = self._torch.arange(x.shape[1], device=x.device)
        return (steps < lengths[:, None])[..., None]

    def _convolve(self, x: torch.Tensor, name: str, stride: int) -> torch.Tensor:
        """A convolution of width 3 as a product, `(windows, n, in) -> (windows, n / stride, d)`."""
        padded = self._torch.nn.functional.pad(x, (0, 0, 1, 1))
        taps = [padded[:, tap : tap + x.shape[1] : stride] for tap in range(3)]
        return self._linear(self._torch.cat(taps, dim=-1), name)

    def _attend(self, x: torch.Tensor, unused: torch.Tensor, name: str) -> torch.Tensor:
        """Attention; `unused` `(windows, 1, 1, positions)` is -inf behind a window."""
        values = self._linear(self._norm(x, name), f"{name}/linear_0")
        query, key, value = (
            part.view(*part.shape[:2], self._shape.heads, -1).transpose(1, 2)
            for part in values.chunk(3, dim=-1)
        )  # (windows, heads, positions, size); queries are scaled by their weights
        attended = (query @ key.transpose(-1, -2) + unused).softmax(dim=-1) @ value
        return self._linear(attended.transpose(1, 2).flatten(2), f"{name}/linear_1")

    def _norm(self, x: torch.Tensor, name: str) -> torch.Tensor:
        gamma, beta = (self._weights[f"{name}/layer_norm/{part}"] for part in ("gamma", "beta"))
        normalise = self._torch.nn.functional.layer_norm
        return normalise(x, (self._shape.width,), gamma, beta, NORM_EPSILON)

    def _linear(self, x: torch.Tensor, name: str) -> torch.Tensor:
        return x @ self._weights[f"{name}/weight"] + self._weights[f"{name}/bias"]


@functools.lru_cache(maxsize=1)
def load_batch_encoder(source: WeightSource, device: str) -> BatchEncoder:
    """The encoder of a checkpoint or folder on a device, made once in a process.

    Raises the errors of `source.read`, and `DependencyError` without the package onnx.
    """
    return BatchEncoder(source.shape, source.read(), device)


def _rounded(shape: EncoderShape, weights: Weights) -> Iterator[tuple[str, NDArray[Any]]]:
    """The weights as the model of a device has them; matrices `(in, out)`, those of a convolution
    `(3 in, out)`.
    """
    for name in shape.arrays():
        values = weights[name]
        if name.endswith("self_attention/linear_0/weight"):
            values = values * shape.query_factor[:, None]
        elif name.endswith("self_attention/linear_0/bias"):
            values = values * shape.query_factor
        if values.ndim == 3:
            values = np.swapaxes(values, 1, 2).reshape(len(values), -1)  # (out, 3 in)
        if name.endswith("weight"):
            values = values.T
        if values.ndim == 2:
            numbers, scale = quantised(values)
            values = numbers * scale
        yield name, values


def _batches(lengths: Sequence[int]) -> Iterator[list[int]]:
    """Windows of similar length in batches of limited size, by the lengths of all."""
    batch: list[int] = []
    for row in np.argsort(lengths, kind="stable").tolist():
        count, longest = len(batch) + 1, lengths[row]
        if batch and (count * longest > MOST_FRAMES or count * longest**2 > 4 * MOST_PAIRS):
            yield batch
            batch = []
        batch.append(row)
    if batch:
        yield batch
