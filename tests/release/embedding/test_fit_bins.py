"""What is drawn of an embedding keeps the class, hides gender, is no person's row, and its biases
make bins alike.
"""

from __future__ import annotations

import math
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from sordino import metrics
from sordino.attack import retrain
from sordino.errors import ReleaseError
from sordino.metrics.bound import bound
from sordino.nn.fit_multimodal import Training
from sordino.nn.multimodal import Shape
from sordino.nn.sequences import Sequences
from sordino.release import Embedding, EmbeddingFitter
from sordino.release.embedding.fit_bins import biases, crossfit_logits, fit, recall_and_variation
from tests.release.synthetic_releases import drawing

SHAPE = Shape(
    audio=6,
    conv_layers=2,
    kernels=12,
    gru_width=12,
    dense_width=16,
    primary={"activation": 3, "voice": 2},
)
"""`voice` is gender by another name: a network that learns it keeps it."""

FITTER = EmbeddingFitter("drawn", SHAPE, Training(epochs=10, learning_rate=1e-2), base="general")


def scene(rows: int = 192, seed: int = 0) -> tuple[Sequences, dict[str, NDArray[np.intp]]]:
    """Eight women and as many men: activation moves one dimension, gender another."""
    random, at = np.random.default_rng(seed), np.arange(rows)
    labels = {"activation": at % 3, "speaker": at // 3 % 16, "gender": at // 3 % 2}
    shift = np.zeros((rows, 6))
    shift[:, 0], shift[:, 1] = 2 * (labels["activation"] - 1), 2 * labels["gender"] - 1
    labels["voice"] = labels["gender"]
    return Sequences.of(
        audio=[row + random.normal(size=(random.integers(5, 9), 6)) for row in shift]
    ), labels


@cache
def fitted(name: str = "drawn") -> Embedding:
    torch.set_num_threads(1)
    return replace(FITTER, name=name).fit(*scene(), None, {})[0]


@pytest.mark.slow
def test_the_class_is_kept_and_gender_is_no_longer_told() -> None:
    data, labels = scene(seed=1)
    own, test = np.flatnonzero(labels["speaker"] < 8), np.flatnonzero(labels["speaker"] >= 8)
    uar, gender = {}, {}
    for name in ("general", "drawn"):
        out = fitted(name)(data, key=3)
        words = fitted(name).primary(out)["activation"].argmax(axis=1)
        uar[name] = metrics.uar(labels["activation"], words)
        best = retrain(out, labels["gender"], labels["speaker"].astype(str), own, test).best
        gender[name] = metrics.uar(best["truth"].to_numpy(), best["prediction"].to_numpy())
    assert gender["general"] > 0.75
    assert gender["drawn"] < 0.6
    assert uar["drawn"] > uar["general"] - 0.05
    bins = fitted().decide(data)
    assert (
        gender["drawn"] <= bound(bins, labels["gender"], labels["speaker"], fitted().bins).uar_high
    )


@pytest.mark.slow
def test_the_output_is_a_prototype_of_the_bin_and_of_no_person() -> None:
    (data, _), release = scene(), fitted()
    out, bins = release(data, key=5), release.decide(data)
    prototypes = release.arrays["prototypes"]
    assert {row.tobytes() for row in out} <= {row.tobytes() for row in prototypes}
    assert (release.read(out) == bins).all()
    clean = fitted("general")(data)
    assert np.abs(prototypes[:, None] - clean[None]).max(axis=2).min() > 1e-3
    assert (release.primary(prototypes)["activation"].argmax(axis=1) == release.arrays["bin"]).all()
    assert len(prototypes) > release.bins, "several to draw from"
    assert not np.array_equal(release(data, key=6), out)


def test_randomised_response_flips_as_often_as_epsilon_says() -> None:
    general, (data, _) = fitted("general"), scene()
    prototypes = np.eye(3, 12, dtype=np.float32)
    arrays: dict[str, NDArray[Any]] = {
        "bias": np.zeros(3),
        "prototypes": prototypes,
        "bin": np.arange(3),
    }
    release = Embedding(
        "drawn", general.config | {"task": "activation", "epsilon": 1.0}, general.network, arrays
    )
    kept = np.mean([release.read(release(data, key)) == release.decide(data) for key in range(8)])
    assert kept == pytest.approx(math.e / (math.e + 2), abs=0.03)
    probability = release.primary(prototypes)["activation"]
    np.testing.assert_allclose(np.diag(probability), math.e / (math.e + 2), rtol=1e-6)
    np.testing.assert_allclose(probability.sum(axis=1), 1, rtol=1e-6)


def test_the_class_of_a_drawn_embedding_is_its_bin() -> None:
    (data, _), release = scene(), drawing(fitted("general"))
    probability = release.primary(release(data, key=5))["activation"]
    np.testing.assert_array_equal(probability, np.eye(3)[release.decide(data)])
    voice = release.primary(release.arrays["prototypes"])["voice"]
    assert not np.isin(voice, (0, 1)).any(), "the head reads another task"


def test_the_heads_of_attributes_see_what_is_let_out() -> None:
    (data, _), release = scene(), fitted()
    words = release.attributes(data, key=1)["gender"][0]
    of_bin = {row.tobytes(): head for row, head in zip(release(data, key=1), words, strict=True)}
    assert all(
        of_bin[row.tobytes()] == head for row, head in zip(release(data, key=1), words, strict=True)
    )


def test_nobody_is_scored_by_who_learnt_from_them() -> None:
    speaker = np.repeat(np.arange(11), 3)
    met: list[int] = []

    def unseen(own: NDArray[np.intp], others: NDArray[np.intp]) -> NDArray[np.floating]:
        assert not set(speaker[own]) & set(speaker[others])
        met.extend(others)
        return np.stack([others, -others], axis=1).astype(float)

    logits = crossfit_logits(unseen, speaker, 0)
    np.testing.assert_array_equal(logits[:, 0], np.arange(33))
    assert sorted(met) == list(range(33))


def test_biases_equalise_the_bins_of_women_and_men() -> None:
    random = np.random.default_rng(0)
    label, gender = random.integers(3, size=(1200)), random.integers(2, size=(1200))
    logits = 1.2 * np.eye(3)[label] + random.normal(size=(1200, 3))
    logits[:, 2] += 0.8 + 0.5 * gender  # the third class is said too often, and of men oftener
    best = biases(logits, label, gender)
    (before, _, apart), (after, _, nearer) = (
        recall_and_variation(logits, label, gender),
        recall_and_variation(logits + best, label, gender),
    )
    assert after > before
    assert nearer < apart
    assert best[2] < 0


def test_no_class_is_lost_for_the_sake_of_small_biases() -> None:
    random = np.random.default_rng(0)
    label, gender = random.integers(3, size=1200), random.integers(2, size=1200)
    logits = np.where(np.eye(3)[label] > 0, 2.0, 0.0) + random.normal(size=(1200, 3))
    logits[:, 1] = -1 + 0.1 * random.normal(size=1200)  # never said, and told by chance alone
    assert recall_and_variation(logits, label, gender)[1] < 1 / 6
    assert recall_and_variation(logits + biases(logits, label, gender), label, gender)[1] >= 1 / 6


def test_how_bins_fall_is_worked_by_hand() -> None:
    label, gender = np.array([0, 0, 0, 0, 1, 1, -1]), np.array([0, 0, 1, 1, 0, -1, 1])
    report = np.array([0, 1, 0, 0, 1, 0, 0])
    uar, least, apart = recall_and_variation(np.eye(2)[report], label, gender)
    assert least == pytest.approx(1 / 2)
    assert uar == pytest.approx((3 / 4 + 1 / 2) / 2)
    assert apart == pytest.approx(1 / 2), "of class 0 alone: class 1 has no man"


def test_too_few_speakers_or_too_many_classes_are_refused() -> None:
    def unseen(_: NDArray[np.intp], others: NDArray[np.intp]) -> NDArray[np.floating]:
        return np.array(np.eye(3)[others % 3])

    rows = np.arange(60)
    z, gender, speaker = np.zeros((60, 4), np.float32), rows // 3 % 2, rows // 3 % 20
    with pytest.raises(ReleaseError, match=r"3 speaker\(s\) have utterances of class 2"):
        fit(z, np.where((rows % 3 == 2) & (speaker > 2), 0, rows % 3), gender, speaker, unseen, 0)
    with pytest.raises(ReleaseError, match="a task of 5 classes, expected at most 4"):
        fit(z, rows % 5, gender, speaker, lambda _, others: np.eye(5)[others % 5], 0)
    data, labels = scene(24)
    with pytest.raises(ReleaseError, match="no labels of speaker, expected them"):
        FITTER.fit(
            data, {name: codes for name, codes in labels.items() if name != "speaker"}, None, {}
        )
    with pytest.raises(ReleaseError, match="drawn with base 'drawn', expected one of general"):
        replace(FITTER, base="drawn")
    with pytest.raises(ReleaseError, match="epsilon 0, expected more than 0"):
        replace(FITTER, epsilon=0)
