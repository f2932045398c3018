"""What every release is, and how it is fitted."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from sordino import plugins
from sordino.corpora.split import Part
from sordino.corpora.table import Corpus
from sordino.errors import ReleaseError
from sordino.nn.fit import Plan
from sordino.types import Codes, Vectors


@runtime_checkable
class Release(Protocol):
    """A frozen map from vectors of the scaled space to vectors of the same space, `(n, d)` to `(n,
    d)`.

    The same input gives the same output, and the output of a row does not depend on other rows. A
    release never changes its input and shares no memory with its fitter. It raises `ReleaseError`
    for an empty array, vectors that are not finite and vectors of another width.
    """

    @property
    def name(self) -> str:
        """The family: `none`, `rae`, ..."""

    @property
    def config(self) -> Mapping[str, Any]:
        """Every setting and every result of fitting, as plain JSON."""

    @property
    def hash(self) -> str:
        """12 hexadecimal digits that change with the config or a fitted number."""

    def __call__(self, z: Vectors) -> Vectors:
        """The released vectors, shape `(n, d)`."""

    def save(self, path: str | Path) -> None:
        """Write the release to one file that `sordino.release.load` reads."""


Restore = Callable[[str, dict[str, Any], dict[str, NDArray[Any]]], Release]
"""From the name, config and arrays of a saved release to the release."""


@runtime_checkable
class Readable(Protocol):
    """A release with a finite number of outputs: the bin can be read from a released vector."""

    @property
    def bins(self) -> int:
        """The number of bins."""

    def read(self, out: Vectors) -> Codes:
        """The bin of each released vector, codes from 0, `(n,)`."""


class Fitter(Protocol):
    """Fits a release on the rows of the transform party."""

    def fit(self, z: Vectors, corpus: Corpus, part: Part) -> Release:
        """The release, fitted on the rows of one party: `z` is `(utterances, d)` in the corpus' row
        order.
        """

    def plan(self, z: Vectors, corpus: Corpus, part: Part) -> Plan[Release]:
        """The release, by way of the training jobs that it needs (see `sordino.nn.fit`)."""


def as_vectors(z: Vectors, width: int) -> Vectors:
    """`z` as float32 of shape `(n, width)`; vectors that are mapped from a file stay there.

    Raises `ReleaseError` for an empty array, another width and numbers that are not finite.
    """
    z = np.asanyarray(z, dtype=np.float32) if is_mapped(z) else np.asarray(z, dtype=np.float32)
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


def is_mapped(z: NDArray[Any]) -> bool:
    """Whether vectors are mapped from a file (`np.memmap` of mode `c`, which torch can read)."""
    return isinstance(z, np.memmap) and z.flags.writeable


def errors_of_release(method: Any, name: str) -> AbstractContextManager[None]:
    """Raise errors of a user's own release or fitter as `ReleaseError` (`plugins.errors_of`)."""
    step = "see sordino.testing.check_release"
    return plugins.errors_of(method, f"release {name!r}", ReleaseError, step)


def apply_release(release: Release, z: Vectors) -> Vectors:
    """The released vectors of `z`, `(n, width)`, in its row order.

    Raises `ReleaseError` where a release of a user's own raises, and for another number of rows.
    """
    with errors_of_release(release, release.name):
        out = np.asarray(release(z), np.float32)
    if out.ndim != 2 or len(out) != len(z):
        raise ReleaseError(
            f"release {release.name!r}: vectors of shape {out.shape}, expected ({len(z)}, width): "
            "see sordino.testing.check_release"
        )
    return out


@dataclass(frozen=True, eq=False, repr=False)
class ForeignFitter:
    """A fitter from outside this package, of which only `fit` is required."""

    fitter: Any
    name: str

    def __repr__(self) -> str:
        """All that decides its releases: its class, settings and source."""
        kind = type(self.fitter)
        settings = getattr(self.fitter, "__dict__", None) or self.fitter.__getstate__()
        return f"{kind.__qualname__}({settings!r}) {plugins.source(kind)}"

    def fit(self, z: Vectors, corpus: Corpus, part: Part) -> Release:
        """The release, fitted on the rows of one party.

        Raises `ReleaseError` for a release of another name than the family's, and where the fitter
        raises.
        """
        with errors_of_release(self.fitter, self.name):
            release = self.fitter.fit(z, corpus, part)
        if not isinstance(release, Release) or release.name != self.name:
            raise ReleaseError(
                f"{type(self.fitter).__qualname__}: fit gives {release!r}, expected a release of "
                f"the name {self.name!r}: see sordino.testing.check_release"
            )
        try:
            json.dumps(dict(release.config))
        except (TypeError, ValueError) as error:
            raise ReleaseError(
                f"release {self.name!r}: config {error}, expected plain JSON: convert it"
            ) from error
        return release

    def plan(self, z: Vectors, corpus: Corpus, part: Part) -> Plan[Release]:
        """The release; no network is trained in common with other releases."""
        yield from ()  # a plan is a generator
        return self.fit(z, corpus, part)
