"""The data that a fitter gets from a corpus: vectors, roles and genders of its rows, as tensors."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from sordino.corpora.table import Corpus
from sordino.define import GENDERS, ROLES, Role
from sordino.errors import ReleaseError
from sordino.policy import Policy
from sordino.types import Codes, Rows, Vectors


def sensitive_or_neutral(role: Codes) -> Codes:
    """1 for sensitive roles, 0 for neutral ones, and -1 for the required one, which has no value of
    this secret.
    """
    secret: Codes = np.where(role == Role.REQUIRED, -1, role == Role.SENSITIVE)
    return secret


def hidden(policy: Policy, corpus: Corpus, rows: Rows) -> list[Codes]:
    """The binary secrets that a policy hides, for these rows; -1 where unknown.

    Gender and age (older than the median of these speakers) where the policy names them, and
    sensitive against neutral.
    """
    gender = [corpus.genders()[rows]] if "gender" in policy.hide else []
    age = [corpus.older(rows)[rows]] if "age" in policy.hide else []
    return [*gender, *age, sensitive_or_neutral(corpus.roles(policy)[rows])]


def secrets(policy: Policy, corpus: Corpus, rows: Rows) -> dict[tuple[str, str], Codes]:
    """The secrets that have a bound, 0, 1 or -1 for unknown, `(rows,)`, by name and side
    information.

    The side information is empty, for gender the true role, or for an emotion the gender. Age is
    included where the policy hides it; speakers are older than the median of these rows.
    """
    role, gender = corpus.roles(policy)[rows], corpus.genders()[rows]
    codes = {("gender", ""): gender}
    codes |= {
        ("gender", name): np.where(role == code, gender, -1) for code, name in enumerate(ROLES)
    }
    emotions = {"sensitive-vs-neutral": sensitive_or_neutral(role)} | {
        target: corpus.against_neutral(policy, emotion)[rows]
        for target, emotion in policy.emotion_targets.items()
    }
    codes |= {(target, ""): values for target, values in emotions.items()}
    codes |= {
        (target, name): np.where(gender == code, values, -1)
        for target, values in emotions.items()
        for code, name in enumerate(GENDERS)
    }
    return codes | ({("age", ""): corpus.older(rows)[rows]} if "age" in policy.hide else {})


class TrainingRows:
    """Vectors `(utterances, d)`, roles and genders `(utterances,)`, as tensors."""

    def __init__(self, z: Vectors, role: Codes, gender: Codes) -> None:
        if len(z) != len(role):
            raise ReleaseError(
                f"{len(z)} vectors for {len(role)} utterances, expected one for each: extract "
                "the features again"
            )
        self.x = torch.from_numpy(z.copy())
        self.role, self.gender = torch.from_numpy(role), torch.from_numpy(gender)

    def require(self, rows: Rows) -> Tensor:
        """These rows as a tensor. Raises `ReleaseError` where a role has no row among them."""
        tensor = torch.from_numpy(rows.copy())
        for code, role in enumerate(ROLES):
            if not bool((self.role[tensor] == code).any()):
                raise ReleaseError(
                    f"no {role} utterance among {len(rows)} of a part, expected every role: "
                    "add speakers, or change the policy or the seed"
                )
        return tensor

    def batch(self, rows: Tensor) -> dict[str, Tensor]:
        return {"x": self.x[rows], "gender": self.gender[rows]}

    def with_role(self, role: Role, rows: Tensor) -> Tensor:
        """The rows among `rows` that have a role."""
        return rows[self.role[rows] == role]

    def replace(self, rows: Tensor, pool: Tensor, generator: torch.Generator) -> Tensor:
        """`x` of `rows`, sensitive ones replaced by random neutral rows of `pool`, `(rows, d)`."""
        target = self.x[rows].clone()
        sensitive = self.role[rows] == Role.SENSITIVE
        neutral = self.with_role(Role.NEUTRAL, pool)
        draw = torch.randint(len(neutral), (int(sensitive.sum()),), generator=generator)
        target[sensitive] = self.x[neutral[draw]]
        return target
