"""Several releases fitted on one party. Parts that they have in common are fitted once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sordino.corpora.split import Part
from sordino.corpora.table import Corpus
from sordino.nn.fit import Plan
from sordino.release.protocol import Fitter, Release
from sordino.types import Vectors


def plan_all(
    fitters: Sequence[Fitter], z: Vectors, corpus: Corpus, part: Part
) -> Plan[list[Release]]:
    """The release of each fitter. Equal fitters, alone or as parts of others, share one release.

    A fitter names in `parts` the fields that it fits on the same vectors as itself.
    """
    cache: dict[Fitter, Release] = {}
    releases = []
    for fitter in fitters:
        plan = _plan_once(fitter, cache, lambda fitter: fitter.plan(z, corpus, part))
        releases.append((yield from plan))
    return releases


def _plan_once(
    fitter: Any, cache: dict[Fitter, Release], plan_of: Callable[[Fitter], Plan[Release]]
) -> Plan[Release]:
    if fitter not in cache:
        parts = {}
        for name in getattr(fitter, "parts", ()):
            release = yield from _plan_once(getattr(fitter, name), cache, plan_of)
            parts[name] = _Cached(release)
        cache[fitter] = yield from plan_of(replace(fitter, **parts) if parts else fitter)
    return cache[fitter]


@dataclass(frozen=True)
class _Cached:
    """A fitter that returns a release from the cache."""

    release: Release

    def fit(self, z: Vectors, corpus: Corpus, part: Part) -> Release:  # noqa: ARG002
        return self.release

    def plan(self, z: Vectors, corpus: Corpus, part: Part) -> Plan[Release]:  # noqa: ARG002
        yield from ()  # a plan is a generator
        return self.release
