"""A folder with `model.onnx` has the values of the exported network, after the same checks."""

from __future__ import annotations

import json
import pickle
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray

from sordino.errors import FeatureError
from sordino.signal.encoder import encode
from sordino.signal.encoder.log_mel import speech_log_mel, speech_samples
from sordino.signal.encoder.onnx_folder import OnnxFeatures, load_model, open_model
from sordino.signal.feature_sets import FEATURE_SETS, resolve
from sordino.signal.waveform import open_waveform
from sordino.testing import check_extractor
from tests.signal.encoder.synthetic_encoder import SMALL, synthetic_encoder, synthetic_model
from tests.signal.waveform.synthetic_folder import LARGE, save_model

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

SOUND = np.random.default_rng(0).normal(0, 0.1, 10_000).astype(np.float32)


class HiddenStates(torch.nn.Module):  # type: ignore[misc,name-defined]
    """A model whose outputs are the outputs of all layers, as in exports of `optimum`."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model, self.states = model, list[Any]()
        for layer in model.encoder.layers:
            layer.register_forward_hook(self.keep)

    def keep(self, _: Any, __: Any, output: Any) -> None:
        self.states.append(output[0] if isinstance(output, tuple) else output)

    def forward(self, input_values: Any) -> Any:
        self.states = []
        self.model(input_values)
        return tuple(self.states)


def export(model: Any, folder: Path, names: list[str], example: Any, axis: int | None) -> None:
    """A model as one file at opset 18; an axis of its input may have any size."""
    (name, *outputs) = names
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of tracing, and of the exporter that needs no onnxscript
        torch.onnx.export(
            model,
            (example,),
            str(folder / "model.onnx"),
            input_names=[name],
            output_names=outputs,
            dynamic_axes=None if axis is None else {name: {axis: "n"}},
            opset_version=18,
            dynamo=False,
        )


def only_onnx(folder: Path) -> None:
    (folder / "model.safetensors").unlink()


@pytest.mark.slow
@pytest.mark.parametrize("large", [False, True], ids=["base", "large"])
@pytest.mark.parametrize("model_type", ["wav2vec2", "hubert", "wavlm"])
def test_a_hidden_state_has_the_values_of_transformers(
    tmp_path: Path, model_type: str, large: bool
) -> None:
    model = save_model(tmp_path, model_type, **(LARGE if large else {}))
    names = ["input_values", *(f"hidden_states.{layer}" for layer in range(1, 4))]
    export(HiddenStates(model), tmp_path, names, torch.randn(1, 8000), 1)
    for layer in (1, 3):
        expected = open_waveform(tmp_path, layer)(SOUND)
        vector = open_model(tmp_path, layer)(SOUND)
        np.testing.assert_allclose(vector, expected, rtol=0, atol=2e-4)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A HuBERT whose file has its last output alone."""
    path = tmp_path / "hubert-small"
    model = save_model(path, "hubert", False)
    export(model, path, ["input_values", "last_hidden_state"], torch.randn(1, 8000), 1)
    only_onnx(path)
    return path


def test_a_reference_prefers_the_graph_and_needs_no_weights(folder: Path) -> None:
    name = resolve(f"speech:{folder}@3")
    features = FEATURE_SETS.pop(name)
    assert name == "speech-hubert-small-3"
    assert isinstance(features, OnnxFeatures)
    assert features.dims == len(features.names) == 16
    assert json.loads(json.dumps(features.config))["model"] == features.sha256
    assert pickle.loads(pickle.dumps(features)) == features
    check_extractor(features)


def test_the_same_samples_have_the_same_bits(folder: Path) -> None:
    features = open_model(folder, 3)
    first = features(SOUND)
    load_model.cache_clear()
    np.testing.assert_array_equal(features(SOUND), first)


def test_a_file_with_one_output_ends_after_the_layer(folder: Path) -> None:
    with pytest.raises(FeatureError, match="ends after layer 3: expected that layer"):
        open_model(folder, 2)


def test_a_file_that_changes_while_in_use_is_refused(folder: Path) -> None:
    features = open_model(folder, 3)
    load_model.cache_clear()
    with (folder / "model.onnx").open("ab") as file:
        file.write(b"x")
    with pytest.raises(FeatureError, match=r"model\.onnx has changed"):
        features(SOUND)


def test_samples_need_the_file_of_their_preprocessing(folder: Path) -> None:
    (folder / "preprocessor_config.json").unlink()
    with pytest.raises(FeatureError, match=r"preprocessor_config\.json: no such file"):
        open_model(folder, 3)


class LogMelNetwork(torch.nn.Module):  # type: ignore[misc,name-defined]
    """Two outputs a frame pair: `input_features (1, 80, n) -> (1, n / 2, 6)`."""

    def __init__(self) -> None:
        super().__init__()
        self.convolution = torch.nn.Conv1d(80, 6, 3, stride=2, padding=1)

    def forward(self, input_features: Any) -> Any:
        return torch.nn.functional.gelu(self.convolution(input_features)).transpose(1, 2)


def log_mel_folder(folder: Path, frames: int, axis: int | None) -> Any:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = LogMelNetwork().eval()
    (folder / "config.json").write_text(json.dumps({"encoder_layers": 2}))
    names = ["input_features", "last_hidden_state"]
    export(network, folder, names, torch.randn(1, 80, frames), axis)
    return network


def mean_of(network: Any, frames: NDArray[np.float32], positions: int) -> NDArray[np.float32]:
    with torch.inference_mode():
        outputs = network(torch.from_numpy(np.ascontiguousarray(frames.T[None])))[0].numpy()
    mean: NDArray[np.float32] = outputs[:positions].mean(axis=0)
    return mean


def test_log_mel_energies_of_any_number_are_not_padded(tmp_path: Path) -> None:
    network = log_mel_folder(tmp_path, 100, 2)
    frames = speech_log_mel(SOUND)
    expected = mean_of(network, frames, len(frames))
    np.testing.assert_allclose(open_model(tmp_path, 2)(SOUND), expected, rtol=0, atol=1e-5)


def test_the_silence_after_short_sound_leaves_the_mean(tmp_path: Path) -> None:
    network = log_mel_folder(tmp_path, 200, None)
    frames = speech_log_mel(SOUND)
    silence = np.full((200 - len(frames), 80), frames.max() - 2, np.float32)
    expected = mean_of(network, np.concatenate([frames, silence]), -(-len(frames) // 2))
    np.testing.assert_allclose(open_model(tmp_path, 2)(SOUND), expected, rtol=0, atol=1e-5)


def test_the_graph_of_speech_is_a_model_of_frames(tmp_path: Path) -> None:
    (tmp_path / "model.onnx").write_bytes(synthetic_model())
    (tmp_path / "config.json").write_text(json.dumps({"encoder_layers": SMALL.layers}))
    vector = open_model(tmp_path, SMALL.layers)(SOUND)
    np.testing.assert_allclose(vector, encode(SOUND, synthetic_encoder()), rtol=0, atol=1e-6)


def test_a_long_recording_is_the_mean_of_its_windows(tmp_path: Path) -> None:
    network = log_mel_folder(tmp_path, 200, None)
    sound = np.random.default_rng(1).normal(0, 0.1, 16000 * 3).astype(np.float32)
    halves = np.array_split(speech_log_mel(sound), 2)
    silence = np.float32(max(half.max() for half in halves) - 2)
    padded = [np.pad(x, ((0, 200 - len(x)), (0, 0)), constant_values=silence) for x in halves]
    means = [
        mean_of(network, x, -(-len(half) // 2)) for x, half in zip(padded, halves, strict=True)
    ]
    expected = np.mean(means, axis=0)  # the halves have equal lengths
    np.testing.assert_allclose(open_model(tmp_path, 2)(sound), expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("input_values", "attention_xy", "has the inputs attention_xy"),
        ("last_hidden_state", "last_hidden_xxxxx", r"has the outputs last_hidden_xxxxx"),
    ],
)
def test_other_inputs_and_outputs_are_refused(
    folder: Path, old: str, new: str, message: str
) -> None:
    path = folder / "model.onnx"
    path.write_bytes(path.read_bytes().replace(old.encode(), new.encode()))
    with pytest.raises(FeatureError, match=f"{message}: expected"):
        open_model(folder, 3)


def test_a_model_with_weights_in_another_file_is_refused(folder: Path) -> None:
    path = folder / "model.onnx"
    proto = onnx.load(path)
    onnx.save_model(proto, path, save_as_external_data=True, size_threshold=0, location="w.bin")
    with pytest.raises(FeatureError, match="external data"):
        open_model(folder, 3)


def test_silence_around_speech_is_left_out(folder: Path) -> None:
    features = open_model(folder, 3)
    padded = np.concatenate([np.zeros(16_000, np.float32), SOUND])
    np.testing.assert_allclose(
        features(padded), features(speech_samples(padded)), rtol=0, atol=0.05
    )
