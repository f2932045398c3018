"""The limits of a release: the AUC of attackers, and vectors a day."""

from __future__ import annotations

from dataclasses import dataclass

from sordino.errors import PolicyError
from sordino.progress import quoted


@dataclass(frozen=True)
class Budget:
    """Limits of a release; `None` is no limit.

    - `auc`: the largest AUC of an attacker on validation speakers, 0.5 to 1. A low limit is harder
      to fit.
    - `per_day`: the largest number of vectors that a device releases a day, 1 or more. Many vectors
      of one speaker reveal more than one vector.

    >>> Budget(auc=0.55, per_day=100).per_day
    100
    """

    auc: float | None = None
    per_day: int | None = None

    def __post_init__(self) -> None:
        if self.auc is not None and not (_number(self.auc) and 0.5 <= self.auc <= 1):
            raise PolicyError(
                f"budget auc {quoted(self.auc)}, expected 0.5 (chance) to 1: 0.55 is a strict limit"
            )
        if self.per_day is not None and not (type(self.per_day) is int and self.per_day >= 1):
            raise PolicyError(
                f"budget per_day {quoted(self.per_day)}, expected a whole number from 1: 100 is "
                "usual"
            )


def _number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
