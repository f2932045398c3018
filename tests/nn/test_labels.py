"""Weights, loss and recall against numbers worked out by hand and against scikit-learn."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from sklearn.metrics import balanced_accuracy_score
from sklearn.utils.class_weight import compute_class_weight

from sordino.errors import ReleaseError
from sordino.nn.labels import Tasks, class_codes, class_weights, recall, weighted_loss


def codes(*values: int) -> torch.Tensor:
    return torch.tensor(values)


def test_weights_are_those_that_scikit_learn_calls_balanced() -> None:
    drawn = np.random.default_rng(0).choice(4, p=[0.6, 0.2, 0.15, 0.05], size=200)
    expected = compute_class_weight("balanced", classes=np.arange(4), y=drawn)
    np.testing.assert_allclose(class_weights(torch.tensor(drawn), 4), expected, rtol=1e-6)


def test_unknown_rows_and_empty_classes_change_no_other_weights() -> None:
    torch.testing.assert_close(
        class_weights(codes(0, -1, 0, 0, 2, -1), 4), torch.tensor([4 / 6, 0, 2, 0])
    )


def test_the_loss_is_the_weighted_cross_entropy_of_known_rows() -> None:
    logits = torch.tensor([[0.5, 0.5], [0.25, 0.75], [0.9, 0.1]]).log()
    weights = torch.tensor([2.0, 0.5])
    by_hand = (2 * math.log(2) + 0.5 * math.log(4 / 3)) / 2
    assert float(weighted_loss(logits, codes(0, 1, -1), weights)) == pytest.approx(by_hand)


def test_unknown_rows_give_no_gradient_and_alone_no_loss() -> None:
    logits = torch.randn(3, 2, generator=torch.Generator().manual_seed(0)).requires_grad_()
    (batch,) = torch.autograd.grad(weighted_loss(logits, codes(-1, 1, -1), torch.ones(2)), logits)
    assert batch.abs().sum(dim=1).bool().tolist() == [False, True, False]
    none = weighted_loss(logits, codes(-1, -1, -1), torch.ones(2))
    assert float(none.detach()) == 0
    assert not torch.autograd.grad(none, logits)[0].any()


def test_recall_is_scikit_learns_balanced_accuracy() -> None:
    generator = np.random.default_rng(0)
    truth, logits = (
        generator.choice(3, p=[0.7, 0.2, 0.1], size=300),
        generator.normal(size=(300, 3)),
    )
    expected = balanced_accuracy_score(truth, logits.argmax(axis=1))
    assert recall(torch.tensor(logits), torch.tensor(truth)) == pytest.approx(expected)


def test_recall_leaves_out_unknown_rows_and_is_nan_for_one_class() -> None:
    logits = torch.tensor([[1.0, 0.0], [0.0, 1.0], [0.0, 1.0]])
    assert recall(logits, codes(0, 1, -1)) == 1
    assert math.isnan(recall(logits, codes(0, 0, -1)))
    assert math.isnan(recall(logits, codes(-1, -1, -1)))


def test_labels_that_are_lacking_are_unknown() -> None:
    codes = class_codes({"a": np.array([1, 0])}, {"a": 2, "b": 3}, 2, "validation")
    assert {name: values.tolist() for name, values in codes.items()} == {"a": [1, 0], "b": [-1, -1]}


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ({"c": np.array([0, 1])}, "training labels of c came, expected a"),
        ({"a": np.array([0, 1, 1])}, r"int64 \(3,\), expected integers \(2,\)"),
        ({"a": np.array([0.0, 1.0])}, "float64"),
        ({"a": np.array([0, 3])}, "from 0 to 3, expected -1 to 2"),
        ({"a": np.array([-2, 1])}, "from -2 to 1"),
    ],
)
def test_labels_that_do_not_fit_are_refused(labels: dict[str, np.ndarray], message: str) -> None:
    with pytest.raises(ReleaseError, match=message):
        class_codes(labels, {"a": 3}, 2, "training")


@pytest.mark.parametrize("values", [[1, 1, 1], [1, -1, 1], [-1, -1, -1]])
def test_a_task_with_one_class_or_none_cannot_be_learnt(values: list[int]) -> None:
    with pytest.raises(
        ReleaseError, match=r"gender has [01] of its 2 classes on the training rows"
    ):
        Tasks.of({"gender": np.array(values)}, {"gender": 2}, 3)
