"""Chance that follows from a vector and a key: as `docs/builder/port.md` says it, for any bins,
keys and prototypes.
"""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sordino.errors import ReleaseError
from sordino.keyed_random import draw, uniform


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 99),
    bins=st.integers(1, 4),
    key=st.integers(0, 2**128 - 1),
    epsilon=st.sampled_from([0, 1, np.inf]),
)
def test_what_is_drawn_is_what_the_port_says(
    seed: int, bins: int, key: int, epsilon: float
) -> None:
    random = np.random.default_rng(seed)
    z, decided = random.normal(size=(30, 5)).astype(np.float32), random.integers(0, bins, 30)
    of_bin = random.permutation(np.r_[np.arange(bins), random.integers(0, bins, 9)])
    prototypes = random.normal(size=(len(of_bin), 5)).astype(np.float32)
    keep, u_bin, u_prototype = uniform(z, key, 3).T
    flipped = (decided + 1 + np.floor(u_bin * (bins - 1)).astype(int)) % bins
    unflipped = np.isinf(epsilon) | (keep < 1 / (1 + (bins - 1) * np.exp(-epsilon)))
    bins_out = np.where(unflipped, decided, flipped)
    pools = [np.flatnonzero(of_bin == code) for code in bins_out]
    expected = prototypes[
        [pool[int(number * len(pool))] for pool, number in zip(pools, u_prototype, strict=True)]
    ]
    np.testing.assert_array_equal(draw(z, decided, key, prototypes, of_bin, epsilon), expected)


@pytest.mark.parametrize("decided", [-1, 1, 3])
def test_a_bin_that_there_is_not_has_no_vector(decided: int) -> None:
    out = draw(
        np.ones((1, 2), np.float32),
        np.array([decided]),
        0,
        np.ones((2, 2), np.float32),
        np.array([0, 2]),
        np.inf,
    )
    assert np.isnan(out).all()


def test_what_does_not_fit_is_refused() -> None:
    z, prototypes, of_bin = (
        np.ones((2, 2), np.float32),
        np.ones((2, 2), np.float32),
        np.array([0, 1]),
    )
    with pytest.raises(ValueError, match="shorter"):
        draw(z, np.array([0]), 0, prototypes, of_bin, np.inf)
    for epsilon in (-1.0, -1000.0, np.nan):
        with pytest.raises(ReleaseError, match="expected 0 or more"):
            draw(z, np.array([0, 1]), 0, prototypes, of_bin, epsilon)


def test_uniform_numbers_of_a_row_are_below_one_in_any_batch() -> None:
    z = np.random.default_rng(0).normal(size=(50, 3)).astype(np.float32)
    numbers = uniform(z, 2**100, 4)
    assert numbers.min() >= 0
    assert numbers.max() < 1
    np.testing.assert_array_equal(numbers[7:8], uniform(np.asfortranarray(z)[7:8], 2**100, 4))
    assert uniform(z[:0], 0, 3).shape == (0, 3)
