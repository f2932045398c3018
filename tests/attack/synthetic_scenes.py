"""A synthetic corpus with planted leaks, a risk model, and an audit of both."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sordino import attack
from sordino.attack import AttackResult, RiskAttacker, RiskFitter
from sordino.corpora.table import Corpus
from sordino.nn.fit import Settings
from sordino.release import Identity
from sordino.testing import POLICY, SyntheticVectors, synthetic_vectors


@dataclasses.dataclass(frozen=True)
class Constant:
    """A release with one constant output vector."""

    name: str = "constant"
    hash: str = "0" * 12
    config: Any = dataclasses.field(default_factory=dict)

    def __call__(self, z: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.zeros_like(z)

    def save(self, path: str | Path) -> None:
        raise NotImplementedError


@cache
def scene() -> SyntheticVectors:
    return synthetic_vectors()


QUICKLY = RiskFitter(POLICY, sizes=(64,), settings=Settings(patience=15))


@cache
def risk() -> RiskAttacker:
    return QUICKLY.fit(scene().z, scene().corpus, scene().parts.risk)


def audit(
    release: Any = None,
    z: NDArray[np.float32] | None = None,
    corpus: Corpus | None = None,
    families: Sequence[str] = ("linear",),
) -> AttackResult:
    """An audit of the synthetic corpus, with other arguments where passed."""
    data = scene()
    return attack.run(
        release or Identity(data.z.shape[1]),
        data.z if z is None else z,
        corpus or data.corpus,
        data.parts,
        POLICY,
        ignorant=risk(),
        families=families,
    )
