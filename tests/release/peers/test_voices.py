"""Releases that change recordings: `mcadams` and `chimera`."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.signal import lfilter

from sordino.corpora import table
from sordino.corpora.table import Corpus
from sordino.errors import AudioError, DependencyError, FeatureError, ReleaseError
from sordino.features import extract
from sordino.release import PEERS, voice_vectors
from sordino.release.peers.chimera import Chimera
from sordino.release.peers.mcadams import McAdams, linear_prediction, move_poles, shift_formants
from sordino.release.voices import ChangedVoice, VoiceTransform
from sordino.signal import audio
from sordino.testing import POLICY, synthetic_vectors
from sordino.types import Samples

VOICES: tuple[VoiceTransform, ...] = (McAdams(), Chimera())


def vowel(seconds: float = 0.6, formant_hz: float = 700.0, pitch_hz: float = 140.0) -> Samples:
    """Pulses through one resonance of 80 Hz, with a little noise."""
    samples = np.random.default_rng(0).normal(0, 1e-3, round(seconds * audio.SAMPLING_RATE))
    samples[:: round(audio.SAMPLING_RATE / pitch_hz)] += 1
    pole = np.exp((-80 + 2j * formant_hz) * np.pi / audio.SAMPLING_RATE)
    sound = lfilter([1.0], np.poly([pole, pole.conjugate()]).real, samples)
    loud: Samples = (0.3 * sound / np.abs(sound).max()).astype(np.float32)
    return loud


def corpus_of(folder: Path, speakers: int = 2) -> Corpus:
    rows = [
        {"file": str(audio.write(folder / f"{number}.wav", vowel(0.3 + 0.05 * number)))}
        | {"speaker": f"{number % speakers}", "gender": "female", "emotion": "neutral"}
        for number in range(4)
    ]
    return table.make("vowels", pd.DataFrame(rows))


def test_a_coefficient_of_one_changes_nothing() -> None:
    samples = vowel().astype(np.float64)
    np.testing.assert_allclose(shift_formants(samples, 1.0, 20, 160), samples, atol=1e-9)


def test_a_pole_moves_by_the_power_of_its_angle() -> None:
    pole = 0.9 * np.exp(0.4j)
    predictor = np.poly([pole, pole.conjugate(), 0.5]).real[None].astype(np.float64)
    moved = np.roots(move_poles(predictor, 0.8)[0])
    expected = 0.9 * np.exp(1j * 0.4**0.8)
    np.testing.assert_allclose(
        np.sort_complex(moved), np.sort_complex([expected, expected.conjugate(), 0.5]), atol=1e-9
    )


def test_linear_prediction_finds_the_resonance_of_a_vowel() -> None:
    pole = 0.95 * np.exp(0.5j)
    noise = np.random.default_rng(0).normal(size=200_000)
    frames = lfilter([1.0], np.poly([pole, pole.conjugate()]).real, noise)[None]
    np.testing.assert_allclose(
        linear_prediction(frames, 2)[0], np.poly([pole, pole.conjugate()]).real, atol=0.01
    )


@pytest.mark.parametrize("voice", VOICES, ids=lambda voice: voice.name)
def test_the_same_key_gives_the_same_bytes(voice: VoiceTransform) -> None:
    samples = vowel()
    first = voice(samples, "a")
    voice(samples[::-1].copy(), "b")  # draws in between
    assert np.array_equal(voice(samples, "a"), first)
    assert first.shape == samples.shape
    assert not np.allclose(first, samples, atol=1e-3)
    assert not np.allclose(voice(samples, "b"), first, atol=1e-3)


@pytest.mark.parametrize("voice", VOICES, ids=lambda voice: voice.name)
@pytest.mark.parametrize("length", [round(audio.SHORTEST_SECONDS * audio.SAMPLING_RATE), 8000])
def test_silence_stays_silence(voice: VoiceTransform, length: int) -> None:
    assert not voice(np.zeros(length, np.float32), "a").any()


def test_mcadams_keeps_the_peak_of_a_recording() -> None:
    samples = vowel()
    assert np.abs(McAdams()(samples, "a")).max() == pytest.approx(np.abs(samples).max())


def test_the_coefficient_of_a_key_lies_in_its_range() -> None:
    coefficients = [McAdams().coefficient(str(number)) for number in range(200)]
    assert 0.5 <= min(coefficients) < 0.52
    assert 0.88 < max(coefficients) < 0.9


@pytest.mark.slow
def test_vectors_do_not_depend_on_jobs_or_order(tmp_path: Path) -> None:
    corpus = corpus_of(tmp_path)
    one = voice_vectors("mel", corpus, McAdams(), cache=None, jobs=1)
    assert np.array_equal(voice_vectors("mel", corpus, McAdams(), cache=None, jobs=2), one)
    order = np.array([2, 0, 3, 1])
    again = voice_vectors("mel", corpus.select(order), McAdams(), cache=None, jobs=1)
    assert np.array_equal(again, one[order])
    assert not np.array_equal(one, extract("mel", corpus, cache=None, jobs=1))


def test_a_cache_keeps_seeds_and_voices_apart(tmp_path: Path) -> None:
    corpus = corpus_of(tmp_path)
    cached = {
        seed: voice_vectors("mel", corpus, McAdams(), seed, tmp_path / "cache", jobs=1)
        for seed in (0, 1, 0)
    }
    assert not np.array_equal(cached[0], cached[1])
    assert np.array_equal(voice_vectors("mel", corpus, McAdams(), 1, None, 1), cached[1])


@dataclass(frozen=True)
class Faulty:
    """A transform with samples of another length, or an error."""

    fault: str
    name = "faulty"

    @property
    def config(self) -> Mapping[str, Any]:
        return {}

    def __call__(self, samples: Samples, key: str) -> Samples:
        if self.fault == "raises":
            raise ValueError(key)
        return samples[1:] if self.fault == "short" else np.full_like(samples, np.nan)


@pytest.mark.parametrize("fault", ["raises", "short", "nan"])
def test_a_transform_that_fails_is_named(fault: str, tmp_path: Path) -> None:
    with pytest.raises(AudioError, match=r"4 .*recordings|faulty (failed|gives)"):
        voice_vectors("mel", corpus_of(tmp_path), Faulty(fault), cache=None, jobs=1)


def test_a_table_of_vectors_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FeatureError, match="no recordings to change, expected a feature set"):
        voice_vectors("vectors.parquet", corpus_of(tmp_path), McAdams(), cache=None, jobs=1)


@pytest.mark.parametrize("name", ["mcadams", "chimera"])
def test_a_release_of_recordings_refuses_vectors(name: str, tmp_path: Path) -> None:
    data = synthetic_vectors(speakers=8, rows=4)
    release = PEERS[name](POLICY, 0).fit(data.z, data.corpus, data.parts.transform)
    assert isinstance(release, ChangedVoice)
    with pytest.raises(ReleaseError, match="changes recordings, and these are vectors"):
        release(data.z)
    release.save(tmp_path / "voice.npz")
    assert ChangedVoice.restore(name, release.config, {}).hash == release.hash


@pytest.mark.parametrize("module", ["chimera", "parselmouth.praat"])
def test_an_absent_package_is_named(module: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(DependencyError, match=r"release chimera: pip install .*peers"):
        _ = Chimera().config
