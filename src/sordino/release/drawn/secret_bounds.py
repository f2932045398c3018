"""The bounds of every secret of a policy, from the cross-fitted bins of utterances."""

from __future__ import annotations

import warnings

import numpy as np

from sordino.corpora.copies import recorded
from sordino.corpora.table import Corpus
from sordino.errors import SordinoError
from sordino.metrics.bound import Bound, bound
from sordino.policy import Policy
from sordino.release.training_rows import secrets
from sordino.types import Codes, Rows


def secret_bounds(
    bins: Codes, count: int, policy: Policy, corpus: Corpus, rows: Rows, factor: float
) -> dict[tuple[str, str], Bound]:
    """The bounds by secret and side information (`sordino.release.training_rows.secrets`).

    `bins` `(rows,)` are codes below `count`. Copies are not counted. `factor` is the contraction of
    total variation by randomised response. A secret without both values has no bound. The figures
    of a secret that varies within at most half of the speakers are NaN, with a warning.
    """
    recordings = recorded(corpus.table)[rows]
    rows, bins = rows[recordings], bins[recordings]
    result = {}
    for key, secret in secrets(policy, corpus, rows).items():
        labelled = secret >= 0
        if set(secret[labelled].tolist()) == {0, 1}:
            try:
                plain = bound(
                    bins[labelled], secret[labelled], corpus.speaker[rows[labelled]], count
                )
            except SordinoError as error:
                warnings.warn(f"{' given '.join(filter(None, key))}: {error}", stacklevel=2)
                plain = Bound(np.nan, np.nan, count, np.nan, 0)
            result[key] = plain.contracted(factor)
    return result
