"""The figures of an audit as sentences: value, interval, n, speakers, chance, reference."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from sordino.attack.vectors.estimates import ALL_UTTERANCES, COSINE, PAIRS
from sordino.attack.vectors.result import AuditResult
from sordino.columns import REFERENCE, RELEASED
from sordino.define import Knowledge
from sordino.report.estimate_table import Estimate, Estimates
from sordino.report.tables import CANNOT_TELL, limits, number
from sordino.report.vector_sections import best_attacker, sensitivity_sentences

EMOTION_COLUMNS: Final = ("emotion", "valence", "arousal", "activation", "dominance", "mood")
"""Columns of a table that the section reads as emotions."""

NOT_MEASURED: Final = "not measured"
"""Stands for an absent figure."""


class Figure(NamedTuple):
    """A figure of the run."""

    name: str
    """A few words for it, where an article refers to the figure."""
    words: str
    """The sentence up to the value."""
    estimate: Estimate
    """Of the audited vectors."""
    reference: Estimate = Estimate()
    """Of the original vectors."""
    note: str = ""
    """A further sentence, such as the answer of the test."""
    unit: str = "vectors"
    """The unit of `n`."""

    def __str__(self) -> str:
        """The sentence with value, interval, n, speakers, chance and reference."""
        estimate = self.estimate
        if math.isnan(estimate.value):
            return f"{self.words}: {NOT_MEASURED}."
        span = limits(estimate)
        parts = [
            "no interval, too few speakers" if span == CANNOT_TELL else f"95 % interval {span}",
            f"n = {estimate.n:,} {self.unit}",
            f"{estimate.speakers:,} speakers",
            f"chance {number(estimate.chance)}",
            f"original vectors {number(self.reference.value)}"
            if not math.isnan(self.reference.value)
            else f"original vectors {NOT_MEASURED}",
        ]
        sentence = f"{self.words}: {number(estimate.value)} ({'; '.join(parts)})."
        return f"{sentence} {self.note}".strip()

    def reference_text(self, figure: int) -> str:
        """Name, value and chance, with the number of the figure."""
        if math.isnan(self.estimate.value):
            return f"{self.name}: {NOT_MEASURED} (figure {figure})."
        value, chance = number(self.estimate.value), number(self.estimate.chance)
        return f"{self.name}: {value}; chance {chance} (figure {figure})."


@dataclass(frozen=True)
class RunFigures:
    """The figures of a run by kind; an absent one is NaN."""

    identity: Mapping[str, Figure]
    secrets: Sequence[Figure]
    patient: Sequence[Figure]
    tasks: Sequence[Figure]
    emotions: Sequence[Figure]

    @property
    def unique(self) -> Sequence[Figure]:
        """Each figure once; its position, from 1, is its number."""
        kinds = (self.secrets, self.patient, self.tasks, self.emotions)
        figures = [*self.identity.values(), *(figure for kind in kinds for figure in kind)]
        return [*{figure.words: figure for figure in figures}.values()]


def figures_of(
    audits: Sequence[AuditResult], tasks: Sequence[AuditResult], estimates: Estimates
) -> RunFigures:
    """The figures of an audit: `audits` of secrets, `tasks`, and their estimates."""
    identity = {name: _identity(estimates, name) for name in _IDENTITY}
    secrets = [_inference(audited, estimates) for audited in audits]
    patient = [
        Figure(
            f"Inference of {audited.secret.name} from all utterances of a speaker",
            f"An attacker with all utterances of a speaker infers {audited.secret.name} with "
            f"{audited.secret.metric.upper()}",
            best_attacker(
                estimates,
                audited.secret.name,
                audited.secret.metric,
                knowledge=Knowledge.PATIENT,
                condition=ALL_UTTERANCES,
            ),
            unit="speakers' sets of utterances",
        )
        for audited in audits
        if not audited.secret.within
    ]
    by_name = {audited.secret.name: audited for audited in (*audits, *tasks)}
    emotions = [
        _utility(audited, estimates)
        for name, audited in by_name.items()
        if name.lower() in EMOTION_COLUMNS
    ] or [Figure("Recognition of emotion", "Recognition of an emotion from one vector", Estimate())]
    utility = [_utility(audited, estimates) for audited in tasks] or [
        Figure("Utility", "Utility of the vectors for their purpose", Estimate())
    ]
    return RunFigures(identity, secrets, patient, utility, emotions)


def _identity(estimates: Estimates, name: str) -> Figure:
    short, words, metric, unit, columns = _IDENTITY[name]
    after, before = (
        best_attacker(estimates, "speaker", metric, release, **columns)
        for release in (RELEASED, REFERENCE)
    )
    return Figure(short, words, after, before, unit=unit)


def _inference(audited: AuditResult, estimates: Estimates) -> Figure:
    """Inference of a secret, with the answer of the test."""
    name, metric = audited.secret.name, audited.secret.metric
    after, before = (
        best_attacker(estimates, name, metric, release) for release in (RELEASED, REFERENCE)
    )
    answer = f"The permutation test over speakers answers: {audited.decision.answer} (p = "
    return Figure(
        f"Inference of {name}",
        f"Inference: a retrained attacker infers {name} from one vector with {metric.upper()}",
        after,
        before,
        f"{answer}{audited.decision.p:.3g}). {sensitivity_sentences(audited)}",
    )


def _utility(audited: AuditResult, estimates: Estimates) -> Figure:
    name = audited.secret.name
    metric = "uar" if audited.secret.classes else "auc"
    after, before = (
        best_attacker(estimates, name, metric, release) for release in (RELEASED, REFERENCE)
    )
    return Figure(
        f"Recognition of {name}",
        f"A retrained classifier recognises {name} from one vector with {metric.upper()}",
        after,
        before,
    )


_COSINE: Final = {"knowledge": Knowledge.IGNORANT, "attacker": COSINE}
_IDENTITY: Final[Mapping[str, tuple[str, str, str, str, dict[str, str]]]] = {
    "singling out": (
        "Singling out",
        "Singling out: a predicate of one known speaker holds for exactly one utterance, one of "
        "each speaker, with probability",
        "singling_out",
        "predicates, one for each speaker and draw",
        {},
    ),
    "linkability": (
        "Linkability",
        "Linkability: an attacker with labelled utterances of the speakers links another utterance "
        "to its speaker, among all speakers, with probability",
        "linkability",
        "vectors",
        {},
    ),
    "rank": (
        "Rank disclosure, bits",
        "The rank of the true speaker discloses this number of bits on the identity",
        "rank_bits",
        "vectors",
        {},
    ),
    "identification": (
        "Identification of the speaker",
        "The attacker identifies the speaker of one vector with an unweighted average recall of",
        "uar",
        "vectors",
        {},
    ),
    "verification": (
        "Verification of a claimed speaker, equal error rate",
        "The attacker verifies a claimed speaker with an equal error rate (lower: better "
        "recognition) of",
        "eer",
        "pairs of a vector and a claimed speaker",
        {},
    ),
    "pairs": (
        "Attribution of two vectors to one speaker, equal error rate",
        "Without training, two vectors are attributed to one speaker by cosine similarity with an "
        "equal error rate (lower: better recognition) of",
        "eer",
        "pairs of vectors",
        {**_COSINE, "condition": PAIRS},
    ),
}
