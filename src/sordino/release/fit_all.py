"""Several releases fitted on one party: what some of them have in common is fitted once."""

from __future__ import annotations

from collections.abc import Sequence
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
    """The release of each fitter, one for fitters that are equal, alone or as a part of another.

    Parts are the fields that a fitter names in `parts`: those fitted on the same vectors as itself.
    """
    made: dict[Fitter, Release] = {}
    releases = []
    for fitter in fitters:
        releases.append((yield from _once(fitter, made, z, corpus, part)))
    return releases


def _once(
    fitter: Any, made: dict[Fitter, Release], z: Vectors, corpus: Corpus, part: Part
) -> Plan[Release]:
    if fitter not in made:
        given = {}
        for name in getattr(fitter, "parts", ()):
            given[name] = _Made((yield from _once(getattr(fitter, name), made, z, corpus, part)))
        made[fitter] = yield from (replace(fitter, **given) if given else fitter).plan(
            z, corpus, part
        )
    return made[fitter]


@dataclass(frozen=True)
class _Made:
    """A fitter that has done its work."""

    release: Release

    def fit(self, z: Vectors, corpus: Corpus, part: Part) -> Release:  # noqa: ARG002
        return self.release

    def plan(self, z: Vectors, corpus: Corpus, part: Part) -> Plan[Release]:  # noqa: ARG002
        yield from ()  # a plan is a generator
        return self.release
