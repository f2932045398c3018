"""What a fitter sees of a corpus: vectors, roles and genders of its rows, as tensors."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sordino.corpora.table import Corpus
from sordino.define import ROLES, Role
from sordino.errors import ReleaseError
from sordino.policy import Policy
from sordino.types import Vectors


def sensitive_or_neutral(role: NDArray[np.intp]) -> NDArray[np.intp]:
    """1 for sensitive roles, 0 for neutral ones, -1 for the required one, of which it is not asked."""
    asked: NDArray[np.intp] = np.where(role == Role.REQUIRED, -1, role == Role.SENSITIVE)
    return asked


def hidden(policy: Policy, corpus: Corpus, rows: NDArray[np.intp]) -> list[NDArray[np.intp]]:
    """The secrets of two values that a policy hides, of these rows, -1 for unknown.

    Gender and age (older than the median of these speakers) where they are named, and sensitive
    against neutral.
    """
    gender = [corpus.genders()[rows]] if "gender" in policy.hide else []
    age = [corpus.older(rows)[rows]] if "age" in policy.hide else []
    return [*gender, *age, sensitive_or_neutral(corpus.roles(policy)[rows])]


def secrets(
    policy: Policy, corpus: Corpus, rows: NDArray[np.intp]
) -> dict[tuple[str, str], NDArray[np.intp]]:
    """The secrets that bounds are given for, 0, 1 or -1 for unknown, `(rows,)`, by name and what is
    known beside.

    Nothing is, or for gender the true role. Age where the policy hides it.
    """
    role, gender = corpus.roles(policy)[rows], corpus.genders()[rows]
    found = {("gender", ""): gender}
    found |= {
        ("gender", str(name)): np.where(role == place, gender, -1)
        for place, name in enumerate(ROLES)
    }
    found["sensitive-vs-neutral", ""] = sensitive_or_neutral(role)
    return found | ({("age", ""): corpus.older(rows)[rows]} if "age" in policy.hide else {})


class TrainingRows:
    """Vectors and labels of a corpus under one policy, as tensors."""

    def __init__(self, z: Vectors, corpus: Corpus, policy: Policy) -> None:
        if len(z) != len(corpus):
            raise ReleaseError(
                f"{len(z)} vectors for {len(corpus)} utterances, expected one for each: extract "
                "them anew"
            )
        self.x = torch.from_numpy(z.copy())
        self.role = torch.from_numpy(corpus.roles(policy))
        self.gender = torch.from_numpy(corpus.genders())
        self.policy = policy

    def require(self, rows: NDArray[np.intp]) -> Tensor:
        """These rows. Raises `ReleaseError` where a role has none among them."""
        chosen = torch.from_numpy(rows.copy())
        for place, role in enumerate(ROLES):
            if not bool((self.role[chosen] == place).any()):
                raise ReleaseError(
                    f"no {role} utterance among {len(rows)} of a part, expected every role: "
                    "add speakers, or change the policy or the seed"
                )
        return chosen

    def batch(self, rows: Tensor) -> dict[str, Tensor]:
        return {"x": self.x[rows], "gender": self.gender[rows]}

    def of(self, role: Role, rows: Tensor) -> Tensor:
        """The rows among `rows` that have a role."""
        return rows[self.role[rows] == role]

    def replaced(self, rows: Tensor, pool: Tensor, generator: torch.Generator) -> Tensor:
        """`x` of `rows`, sensitive ones replaced by neutral ones drawn from `pool`, `(rows, d)`."""
        target = self.x[rows].clone()
        sensitive = self.role[rows] == Role.SENSITIVE
        neutral = self.of(Role.NEUTRAL, pool)
        drawn = torch.randint(len(neutral), (int(sensitive.sum()),), generator=generator)
        target[sensitive] = self.x[neutral[drawn]]
        return target
