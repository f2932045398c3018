"""Release `leace`: what a line reads of what is hidden, gender say, is taken off, and of sensitive
against neutral.

Least-squares concept erasure (Belrose et al. 2023) moves vectors as little as it can so that no
linear attacker on the fitting rows does better than chance. An attacker who bends finds what is
left: that is what an audit shows.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from sordino.corpora.split import Part
from sordino.corpora.table import Corpus
from sordino.nn.fit import Plan, run
from sordino.policy import Policy
from sordino.release.frozen import Frozen
from sordino.release.protocol import checked
from sordino.release.training_rows import TrainingRows, hidden
from sordino.types import Matrix, Vectors


class Erased(Frozen):
    """An affine map, `z @ map + offset`."""

    def __call__(self, z: Vectors) -> Vectors:
        z = checked(z, self._config["width"])
        out: Vectors = (z @ self.arrays["map"] + self.arrays["offset"]).astype(np.float32)
        return out

    @classmethod
    def restore(cls, config: Mapping[str, Any], arrays: Mapping[str, Matrix]) -> Erased:
        """The release that `save` wrote."""
        config["width"]
        return cls("leace", config, {name: arrays[name] for name in ("map", "offset")})


@dataclass(frozen=True)
class ErasureFitter:
    """Fits the map on all rows of the transform party: hidden attributes first, then sensitive
    against neutral.
    """

    policy: Policy
    seed: int = 0

    def fit(self, z: Vectors, corpus: Corpus, part: Part) -> Erased:
        """The release, fitted on the rows of one party: `z` is `(utterances, d)` in the corpus' row
        order.
        """
        return run(self.plan(z, corpus, part))

    def plan(self, z: Vectors, corpus: Corpus, part: Part) -> Plan[Erased]:
        """The release; no network is trained."""
        yield from ()  # a plan is a generator
        rows = TrainingRows(checked(z, z.shape[-1]), corpus, self.policy).require(part.rows).numpy()
        x = np.asarray(z[rows], np.float64)
        secrets = hidden(self.policy, corpus, rows)
        matrix, offset = np.eye(x.shape[1]), np.zeros(x.shape[1])
        for secret in (
            secrets
        ):  # the second takes nothing back: what has no covariance with a secret has none after it
            known = secret >= 0
            if len(np.unique(secret[known])) == 2:
                one, shift = _erase((x @ matrix + offset)[known], secret[known])
                matrix, offset = matrix @ one, offset @ one + shift
        config = json.loads(json.dumps({**asdict(self), "width": int(z.shape[1])}))
        return Erased("leace", config, {"map": matrix, "offset": offset})


def _erase(x: Matrix, secret: NDArray[np.intp]) -> tuple[Matrix, Matrix]:
    """The map and offset that take one secret off."""
    with warnings.catch_warnings():
        warnings.simplefilter(
            "ignore", DeprecationWarning
        )  # the package compiles a function as torch no longer does
        from concept_erasure import LeaceEraser
    eraser = LeaceEraser.fit(torch.from_numpy(x), torch.from_numpy(secret.astype(np.float64)))
    taken = (eraser.proj_left @ eraser.proj_right).numpy()
    bias = np.zeros(x.shape[1]) if eraser.bias is None else eraser.bias.numpy()
    return np.eye(x.shape[1]) - taken.T, bias @ taken.T
