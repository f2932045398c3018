"""Rivals: LEACE erases, the bottleneck samples, and no bundle holds them."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch

from sordino import export
from sordino.errors import ReleaseError
from sordino.nn.fit_multimodal import Training
from sordino.nn.multimodal import Shape, apply
from sordino.nn.sequences import Sequences
from sordino.release import RIVALS, Embedding, EmbeddingFitter
from sordino.release.embedding import fit_erased
from sordino.testing import POLICY

FITTER = EmbeddingFitter(
    "leace", Shape(audio=6, kernels=8, gru_width=8), Training(epochs=4, learning_rate=1e-2)
)


@cache
def data(rows: int = 96) -> tuple[Sequences, dict[str, np.ndarray]]:
    """Activation moves two dimensions, and gender one of them."""
    random, at = np.random.default_rng(0), np.arange(rows)
    labels = {"activation": at % 3, "speaker": at // 3 % 8, "gender": at // 3 % 2}
    shift = np.zeros((rows, 6))
    shift[:, :2] = labels["activation"][:, None] - 1
    shift[:, 1] += 2 * labels["gender"]
    clips = [row + random.normal(size=(random.integers(5, 9), 6)) for row in shift]
    return Sequences.of(audio=clips), labels


@cache
def fitted(name: str) -> Embedding:
    torch.set_num_threads(1)
    return replace(FITTER, name=name).fit(*data(), None, {})[0]


def gender_difference(e: np.ndarray) -> float:
    """The largest difference of means between genders, in standard deviations."""
    gender = data()[1]["gender"]
    difference = e[gender == 0].mean(axis=0) - e[gender == 1].mean(axis=0)
    return float(np.abs(difference / e.std(axis=0)).max())


def test_leace_leaves_no_linear_gender_on_its_rows() -> None:
    assert gender_difference(fitted("general")(data()[0])) > 0.5
    assert gender_difference(fitted("leace")(data()[0])) < 1e-3


def test_leace_has_one_direction_fewer_than_classes() -> None:
    rows, labels = data()
    e = fitted("leace")(rows)
    assert e.shape == (96, 2)
    prediction = fitted("leace").primary(e)["activation"].argmax(axis=1)
    assert (prediction == labels["activation"]).mean() > 0.5


def test_leace_keeps_the_encoder_of_general() -> None:
    states = [fitted(name).network.state_dict() for name in ("general", "leace")]
    names = [name for name in states[0] if name.startswith("streams.")]
    assert names
    assert all(torch.equal(states[0][name], states[1][name]) for name in names)


def test_leace_without_both_genders_is_refused() -> None:
    z, codes = np.random.default_rng(0).normal(size=(9, 4)).astype(np.float32), np.arange(9)
    with pytest.raises(ReleaseError, match="fewer than two values of gender, expected both"):
        fit_erased.fit(z, codes % 3, codes * 0)


def test_vib_releases_a_sample_of_its_gaussian() -> None:
    rows = data()[0].select(np.arange(12))
    outputs = apply(fitted("vib").network, rows)
    assert outputs.deviation is not None
    mean, deviation = outputs.embedding.numpy(), outputs.deviation.numpy()
    samples = np.stack([fitted("vib")(rows, key) for key in range(200)])
    z = (samples - mean) / deviation
    assert abs(z.mean()) < 0.02
    assert z.std() == pytest.approx(1, abs=0.02)


def test_only_aibt_of_the_bottlenecks_has_an_adversary() -> None:
    settings = {name: replace(FITTER, name=name).settings(2) for name in ("vib", "aibt")}
    assert [training.beta for _, training in settings.values()] == [0.01, 0.01]
    assert {name: dict(training.lambdas) for name, (_, training) in settings.items()} == {
        "vib": {},
        "aibt": {"gender": 1.0},
    }


@pytest.mark.parametrize("name", RIVALS)
def test_a_rival_in_a_bundle_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(ReleaseError, match=f"embedding '{name}' .* serves comparisons only"):
        export.write(tmp_path, None, {"a": (POLICY, fitted(name))}, features="f", card={})
