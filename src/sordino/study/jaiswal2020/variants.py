"""The embeddings of the study of Jaiswal and Mower Provost (2020), by section."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations, product
from typing import Final, Literal

from sordino import attack
from sordino.errors import StudyError
from sordino.nn.fit_private import SpeakerPrivacy
from sordino.release import RIVALS

FEATURE_STREAMS: Final = {"audio": ("audio",), "text": ("text",), "both": ("audio", "text")}
"""Values of the column `features` of the estimates, and their streams."""

SOUND: Final = {"filterbank": "filterbank", "speech": "speech-frames"}
"""Features of the audio, and the sequences that they are."""

TASKS: Final = ("activation", "valence")
MAIN: Final = ("general", "private", "private+")
LAMBDAS: Final = (0.3, 0.5, 0.75, 1.0)
"""The paper's grid of strengths of the reversal."""

EXTRA: Final = {
    "dp": ("dp",),
    "drawn": ("drawn",),
    "speaker": ("private-speaker",),
    "multiple": ("private-multiple",),
    "streams": ("private-streams",),
    "rivals": RIVALS,
}
"""Sections beside the twelve variants, and the embeddings of each."""

BESIDE_GENERAL: Final = (*MAIN[1:], *(release for names in EXTRA.values() for release in names))
"""The embeddings that are compared with `general`, in the order of the tables."""

SECTIONS: Final = (
    *(f"{features}-{task}" for features, task in product(FEATURE_STREAMS, TASKS)),
    *EXTRA,
    "sweep",
    "tasks",
)
"""Values of `--only`: the paper's variants by stream and task, then its further questions."""

NAMED_ONLY: Final = ("dp", "rivals")
"""Sections that run only if `--only` names them: they need an extra of their own, or serve
comparisons.
"""


@dataclass(frozen=True)
class JaiswalOptions:
    """Choices that the paper leaves open, and the extent of the run. `docs/methods/jaiswal2020.md`
    has the reason for each default.

    - `features`: of the audio: log mel energies (`filterbank`, the paper), or the outputs of a
      pretrained encoder (`speech`).
    - `normalise`: normalisation of the audio: by `speaker` (the paper), `utterance`, `corpus`, or
      `running`.
    - `reversal`: lambda of every adversary; `sizes`: sizes of the network that differ from the
      smallest of the paper's grid (`nn.multimodal.Shape`).
    - `grid`: values of sizes and lambda that are searched on validation speakers, by axis
      (`jaiswal2020.grid`); empty for no search.
    - `privacy`: the guarantee of `dp` for each training speaker, and its training.
    - `seeds`: networks per fold. Their posteriors are averaged.
    - `families`: attackers; the best is chosen on the attacker's own speakers.
    - `patient`: utterances of one speaker that a patient attacker pools.
    - `shuffles`: shuffles of gender for the null.
    - `selections`: selections of speakers for membership inference in each fold, with the first
      seed: a random one, its complement, the next random one, and so on.
    - `word_dims`: dimensions of learned word vectors; `epochs`: at most so many.

    Raises `StudyError` for other features.
    """

    features: str = "filterbank"
    normalise: Literal["speaker", "utterance", "corpus", "running"] = "speaker"
    reversal: float = 0.5
    sizes: Mapping[str, int] = field(default_factory=dict)
    grid: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    privacy: SpeakerPrivacy = field(default_factory=SpeakerPrivacy)
    seeds: int = 1
    families: tuple[str, ...] = attack.QUICK
    patient: int = 20
    shuffles: int = 20
    selections: int = 2
    word_dims: int = 50
    epochs: int = 50
    seed: int = 0

    def __post_init__(self) -> None:
        if self.features not in SOUND:
            raise StudyError(
                f"features {self.features}, expected {' or '.join(SOUND)}: choose one of them"
            )


@dataclass(frozen=True)
class Variant:
    """One embedding: streams, primary task and fitter; `reversal` or `epsilon` if they differ from
    those of the options.
    """

    features: str
    task: str
    release: str
    reversal: float | None = None
    tasks: tuple[str, ...] = ()
    """Primary tasks, if they are not `task` alone: of the emotion, `speaker` and `age`."""
    epsilon: float | None = None

    @property
    def primary(self) -> tuple[str, ...]:
        """The primary tasks of the network."""
        return self.tasks or (self.task,)

    @property
    def condition(self) -> str:
        """The value of the column `condition`: a setting that a sweep varies."""
        if self.tasks:
            return f"tasks={'+'.join(self.tasks)}"
        if self.epsilon is not None:
            return f"epsilon={self.epsilon:g}"
        return "" if self.reversal is None else f"lambda={self.reversal:g}"

    @property
    def name(self) -> str:
        """The name of its files."""
        return "-".join(
            part for part in (self.features, self.task, self.release, self.condition) if part
        )


def select_variants(
    streams: Sequence[str],
    tasks: Sequence[str],
    only: Sequence[str] = (),
    attributes: Sequence[str] = ("speaker",),
) -> list[Variant]:
    """The variants of the sections `only`, or of all sections but `NAMED_ONLY`, for the streams and
    tasks of a corpus. `attributes` are the primary tasks beside the emotion: `speaker`, and `age`
    where it is labelled. Section `tasks` has each of them alone and every pair.

    Raises `StudyError` for an unknown section, and if the corpus can answer no section.
    """
    unknown = [section for section in only if section not in SECTIONS]
    if unknown:
        raise StudyError(
            f"--only {', '.join(unknown)}: expected some of {', '.join(SECTIONS)}: choose from them"
        )
    sections = only or [section for section in SECTIONS if section not in NAMED_ONLY]
    features = [name for name, parts in FEATURE_STREAMS.items() if set(parts) <= set(streams)]
    variants: list[Variant] = []
    for name, task in product(features, [task for task in TASKS if task in tasks]):
        if f"{name}-{task}" in sections:
            variants += [Variant(name, task, release) for release in MAIN]
        for section, releases in EXTRA.items():
            if section in sections and (section != "streams" or name == "both"):
                variants += [Variant(name, task, release) for release in releases]
        if "dp" in sections:  # the same training without noise is its reference
            variants.append(Variant(name, task, "dp", epsilon=math.inf))
        if "sweep" in sections:
            variants += [Variant(name, task, "private", strength) for strength in LAMBDAS]
        if "tasks" in sections:
            variants.append(Variant(name, task, "general"))
            primary = (task, *attributes)
            combined = [*((other,) for other in attributes), *combinations(primary, 2)]
            variants += [Variant(name, task, "general", tasks=chosen) for chosen in combined]
    if not variants:
        raise StudyError(
            f"nothing of {', '.join(sections)} can be run: the corpus has "
            f"{', '.join(streams) or 'no stream'} and "
            f"{', '.join(tasks) or 'no labels of activation or valence'}: add a corpus that has "
            "them"
        )
    return list(dict.fromkeys(variants))
