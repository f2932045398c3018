"""A family of releases: how it is fitted from a policy, and how it is restored from a file."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from sordino.policy import Policy
from sordino.release.protocol import Fitter, Restore
from sordino.release.voices import VoiceTransform


@dataclass(frozen=True, eq=False)
class Family:
    """A kind of release: how it is fitted from a policy, and how it is restored from a file.

    - `name`: the name of its releases, in policies, tables and files.
    - `description`: what it does, as the end of a sentence, without a full stop.
    - `fitter`: from a policy and a seed to a fitter with the defaults of the studies.
    - `restore`: from the name, config and arrays of a saved release to the release.
    - `knobs`: the fields of the fitter that a policy may set, each with the effect of a change.
    - `fits`: the entries of `hide` that it is fitted against: `gender`, `age`, and `columns` for
      all others; None where it is not known.
    - `voice`: of a method that changes recordings, before features are computed: the change.
    """

    name: str
    description: str
    fitter: Callable[[Policy, int], Fitter]
    restore: Restore
    knobs: Mapping[str, str] = field(default_factory=dict)
    fits: tuple[str, ...] | None = None
    voice: VoiceTransform | None = None

    def __call__(self, policy: Policy, seed: int) -> Fitter:
        """The fitter of this family with the defaults of the studies."""
        return self.fitter(policy, seed)
