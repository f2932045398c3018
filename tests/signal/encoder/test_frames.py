"""`speech-frames` are the outputs of an encoder in steps of 80 ms."""

from __future__ import annotations

import numpy as np
import pytest

from sordino.errors import AudioError
from sordino.signal.encoder import encode
from sordino.signal.encoder.frames import POOLED, encode_steps, pool
from sordino.signal.feature_sets import FEATURE_SETS, SEQUENCES
from tests.signal.encoder.synthetic_encoder import synthetic_encoder

SOUND = np.random.default_rng(0).normal(0, 0.1, 16000).astype(np.float32)


def test_the_mean_of_the_steps_is_the_vector_of_the_set() -> None:
    encoder = synthetic_encoder()
    steps = encode_steps(SOUND, encoder)
    vector = encode(SOUND, encoder)
    assert steps.shape == (-(-50 // POOLED), len(vector))
    counts = np.full(len(steps), POOLED)
    counts[-1] = 50 - POOLED * (len(steps) - 1)
    np.testing.assert_allclose(counts @ steps / 50, vector, rtol=1e-4, atol=1e-5)


def test_a_step_is_the_mean_of_its_outputs() -> None:
    outputs = np.random.default_rng(0).normal(size=(9, 3)).astype(np.float32)
    steps = pool(outputs)
    np.testing.assert_allclose(steps[1], outputs[4:8].mean(axis=0), rtol=1e-5)
    np.testing.assert_array_equal(steps[2], outputs[8])


def test_the_name_differs_from_that_of_the_vectors() -> None:
    assert not set(SEQUENCES) & set(FEATURE_SETS)
    assert all(extractor.name == name for name, extractor in SEQUENCES.items())


def test_too_short_a_sound_has_no_steps() -> None:
    with pytest.raises(AudioError, match=r"0\.0.* s of sound, expected"):
        encode_steps(SOUND[:100], synthetic_encoder())
