"""Release `noise-gauss`: independent Gaussian noise in every dimension, as much as hides gender
from a linear classifier.

The standard deviation is chosen on the fitting party. Of increasing scales, it is the first at
which a cross-fitted logistic regression has at most the AUC `auc`, for every hidden attribute and
for sensitive against neutral. The noise is a keyed random draw per vector, so repeated requests
cannot be averaged.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold, cross_val_predict

from sordino import keyed_random, metrics
from sordino.corpora.split import Part
from sordino.corpora.table import Corpus
from sordino.nn.fit import Plan, run_plan
from sordino.policy import Policy
from sordino.release.array_release import ArrayRelease
from sordino.release.protocol import as_vectors
from sordino.release.training_rows import TrainingRows, hidden
from sordino.types import Arrays, Codes, Vectors

SCALES: Final = (0.5, 1.0, 2.0, 4.0, 8.0, 16.0)
"""Candidate standard deviations, in units of the root mean square deviation of all dimensions."""


class Noise(ArrayRelease):
    """Adds noise of one standard deviation to every dimension; `kind` in the config names its
    distribution, `gauss` or `laplace`.
    """

    def __call__(self, z: Vectors) -> Vectors:
        z = as_vectors(z, self._config["width"])
        return z + keyed_random.noise(
            z, self._config["key"], self._config["kind"], self._config["scale"]
        )

    @classmethod
    def restore(cls, name: str, config: Mapping[str, Any], arrays: Arrays) -> Noise:  # noqa: ARG003
        """The release that `save` wrote."""
        for key in ("kind", "scale", "width", "key"):
            config[key]
        return cls(name, config)


@dataclass(frozen=True)
class NoiseFitter:
    """Chooses the amount of noise; `auc` is the largest AUC of a linear classifier on the fitting
    speakers.
    """

    policy: Policy
    auc: float = 0.6
    seed: int = 0

    name = "noise-gauss"

    def fit(self, z: Vectors, corpus: Corpus, part: Part) -> Noise:
        """The release, fitted on the rows of one party: `z` is `(utterances, d)` in the corpus' row
        order.
        """
        return run_plan(self.plan(z, corpus, part))

    def plan(self, z: Vectors, corpus: Corpus, part: Part) -> Plan[Noise]:
        """The release; no network is trained."""
        yield from ()  # a plan is a generator
        rows = TrainingRows(z, corpus.roles(self.policy), corpus.genders())
        fitting = rows.require(part.rows).numpy()
        x = z[fitting]
        secrets = hidden(self.policy, corpus, fitting)
        spread = float(np.sqrt(x.var(axis=0).mean()))
        settings = json.loads(json.dumps({**asdict(self), "kind": "gauss"}))
        for scale in SCALES:
            config = {**settings, "scale": scale * spread, "width": z.shape[1], "key": self.seed}
            release = Noise(self.name, config)
            auc = max(_linear_auc(release(x), code, corpus.speaker[fitting]) for code in secrets)
            if auc <= self.auc:
                break
        return Noise(self.name, {**config, "auc_found": auc})


def _linear_auc(x: Vectors, secret: Codes, speaker: NDArray[np.str_]) -> float:
    """The AUC of a logistic regression for a secret, cross-fitted over speakers."""
    labelled = secret >= 0
    if len(np.unique(secret[labelled])) < 2:
        return 0.5
    folds = GroupKFold(min(5, len(np.unique(speaker[labelled]))))
    splits = folds.split(x[labelled], groups=speaker[labelled])
    if any(len(np.unique(secret[labelled][train])) < 2 for train, _ in splits):
        return 0.5  # a value of so few speakers that no classifier of others knows it
    model = LogisticRegression(
        C=0.03 / float(x.var(axis=0).mean()), max_iter=500, class_weight="balanced"
    )
    scores = cross_val_predict(
        model,
        x[labelled],
        secret[labelled],
        groups=speaker[labelled],
        cv=folds,
        method="decision_function",
    )
    return metrics.auc(secret[labelled] == 1, scores)
