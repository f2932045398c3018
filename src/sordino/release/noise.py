"""Releases `noise-gauss` and `noise-laplace`: every number plus noise, as much as it takes to hide
gender from a line.

How much is chosen on the party that fits: of rising scales the first at which a logistic
regression, cross-fitted over its speakers, no longer tells what is hidden, nor sensitive from
neutral, better than `auc`. Noise is drawn once a vector, from the vector and a key: asking twice
averages nothing away.
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

from sordino import metrics
from sordino.corpora.split import Part
from sordino.corpora.table import Corpus
from sordino.nn.fit import Plan, run
from sordino.policy import Policy
from sordino.release.frozen import Frozen
from sordino.release.protocol import checked
from sordino.release.training_rows import TrainingRows, hidden
from sordino.signal import keyed_random
from sordino.signal.keyed_random import Kind
from sordino.types import Vectors

SCALES: Final = (0.5, 1.0, 2.0, 4.0, 8.0, 16.0)
"""Standard deviations that are tried, in units of the root mean square spread of all dimensions."""


class Noise(Frozen):
    """Adds noise of one standard deviation to every dimension."""

    def __call__(self, z: Vectors) -> Vectors:
        z = checked(z, self._config["width"])
        return z + keyed_random.noise(
            z, self._config["key"], self._config["kind"], self._config["scale"]
        )

    @classmethod
    def restore(cls, config: Mapping[str, Any]) -> Noise:
        """The release that `save` wrote."""
        for needed in ("kind", "scale", "width", "key"):
            config[needed]
        return cls(f"noise-{config['kind']}", config)


@dataclass(frozen=True)
class NoiseFitter:
    """Chooses how much noise; `auc` is what a line may still tell on the party's own speakers."""

    policy: Policy
    kind: Kind = "gauss"
    auc: float = 0.6
    seed: int = 0

    def fit(self, z: Vectors, corpus: Corpus, part: Part) -> Noise:
        """The release, fitted on the rows of one party: `z` is `(utterances, d)` in the corpus' row
        order.
        """
        return run(self.plan(z, corpus, part))

    def plan(self, z: Vectors, corpus: Corpus, part: Part) -> Plan[Noise]:
        """The release; no network is trained."""
        yield from ()  # a plan is a generator
        rows = TrainingRows(checked(z, z.shape[-1]), corpus, self.policy).require(part.rows).numpy()
        x = z[rows]
        secrets = hidden(self.policy, corpus, rows)
        spread = float(np.sqrt(x.var(axis=0).mean()))
        given = json.loads(json.dumps(asdict(self)))
        for scale in SCALES:
            config = {**given, "scale": scale * spread, "width": int(z.shape[1]), "key": self.seed}
            release = Noise(f"noise-{self.kind}", config)
            found = max(_line(release(x), secret, corpus.speaker[rows]) for secret in secrets)
            if found <= self.auc:
                break
        return Noise(release.name, {**config, "auc_found": found})


def _line(x: Vectors, secret: NDArray[np.intp], speaker: NDArray[np.str_]) -> float:
    """The AUC of a logistic regression on speakers it never saw."""
    known = secret >= 0
    if len(np.unique(secret[known])) < 2:
        return 0.5
    folds = GroupKFold(min(5, len(np.unique(speaker[known]))))
    model = LogisticRegression(
        C=0.03 / float(x.var(axis=0).mean()), max_iter=500, class_weight="balanced"
    )
    said = cross_val_predict(
        model, x[known], secret[known], groups=speaker[known], cv=folds, method="decision_function"
    )
    return metrics.auc(secret[known] == 1, said)
