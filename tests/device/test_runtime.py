"""The runtime: from sound to vectors without packages of the lab, and closed when in doubt."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from sordino import export
from sordino.device import Bundle, Reason, Released, Runtime, Withheld, read
from sordino.device.bundle import bundle
from sordino.device.extractors import extractor
from sordino.device.serving import ClipServing, VectorServing
from sordino.device.sound.mix_down import mix_down
from sordino.device.sound.synthesis import synthetic
from sordino.errors import BundleError, ReleaseError
from sordino.features import PreprocessFitter
from sordino.release import Identity
from sordino.signal import audio, functionals
from sordino.signal.feature_sets import FEATURE_SETS
from sordino.signal.filterbank import filterbank
from sordino.testing import POLICY
from tests.device import synthetic_bundles
from tests.device.synthetic_bundles import bundled

RATE = 16000
SLOW = (
    "gensim",
    "joblib",
    "matplotlib",
    "onnx",
    "onnxscript",
    "pandas",
    "scipy",
    "sklearn",
    "torch",
)


@pytest.fixture
def talking() -> Path:
    """A bundle that takes sound."""
    return synthetic_bundles.talking()


def test_sound_comes_out_as_a_released_vector_and_nothing_else(talking: Path) -> None:
    runtime, sound = Runtime(talking, key=4), synthetic(0.7, RATE, 99)
    result = runtime.utterance(sound, RATE)
    assert isinstance(result, Released)
    np.testing.assert_array_equal(result.vector, runtime.release([{"audio": filterbank(sound)}])[0])
    assert result.vector.shape == (8,)
    assert list(vars(result)) == ["vector"]


def test_mel_needs_no_further_package_on_a_device(tmp_path: Path) -> None:
    x = np.stack([functionals(synthetic(0.4, RATE, seed)) for seed in range(8)])
    scale = PreprocessFitter("zscore", components=5).fit(x)
    path = export.write(
        tmp_path,
        scale,
        {"mine": (POLICY, Identity(scale.dims))},
        features="mel",
        card=synthetic_bundles.CARD,
    )
    sound = synthetic(0.9, RATE, 77)
    result = Runtime(path).utterance(sound, RATE)
    assert isinstance(result, Released)
    np.testing.assert_allclose(
        result.vector, scale(functionals(sound)[None])[0], rtol=1e-4, atol=1e-4
    )
    vectors = read(path).arrays(bundle.VECTORS_FILE)
    np.testing.assert_array_equal(
        functionals(vectors["sound"].astype(np.float32) / 32768), vectors["x"][0]
    )


def taking(features: dict[str, object]) -> Bundle:
    """A bundle with the same models, and other features in its card."""
    whole = read(bundled("none"))
    return replace(whole, card={**whole.card, "features": features})


def test_a_bundle_of_recipe_4_has_absolute_energies() -> None:
    sound = synthetic(0.4, RATE, 3)
    earlier = extractor(taking({"set": "mel", "recipe": 4}))
    np.testing.assert_array_equal(earlier(sound), functionals(sound, range_db=None))
    assert earlier.config["recipe"] == 4
    current = extractor(taking({"set": "mel", "recipe": FEATURE_SETS["mel"].recipe}))
    np.testing.assert_array_equal(current(sound), functionals(sound))
    with pytest.raises(BundleError, match="features 'mel' of recipe 3, expected 5: install"):
        extractor(taking({"set": "mel", "recipe": 3}))


def broken(**changes: float) -> NDArray[np.float32]:
    sound = synthetic(0.5, RATE, 1)
    sound[100] = changes["at_100"]
    return sound


@pytest.mark.parametrize(
    ("samples", "rate", "reason"),
    [
        (broken(at_100=np.nan), RATE, Reason.NOT_FINITE),
        (broken(at_100=-np.inf), RATE, Reason.NOT_FINITE),
        (synthetic(0.5, RATE, 1), 3999, Reason.WRONG_RATE),
        (synthetic(0.5, RATE, 1), 384001, Reason.WRONG_RATE),
        (np.zeros((481, 2), np.float32), 8000, Reason.SILENT),
        (np.full((960, 64), 3e38), RATE, Reason.SILENT),
        (np.full(960, 1e300), RATE, Reason.NOT_FINITE),
        (np.zeros((0, 2), np.float32), RATE, Reason.NO_SAMPLES),
        (synthetic(0.5, RATE, 1)[:959], RATE, Reason.TOO_SHORT),
        (np.zeros(600 * RATE + 1, np.float32), RATE, Reason.TOO_LONG),
        (np.zeros((2, RATE), np.float32), RATE, Reason.NO_SAMPLES),
        (np.zeros(0, np.float32), RATE, Reason.NO_SAMPLES),
        (np.zeros(RATE, np.int16), RATE, Reason.NO_SAMPLES),
        ([0.0] * RATE, RATE, Reason.NO_SAMPLES),
    ],
)
def test_what_is_no_utterance_is_withheld_with_the_reason(
    talking: Path, samples: NDArray[np.float32], rate: int, reason: Reason
) -> None:
    assert Runtime(talking).utterance(samples, rate) == Withheld(reason)


@pytest.mark.parametrize(("rate", "channels"), [(8000, 1), (44100, 2), (RATE, 3)])
def test_samples_of_a_program_are_converted_as_a_file_is(
    rate: int, channels: int, tmp_path: Path
) -> None:
    samples = np.stack([synthetic(20, rate, seed) for seed in range(channels)], axis=1)
    soundfile.write(tmp_path / "x.wav", samples, rate, subtype="FLOAT")
    of_file = audio.read(tmp_path / "x.wav")
    np.testing.assert_array_equal(mix_down(samples.astype(np.float32), rate, RATE), of_file)


def test_an_utterance_of_another_rate_is_released(talking: Path) -> None:
    runtime, sound = Runtime(talking, key=4), synthetic(0.7, 44100, 99)
    stereo = np.stack([sound, sound], axis=1)
    result = runtime.utterance(stereo, 44100)
    rate: Any = np.int64(RATE)
    converted = runtime.utterance(mix_down(stereo, 44100, RATE), rate)
    assert isinstance(result, Released)
    assert isinstance(converted, Released)
    np.testing.assert_array_equal(result.vector, converted.vector)


class Stumbling:
    """Raises an unexpected error."""

    sampling_rate = RATE

    def __call__(self, *_: object, **__: object) -> NDArray[np.float32]:
        raise MemoryError


def test_features_or_a_model_that_fail_release_nothing(talking: Path) -> None:
    sound = synthetic(0.5, RATE, 1)
    deaf, dumb = Runtime(talking), Runtime(talking)
    deaf.__dict__["extractor"] = Stumbling()
    dumb._serving.model = Stumbling()  # type: ignore[assignment]
    assert deaf.utterance(sound, RATE) == Withheld(Reason.FEATURES)
    assert dumb.utterance(sound, RATE) == Withheld(Reason.MODEL)


def test_nan_is_not_released() -> None:
    original = read(bundled("noise-gauss"))
    loud = replace(
        original.policies["mine"], chance={"kind": "noise", "noise": "gauss", "scale": float("inf")}
    )
    serving = VectorServing(original, loud, key=0)
    with (
        np.errstate(invalid="ignore"),
        pytest.raises(ReleaseError, match="expected 24 finite numbers a row"),
    ):
        serving(np.zeros((1, 60), np.float32))


@pytest.mark.parametrize("name", ["preprocess.onnx", "release-0.onnx"])
def test_a_model_that_is_none_is_refused(name: str) -> None:
    original = read(bundled("leace"))
    torn = Bundle({**original.files, name: b"no model"}, original.card, original.policies)
    with pytest.raises(BundleError, match=rf"{name}: not a model that ONNX Runtime reads"):
        Runtime(torn)


def test_a_model_that_takes_something_else_releases_nothing() -> None:
    original = read(bundled("leace"))
    turned = {**original.files, "preprocess.onnx": original.files["release-0.onnx"]}
    forged = Bundle(turned, original.card, original.policies)
    with pytest.raises(
        ReleaseError, match=r"preprocess\.onnx: the model failed, .* nothing is released"
    ):
        VectorServing(forged, original.policies["mine"], key=0)(np.zeros((1, 60), np.float32))
    with pytest.raises(
        BundleError, match=r"fails on its own test vectors: preprocess\.onnx: the model failed"
    ):
        Runtime(forged)


def test_vectors_made_elsewhere_have_no_sound(talking: Path) -> None:
    with pytest.raises(
        BundleError, match=r"features 'made', expected one of mel, .* takes vectors alone"
    ):
        Runtime(bundled("none")).utterance(synthetic(0.5, RATE, 0), RATE)
    original = read(talking)
    card = {**original.card, "features": {**original.card["features"], "recipe": 99}}
    with pytest.raises(
        BundleError,
        match="features 'filterbank' of recipe 99, expected 1: install the sordino that",
    ):
        Runtime(Bundle(original.files, card, original.policies)).utterance(
            synthetic(0.5, RATE, 0), RATE
        )


@pytest.mark.parametrize("name", ["drawn", "rae", "noise-gauss"])
def test_a_device_loads_none_of_the_labs_packages(name: str, talking: Path) -> None:
    code = f"""
import sys, numpy as np
from sordino.device import Runtime
from sordino.device.sound.mix_down import mix_down
from sordino.device.sound.synthesis import synthetic
Runtime({str(bundled(name))!r}).release(np.zeros((2, 60), np.float32))
Runtime({str(talking)!r}).utterance(synthetic(1, 16000, 0), 16000).vector
print(*sorted(set(sys.modules) & {set(SLOW)!r}))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []
    assert done.stderr == ""


def test_what_takes_long_to_load_is_loaded_when_it_is_needed() -> None:
    slow = ("importlib.metadata", "logging", "numpy.ma", "soundfile", "soxr")
    code = f"""
import sys, numpy as np
from sordino.device import Runtime
Runtime({str(bundled("drawn"))!r}).release(np.zeros((1, 60), np.float32))
print(*sorted(set(sys.modules) & {set(slow)!r}))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


def test_a_bundle_with_sound_tests_a_port_from_samples(talking: Path) -> None:
    original = read(talking)
    vectors = original.arrays(bundle.VECTORS_FILE)
    frames = filterbank(vectors["sound"].astype(np.float32) / 32768)
    np.testing.assert_allclose(frames, vectors["audio"], rtol=1e-4, atol=1e-4)
    key = int.from_bytes(vectors["key_0"].tobytes(), "little")
    serving = ClipServing(original, next(iter(original.policies.values())), key)
    released = serving.released(serving.scaled({"audio": frames}))
    np.testing.assert_allclose(released, vectors["released_0"], rtol=1e-4, atol=1e-4)
