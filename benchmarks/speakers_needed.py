"""How many speakers a bound on the AUC of 0.55 needs: its upper limit against their number, by
simulation.

A speaker's share of the high bin is drawn from a beta distribution, and their utterances from that
share. Mean, spread between speakers and number of utterances are those of cross-fitted bins of
RAVDESS and EMO-DB, means of three required emotions and five draws, as one command prints them (on
test speakers: nothing is chosen by it):

    python benchmarks/drawn.py --corpus ravdess=data/ravdess --corpus emodb=data/emodb --test --only
    "as chosen"

`no gap` asks what the best of all releases would need, one whose bins fall alike for both values of
the secret.

    python benchmarks/speakers_needed.py
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import pandas as pd

from sordino.metrics.bound import bound

WANTED: Final = 0.55
COUNTS: Final = (34, 50, 75, 100, 150, 200, 300, 400, 800, 1600, 4800)
TIMES: Final = 30


@dataclass(frozen=True)
class Case:
    """Bins of one secret: shares of its values differ by `gap` in the mean, by `spread` (sd)
    between speakers.
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
    """Print the mean upper limit a case and number of speakers, and the least number at which it is
    0.55.
    """
    cases = {
        f"{name}{', no gap' if none else ''}": replace(case, gap=0.0) if none else case
        for name, case in CASES.items()
        for none in (False, True)
    }
    limits = pd.DataFrame(
        {name: [limit(case, count) for count in COUNTS] for name, case in cases.items()}, COUNTS
    )
    enough = {
        name: next((str(count) for count, high in of.items() if high <= WANTED), "more")
        for name, of in limits.items()
    }
    print(
        limits.T.rename_axis(columns="speakers")
        .assign(**{f"<= {WANTED}": pd.Series(enough)})
        .round(3)
        .to_string()
    )


def limit(case: Case, speakers: int) -> float:
    """The upper limit of the bound on the AUC, mean over simulations."""
    random = np.random.default_rng(speakers)
    return float(np.mean([simulated(case, speakers, random) for _ in range(TIMES)]))


def simulated(case: Case, speakers: int, random: np.random.Generator) -> float:
    """One corpus of so many speakers, and what `sordino.metrics.bound` says of it."""
    values = (
        np.tile([0, 1], (speakers, 1)) if case.within else np.arange(speakers)[:, None] % 2
    )  # (speakers, values)
    share = case.share + case.gap * (values - 0.5)
    wide = share * (1 - share) / case.spread**2 - 1
    share = random.beta(share * wide, (1 - share) * wide)
    each = case.utterances // values.shape[1]
    bins = random.random((*values.shape, each)) < share[..., None]
    secret = np.broadcast_to(values[..., None], bins.shape)
    speaker = np.broadcast_to(np.arange(speakers)[:, None, None], bins.shape)
    return bound(bins.ravel().astype(np.intp), secret.ravel(), speaker.ravel(), 2).auc_high


if __name__ == "__main__":
    main()
