"""The registered policies that a batch may name, with their prototypes ready for comparison."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, select
from sqlalchemy.orm import Session

from sordino.server.database.payloads import bins_of, prototypes_of
from sordino.server.database.tables import BundlePolicy, BundleRow
from sordino.server.errors import Problem
from sordino.server.ingest.batch import PrototypeRelease, VectorRelease
from sordino.server.ingest.statements import SELECT_POLICY

MOST_CACHED: Final = 64
"""Policies in memory, of all studies."""


@dataclass(frozen=True, eq=False)
class IngestPolicy:
    """What ingest needs of one registered policy."""

    id: int
    digest: str
    width: int
    prototypes: NDArray[np.float32] | None = field(repr=False)
    """`(n, width)`; None for a continuous policy."""
    bins: NDArray[np.int64] | None = field(repr=False)
    """The bin of each prototype `(n,)`; None for a continuous policy."""

    @cached_property
    def bin_count(self) -> int:
        """Numbers in a daily count."""
        return 1 if self.bins is None else int(self.bins.max()) + 1

    @cached_property
    def _index_of_row(self) -> dict[bytes, int]:
        """The index of each prototype by its bytes; the first of equal ones."""
        rows = [] if self.prototypes is None else [row.tobytes() for row in self.prototypes]
        return {row: index for index, row in reversed(list(enumerate(rows)))}

    @cached_property
    def _shortest(self) -> dict[int, NDArray[np.float64]]:
        """The prototypes that were compared as the shortest numbers of the same float32."""
        return {}

    def _is_written(self, values: Sequence[float], index: int) -> bool:
        """Whether numbers are those of a prototype: exact, or the shortest of the same float32."""
        assert self.prototypes is not None
        row = self.prototypes[index]
        if np.array_equal(values, row):
            return True
        shortest = self._shortest.get(index)
        if shortest is None:
            shortest = np.array([float(str(number)) for number in row])
            self._shortest[index] = shortest
        return np.array_equal(values, shortest)

    def index(self, release: PrototypeRelease | VectorRelease) -> int:
        """The index of the released prototype. Raises `Problem` 422 `not-a-prototype`."""
        count = 0 if self.prototypes is None else len(self.prototypes)
        if isinstance(release, PrototypeRelease):
            index = release.prototype if release.prototype < count else None
        else:
            index = self._index_of_row.get(self.vector(release).tobytes())
            if index is not None and not self._is_written(release.vector, index):
                index = None  # other numbers, which float32 would round to the prototype
        if index is None:
            raise Problem(
                "not-a-prototype",
                422,
                "a release that is no prototype of its policy, expected one of its prototypes: "
                "send what `Runtime.release` released, never features",
            )
        return index

    def vector(self, release: PrototypeRelease | VectorRelease) -> NDArray[np.float32]:
        """The released vector `(width,)` of a message. Raises `Problem` 422."""
        if isinstance(release, PrototypeRelease):
            raise Problem(
                "not-a-prototype",
                422,
                "an index for a policy without prototypes, expected a vector: send the vector",
            )
        if len(release.vector) != self.width:
            raise Problem(
                "invalid",
                422,
                f"a vector of another width than {self.width}: send what the policy releases",
            )
        with np.errstate(over="ignore"):
            vector = np.array(release.vector, np.float64).astype("<f4")
        if not np.isfinite(vector).all():
            raise Problem(
                "invalid", 422, "a number beyond float32, expected finite ones: send the release"
            )
        return vector


class PolicyCache:
    """The last used policies of a server. A registered policy never changes."""

    def __init__(self) -> None:
        self._policies: OrderedDict[int, IngestPolicy] = OrderedDict()
        self._lock = threading.Lock()

    def policy(self, connection: Connection, study_id: int, bundle: str, name: str) -> IngestPolicy:
        """The policy that a batch names.

        Raises `Problem` 422 `bundle-unknown` for one that the study has not registered or has
        retired.
        """
        names = {"study_id": study_id, "bundle": bundle, "policy": name}
        policy_id = connection.scalar(SELECT_POLICY, names)
        if policy_id is None:
            raise Problem(
                "bundle-unknown",
                422,
                "a bundle or policy that this study has not registered, or has retired: register "
                "it first, or update the device",
            )
        with self._lock:
            if policy_id in self._policies:
                self._policies.move_to_end(policy_id)
                return self._policies[policy_id]
        policy = _load(connection, policy_id)
        with self._lock:
            self._policies[policy_id] = policy
            while len(self._policies) > MOST_CACHED:
                self._policies.popitem(last=False)
        return policy


def _load(connection: Connection, policy_id: int) -> IngestPolicy:
    with Session(connection) as session:
        row = session.get_one(BundlePolicy, policy_id)
        return IngestPolicy(row.id, row.digest, row.width, prototypes_of(row), bins_of(row))


def policies_of(session: Session, study_id: int) -> list[tuple[str, str, str]]:
    """Bundle, name and digest of every policy of a study that is not retired."""
    rows = session.execute(
        select(BundleRow.digest, BundlePolicy.name, BundlePolicy.digest)
        .join(BundleRow, BundleRow.id == BundlePolicy.bundle_id)
        .where(BundleRow.study_id == study_id, BundleRow.retired.is_(None))
        .order_by(BundleRow.id, BundlePolicy.id)
    )
    return [(bundle, name, digest) for bundle, name, digest in rows]
