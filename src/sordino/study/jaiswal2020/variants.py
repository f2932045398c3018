"""The networks that the study of Jaiswal 2020 trains, by section."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import Final, Literal

from sordino import attack
from sordino.errors import StudyError

STREAMS: Final = {"audio": ("audio",), "text": ("text",), "both": ("audio", "text")}
"""The column `features` of the estimates, and the streams that it stands for."""

TASKS: Final = ("activation", "valence")
MAIN: Final = ("general", "private", "private+")
LAMBDAS: Final = (0.3, 0.5, 0.75, 1.0)
"""The paper's grid of strengths of the reversal."""

EXTRA: Final = {
    "drawn": "drawn",
    "speaker": "private-speaker",
    "multiple": "private-multiple",
    "streams": "private-streams",
}
"""Sections beside the twelve variants, and the embedding of each."""

SECTIONS: Final = (
    *(f"{features}-{task}" for features, task in product(STREAMS, TASKS)),
    *EXTRA,
    "sweep",
    "tasks",
)
"""What `--only` may name: the paper's variants by stream and task, then its further questions."""


@dataclass(frozen=True)
class Options:
    """What the paper leaves open, and how much is run; each default's reason stands in
    `docs/methods/jaiswal2020.md`.

    - `normalise`: of the audio: `speaker` (the paper), `utterance`, `corpus` or `running`.
    - `reversal`: lambda of every adversary; `grid` searches the paper's grid of sizes and lambdas
      instead.
    - `seeds`: networks a fold, whose posteriors are averaged.
    - `families`: attackers; the best is chosen on the attacker's own speakers.
    - `patient`: utterances of one speaker that a patient attacker pools; `shuffles`: of the null.
    - `selections`: of speakers for membership, in each fold: a random one, its complement, the next
      random one, ...
    """

    normalise: Literal["speaker", "utterance", "corpus", "running"] = "speaker"
    reversal: float = 0.5
    grid: bool = False
    seeds: int = 1
    families: tuple[str, ...] = attack.QUICK
    patient: int = 20
    shuffles: int = 20
    selections: int = 2
    word_dims: int = 50
    epochs: int = 50
    seed: int = 0


@dataclass(frozen=True)
class Variant:
    """One embedding: what it reads, what it is for, how it is fitted; `reversal` where a sweep
    varies it.
    """

    features: str
    task: str
    release: str
    reversal: float | None = None
    tasks: tuple[str, ...] = ()
    """Primary tasks beside `task`."""

    @property
    def condition(self) -> str:
        """The column of that name: what a sweep or a study varies."""
        if self.tasks:
            return f"tasks={'+'.join((self.task, *self.tasks))}"
        return "" if self.reversal is None else f"lambda={self.reversal:g}"

    @property
    def name(self) -> str:
        """A name for files."""
        return "-".join(
            part for part in (self.features, self.task, self.release, self.condition) if part
        )


def variants(
    streams: Sequence[str], tasks: Sequence[str], only: Sequence[str] = ()
) -> list[Variant]:
    """The variants of the sections `only`, or of all, for the streams and tasks that the corpus
    has.

    Raises `StudyError` for a section that is not known, or none that the corpus can answer.
    """
    unknown = [section for section in only if section not in SECTIONS]
    if unknown:
        raise StudyError(
            f"--only {', '.join(unknown)}: expected some of {', '.join(SECTIONS)}: choose from them"
        )
    wanted = only or SECTIONS
    features = [name for name, needed in STREAMS.items() if set(needed) <= set(streams)]
    found: list[Variant] = []
    for one, task in product(features, [task for task in TASKS if task in tasks]):
        if f"{one}-{task}" in wanted:
            found += [Variant(one, task, release) for release in MAIN]
        for section, release in EXTRA.items():
            if section in wanted and (section != "streams" or one == "both"):
                found.append(Variant(one, task, release))
        if "sweep" in wanted:
            found += [Variant(one, task, "private", strength) for strength in LAMBDAS]
        if "tasks" in wanted:
            found.append(Variant(one, task, "general", tasks=("speaker",)))
    if not found:
        raise StudyError(
            f"nothing of {', '.join(wanted)} can be run: the corpus has "
            f"{', '.join(streams) or 'no stream'} and "
            f"{', '.join(tasks) or 'no labels of activation or valence'}: add a corpus that has "
            "them"
        )
    return found
