"""The bounds of every secret of a policy, from the cross-fitted bins of utterances."""

from __future__ import annotations

import warnings
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from sordino.errors import SordinoError
from sordino.metrics.bound import Bound, bound
from sordino.types import Codes


def secret_bounds(
    bins: Codes,
    count: int,
    secrets: Mapping[tuple[str, str], Codes],
    speaker: NDArray[np.str_],
    factor: float,
) -> dict[tuple[str, str], Bound]:
    """The bounds by secret and side information.

    `bins` `(recordings,)` are codes below `count`; `secrets` `(recordings,)` are those of
    `Corpus.secrets`. `factor` is the contraction of total variation by
    randomised response. A secret without both values has no bound. The figures of a secret that
    varies within at most half of the speakers are NaN, with a warning.
    """
    result = {}
    for key, secret in secrets.items():
        labelled = secret >= 0
        if set(secret[labelled].tolist()) == {0, 1}:
            try:
                plain = bound(bins[labelled], secret[labelled], speaker[labelled], count)
            except SordinoError as error:
                warnings.warn(f"{' given '.join(filter(None, key))}: {error}", stacklevel=2)
                plain = Bound(np.nan, np.nan, count, np.nan, 0)
            result[key] = plain.contracted(factor)
    return result
