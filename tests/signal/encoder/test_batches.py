"""Recordings that are encoded at once have the vectors of a device, to a stated tolerance."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from sordino.signal.encoder import TINY_EN, Speech, encode, is_installed, load_encoder
from sordino.signal.encoder import batches as batches_module
from sordino.signal.encoder.batches import VECTOR_TOLERANCE, BatchEncoder
from sordino.signal.encoder.speech import encoder_windows
from tests.signal.encoder.synthetic_encoder import SMALL, synthetic_arrays, synthetic_encoder

DEVICES = [
    "cpu",
    pytest.param(
        "cuda", marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
    ),
]
LENGTHS = (1, 2, 3, 97, 98, 401)


def synthetic_batch_encoder(device: str = "cpu") -> BatchEncoder:
    return BatchEncoder(SMALL, SMALL.checked(synthetic_arrays()), device)


def synthetic_windows() -> list[NDArray[np.float32]]:
    random = np.random.default_rng(0)
    return [random.normal(0, 0.5, (count, 80)).astype(np.float32) for count in LENGTHS]


@pytest.mark.parametrize("device", DEVICES)
def test_vectors_of_a_batch_are_those_of_a_device(device: str) -> None:
    vectors = synthetic_batch_encoder(device)([[window] for window in synthetic_windows()])
    for vector, window in zip(vectors, synthetic_windows(), strict=True):
        expected = synthetic_encoder()(window).mean(axis=0)
        np.testing.assert_allclose(
            vector, expected, rtol=0, atol=VECTOR_TOLERANCE * abs(expected).max()
        )


def test_windows_of_a_recording_have_one_mean(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batches_module, "MOST_FRAMES", 200)
    windows = synthetic_windows()
    vectors = synthetic_batch_encoder()([windows[:2], windows[2:]])
    for vector, recording in zip(vectors, (windows[:2], windows[2:]), strict=True):
        expected = np.concatenate([synthetic_encoder()(window) for window in recording]).mean(
            axis=0
        )
        np.testing.assert_allclose(vector, expected, rtol=0, atol=1e-5)


def test_every_tensor_lies_on_the_device() -> None:
    frames, lengths = torch.empty(2, 9, 80, device="meta"), torch.empty(2, device="meta")
    outputs, used = synthetic_batch_encoder("meta").outputs(frames, lengths.long())
    assert outputs.device.type == used.device.type == "meta"
    assert outputs.shape == (2, 5, SMALL.width)


@pytest.mark.skipif(not is_installed(TINY_EN), reason="no package of weights")
@pytest.mark.parametrize("device", DEVICES)
def test_speech_in_batches_is_speech(device: str) -> None:
    speech, random = Speech("speech-tiny", TINY_EN), np.random.default_rng(0)
    sounds = [random.normal(0, 0.1, size).astype(np.float32) for size in (1600, 31 * 16000, 8000)]
    vectors = speech.compute_batch([speech.prepare(sound) for sound in sounds], device)
    assert len(encoder_windows(sounds[1])) == 2
    for vector, sound in zip(vectors, sounds, strict=True):
        expected = encode(sound, load_encoder(TINY_EN))
        np.testing.assert_allclose(
            vector, expected, rtol=0, atol=VECTOR_TOLERANCE * abs(expected).max()
        )
