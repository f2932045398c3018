"""Pitch is that of sounds whose pitch is known, and the lag of the highest autocorrelation, summed
by hand.
"""

from __future__ import annotations

import numpy as np
import pytest

from sordino.signal.pitch import PITCH_SAMPLES, pitch
from tests.signal.test_functionals import noise, voice


def semitones(hertz: float) -> float:
    return float(12 * np.log2(hertz / 100))


@pytest.mark.parametrize("hertz", [65, 80, 120, 205, 333, 480])
def test_voices_have_their_pitch(hertz: float) -> None:
    frames = pitch(voice(hertz))
    np.testing.assert_allclose(frames[:, 0], semitones(hertz), atol=0.25)
    assert frames[:, 1].min() > 0.7  # 40 ms hold no more than two and a half periods of the lowest
    loud_and_shifted = pitch(3 * voice(hertz) + np.float32(0.2))
    np.testing.assert_allclose(loud_and_shifted, frames, atol=1e-2)


def test_noise_and_silence_are_not_periodic() -> None:
    assert np.percentile(pitch(noise(5))[:, 1], 90) < 0.5
    assert (pitch(np.zeros(1600, dtype=np.float32))[:, 1] == 0).all()


def test_a_frame_is_the_peak_of_its_own_autocorrelation() -> None:
    samples = voice(150)[:PITCH_SAMPLES] + noise()[:PITCH_SAMPLES] / np.float32(4)
    slow = np.convolve(
        samples.astype(float).reshape(-1, 4).mean(axis=1), [0.25, 0.5, 0.25], mode="valid"
    )
    window = np.hanning(160)[1:-1]
    frame = (slow - slow.mean()) * window
    r = [
        (frame[: 158 - lag] @ frame[lag:])
        / (frame @ frame)
        * (window @ window)
        / (window[: 158 - lag] @ window[lag:])
        for lag in range(68)
    ]
    best = max(range(8, 67), key=lambda lag: r[lag] - 0.03 * np.log2(lag))
    (frame,) = pitch(samples)
    assert frame[0] == pytest.approx(
        semitones(4000 / best), abs=semitones(100 * (best + 0.5) / best)
    )
    assert frame[1] == pytest.approx(r[best], abs=0.02)


def test_frames_see_their_own_samples_only() -> None:
    samples = voice(140) + noise()
    np.testing.assert_array_equal(
        pitch(samples)[7:9], pitch(samples[7 * 160 : 8 * 160 + PITCH_SAMPLES])
    )
