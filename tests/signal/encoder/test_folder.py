"""A folder of a Whisper model is read as data, and everything else in it is refused."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from sordino import export
from sordino.device import read
from sordino.device.bundle.bundle import ENCODER_FILE
from sordino.errors import FeatureError
from sordino.signal.encoder import EncoderShape, encode, load_encoder
from sordino.signal.encoder.folder import is_reference, open_folder
from sordino.signal.feature_sets import FEATURE_SETS, resolve
from sordino.testing import POLICY
from tests.device.synthetic_bundles import fitted
from tests.signal.encoder.synthetic_encoder import SMALL, synthetic_arrays, synthetic_encoder

CONFIG = {
    "model_type": "whisper",
    "d_model": SMALL.width,
    "encoder_attention_heads": SMALL.heads,
    "encoder_layers": SMALL.layers,
    "num_mel_bins": 80,
    "max_source_positions": 1500,
}
Arrays = dict[str, NDArray[np.floating]]


def transformers_arrays(
    shape: EncoderShape = SMALL, weights: Mapping[str, NDArray[np.floating]] | None = None
) -> Arrays:
    """Weights under the names of transformers, by default those of `synthetic_encoder`; keys have
    no bias.
    """
    weights, arrays = weights or synthetic_arrays(shape), {}
    for name in ("conv1", "conv2"):
        for part in ("weight", "bias"):
            arrays[f"{name}.{part}"] = weights[f"{name}/{part}"]
    arrays["embed_positions.weight"] = weights["position_encodings/encodings"]
    for layer in range(shape.layers):
        mine, theirs = f"layer_{layer}", f"layers.{layer}"
        for part in ("weight", "bias"):
            linear = np.split(weights[f"{mine}/self_attention/linear_0/{part}"], 3)
            for letter, values in zip("qkv", linear, strict=True):
                arrays[f"{theirs}.self_attn.{letter}_proj.{part}"] = values
            pairs = {"self_attn.out_proj": "self_attention/linear_1"}
            pairs |= {"fc1": "ffn/linear_0", "fc2": "ffn/linear_1"}
            for their, my in pairs.items():
                arrays[f"{theirs}.{their}.{part}"] = weights[f"{mine}/{my}/{part}"]
        for part, my in (("weight", "gamma"), ("bias", "beta")):
            norms = {"self_attn_layer_norm": "self_attention", "final_layer_norm": "ffn"}
            for their, block in norms.items():
                arrays[f"{theirs}.{their}.{part}"] = weights[f"{mine}/{block}/layer_norm/{my}"]
        del arrays[f"{theirs}.self_attn.k_proj.bias"]
    return {f"model.encoder.{name}": values for name, values in arrays.items()}


def write_weights(path: Path, arrays: Arrays) -> None:
    """A file as safetensors writes it."""
    header, position = {}, 0
    for name, values in arrays.items():
        offsets = [position, position + values.nbytes]
        kind = {2: "F16", 4: "F32", 8: "F64"}[values.itemsize]
        header[name] = {"dtype": kind, "shape": values.shape, "data_offsets": offsets}
        position += values.nbytes
    text = json.dumps(header).encode()
    content = b"".join(values.tobytes() for values in arrays.values())
    path.write_bytes(len(text).to_bytes(8, "little") + text + content)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "whisper-small"
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps(CONFIG))
    write_weights(folder / "model.safetensors", transformers_arrays())
    return folder


def test_a_folder_has_the_values_of_the_same_weights(folder: Path) -> None:
    sound = np.random.default_rng(0).normal(0, 0.1, 8000).astype(np.float32)
    name = resolve(f"speech:{folder}@2")
    vector = FEATURE_SETS.pop(name)(sound)
    assert name == "speech-whisper-small-2"
    expected = encode(sound, synthetic_encoder())
    assert np.corrcoef(vector, expected)[0, 1] > 0.999  # all but the biases of keys: no effect
    np.testing.assert_allclose(vector, expected, rtol=0, atol=1e-4)


def test_a_bundle_of_a_folder_takes_vectors_alone(folder: Path, tmp_path: Path) -> None:
    name = resolve(f"speech:{folder}@2")
    scene = {"mine": (POLICY, fitted("leace"))}
    try:
        path = export.write(tmp_path / "mute.sordino", None, scene, features=name, card={})
    finally:
        del FEATURE_SETS[name]
    assert ENCODER_FILE not in read(path).files


@pytest.mark.slow
def test_a_folder_may_have_more_layers_than_a_bundle(folder: Path) -> None:
    shape = EncoderShape(width=512, heads=8, layers=6)
    weights = transformers_arrays(shape)
    write_weights(folder / "model.safetensors", weights)
    sizes = {"d_model": 512, "encoder_attention_heads": 8, "encoder_layers": 6}
    (folder / "config.json").write_text(json.dumps({**CONFIG, **sizes}))
    encoder = load_encoder(open_folder(f"speech:{folder}@6"))
    assert encoder(np.zeros((4, 80), np.float32)).shape == (2, 512)


def test_a_lower_layer_has_other_values(folder: Path) -> None:
    weights = [open_folder(f"speech:{folder}@{layer}").read() for layer in (1, 2)]
    assert len(weights[0]) < len(weights[1])
    np.testing.assert_array_equal(weights[0]["conv1/weight"], weights[1]["conv1/weight"])


@pytest.mark.parametrize("layer", [3, 99])
def test_a_layer_that_the_model_lacks_is_refused(folder: Path, layer: int) -> None:
    with pytest.raises(FeatureError, match=f"layer {layer}: expected 1 to 2"):
        resolve(f"speech:{folder}@{layer}")


@pytest.mark.parametrize("name", ["speech:Class", "speech:a@0", "speech:@1", "mel", "speech:a@100"])
def test_other_names_are_no_folder(name: str) -> None:
    assert not is_reference(name)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("speech:{}", "such as speech:{}@6: add the layer"),
        ("speech:{}@0", "such as speech:{}@6: choose a layer from 1 to 99"),
        ("speech:{}@last", "such as speech:{}@6: choose a layer from 1 to 99"),
        (
            "speech:{}x@6",
            "{}x: no such folder, expected one with config.json .*: check the path",
        ),
    ],
)
def test_an_incomplete_reference_names_the_next_step(folder: Path, name: str, message: str) -> None:
    with pytest.raises(FeatureError, match=message.format(folder)):
        resolve(name.format(folder))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"auto_map": {"AutoModel": "code.Model"}}, "auto_map, code of the folder"),
        ({"model_type": "wav2vec2"}, "model_type 'wav2vec2': expected 'whisper'"),
        ({"num_mel_bins": 128}, "num_mel_bins 128: expected 80"),
        ({"max_source_positions": 10**9}, "max_source_positions"),
        ({"d_model": 1 << 40}, "expected at most 32 of width 1280"),
        ({"encoder_attention_heads": 3}, "in equal heads"),
        ({"encoder_layers": True}, "expected a whole number above 0"),
        ({"d_model": "8"}, "expected a whole number above 0"),
    ],
)
def test_other_configurations_are_refused(
    folder: Path, change: dict[str, object], message: str
) -> None:
    (folder / "config.json").write_text(json.dumps(CONFIG | change))
    with pytest.raises(FeatureError, match=message):
        open_folder(f"speech:{folder}@1")


@pytest.mark.parametrize("content", ["", "[]", "{", "[" * 100_000, '{"d_model": ' + "9" * 5000])
def test_other_json_is_refused(folder: Path, content: str) -> None:
    (folder / "config.json").write_text(content)
    with pytest.raises(FeatureError, match=r"config\.json: "):
        open_folder(f"speech:{folder}@1")


def test_a_pickle_is_not_read(folder: Path) -> None:
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    with pytest.raises(FeatureError, match="is a pickle and is not read"):
        open_folder(f"speech:{folder}@1")


@pytest.mark.parametrize("name", ["config.json", "model.safetensors"])
def test_a_link_is_refused(folder: Path, tmp_path: Path, name: str) -> None:
    shutil.move(folder / name, tmp_path / name)
    (folder / name).symlink_to(tmp_path / name)
    with pytest.raises(FeatureError, match="a link or no file"):
        open_folder(f"speech:{folder}@1")


def long_header(content: bytes) -> bytes:
    return (1 << 63).to_bytes(8, "little") + content[8:]


def without_end(content: bytes) -> bytes:
    return content[:-2]


def other_type(content: bytes) -> bytes:
    return content.replace(b'"F16"', b'"I16"')


def negative(content: bytes) -> bytes:
    return content.replace(b"[8, 80, 3]", b"[8, 80,-3]")


@pytest.mark.parametrize(
    "shape", ["[1,1,1,1,1]", f"[{1 << 31}]", f"[{','.join(['9' * 4000] * 99)}]"]
)
def test_a_shape_beyond_its_limits_is_refused(folder: Path, shape: str) -> None:
    path = folder / "model.safetensors"
    content = path.read_bytes()
    length = int.from_bytes(content[:8], "little")
    header = content[8 : 8 + length].replace(b"[8, 80, 3]", shape.encode())
    path.write_bytes(len(header).to_bytes(8, "little") + header + content[8 + length :])
    with pytest.raises(FeatureError, match=r"conv1\.weight: .*: expected F64, F32, F16"):
        open_folder(f"speech:{folder}@2").read()


@pytest.mark.parametrize("change", [long_header, without_end, other_type, negative, bytes.lower])
def test_damaged_weights_are_refused(folder: Path, change: Callable[[bytes], bytes]) -> None:
    path = folder / "model.safetensors"
    path.write_bytes(change(path.read_bytes()))
    with pytest.raises(FeatureError, match=r"model\.safetensors|expected F64, F32, F16|bytes"):
        open_folder(f"speech:{folder}@2").read()


def test_weights_that_change_while_in_use_are_refused(folder: Path) -> None:
    source = open_folder(f"speech:{folder}@1")
    write_weights(folder / "model.safetensors", {})
    with pytest.raises(FeatureError, match=r"model\.safetensors has changed"):
        source.read()
