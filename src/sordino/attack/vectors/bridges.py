"""An audit in the formats of other packages: arrays of ART, signals of Privacy Meter.

Neither package is imported here. The folds of speakers are those of the audit, so that a figure of
the other package is one of the same speakers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from sordino.attack.attackers import kernels
from sordino.attack.attackers.scaling import in_range
from sordino.errors import AttackError
from sordino.types import Matrix, Rows

if TYPE_CHECKING:
    from sordino.attack.vectors.result import AuditResult

SIGNAL_NAME: Final = "sordino_retrained_attacker"
"""The name of the metric in results of Privacy Meter."""


class ArtSplit(NamedTuple):
    """A fold of an audit, for `AttributeInferenceBaseline` of the Adversarial Robustness Toolbox.

    >>> ArtSplit._fields
    ('x_train', 'x_test', 'truth', 'rows', 'attack_feature', 'values')
    """

    x_train: Matrix
    """Vectors of the training speakers, with the code of the secret as last column, `(n, d + 1)`.
    Every column of `x` has mean 0 and standard deviation 1 in these rows.
    """
    x_test: Matrix
    """Vectors of the tested speakers, without the secret, `(m, d)`."""
    truth: Rows
    """The code of the secret of each tested row, `(m,)`."""
    rows: Rows
    """The tested rows of the table, `(m,)`."""
    attack_feature: int
    """The column of the secret."""
    values: list[float]
    """The codes of the secret."""


def art_splits(result: AuditResult, X: ArrayLike) -> list[ArtSplit]:
    """The folds of an audit of `X` `(n, d)`. See `AuditResult.to_art`."""
    x, secret = kernels.check_vectors(X), result.secret
    if len(x) != result.available or x.shape[1] != result.config["dimensions"]:
        raise AttackError(
            f"vectors {x.shape}, expected those of the audit, "
            f"({result.available}, {result.config['dimensions']}): pass the same table"
        )
    if not secret.classes:
        raise AttackError(
            f"{secret.name} is continuous, expected classes, which the baseline attack predicts: "
            "audit age groups instead"
        )
    place = {row: index for index, row in enumerate(result.rows.tolist())}
    x, codes = in_range(x[result.rows]), secret.values
    splits = []
    for _, guesses in result.single_guesses().groupby("side"):
        test = np.array([place[row] for row in guesses["row"].tolist()])
        train = np.setdiff1d(np.arange(len(x)), test)
        mean, deviation = x[train].mean(axis=0), x[train].std(axis=0)
        scaled = (x - mean) / np.where(deviation > 0, deviation, 1.0)
        splits.append(
            ArtSplit(
                np.column_stack([scaled[train], codes[train]]),
                scaled[test],
                codes[test].astype(np.intp),
                result.rows[test],
                x.shape[1],
                [float(code) for code in range(len(secret.classes))],
            )
        )
    return splits


def privacy_meter(result: AuditResult) -> dict[str, Any]:
    """The arguments of a `MetricResult`. See `AuditResult.to_privacy_meter`."""
    if len(result.secret.classes) != 2:
        raise AttackError(
            f"{result.secret.name} has no two classes, expected a binary secret, such as "
            "membership: audit one class against the rest"
        )
    best = result.single_guesses().sort_values("row")
    score = best["score"].to_numpy(dtype=float)
    return {
        "metric_id": SIGNAL_NAME,
        "predicted_labels": best["prediction"].to_numpy().astype(int).tolist(),
        "true_labels": best["truth"].to_numpy().astype(int).tolist(),
        "predictions_proba": score.tolist(),
        "signal_values": score,
        "threshold": 0.0,
    }
