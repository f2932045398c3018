"""Laws of a feature set: one vector of an utterance, whatever the recording holds."""

from __future__ import annotations

import json
from functools import cache
from typing import Final

import numpy as np

from sordino.errors import AudioError
from sordino.signal.feature_sets import FeatureSet
from sordino.testing.laws import Law, check_laws
from sordino.types import Samples


@cache
def _sounds(rate: int) -> dict[str, Samples]:
    """Sounds of the kinds that recordings hold, in [-1, 1], at a sampling rate in Hz."""
    random = np.random.default_rng(0)
    time = np.arange(2 * rate) / rate
    tone = 0.3 * np.sin(2 * np.pi * 150 * time) * (1 + np.sin(2 * np.pi * 3 * time))
    sounds = {
        "tone": tone,
        "noise": random.normal(0, 0.1, 2 * rate),
        "short": tone[: rate // 2],
        "quiet": 1e-4 * tone,
        "clipped": np.clip(10 * tone, -1, 1),
        "offset": 0.2 + 0.5 * tone,
        "half silent": np.where(time < 1, tone, 0),
    }
    return {name: samples.astype(np.float32) for name, samples in sounds.items()}


def _described(extractor: FeatureSet) -> None:
    """It has a name, a sampling rate, as many names as values, and a config of plain JSON."""
    assert extractor.name, "the name is empty"
    assert extractor.sampling_rate > 0, f"sampling rate {extractor.sampling_rate}"
    names = list(extractor.names)
    assert len(names) == extractor.dims, f"{len(names)} names of {extractor.dims} values"
    assert len(set(names)) == len(names), "a name comes twice"
    assert json.loads(json.dumps(extractor.config)) == extractor.config, "not plain JSON"
    assert extractor.config.get("recipe") == extractor.recipe, "the config lacks the recipe"


def _finite(extractor: FeatureSet) -> None:
    """Each sound gives one finite float32 vector of its width."""
    for name, samples in _sounds(extractor.sampling_rate).items():
        vector = extractor(samples)
        assert vector.shape == (extractor.dims,), f"{name}: shape {vector.shape}"
        assert vector.dtype == np.float32, f"{name}: {vector.dtype}"
        assert np.isfinite(vector).all(), f"{name}: NaN or infinity"


def _repeated(extractor: FeatureSet) -> None:
    """The same samples give the same bits, whatever came before."""
    sounds = _sounds(extractor.sampling_rate)
    first = {name: extractor(samples) for name, samples in sounds.items()}
    for name in reversed(sounds):
        assert np.array_equal(extractor(sounds[name]), first[name]), f"{name} differs"


def _input_untouched(extractor: FeatureSet) -> None:
    """It neither changes the samples nor shares memory with them."""
    for name, samples in _sounds(extractor.sampling_rate).items():
        copy = samples.copy()
        vector = extractor(copy)
        assert np.array_equal(copy, samples), f"{name} changed"
        assert not np.shares_memory(vector, copy), f"{name} shares memory"


def _informative(extractor: FeatureSet) -> None:
    """Different sounds give different vectors."""
    sounds = _sounds(extractor.sampling_rate)
    vectors = {extractor(samples).tobytes() for samples in sounds.values()}
    assert len(vectors) == len(sounds), f"{len(sounds)} sounds, {len(vectors)} vectors"


def _refusals(extractor: FeatureSet) -> None:
    """It refuses NaN and an empty recording with an `AudioError`."""
    rate = extractor.sampling_rate
    for name, samples in (
        ("NaN", np.full(rate, np.nan, np.float32)),
        ("empty", np.zeros(0, np.float32)),
    ):
        try:
            extractor(samples)
        except AudioError:
            continue
        raise AssertionError(f"{name} samples pass")


EXTRACTOR_LAWS: Final[dict[str, Law]] = {
    "described": _described,
    "finite": _finite,
    "repeated": _repeated,
    "input untouched": _input_untouched,
    "informative": _informative,
    "refusals": _refusals,
}
"""Each law by name, a function of a feature set."""


def check_extractor(extractor: FeatureSet) -> int:
    """Run every law of a feature set on synthetic sounds. Returns the number of laws that hold.
    Raises `AssertionError` that lists the broken laws.

    >>> from sordino.features import FEATURE_SETS
    >>> check_extractor(FEATURE_SETS["mel"])
    6
    """
    return check_laws(extractor, EXTRACTOR_LAWS)
