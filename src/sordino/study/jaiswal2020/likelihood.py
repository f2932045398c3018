"""Membership inference by likelihood ratios, from the networks that a unit trains anyway.

The networks of all selections of a draw are one another's shadows, and the network of the control
is a shadow without any candidate. A network, and that of the complementary selection, are no
shadows of each other: the attacker would know that the second one has the opposite members. So all
candidates have equally many shadows with and without them. With two selections there is the
network of the control alone, and no shadow with the candidate: the attack has then one side.

    likelihood            confidence in the unused samples of a candidate, as in the paper
    likelihood-training   in those samples that train the network if the candidate is selected
    likelihood-control    the first attack on the network of the control. Over a selection and its
                          complement its AUC is 1/2
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sordino.attack.membership import MembershipPlan, likelihood_ratio
from sordino.types import Rows, Vectors

LIKELIHOOD_QUESTIONS: Final = ("likelihood", "likelihood-training", "likelihood-control")


@dataclass(frozen=True)
class MemberNetwork:
    """A network that was trained with some speakers of the fourth and fifth fold.

    - `vectors` `(n, k)`: released vectors of all rows of the study.
    - `confidence` `(n,)`: of the head of the primary task in the true class, NaN if unknown.
    """

    selection: int
    plan: MembershipPlan
    vectors: Vectors
    confidence: NDArray[np.float64]

    def candidates(self, name: str, test: Rows) -> Rows:
        """The rows of the candidates on which a question is asked; `test` is the fifth fold."""
        if name != "likelihood-training":
            return self.plan.test
        speaker = self.plan.speaker
        of_candidates = test[np.isin(speaker[test], speaker[self.plan.test])]
        return np.setdiff1d(of_candidates, self.plan.test)


def likelihood_guesses(
    networks: Sequence[MemberNetwork], without: NDArray[np.float64], test: Rows
) -> Iterator[tuple[str, int, pd.DataFrame]]:
    """Question, selection, and one guess for each candidate: `row`, `truth`, `prediction`, `score`.

    `without` `(n,)` is the confidence of the network of the control, `test` are the rows of the
    fifth fold. Candidates without a labelled row are left out.
    """
    for target in networks:
        shadows = [
            network for network in networks if network.selection // 2 != target.selection // 2
        ]
        for question in LIKELIHOOD_QUESTIONS:
            rows = target.candidates(question, test)
            control = question == "likelihood-control"
            attacked = without if control else target.confidence
            evidence = [_means(attacked, rows, target.plan)]
            evidence += [] if control else [_means(without, rows, target.plan)]
            evidence += [
                _means(shadow.confidence, shadow.candidates(question, test), target.plan)
                for shadow in shadows
            ]
            names = [name for name in evidence[0] if all(name in means for means in evidence)]
            if len(names) < 2:
                continue
            values = np.array([[means[name] for name in names] for means in evidence])
            first = np.array([rows[target.plan.speaker[rows] == name][0] for name in names])
            member = [np.zeros(len(names), bool)] * (0 if control else 1)
            member += [shadow.plan.member[first] == 1 for shadow in shadows]
            score = likelihood_ratio(
                values[0], values[1:], np.array(member, bool).reshape(-1, len(names))
            )
            columns = {
                "row": first,
                "truth": target.plan.member[first],
                "prediction": (score > 0).astype(int),
                "score": score,
            }
            yield question, target.selection, pd.DataFrame(columns)


def _means(values: NDArray[np.float64], rows: Rows, plan: MembershipPlan) -> dict[str, float]:
    """The mean over the labelled rows of each speaker."""
    rows = rows[np.isfinite(values[rows])]
    means = pd.Series(values[rows]).groupby(plan.speaker[rows]).mean()
    return {str(name): float(mean) for name, mean in means.items()}
