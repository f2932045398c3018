"""A bundle of `speech` holds its encoder: a device needs no weights, and refuses a hostile one."""

from __future__ import annotations

import io
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from sordino.device import Released, Runtime, read
from sordino.device.bundle import bundle
from sordino.device.bundle.archive import parse_json, sha256
from sordino.device.bundle.bundle import ENCODER_FILE, VECTORS_FILE
from sordino.device.sound.synthesis import synthetic
from sordino.errors import BundleError
from sordino.signal.encoder import TINY_EN, Encoder, EncoderShape, Speech
from sordino.signal.feature_sets import FEATURE_SETS, Joined
from tests.device.synthetic_sound_bundle import RATE, bundle_path
from tests.onnx import hostile_models, synthetic_onnx
from tests.signal.encoder.synthetic_encoder import synthetic_model

SHAPE = EncoderShape(TINY_EN.shape.width, heads=2, layers=0)
"""As wide as the encoder of `speech-tiny`, and without a layer."""

SETS = ("speech-tiny", "speech+mel")


@pytest.fixture(autouse=True, scope="module")
def small_sets() -> Iterator[None]:
    """Feature sets with an encoder of random weights: no package of weights is needed."""
    small = Speech("speech-tiny", TINY_EN, encoder=Encoder(synthetic_model(SHAPE), SHAPE.width))
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(FEATURE_SETS, "speech-tiny", small)
        patch.setitem(FEATURE_SETS, "speech+mel", Joined((small, FEATURE_SETS["mel"])))
        yield


def forged(path: Path, encoder: bytes | None, vectors: bytes = b"") -> Path:
    """A bundle of `speech-tiny` with another encoder, or none, whose checksums are right; with
    other test vectors, if there are any.
    """
    original = read(bundle_path(features="speech-tiny"))
    files = {name: content for name, content in original.files.items() if ".json" not in name}
    del files[ENCODER_FILE]
    files |= {VECTORS_FILE: vectors} if vectors else {}
    files |= {ENCODER_FILE: encoder} if encoder is not None else {}
    return bundle.write(path, original.card, list(original.policies.values()), files)


def test_the_encoder_is_listed_and_named() -> None:
    content = read(bundle_path(features="speech-tiny"))
    digest = sha256(content.files[ENCODER_FILE])
    assert parse_json(content.manifest)["files"][ENCODER_FILE] == digest
    assert content.card["features"]["encoder"] == {
        "model": "Whisper tiny.en",
        "licence": "MIT",
        "layer": 3,
        "weights": TINY_EN.sha256,
        "sha256": digest,
    }


@pytest.mark.parametrize("features", SETS)
def test_a_device_has_the_features_of_the_lab(features: str) -> None:
    runtime, sound = Runtime(bundle_path(features=features), key=0), synthetic(1.0, RATE, seed=1)
    vector = runtime.extractor(sound)
    np.testing.assert_array_equal(vector, FEATURE_SETS[features](sound))
    released = runtime.utterance(sound, RATE)
    assert isinstance(released, Released)
    np.testing.assert_array_equal(released.vector, runtime.release(vector[None])[0])


def test_a_device_needs_no_package_of_weights() -> None:
    code = (
        "import importlib.metadata, sys\n"
        "def absent(name): raise importlib.metadata.PackageNotFoundError(name)\n"
        "importlib.metadata.distribution = absent\n"
        "sys.modules |= dict.fromkeys(['onnx', 'torch', 'sordino.onnx.writer'])\n"
        "from sordino.device import Runtime\n"
        "from sordino.device.sound.synthesis import synthetic\n"
        "runtime = Runtime(sys.argv[1], key=0)\n"
        "print(len(runtime.utterance(synthetic(1.0, 16000, seed=1), 16000).vector))"
    )
    path = bundle_path(features="speech-tiny")
    done = subprocess.run(
        [sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=False
    )
    assert (done.stderr, done.stdout) == ("", f"{Runtime(path).width}\n")


def test_a_runtime_of_vectors_loads_no_encoder(monkeypatch: pytest.MonkeyPatch) -> None:
    runtime = Runtime(bundle_path(features="speech-tiny"), key=0)
    monkeypatch.setattr(Speech, "with_model", None)
    assert len(runtime.release(runtime.bundle.example())) == 1
    with pytest.raises(TypeError):
        runtime.extractor  # noqa: B018


def test_a_bundle_without_its_encoder_takes_vectors(tmp_path: Path) -> None:
    runtime = Runtime(forged(tmp_path / "b.sordino", None), key=0)
    assert len(runtime.release(runtime.bundle.example())) == 1
    with pytest.raises(BundleError, match=r"encoder\.onnx is missing, expected the encoder"):
        runtime.extractor  # noqa: B018


def test_an_encoder_of_other_weights_is_refused(tmp_path: Path) -> None:
    other = forged(tmp_path / "b.sordino", synthetic_model(SHAPE, seed=1))
    with pytest.raises(BundleError, match="other features of the test sound than in vectors"):
        Runtime(other).extractor  # noqa: B018


@pytest.mark.parametrize(
    "sound",
    [
        np.zeros(599 * RATE, np.int16),
        np.zeros(RATE, np.int8),
        np.zeros(RATE, [("a", "i2")]),
        np.zeros(RATE, "M8[s]"),
        np.zeros(RATE, np.complex64),
    ],
    ids=lambda sound: str(sound.dtype),
)
def test_a_forged_test_sound_is_refused_at_once(sound: NDArray[Any], tmp_path: Path) -> None:
    original, buffer = read(bundle_path(features="speech-tiny")), io.BytesIO()
    np.savez(buffer, **{**original.arrays(VECTORS_FILE), "sound": sound})
    path = forged(tmp_path / "b.sordino", original.files[ENCODER_FILE], buffer.getvalue())
    with pytest.raises(BundleError, match=r"a sound of shape .*, expected int16 of at most 5 s"):
        Runtime(path).extractor  # noqa: B018


HOSTILE = {
    "external data": synthetic_onnx.leak(8),
    "control flow: Loop": hostile_models.content("loop"),
    "not a model": b"",
    r"takes frames float32 \[None, 80\] and gives out float32 \[None, 512\]": synthetic_model(
        EncoderShape(512, heads=1, layers=0)
    ),
    r"takes x float32 .*expected frames float32 \[None, 80\]": (
        synthetic_onnx.harmless().SerializeToString()
    ),
}


@pytest.mark.parametrize("reason", HOSTILE)
def test_a_hostile_encoder_is_refused(reason: str, tmp_path: Path) -> None:
    with pytest.raises(BundleError, match=reason):
        read(forged(tmp_path / "b.sordino", HOSTILE[reason]))


def test_a_huge_encoder_is_not_read(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="larger than a bundle may be"):
        read(forged(tmp_path / "b", bytes(1 << 26)))
