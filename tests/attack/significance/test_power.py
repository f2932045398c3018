"""Power on planted leaks rises with the leak and with the number of speakers."""

from __future__ import annotations

import numpy as np
import pytest

from sordino.attack.secret import Secret
from sordino.attack.significance import power as module
from sordino.attack.significance.power import power


@pytest.fixture(autouse=True)
def few_tables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PLANTED_TABLES", 5)


def of_table(speakers: int, planted: tuple[float, ...], critical: float = 3.5) -> list[float]:
    random = np.random.default_rng(0)
    speaker = np.repeat(np.arange(speakers), 12)
    x = random.normal(0, 0.3, (speakers, 6))[speaker] + random.normal(size=(len(speaker), 6))
    secret = Secret.of("gender", speaker % 2, speaker)
    return [*power(x, secret, secret.folds(), critical, planted=planted).values()]


def test_a_large_planted_leak_is_reported_and_none_is_not() -> None:
    none, large = of_table(30, (0.5, 0.95))
    assert none <= 0.2
    assert large == 1


def test_four_speakers_have_no_power() -> None:
    assert of_table(4, (0.7,))[0] <= 0.4


def test_power_is_repeatable_and_zero_for_constant_vectors() -> None:
    assert of_table(12, (0.8,)) == of_table(12, (0.8,))
    secret = Secret.of("gender", np.arange(8) // 2 % 2, np.arange(8) // 2)
    assert power(np.ones((8, 2)), secret, secret.folds(), 3.0, planted=(0.9,)) == {0.9: 0.0}


@pytest.mark.parametrize("kind", ["age", "emotion"])
def test_every_kind_of_secret_has_a_power(kind: str) -> None:
    speaker = np.repeat(np.arange(24), 6)
    values = np.arange(24)[speaker] if kind == "age" else np.tile([0, 1, 2], 48)
    x = np.random.default_rng(0).normal(size=(144, 5))
    secret = Secret.of(kind, values, speaker)
    weak, strong = power(x, secret, secret.folds(), 3.0, planted=(0.55, 0.95)).values()
    assert weak <= strong
    assert strong >= 0.8
