"""Reads released vectors with a bundle alone: for a receiver, which has no model and no lab.

    vector of drawn, label    its bin, and `{"prototype": ROW}` on the wire
    any other vector          no bin, and `{"vector": [...]}` on the wire

The wire is that of the server (`sordino.device.sending.wire`): a release there also has a `number`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from sordino.device.bundle.bundle import Bundle, read
from sordino.device.sending import wire
from sordino.errors import ReleaseError
from sordino.progress import quoted
from sordino.types import Codes, Vectors

_STEP: Final = "pass the vectors of the runtime of this policy, never features"


class Reader:
    """Reads released vectors of one policy of a bundle.

    - `bundle`: a bundle that `sordino.device.read` returned, or its path.
    - `policy`: the name of one of its policies; None if it has only one.

    Raises `BundleError` for a bundle that is incomplete or has no such policy.
    """

    def __init__(self, bundle: Bundle | str | Path, policy: str | None = None) -> None:
        bundle = bundle if isinstance(bundle, Bundle) else read(bundle)
        self._entry = bundle.entry(policy)
        self._prototypes: Vectors = np.empty((0, self._entry.width), np.float32)
        self._bins: Codes = np.empty(0, np.intp)
        if self.has_bins and self._entry.arrays is not None:
            arrays = bundle.arrays(self._entry.arrays)
            self._prototypes, self._bins = arrays["prototypes"], arrays["bin"].astype(np.intp)
        # the first of two equal rows counts
        reverse = range(len(self._prototypes) - 1, -1, -1)
        self._rows = {self._prototypes[row].tobytes(): row for row in reverse}

    @property
    def has_bins(self) -> bool:
        """Whether a released vector is a prototype of a bin; a vector of features otherwise."""
        return self._entry.releases_prototypes

    def read(self, vectors: Vectors) -> Codes:
        """The bin of each released vector, `(n, k)` to `(n,)`, or of one vector, `(k,)` to `()`: 0
        is *not required*, 1 *required*, and 2 *strongly required* where a policy has it. Of several
        required emotions, 1 is the first, 2 the second (`emotions` names them); of an embedding,
        it is the class. A bin is the only information in the vector.

        Raises `ReleaseError` for a policy without bins, and for a vector that it does not release.
        """
        if not self.has_bins:
            raise ReleaseError(
                f"policy {self._entry.name} of family {self._entry.family} has no bins, expected "
                "drawn or label: use its vectors as features"
            )
        vectors = np.asarray(vectors)
        rows = [self._row(vector) for vector in np.atleast_2d(vectors)]
        bins: Codes = self._bins[rows]
        return bins if vectors.ndim > 1 else bins.reshape(())

    def emotions(self, vectors: Vectors) -> list[str]:
        """The required emotion that each released vector `(n, k)` is classified as; empty for none
        of them.

        Raises `ReleaseError` as `read` does, and for the classes of an embedding.
        """
        if self._entry.chance["kind"] != "drawn":
            raise ReleaseError(
                f"policy {self._entry.name} of family {self._entry.family} has no bins of "
                "emotions, expected drawn or label: read its bins"
            )
        required = self._entry.policy.required_emotions
        names = ("", *required, *required[:1])  # the third bin of one emotion is the strong one
        return [names[code] for code in np.atleast_1d(self.read(np.atleast_2d(vectors)))]

    def item(self, vector: Vectors) -> str:
        """The part of a release on the wire, as its text. Raises `ReleaseError` as `row` does."""
        if self.has_bins:
            return wire.prototype_item(self._row(vector))
        self._check(vector)
        if not np.isfinite(vector).all():
            raise ReleaseError("a vector with NaN or infinity, expected numbers: leave it out")
        return wire.vector_item(vector)

    def row(self, vector: Vectors) -> dict[str, Any]:
        """A released vector `(k,)` as the server takes it: `{"prototype": 3}`, or `{"vector":
        [...]}` with the shortest numbers that are the same float32.

        Raises `ReleaseError` for a vector that the policy does not release.
        """
        row: dict[str, Any] = json.loads(f"{{{self.item(vector)}}}")
        return row

    def vector(self, row: Mapping[str, Any]) -> NDArray[np.float32]:
        """The released vector of a release on the wire, `(k,)`; its other members have no effect.

        Raises `ReleaseError` for a row that is not one of the policy.
        """
        if not isinstance(row, Mapping):  # JSON from outside
            raise ReleaseError(
                f"a JSON {type(row).__name__}, expected an object with `prototype` or `vector`: "
                "read a release of the wire"
            )
        number = row.get("prototype")
        if self.has_bins and type(number) is int and 0 <= number < len(self._prototypes):
            prototype: Vectors = self._prototypes[number]
            return prototype
        numbers = row.get("vector")
        if not isinstance(numbers, list) or not all(type(item) in (int, float) for item in numbers):
            raise ReleaseError(
                f"a row {quoted(dict(row))}, expected `prototype` or `vector` of policy "
                f"{self._entry.name}: read it with the bundle that released it"
            )
        try:
            with np.errstate(over="ignore"):  # too large a number is refused as infinite
                vector = np.array(numbers, np.float64).astype(np.float32)
        except OverflowError as error:
            raise ReleaseError("a vector beyond float32, expected numbers: leave it out") from error
        self.item(vector)
        return vector

    def _row(self, vector: NDArray[Any]) -> int:
        """The row of the prototype that a vector is."""
        self._check(vector)
        row = self._rows.get(vector.tobytes())
        if row is None:
            raise ReleaseError(
                f"a vector that is no prototype of policy {self._entry.name}, expected a released "
                f"vector: {_STEP}"
            )
        return row

    def _check(self, vector: NDArray[Any]) -> None:
        if vector.dtype != np.float32 or vector.shape != (self._entry.width,):
            raise ReleaseError(
                f"a vector of shape {vector.shape} and type {vector.dtype}, expected float32 "
                f"({self._entry.width},): {_STEP}"
            )
