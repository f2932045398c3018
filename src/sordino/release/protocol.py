"""What every release is, and how one is made."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from sordino.corpora.split import Part
from sordino.corpora.table import Corpus
from sordino.errors import ReleaseError
from sordino.nn.fit import Plan
from sordino.types import Vectors


@runtime_checkable
class Release(Protocol):
    """A frozen map from vectors of the scaled space to vectors of the same space, `(n, d)` to `(n,
    d)`.

    The same input gives the same output; a row's output does not depend on the other rows. It never
    changes its input and shares no memory with the fitter that made it. No vectors, such that are
    not finite, and such of another width raise `ReleaseError`.
    """

    @property
    def name(self) -> str:
        """The family: `none`, `rae`, ..."""

    @property
    def config(self) -> Mapping[str, Any]:
        """Everything that was chosen or found in fitting, as plain JSON."""

    @property
    def hash(self) -> str:
        """12 hexadecimal digits that change with the config or a fitted number."""

    def __call__(self, z: Vectors) -> Vectors:
        """The released vectors, shape `(n, d)`."""

    def save(self, path: str | Path) -> None:
        """Write the release to one file that `sordino.release.load` reads."""


@runtime_checkable
class Readable(Protocol):
    """A release whose output says one of a few things: whoever has the release reads which."""

    @property
    def bins(self) -> int:
        """How many things it can say."""

    def read(self, out: Vectors) -> NDArray[np.intp]:
        """What each released vector says, codes from 0, `(n,)`."""


class Fitter(Protocol):
    """Makes a release from the rows of the transform party."""

    def fit(self, z: Vectors, corpus: Corpus, part: Part) -> Release:
        """The release, fitted on the rows of one party: `z` is `(utterances, d)` in the corpus' row
        order.
        """

    def plan(self, z: Vectors, corpus: Corpus, part: Part) -> Plan[Release]:
        """The release, by way of the training jobs that it needs (see `sordino.nn.fit`)."""


def checked(z: Vectors, width: int) -> Vectors:
    """`z` as float32 of shape `(n, width)`.

    Raises `ReleaseError` for no vectors, another width or numbers that are not finite.
    """
    z = np.asarray(z, dtype=np.float32)
    if z.ndim != 2 or z.shape[1] != width or not len(z):
        raise ReleaseError(
            f"vectors of shape {z.shape}, expected (n, {width}) with one or more: "
            "preprocess them as the release was fitted"
        )
    if not np.isfinite(z).all():
        rows = int((~np.isfinite(z)).any(axis=1).sum())
        raise ReleaseError(
            f"{rows} vector(s) with NaN or infinity, expected finite numbers: leave those rows out"
        )
    return z
