"""`voice-print` has the vectors of Resemblyzer, and none of its code runs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from sordino.errors import DependencyError, FeatureError, StorageError
from sordino.signal.feature_sets import FEATURE_SETS, check_device
from sordino.signal.waveform import voice_print
from sordino.signal.waveform.voice_print import (
    PACKAGE,
    VoicePrint,
    embed,
    load_speaker_network,
    window_starts,
)
from sordino.testing import check_extractor

PUBLISHED = {
    (1.0, 120): ([243, 246, 20, 0, 89], [0.2780, 0.2473, 0.2185, 0.1979, 0.1805]),
    (4.0, 120): ([246, 36, 213, 168, 122], [0.3111, 0.2361, 0.2156, 0.2045, 0.1984]),
    (4.0, 220): ([231, 28, 182, 129, 11], [0.2224, 0.2098, 0.2007, 0.1730, 0.1725]),
}
"""Of `voice(seconds, hertz)`, the largest values of Resemblyzer 0.1.4 with librosa 0.11:

vector = resemblyzer.VoiceEncoder("cpu").embed_utterance(voice(seconds, hertz))
largest = np.argsort(-vector)[:5], vector[np.argsort(-vector)[:5]].round(4)
"""


def voice(seconds: float, hertz: float) -> NDArray[np.float32]:
    time = np.arange(int(seconds * 16000)) / 16000
    tones = sum(np.sin(2 * np.pi * hertz * k * time) / k for k in range(1, 20))
    return (0.05 * tones * (1.2 + np.sin(2 * np.pi * 3 * time))).astype(np.float32)


@pytest.fixture
def installed() -> None:
    try:
        load_speaker_network()
    except DependencyError:
        pytest.skip("no weights: pip install --no-deps Resemblyzer==0.1.4")


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An installed Resemblyzer that must not be imported; its weights are absent."""
    monkeypatch.syspath_prepend(tmp_path)
    metadata = tmp_path / "resemblyzer-0.1.4.dist-info" / "METADATA"
    metadata.parent.mkdir()
    metadata.write_text("Metadata-Version: 2.1\nName: Resemblyzer\nVersion: 0.1.4\n")
    (tmp_path / "resemblyzer").mkdir()
    (tmp_path / "resemblyzer" / "__init__.py").write_text("raise SystemExit('imported')\n")
    return tmp_path


@pytest.mark.usefixtures("installed")
@pytest.mark.parametrize("sound", PUBLISHED)
def test_vectors_are_those_of_resemblyzer(sound: tuple[float, int]) -> None:
    places, values = PUBLISHED[sound]
    vector = embed(voice(*sound), load_speaker_network())
    assert np.argsort(-vector)[:5].tolist() == places
    np.testing.assert_allclose(vector[places], values, atol=1e-4)
    assert np.linalg.norm(vector) == pytest.approx(1)


@pytest.mark.slow
@pytest.mark.usefixtures("installed")
def test_the_set_obeys_the_laws() -> None:
    check_extractor(VoicePrint())
    assert FEATURE_SETS["voice-print"] == VoicePrint()


def test_no_device_computes_the_set() -> None:
    with pytest.raises(FeatureError, match="only the lab computes them"):
        check_device("voice-print")


def test_windows_cover_the_speech() -> None:
    for samples in range(1000, 200_000, 777):
        starts = window_starts(samples)
        end = 160 * (starts[-1] + 160)
        assert starts == list(range(0, 77 * len(starts), 77))
        assert end >= samples - 160 * 120 or len(starts) == 1
        assert len(starts) == 1 or samples - 160 * starts[-1] >= 0.75 * 160 * 160


def test_another_file_of_weights_is_refused(package: Path) -> None:
    weights = package / PACKAGE.file
    with pytest.raises(StorageError, match="No such file"):
        voice_print.read_speaker_weights()
    for content in (b"", b"\x80\x02.", bytes(voice_print.SIZE)):
        weights.write_bytes(content)
        with pytest.raises(FeatureError, match="another file than SHA-256 39373b86598f"):
            voice_print.read_speaker_weights()


def test_another_version_is_refused(package: Path) -> None:
    metadata = package / "resemblyzer-0.1.4.dist-info" / "METADATA"
    metadata.write_text("Metadata-Version: 2.1\nName: Resemblyzer\nVersion: 0.2\n")
    with pytest.raises(DependencyError, match=r"Resemblyzer 0\.2 is installed, expected 0\.1\.4"):
        voice_print.read_speaker_weights()


@pytest.mark.usefixtures("installed")
def test_vectors_of_a_batch_are_those_of_single_recordings() -> None:
    extractor, sounds = VoicePrint(), [voice(*sound) for sound in PUBLISHED]
    vectors = extractor.compute_batch([extractor.prepare(sound) for sound in sounds], "cpu")
    for vector, sound in zip(vectors, sounds, strict=True):
        np.testing.assert_allclose(vector, extractor(sound), rtol=0, atol=1e-5)
