"""Release `none`: unprotected vectors, the reference of every audit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sordino.corpora.split import Part
from sordino.corpora.table import Corpus
from sordino.nn.fit import Plan, run_plan
from sordino.release import archive
from sordino.release.protocol import as_vectors
from sordino.types import Arrays, Vectors


@dataclass(frozen=True)
class Identity:
    """Returns every vector of this width unchanged."""

    width: int
    name: str = field(default="none", init=False)

    @property
    def config(self) -> Mapping[str, Any]:
        return {"width": self.width}

    @property
    def hash(self) -> str:
        return archive.digest(self.name, self.config, {})

    def __call__(self, z: Vectors) -> Vectors:
        return as_vectors(z, self.width).copy()

    def save(self, path: str | Path) -> None:
        archive.write(path, self.name, self.config, {})

    @classmethod
    def restore(
        cls,
        name: str,  # noqa: ARG003
        config: Mapping[str, Any],
        arrays: Arrays,  # noqa: ARG003
    ) -> Identity:
        """The release that `save` wrote."""
        return cls(config["width"])


@dataclass(frozen=True)
class IdentityFitter:
    """Has no parameters to fit."""

    def fit(self, z: Vectors, corpus: Corpus, part: Part) -> Identity:
        """The identity."""
        return run_plan(self.plan(z, corpus, part))

    def plan(self, z: Vectors, corpus: Corpus, part: Part) -> Plan[Identity]:  # noqa: ARG002
        """The identity; no network is trained."""
        yield from ()  # a plan is a generator
        return Identity(as_vectors(z, z.shape[-1]).shape[1])
