"""A head that proves nothing is told from one that does; the probe finds what a line can find."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from sordino.nn.adversary_diagnostics import HeadDiagnostics, probe


def embedded(rows: int, apart: float, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Ten dimensions of noise, two classes `apart` in the first."""
    generator = torch.Generator().manual_seed(seed)
    codes = torch.randint(2, (rows,), generator=generator)
    x = torch.randn(rows, 10, generator=generator)
    x[:, 0] += apart * codes
    return x, codes


def test_the_probe_finds_what_is_there() -> None:
    x, codes = embedded(600, apart=2.0)
    bayes = 0.5 * (1 + math.erf(1 / math.sqrt(2)))  # half the distance is one standard deviation
    assert probe(x, codes, 2, seed=0) == pytest.approx(bayes, abs=0.03)


def test_the_probe_finds_nothing_in_noise() -> None:
    recalls = [probe(*embedded(600, apart=0.0, seed=seed), 2, seed=seed) for seed in range(10)]
    assert sum(recalls) / 10 == pytest.approx(0.5, abs=0.02)


def test_the_probe_is_read_on_rows_that_it_was_not_fitted_on() -> None:
    generator = torch.Generator().manual_seed(0)
    x, codes = (
        torch.randn(60, 200, generator=generator),
        torch.randint(2, (60,), generator=generator),
    )
    assert probe(x, codes, 2, seed=0) < 0.7  # on its own rows it would be 1


def test_units_of_the_embedding_do_not_matter_to_the_probe() -> None:
    x, codes = embedded(300, apart=2.0)
    units = torch.logspace(-4, 4, 10)
    assert probe(x * units + 5 * units, codes, 2, seed=0) == pytest.approx(
        probe(x, codes, 2, seed=0), abs=0.01
    )


def test_the_probe_skips_unknown_rows_and_constant_dimensions() -> None:
    x, codes = embedded(300, apart=2.0)
    expected = probe(x, codes, 2, seed=0)
    padded = (
        torch.cat([x, torch.full((50, 10), torch.inf)]),
        torch.cat([codes, torch.full((50,), -1)]),
    )
    assert probe(*padded, 2, seed=0) == expected
    assert probe(torch.cat([x, torch.ones(300, 1)], dim=1), codes, 2, seed=0) == pytest.approx(
        expected, abs=0.01
    )


def test_the_probe_changes_no_random_state_and_repeats_itself() -> None:
    x, codes = embedded(100, apart=1.0)
    state = torch.get_rng_state()
    assert probe(x, codes, 2, seed=3) == probe(x, codes, 2, seed=3)
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize(
    ("head", "probe_recall", "rows", "warned"),
    [
        (0.50, 0.64, (400, 400), True),
        (0.35, 0.64, (400, 400), True),
        (0.50, 0.54, (400, 400), False),  # within the margin of 0.05
        (0.62, 0.64, (400, 400), False),
        (0.70, 0.64, (400, 400), False),
        (0.50, 0.64, (20, 20), False),  # 0.14 apart, two standard errors are 0.158
        (0.50, 0.64, (30, 30), True),  # and here 0.129
        (0.50, 0.60, (400, 12), False),  # the rare class decides
        (0.05, 0.14, (50,) * 20, False),  # 20 classes: the margin is 0.095
        (0.05, 0.16, (50,) * 20, True),
        (0.50, 0.64, (400, 0, 400), True),  # a class that is not there does not count
    ],
)
def test_a_head_is_told_of_when_a_fresh_probe_is_clearly_ahead(
    head: float, probe_recall: float, rows: tuple[int, ...], warned: bool
) -> None:
    curve = HeadDiagnostics((0.9, 0.9, 0.9), (0.5, 0.5, 0.5), head, probe_recall)
    warning = curve.warning("gender", torch.tensor(rows))
    assert (warning is not None) == warned
    if warning is not None:
        assert f"the head of gender has UAR {head:.2f}" in warning
        assert f"a fresh linear probe {probe_recall:.2f}" in warning
