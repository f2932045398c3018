"""Number of speakers for a bound on the AUC of 0.55: the upper limit against their number, by
simulation.

A speaker's share of the high bin is drawn from a beta distribution, and the speaker's utterances
from that share. Mean, standard deviation between speakers and number of utterances are those of
cross-fitted bins of RAVDESS and EMO-DB, means of three required emotions and five draws. This
command prints them (on test speakers, since they select nothing):

    python benchmarks/drawn/choices.py --corpus ravdess=data/ravdess --corpus emodb=data/emodb \\
        --test --only "as chosen"

`no gap` is the best possible release, with the same distribution of bins for both values of the
secret.

    python benchmarks/speakers_needed.py
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import pandas as pd

from sordino.metrics.bound import shares_of
from sordino.metrics.speaker_limit import upper_limit

TARGET_AUC: Final = 0.55
COUNTS: Final = (34, 50, 75, 100, 150, 200, 300, 400, 800, 1600, 4800)
SIMULATIONS: Final = 30

DRAWS: Final = 1_000
"""Random weights of a limit: fewer than in the product, for speed."""


@dataclass(frozen=True)
class Case:
    """Bins of one secret: mean shares of its values differ by `gap`, and shares of speakers have
    the standard deviation `spread`.
    """

    share: float
    spread: float
    gap: float
    utterances: int
    within: bool = False
    """Whether every speaker has both values (an emotion), or one of them (gender)."""


CASES: Final = {
    "gender": Case(0.37, 0.145, 0.01, 30),
    "gender, the utterance is required": Case(0.79, 0.185, 0.03, 8),
    "gender, the utterance is neutral": Case(0.17, 0.20, 0.09, 5),
    "sensitive against neutral": Case(0.20, 0.12, 0.03, 22, within=True),
}


def main() -> None:
    """Print the mean upper limit per case and number of speakers, and the smallest number with a
    limit of 0.55.
    """
    cases = {
        f"{name}{', no gap' if equal else ''}": replace(case, gap=0.0) if equal else case
        for name, case in CASES.items()
        for equal in (False, True)
    }
    limits = pd.DataFrame(
        {name: [limit(case, count) for count in COUNTS] for name, case in cases.items()}, COUNTS
    )
    enough = {
        name: next((str(count) for count, high in column.items() if high <= TARGET_AUC), "more")
        for name, column in limits.items()
    }
    print(
        limits.T.rename_axis(columns="speakers")
        .assign(**{f"<= {TARGET_AUC}": pd.Series(enough)})
        .round(3)
        .to_string()
    )


def limit(case: Case, speakers: int) -> float:
    """The upper limit of the bound on the AUC, mean over simulations."""
    random = np.random.default_rng(speakers)
    return float(np.mean([simulate(case, speakers, random) for _ in range(SIMULATIONS)]))


def simulate(case: Case, speakers: int, random: np.random.Generator) -> float:
    """The upper limit of the bound on the AUC (`sordino.metrics.bound`) for one corpus."""
    values = (
        np.tile([0, 1], (speakers, 1)) if case.within else np.arange(speakers)[:, None] % 2
    )  # (speakers, values)
    share = case.share + case.gap * (values - 0.5)
    precision = share * (1 - share) / case.spread**2 - 1
    share = random.beta(share * precision, (1 - share) * precision)
    rows = case.utterances // values.shape[1]
    bins = random.random((*values.shape, rows)) < share[..., None]
    secret = np.broadcast_to(values[..., None], bins.shape)
    speaker = np.broadcast_to(np.arange(speakers)[:, None, None], bins.shape)
    shares = shares_of(bins.ravel().astype(np.intp), secret.ravel(), speaker.ravel(), 2)
    return 0.5 + upper_limit(shares, draws=DRAWS) / 2


if __name__ == "__main__":
    main()
