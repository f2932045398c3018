"""The data that a fitter gets from a corpus: vectors, roles and genders of its rows, as tensors."""

from __future__ import annotations

import torch
from torch import Tensor

from sordino.corpora.table import Corpus, sensitive_or_neutral
from sordino.define import ROLES, Role
from sordino.errors import ReleaseError
from sordino.nn.fit import row_view, shared_tensor
from sordino.policy import Policy
from sordino.release.protocol import as_vectors, is_mapped
from sordino.types import Codes, Rows, Vectors


def hidden(policy: Policy, corpus: Corpus, rows: Rows) -> list[Codes]:
    """The binary secrets that a policy hides, for these rows; -1 where unknown.

    Gender, age (older than the median of these speakers) and every value of a hidden column where
    the policy names them, and sensitive against neutral.
    """
    gender = [corpus.genders()[rows]] if "gender" in policy.hide else []
    attributes = [values[rows] for values in corpus.attributes(policy, rows).values()]
    return [*gender, *attributes, sensitive_or_neutral(corpus.roles(policy)[rows])]


class TrainingRows:
    """Vectors `(utterances, d)`, roles and genders `(utterances,)`, as tensors.

    Vectors are not copied; a training reads those that are mapped from a file batch by batch.
    """

    def __init__(self, z: Vectors, role: Codes, gender: Codes) -> None:
        z = as_vectors(z, z.shape[-1])
        if len(z) != len(role):
            raise ReleaseError(
                f"{len(z)} vectors for {len(role)} utterances, expected one for each: extract "
                "the features again"
            )
        self.mapped = is_mapped(z)
        self.x = shared_tensor(z)
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

    def vectors(self, rows: Tensor) -> Tensor:
        """`x` of `rows`, `(rows, d)`; a `row_view` where it is mapped from a file."""
        return row_view(self.x, rows) if self.mapped else self.x[rows]

    def batch(self, rows: Tensor) -> dict[str, Tensor]:
        """Vectors and genders of `rows`."""
        return {"x": self.vectors(rows), "gender": self.gender[rows]}

    def with_role(self, role: Role, rows: Tensor) -> Tensor:
        """The rows among `rows` that have a role."""
        return rows[self.role[rows] == role]

    def replace(self, rows: Tensor, pool: Tensor, generator: torch.Generator) -> Tensor:
        """`x` of `rows`, sensitive ones replaced by random neutral rows of `pool`, `(rows, d)`."""
        source = rows.clone()
        sensitive = self.role[rows] == Role.SENSITIVE
        neutral = self.with_role(Role.NEUTRAL, pool)
        draw = torch.randint(len(neutral), (int(sensitive.sum()),), generator=generator)
        source[sensitive] = neutral[draw]
        return self.vectors(source)
