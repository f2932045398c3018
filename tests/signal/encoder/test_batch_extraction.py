"""Sounds that a GPU computes at once have the values and the errors of single sounds."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from sordino.corpora.checks.recordings import Bad
from sordino.errors import AudioError
from sordino.features.cache import Cache
from sordino.features.extract import encoding_device, extractor_config, values_of
from sordino.features.sounds import SoundSource
from sordino.parallel.compute_device import compute_on
from sordino.signal.feature_sets import FEATURE_SETS, Joined, computes_batches
from sordino.signal.mel import Mel

PROCESSOR = "cpu:0"
"""The processor by a name of PyTorch, which is computed on in batches."""


@dataclass(frozen=True)
class Mean:
    """The mean of the samples, as PyTorch computes it."""

    name: str = "mean"
    sampling_rate: int = 16000
    recipe: int = 1
    dims: int = 1

    @property
    def names(self) -> list[str]:
        return ["mean"]

    @property
    def config(self) -> dict[str, object]:
        return {}

    def __call__(self, samples: NDArray[np.float32]) -> NDArray[np.float32]:
        return self.compute_batch([self.prepare(samples)], "cpu")[0]

    def prepare(self, samples: NDArray[np.float32]) -> list[NDArray[np.float32]]:
        if not samples.any():
            raise AudioError("silence, expected sound: leave it out")
        return [samples]

    def compute_batch(
        self, recordings: list[list[NDArray[np.float32]]], device: str
    ) -> list[NDArray[np.float32]]:
        import torch

        values = (torch.from_numpy(samples).to(device) for (samples,) in recordings)
        return [samples.mean()[None].cpu().numpy() for samples in values]


@dataclass(frozen=True)
class Noise:
    """Noise of a seed; silence for the seed 0."""

    seed: int

    @property
    def key(self) -> str:
        return str(self.seed)

    @property
    def file(self) -> str:
        return f"{self.seed}.wav"

    def read(self, sampling_rate: int) -> NDArray[np.float32]:
        noise = np.random.default_rng(self.seed).normal(0, 0.1, sampling_rate)
        return (noise * (self.seed > 0)).astype(np.float32)


CALLS: list[tuple[int, SoundSource]] = [(row, Noise(seed)) for row, seed in enumerate((3, 0, 1))]


def test_values_and_errors_of_a_batch_are_those_of_single_sounds(tmp_path: Path) -> None:
    store = Cache.of(tmp_path, "mean", {})
    batch = list(values_of(Mean(), store, CALLS, PROCESSOR))
    single = list(values_of(Mean(), None, CALLS, "cpu"))
    assert [key for key, _ in batch] == ["3", "0", "1"]
    for (_, values), (_, expected) in zip(batch, single, strict=True):
        if isinstance(expected, Bad):
            assert values == expected
        else:
            np.testing.assert_array_equal(values, expected)
    assert store.find("3", 1) is not None
    assert store.find("0", 1) is None


def test_the_other_parts_of_a_joined_set_stay_as_they_are() -> None:
    joined = Joined((Mean(), Mel()))
    for (_, values), (_, sound) in zip(
        values_of(joined, None, CALLS[::2], PROCESSOR), CALLS[::2], strict=True
    ):
        np.testing.assert_array_equal(values, joined(sound.read(16000)))


def test_encoders_are_computed_in_batches() -> None:
    batched = [name for name, part in FEATURE_SETS.items() if computes_batches(part)]
    assert batched == ["speech", "speech-tiny", "speech+mel", "voice-print"]


def test_no_package_of_a_set_is_needed_to_ask_for_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(name: str) -> str:
        raise PackageNotFoundError(name)

    monkeypatch.setattr("importlib.metadata.version", absent)
    assert not any(computes_batches(FEATURE_SETS[name]) for name in ("IS13", "eGeMAPSv02"))


def test_values_of_a_gpu_have_a_cache_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    extractor = FEATURE_SETS["speech+mel"]
    with compute_on("cpu"):
        assert encoding_device(extractor) == "cpu"
        config = extractor_config(extractor)
    module = import_module("sordino.features.extract")  # a function has its name
    monkeypatch.setattr(module, "compute_device", lambda: "cuda")
    assert extractor_config(extractor) == {**config, "device": "cuda"}
    assert extractor_config(FEATURE_SETS["mel"]) == FEATURE_SETS["mel"].config
