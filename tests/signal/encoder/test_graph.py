"""An encoder is that of Whisper, written again with torch, and its weights are of 8 bits."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from sordino.errors import FeatureError
from sordino.onnx.writer import quantise
from sordino.signal.encoder import Encoder, EncoderShape, graph
from sordino.signal.encoder.log_mel import log_mel
from tests.signal.encoder.synthetic_encoder import (
    SMALL,
    synthetic_arrays,
    synthetic_encoder,
    synthetic_model,
)
from tests.signal.encoder.torch_whisper import torch_encoder, torch_log_mel


def synthetic_frames(count: int, seed: int = 0) -> NDArray[np.float32]:
    return np.random.default_rng(seed).normal(0, 0.5, (count, 80)).astype(np.float32)


def rounded(shape: EncoderShape) -> dict[str, NDArray[np.float32]]:
    """The weights of `synthetic_arrays` as a model holds them."""
    arrays = dict(shape.checked(synthetic_arrays(shape)))
    for name, values in arrays.items():
        if name.endswith("weight"):
            numbers, scale = quantise(values.reshape(len(values), -1).T)
            arrays[name] = (numbers * scale).T.reshape(values.shape)
    name = "position_encodings/encodings"
    numbers, scale = quantise(arrays[name])
    return {**arrays, name: numbers * scale}


@pytest.mark.parametrize("count", [1, 2, 3, 98, 401])
def test_outputs_are_those_of_torch(count: int) -> None:
    outputs = synthetic_encoder()(synthetic_frames(count))
    assert outputs.shape == ((count + 1) // 2, SMALL.width)
    expected = torch_encoder(synthetic_frames(count), SMALL, rounded(SMALL))
    np.testing.assert_allclose(outputs, expected, rtol=0, atol=2e-5)


def test_the_longest_window_has_1500_positions() -> None:
    assert len(synthetic_encoder()(synthetic_frames(3000))) == 1500


def test_a_longer_window_is_refused() -> None:
    with pytest.raises(FeatureError, match=r"encoder\.onnx: the model failed"):
        synthetic_encoder()(synthetic_frames(3001))


def test_large_encoders_have_the_values_of_small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(graph, "RESIDENT_WEIGHTS", 0)
    outputs = Encoder(synthetic_model(), SMALL.width)(synthetic_frames(98))
    np.testing.assert_allclose(outputs, synthetic_encoder()(synthetic_frames(98)), atol=1e-5)


def test_weights_of_8_bits_take_a_quarter() -> None:
    shape = EncoderShape(width=96, heads=2, layers=1)
    assert len(synthetic_model(shape)) < 0.3 * 4 * shape.weights


def test_rounding_changes_little() -> None:
    expected = torch_encoder(synthetic_frames(98), SMALL, synthetic_arrays())
    outputs = synthetic_encoder()(synthetic_frames(98))
    assert np.corrcoef(outputs.ravel(), expected.ravel())[0, 1] > 0.999


def test_the_same_weights_give_the_same_bytes() -> None:
    assert synthetic_model() == synthetic_model()


@pytest.mark.parametrize("samples", [640, 16000, 16399])
def test_log_mel_energies_are_those_of_torch(samples: int) -> None:
    sound = np.random.default_rng(0).normal(0, 0.1, samples).astype(np.float32)
    frames = log_mel(sound)
    assert frames.shape == (samples // 160, 80)
    np.testing.assert_allclose(frames, torch_log_mel(sound), rtol=0, atol=2e-5)


def test_silence_has_the_lowest_log_mel_energy() -> None:
    np.testing.assert_allclose(log_mel(np.zeros(16000)), -1.5, rtol=1e-6)


def test_long_sounds_have_the_frames_of_one_block() -> None:
    sound = np.random.default_rng(0).normal(0, 0.1, 16000 * 45).astype(np.float32)
    np.testing.assert_allclose(log_mel(sound), torch_log_mel(sound), rtol=0, atol=2e-5)


def test_earlier_inputs_change_no_bit() -> None:
    encoder = synthetic_encoder()
    first = encoder(synthetic_frames(50))
    encoder(synthetic_frames(120, seed=1))
    np.testing.assert_array_equal(encoder(synthetic_frames(50)), first)


def test_the_input_is_not_changed() -> None:
    frames = synthetic_frames(50)
    synthetic_encoder()(frames)
    np.testing.assert_array_equal(frames, synthetic_frames(50))


def test_large_inputs_have_finite_outputs() -> None:
    assert np.isfinite(synthetic_encoder()(1000 * synthetic_frames(50))).all()


def test_an_absent_array_is_refused() -> None:
    arrays = synthetic_arrays()
    del arrays["conv2/bias"]
    with pytest.raises(FeatureError, match="no array 'conv2/bias'"):
        SMALL.checked(arrays)


@pytest.mark.parametrize("wrong", [np.zeros(7, np.float16), np.zeros(8, np.int16)])
def test_an_array_of_another_form_is_refused(wrong: NDArray[np.generic]) -> None:
    with pytest.raises(FeatureError, match=r"conv2/bias of shape .*, expected floats of shape"):
        SMALL.checked({**synthetic_arrays(), "conv2/bias": wrong})


def test_a_weight_that_is_nan_is_refused() -> None:
    with pytest.raises(FeatureError, match="conv2/bias has values that are NaN"):
        SMALL.checked({**synthetic_arrays(), "conv2/bias": np.full(8, np.nan, np.float16)})


def test_more_layers_need_more_arrays() -> None:
    names = [set(EncoderShape(8, 2, layers).arrays()) for layers in range(3)]
    assert names[0] < names[1] < names[2]
    assert all("layer_1" in name for name in names[2] - names[1])


@pytest.mark.parametrize("width", [7, 9])
def test_a_model_of_another_width_is_refused(width: int) -> None:
    with pytest.raises(FeatureError, match=r"an output of shape \(25, 8\)"):
        Encoder(synthetic_model(), width)(synthetic_frames(50))
