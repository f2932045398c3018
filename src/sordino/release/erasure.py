"""Release `leace`: removes the linearly readable part of every hidden attribute, and of sensitive
against neutral.

Least-squares concept erasure (Belrose et al. 2023) is the smallest change of the vectors after
which no linear attacker beats chance on the fitting rows. A non-linear attacker recovers the
remainder; the audit measures it.
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
from sordino.nn.fit import Plan, run_plan
from sordino.policy import Policy
from sordino.release.array_release import ArrayRelease
from sordino.release.protocol import as_vectors
from sordino.release.training_rows import TrainingRows, hidden
from sordino.types import Codes, Matrix, Vectors


class Erased(ArrayRelease):
    """An affine map, `z @ map + offset`."""

    def __call__(self, z: Vectors) -> Vectors:
        z = as_vectors(z, self._config["width"])
        out: Vectors = (z @ self.arrays["map"] + self.arrays["offset"]).astype(np.float32)
        return out

    @classmethod
    def restore(
        cls, name: str, config: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]
    ) -> Erased:
        """The release that `save` wrote."""
        config["width"]
        return cls(name, config, {key: arrays[key] for key in ("map", "offset")})


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
        return run_plan(self.plan(z, corpus, part))

    def plan(self, z: Vectors, corpus: Corpus, part: Part) -> Plan[Erased]:
        """The release; no network is trained."""
        yield from ()  # a plan is a generator
        rows = TrainingRows(z, corpus.roles(self.policy), corpus.genders())
        fitting = rows.require(part.rows).numpy()
        x = np.asarray(z[fitting], np.float64)
        matrix, offset = np.eye(x.shape[1]), np.zeros(x.shape[1])
        # A later erasure does not undo an earlier one: once a secret has no covariance with the
        # vectors, it has none after any affine map.
        for secret in hidden(self.policy, corpus, fitting):
            labelled = secret >= 0
            if len(np.unique(secret[labelled])) == 2:
                step, shift = linear_eraser((x @ matrix + offset)[labelled], secret[labelled])
                matrix, offset = matrix @ step, offset @ step + shift
        config = json.loads(json.dumps({**asdict(self), "width": int(z.shape[1])}))
        return Erased("leace", config, {"map": matrix, "offset": offset})


def linear_eraser(x: Matrix, secret: Codes) -> tuple[Matrix, Matrix]:
    """The map `(d, d)` and offset `(d,)` that erase a secret `(n,)` of two classes from vectors
    `(n, d)`: `x @ map + offset`.
    """
    with warnings.catch_warnings():
        # concept_erasure compiles a function in a way that torch has deprecated
        warnings.simplefilter("ignore", DeprecationWarning)
        from concept_erasure import LeaceEraser
    eraser = LeaceEraser.fit(torch.from_numpy(x), torch.from_numpy(secret.astype(np.float64)))
    projection = (eraser.proj_left @ eraser.proj_right).numpy()
    bias = np.zeros(x.shape[1]) if eraser.bias is None else eraser.bias.numpy()
    return np.eye(x.shape[1]) - projection.T, bias @ projection.T
