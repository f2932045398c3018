"""wav2vec 2, HuBERT and WavLM have the values of transformers, and nothing of a folder runs."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from sordino.errors import AudioError, FeatureError
from sordino.signal.encoder.log_mel import speech_samples
from sordino.signal.feature_sets import FEATURE_SETS, resolve
from sordino.signal.waveform import WaveformFeatures, open_waveform
from sordino.signal.waveform.network import load_network
from sordino.testing import check_extractor
from tests.signal.waveform.synthetic_folder import LARGE, save_model

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

TYPES = ("wav2vec2", "hubert", "wavlm")


def sound(seconds: float, seed: int = 0) -> NDArray[np.float32]:
    noise = np.random.default_rng(seed).normal(0, 0.1, int(16000 * seconds))
    return noise.astype(np.float32)


def expected_mean(model: Any, samples: NDArray[np.floating], layer: int) -> NDArray[np.float32]:
    """The mean output of a layer in the whole model of transformers."""
    outputs: list[Any] = []

    def hook(_: Any, __: Any, output: Any) -> None:
        outputs.append(output[0] if isinstance(output, tuple) else output)

    handle = model.encoder.layers[layer - 1].register_forward_hook(hook)
    with torch.inference_mode():
        model(torch.from_numpy(samples[None]))
    handle.remove()
    mean: NDArray[np.float32] = outputs[0][0].mean(axis=0).numpy()
    return mean


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "wavlm-small"
    save_model(path, "wavlm")
    return path


@pytest.mark.parametrize("large", [False, True], ids=["base", "large"])
@pytest.mark.parametrize("model_type", TYPES)
def test_the_vector_is_the_mean_output_of_transformers(
    tmp_path: Path, model_type: str, large: bool
) -> None:
    model = save_model(tmp_path, model_type, False, **(LARGE if large else {}))
    samples = sound(0.5)
    for layer in (1, 3):
        vector = open_waveform(tmp_path, layer)(samples)
        expected = expected_mean(model, speech_samples(samples), layer)
        np.testing.assert_allclose(vector, expected, rtol=0, atol=2e-5)


def test_samples_are_normalised_if_the_model_says_so(tmp_path: Path) -> None:
    model = save_model(tmp_path, "hubert", True)
    samples = sound(0.5) + np.float32(0.05)
    scaled = (samples - samples.mean()) / np.sqrt(samples.var() + 1e-7)
    expected = expected_mean(model, scaled, 2)
    np.testing.assert_allclose(open_waveform(tmp_path, 2)(samples), expected, rtol=0, atol=1e-4)


def test_silence_around_speech_has_no_effect(folder: Path) -> None:
    features, samples = open_waveform(folder, 2), sound(0.5)
    padded = np.concatenate([np.zeros(16000, np.float32), samples, np.zeros(16000, np.float32)])
    trimmed = speech_samples(padded)
    assert len(samples) <= len(trimmed) <= len(samples) + 2 * 2080
    np.testing.assert_allclose(features(padded), features(trimmed), rtol=0, atol=0.05)


def test_a_long_recording_is_the_mean_of_its_windows(tmp_path: Path) -> None:
    save_model(tmp_path, "wav2vec2", False)
    features, samples = open_waveform(tmp_path, 1), sound(40)
    network = load_network(features.source)
    outputs = [network(half) for half in np.array_split(speech_samples(samples), 2)]
    expected = np.concatenate(outputs).mean(axis=0)
    np.testing.assert_allclose(features(samples), expected, rtol=0, atol=1e-5)


def test_a_set_of_a_folder_obeys_the_laws(folder: Path) -> None:
    features = open_waveform(folder, 2)
    check_extractor(features)
    assert features(sound(0.2)).dtype == np.float32


def test_the_same_samples_have_the_same_bits(folder: Path) -> None:
    features = open_waveform(folder, 3)
    first = features(sound(1))
    features(sound(2, seed=1))
    load_network.cache_clear()
    np.testing.assert_array_equal(features(sound(1)), first)


def test_making_a_network_draws_no_random_number(folder: Path) -> None:
    load_network.cache_clear()
    before = torch.random.get_rng_state()
    open_waveform(folder, 1)(sound(0.2))
    assert torch.equal(torch.random.get_rng_state(), before)


def test_only_the_wanted_layers_are_read(folder: Path) -> None:
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes().replace(b"encoder.layers.2.", b"encoder.layers.9."))
    assert np.isfinite(open_waveform(folder, 2)(sound(0.2))).all()
    with pytest.raises(FeatureError, match=r"no array 'encoder\.layers\.2\."):
        open_waveform(folder, 3)(sound(0.2))


def test_files_of_older_versions_have_the_same_values(folder: Path, tmp_path: Path) -> None:
    older = tmp_path / "older"
    shutil.copytree(folder, older)
    rename_weights(older / "model.safetensors")
    samples = sound(0.3)
    expected = open_waveform(folder, 2)(samples)
    np.testing.assert_array_equal(open_waveform(older, 2)(samples), expected)


def rename_weights(path: Path) -> None:
    """The names of a file before transformers 4.3x, with the prefix of the model."""
    content = path.read_bytes()
    size = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + size])
    for number, letter in enumerate("gv"):
        old = f"encoder.pos_conv_embed.conv.parametrizations.weight.original{number}"
        header[f"encoder.pos_conv_embed.conv.weight_{letter}"] = header.pop(old)
    text = json.dumps({f"wavlm.{name}": entry for name, entry in header.items()}).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + content[8 + size :])


def test_a_reference_makes_a_set_with_the_layer_in_its_name(folder: Path) -> None:
    name = resolve(f"speech:{folder}@2")
    features = FEATURE_SETS.pop(name)
    assert name == "speech-wavlm-small-2"
    assert features.dims == len(features.names) == 16
    assert json.loads(json.dumps(features.config))["architecture"]["model_type"] == "wavlm"


def test_another_layer_or_file_has_another_configuration(folder: Path) -> None:
    configs = [open_waveform(folder, layer).config for layer in (1, 2)]
    rename_weights(folder / "model.safetensors")
    configs.append(open_waveform(folder, 1).config)
    texts = {json.dumps({**config, "name": ""}, sort_keys=True) for config in configs}
    assert len(texts) == 3


def change_json(path: Path, **changes: object) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"auto_map": {"AutoModel": "code.Model"}}, "auto_map, code of the folder"),
        ({"model_type": "bert"}, "model_type 'bert': expected whisper, hubert, wav2vec2, wavlm"),
        ({"model_type": ["wavlm"]}, "model_type"),
        ({"hidden_size": 1 << 40}, "hidden_size .*: expected a whole number to 1920"),
        ({"hidden_size": True}, "hidden_size 'True'"),
        ({"hidden_size": 17}, "heads and groups that divide the width"),
        ({"hidden_act": "eval"}, "hidden_act 'eval': expected gelu"),
        ({"hidden_act": ["gelu"]}, "hidden_act"),
        ({"layer_norm_eps": float("nan")}, "a number between 0 and 1"),
        ({"conv_dim": [16] * 99}, "conv_dim .*: expected 1 to 12 whole numbers"),
        ({"conv_dim": 16}, "conv_dim '16'"),
        ({"conv_dim": [16] * 3}, "convolutions of one number"),
        ({"conv_stride": [1] * 7}, "numbers before them: expected fewer"),
        ({"conv_kernel": [64] * 7, "conv_stride": [16] * 7}, "-?[0-9]+ outputs for 30 s"),
        ({"num_buckets": 900}, "buckets of positions"),
        ({"add_adapter": True}, "add_adapter 'True': expected none"),
    ],
)
def test_another_configuration_is_refused(
    folder: Path, change: dict[str, object], message: str
) -> None:
    change_json(folder / "config.json", **change)
    with pytest.raises(FeatureError, match=message):
        open_waveform(folder, 1)


@pytest.mark.parametrize("change", [{"sampling_rate": 8000}, {"do_normalize": "yes"}])
def test_another_preprocessing_is_refused(folder: Path, change: dict[str, object]) -> None:
    change_json(folder / "preprocessor_config.json", **change)
    with pytest.raises(FeatureError, match=r"preprocessor_config\.json: expected 16000"):
        open_waveform(folder, 1)


def test_a_layer_beyond_the_last_is_refused(folder: Path) -> None:
    with pytest.raises(FeatureError, match="layer 4: expected 1 to 3"):
        open_waveform(folder, 4)


@pytest.mark.parametrize("name", ["config.json", "preprocessor_config.json", "model.safetensors"])
def test_a_folder_without_a_file_is_refused(folder: Path, name: str) -> None:
    (folder / name).unlink()
    with pytest.raises(FeatureError, match="no such file"):
        open_waveform(folder, 1)


def test_weights_of_another_size_are_refused(folder: Path) -> None:
    change_json(folder / "config.json", intermediate_size=64)
    with pytest.raises(FeatureError, match=r"of shape \(32, 16\), expected finite numbers of"):
        open_waveform(folder, 1)(sound(0.2))


def test_weights_that_change_while_in_use_are_refused(folder: Path) -> None:
    features = open_waveform(folder, 1)
    rename_weights(folder / "model.safetensors")
    with pytest.raises(FeatureError, match=r"model\.safetensors has changed"):
        features(sound(0.2))


def test_speech_that_is_too_short_for_the_model_is_refused(tmp_path: Path) -> None:
    save_model(tmp_path, "hubert", conv_kernel=(64, 64, 64, 3, 3, 2, 2))
    features = open_waveform(tmp_path, 1)
    with pytest.raises(AudioError, match="s of speech, expected more"):
        features(sound(0.07))


@pytest.mark.slow
def test_nothing_is_written_and_no_address_is_asked(folder: Path, tmp_path: Path) -> None:
    code = (
        "import socket, sys\n"
        "def reject(*_): raise AssertionError('network')\n"
        "socket.socket.connect = socket.getaddrinfo = reject\n"
        "from pathlib import Path\n"
        "import numpy as np\n"
        "from sordino.signal.waveform import open_waveform\n"
        "sound = np.random.default_rng(0).normal(0, 0.1, 8000).astype(np.float32)\n"
        f"print(open_waveform(Path({str(folder)!r}), 1)(sound).shape)\n"
    )
    home = tmp_path / "home"
    home.mkdir()
    names = ("HOME", "HF_HOME", "XDG_CACHE_HOME", "TORCH_HOME")
    variables = os.environ | dict.fromkeys(names, str(home)) | {"HF_HUB_OFFLINE": "0"}
    files = {path: path.read_bytes() for path in folder.iterdir()}
    run = [sys.executable, "-W", "error", "-c", code]
    done = subprocess.run(run, env=variables, capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("(16,)\n", "")
    assert not [*home.iterdir()]
    assert {path: path.read_bytes() for path in folder.iterdir()} == files


def test_a_set_travels_to_a_worker_process(folder: Path) -> None:
    import pickle

    features = open_waveform(folder, 1)
    copy = pickle.loads(pickle.dumps(features))
    assert isinstance(copy, WaveformFeatures)
    assert copy == features
