"""Kernel attackers have the same scores on every device, to a stated tolerance."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
import torch

from sordino.attack.attackers import arrays, kernels
from sordino.attack.attackers.kernels import Scores
from sordino.attack.splits import crossfit
from sordino.parallel.compute_device import compute_on

DEVICES = [
    "cpu",
    pytest.param(
        "cuda", marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
    ),
]


def attackers(place: arrays.Placement | None = None, dimensions: int = 12) -> list[Scores]:
    """All kernel attackers on 30 speakers with 6 rows, some of them equal."""
    random = np.random.default_rng(0)
    speaker = np.repeat(np.arange(30), 6)
    x, others = random.normal(size=(2, 180, dimensions))
    x[5], x[17] = x[3], x[16]
    labels = np.stack([random.permutation(30)[speaker] % 2 for _ in range(9)], 1).astype(float)
    plan = crossfit(speaker % 5)
    return list(kernels.scores(x, labels, plan, speaker, others=others, place=place))


@pytest.mark.parametrize("dimensions", [12, 300])
@pytest.mark.parametrize("device", DEVICES)
def test_scores_of_a_device_are_those_of_numpy(device: str, dimensions: int) -> None:
    place = partial(arrays.as_tensor, device=device)
    pairs = zip(attackers(place, dimensions), attackers(dimensions=dimensions), strict=True)
    for tensor, expected in pairs:
        assert tensor.setting == expected.setting
        limit = arrays.SCORE_TOLERANCE * np.abs(expected.values).max()
        np.testing.assert_allclose(tensor.values, expected.values, rtol=0, atol=limit)
        if expected.transferred is not None and tensor.transferred is not None:
            limit = arrays.SCORE_TOLERANCE * np.abs(expected.transferred).max()
            np.testing.assert_allclose(tensor.transferred, expected.transferred, atol=limit)


def test_no_tensor_is_made_on_a_processor(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(arrays, "as_tensor")
    with compute_on("cpu"):
        assert attackers()


@pytest.mark.parametrize("count", [4, 5])
def test_a_median_is_that_of_numpy(count: int) -> None:
    values = np.random.default_rng(0).normal(size=(count, 3))
    assert arrays.median(arrays.as_tensor(values, "cpu")) == np.median(values)


@pytest.mark.parametrize("place", [np.asarray, partial(arrays.as_tensor, device="cpu")])
def test_a_negative_matrix_has_no_solution(place: arrays.Placement) -> None:
    gram, right = place(-np.eye(3)), place(np.ones((3, 1)))
    assert arrays.solve_positive(gram, 0.5, right) is None
    solution = arrays.solve_positive(gram, np.array([2.0, 3.0, 5.0]), right)
    assert arrays.to_numpy(solution).ravel().tolist() == pytest.approx([1, 0.5, 0.25])
