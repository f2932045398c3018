"""A file of the user's replaces the packages of weights, if it holds the same weights."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from importlib.metadata import distribution
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from sordino.cli import main
from sordino.errors import FeatureError
from sordino.signal.encoder import BASE, TINY_EN, Speech, is_installed
from sordino.signal.encoder.local import LocalWeights, find_weights
from sordino.signal.encoder.shape import Weights
from sordino.signal.encoder.weights import arrays_digest, half, read_weights
from sordino.signal.feature_sets import FEATURE_SETS, SEQUENCES, resolve, speech_of, use_weights
from tests.signal.encoder.test_folder import transformers_arrays, write_weights

pytestmark = pytest.mark.skipif(not is_installed(TINY_EN), reason="no package of weights")


@pytest.fixture(scope="module")
def weights() -> Weights:
    return read_weights(TINY_EN)


@pytest.fixture(scope="module")
def folder(weights: Weights, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same model in float32, off by less than the rounding to float16."""
    folder = tmp_path_factory.mktemp("whisper-tiny.en")
    arrays = transformers_arrays(TINY_EN.shape, {name: x * 1.00001 for name, x in weights.items()})
    write_weights(folder / "model.safetensors", arrays)
    return folder


@pytest.fixture
def sets() -> Iterator[None]:
    """The feature sets of the process are as before."""
    before = dict(FEATURE_SETS), dict(SEQUENCES)
    yield
    FEATURE_SETS.update(before[0])
    SEQUENCES.update(before[1])


def package_file() -> Path:
    package = TINY_EN.packages[0]
    return Path(str(distribution(package.requirement.split("=")[0]).locate_file(package.file)))


def test_the_pinned_digest_is_that_of_the_packages(weights: Weights) -> None:
    assert arrays_digest(TINY_EN.shape, weights) == TINY_EN.arrays_sha256
    assert all((half(x) == x).all() for x in weights.values())  # they are stored in float16


@pytest.mark.parametrize("form", ["container", "file", "folder"])
def test_every_form_has_the_same_weights(folder: Path, weights: Weights, form: str) -> None:
    paths = {"file": folder / "model.safetensors", "folder": folder, "container": package_file()}
    source = find_weights(paths[form])
    read = source.read()
    assert source.sha256 == TINY_EN.sha256
    assert read.keys() == weights.keys()
    assert all(np.array_equal(read[name], weights[name]) for name in weights)


@pytest.mark.slow
@pytest.mark.usefixtures("sets")
def test_all_sets_of_the_weights_read_the_file(folder: Path) -> None:
    sound = np.random.default_rng(0).normal(0, 0.1, 8000).astype(np.float32)
    before, expected = FEATURE_SETS["speech-tiny"].config, FEATURE_SETS["speech-tiny"](sound)
    assert use_weights(folder) == "speech-tiny"
    speech = speech_of(FEATURE_SETS["speech-tiny"])
    other = speech_of(FEATURE_SETS["speech"])
    assert speech is not None
    assert isinstance(speech.checkpoint, LocalWeights)
    assert other is not None
    assert not isinstance(other.checkpoint, LocalWeights)
    assert speech.config == before  # the same weights have the same vectors, and cache
    np.testing.assert_array_equal(speech(sound), expected)


@pytest.mark.usefixtures("sets")
def test_features_without_these_weights_are_refused(folder: Path) -> None:
    for name in ("mel", "speech"):
        with pytest.raises(FeatureError, match="expected speech-tiny: leave the file out"):
            use_weights(folder, name)


@pytest.mark.usefixtures("sets")
def test_the_default_is_speech_if_its_weights_are_in_a_file(folder: Path) -> None:
    absent = replace(BASE.packages[0], requirement="absent-weights==1.0")
    checkpoint = replace(BASE, packages=(absent,))
    FEATURE_SETS["speech"] = Speech("speech", checkpoint)
    assert resolve("auto") == "mel"
    FEATURE_SETS["speech"] = Speech("speech", LocalWeights(folder, checkpoint))
    assert resolve("auto") == "speech"


def changed(weights: Weights, name: str, value: float) -> dict[str, NDArray[np.float32]]:
    array = weights[name].copy()
    array.flat[0] = value
    return {**weights, name: array}


@pytest.mark.parametrize("value", [7.0, 1e9])
def test_other_weights_are_refused(weights: Weights, tmp_path: Path, value: float) -> None:
    arrays = transformers_arrays(TINY_EN.shape, changed(weights, "conv1/weight", value))
    write_weights(tmp_path / "model.safetensors", arrays)
    with pytest.raises(FeatureError, match=r"other weights than Whisper tiny\.en"):
        find_weights(tmp_path)


def test_a_model_of_another_size_is_refused(tmp_path: Path) -> None:
    write_weights(tmp_path / "model.safetensors", transformers_arrays())
    with pytest.raises(FeatureError, match="no weights that sordino knows"):
        find_weights(tmp_path)


@pytest.mark.parametrize("content", [b"", b"\x80\x04}", b"\x06\0\0\0\x0c\0WhisperSpec\0"])
def test_another_file_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "base.pt"
    path.write_bytes(content)
    with pytest.raises(FeatureError, match=r"base\.pt: no weights that sordino knows"):
        find_weights(path)


@pytest.mark.usefixtures("sets")
@pytest.mark.parametrize("verb", ["extract", "compare", "fit", "study conditions"])
def test_every_verb_of_features_takes_a_file(
    verb: str, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ["--corpus", f"ravdess={tmp_path}", "--features", "mel", "--encoder", str(folder)]
    policy = tmp_path / "policy.toml"
    policy.write_text('required = "sad"\nsensitive = ["happy"]\n')
    options += ["--policy", str(policy)] if verb == "fit" else []
    with pytest.raises(SystemExit, match="2"):
        main([*verb.split(), *options, "--out", str(tmp_path / "out.parquet")])
    assert "expected speech-tiny: leave the file out" in " ".join(capsys.readouterr().err.split())
