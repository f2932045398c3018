"""Whisper's front end and encoder, written plainly with torch: an oracle for numpy's.

It follows `whisper/audio.py` and `whisper/model.py` of OpenAI (MIT), without padding to 30 s.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from sordino.signal.encoder import EncoderShape


def hertz_to_mel(hertz: float) -> float:
    if hertz < 1000:
        return 3 * hertz / 200
    return 15 + float(np.log(hertz / 1000) / (np.log(6.4) / 27))


def mel_filters() -> torch.Tensor:
    """The triangles of `librosa.filters.mel(sr=16000, n_fft=400, n_mels=80)`, one bin after the
    other.
    """
    step = hertz_to_mel(8000) / 81
    mels = [step * index for index in range(82)]
    edges = [200 / 3 * m if m < 15 else 1000 * np.exp((m - 15) * np.log(6.4) / 27) for m in mels]
    filters = torch.zeros(80, 201)
    for band, (low, centre, high) in enumerate(zip(edges, edges[1:], edges[2:], strict=False)):
        for frequency_bin in range(201):
            hertz = 40 * frequency_bin
            if low < hertz <= centre:
                filters[band, frequency_bin] = (hertz - low) / (centre - low)
            elif centre < hertz < high:
                filters[band, frequency_bin] = (high - hertz) / (high - centre)
        filters[band] *= 2 / (high - low)
    return filters


def torch_log_mel(samples: NDArray[np.float32]) -> NDArray[np.float32]:
    window = torch.hann_window(400)
    spectrum = torch.stft(torch.from_numpy(samples), 400, 160, window=window, return_complex=True)
    energies = mel_filters() @ spectrum[:, :-1].abs() ** 2
    values = energies.clamp(min=1e-10).log10()
    values = torch.maximum(values, values.max() - 8)
    return ((values + 4) / 4).T.numpy()


def torch_encoder(
    frames: NDArray[np.float32], shape: EncoderShape, arrays: Mapping[str, NDArray[np.generic]]
) -> NDArray[np.float32]:
    """The output of the last computed layer, in float64."""
    w = {name: torch.from_numpy(np.asarray(values, float)) for name, values in arrays.items()}

    def linear(x: torch.Tensor, name: str) -> torch.Tensor:
        return functional.linear(x, w[f"{name}/weight"], w[f"{name}/bias"])

    def norm(x: torch.Tensor, name: str) -> torch.Tensor:
        return functional.layer_norm(x, (shape.width,), w[f"{name}/gamma"], w[f"{name}/beta"])

    x = torch.from_numpy(frames).double().T[None]
    x = functional.gelu(functional.conv1d(x, w["conv1/weight"], w["conv1/bias"], padding=1))
    x = functional.gelu(
        functional.conv1d(x, w["conv2/weight"], w["conv2/bias"], padding=1, stride=2)
    )
    x = x[0].T
    x = x + w["position_encodings/encodings"][: len(x)]
    for layer in range(shape.layers):
        name = f"layer_{layer}/self_attention"
        inner = linear(norm(x, f"{name}/layer_norm"), f"{name}/linear_0")
        query, key, value = (
            part.reshape(len(x), shape.heads, -1).transpose(0, 1) for part in inner.chunk(3, dim=1)
        )
        heads = functional.scaled_dot_product_attention(query, key, value)
        x = x + linear(heads.transpose(0, 1).reshape(len(x), -1), f"{name}/linear_1")
        name = f"layer_{layer}/ffn"
        inner = functional.gelu(linear(norm(x, f"{name}/layer_norm"), f"{name}/linear_0"))
        x = x + linear(inner, f"{name}/linear_1")
    return x.float().numpy()
