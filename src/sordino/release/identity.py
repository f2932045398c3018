"""Release `none`: what is shared today, the reference of every audit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from sordino.corpora.split import Part
from sordino.corpora.table import Corpus
from sordino.nn.fit import Plan
from sordino.release import archive
from sordino.release.protocol import Release, Vectors, checked


@dataclass(frozen=True)
class Identity:
    """Lets every vector of this width pass as it is."""

    width: int
    name: str = field(default="none", init=False)

    @property
    def config(self) -> Mapping[str, Any]:
        return {"width": self.width}

    @property
    def hash(self) -> str:
        return archive.digest(self.name, self.config, {})

    def __call__(self, z: Vectors) -> Vectors:
        return checked(z, self.width).copy()

    def save(self, path: str | Path) -> None:
        archive.write(path, self.name, self.config, {})

    @classmethod
    def restore(cls, config: Mapping[str, Any], arrays: Mapping[str, np.ndarray[Any, Any]]) -> Identity:
        """The release that `save` wrote."""
        return cls(config["width"])


class IdentityFitter:
    """Has nothing to learn."""

    def plan(self, z: Vectors, corpus: Corpus, part: Part) -> Plan[Release]:
        """The identity; no training."""
        return Identity(z.shape[1])
        yield []  # a plan is a generator
