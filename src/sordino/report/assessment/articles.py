"""The articles that figures of an audit inform: their questions, in our words, and open points."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from sordino.report.assessment.figures import Figure, RunFigures


class Article(NamedTuple):
    """A legal text, the question that figures inform, and the sentences."""

    reference: str
    """The article, such as `GDPR, Article 25`."""
    question: str
    """Its question to the measured vectors, in our words."""
    sentences: Sequence[str]
    """References to figures, with their values."""
    open_points: str
    """Facts of the question that the audit does not measure."""


def articles(figures: RunFigures) -> list[Article]:
    """Every article with references to its figures."""
    numbers = {figure.words: place for place, figure in enumerate(figures.unique, 1)}
    return [
        Article(
            reference,
            question,
            [figure.reference_text(numbers[figure.words]) for figure in choose(figures)],
            open_points,
        )
        for reference, question, choose, open_points in _ARTICLES
    ]


def _identity_figures(*names: str) -> Callable[[RunFigures], Sequence[Figure]]:
    return lambda figures: [figures.identity[name] for name in names]


_ARTICLES: Final[Sequence[tuple[str, str, Callable[[RunFigures], Sequence[Figure]], str]]] = (
    (
        "Opinion 05/2014 of the Article 29 Working Party",
        "Can a person be singled out, can records of one person be linked, and can an attribute of "
        "a person be inferred?",
        lambda figures: [
            figures.identity["singling out"],
            figures.identity["linkability"],
            *figures.secrets,
        ],
        "Attributes that are no secret of this audit; linkage with other data sets.",
    ),
    (
        "GDPR, Article 4(1) and Recital 26",
        "Do the vectors relate to a person who is identifiable, by means that are reasonably "
        "likely to be used, such as singling out?",
        _identity_figures("singling out", "linkability", "rank", "identification", "pairs"),
        "The means of a particular recipient: cost, time, other data and later techniques.",
    ),
    (
        "GDPR, Article 4(5)",
        "Can the vectors be attributed to a person without additional information? The labelled "
        "utterances of the attacker are such information.",
        _identity_figures("linkability", "verification", "pairs"),
        "Whether additional information is kept separately, and its protection.",
    ),
    (
        "GDPR, Article 9",
        "Do the vectors serve to identify a person uniquely, or do they reveal an attribute of a "
        "special category, such as health or ethnic origin?",
        lambda figures: [
            figures.identity["identification"],
            figures.identity["verification"],
            *figures.secrets,
        ],
        "Whether an audited attribute belongs to a special category, the purpose of the "
        "processing, and attributes that were not audited.",
    ),
    (
        "GDPR, Article 25",
        "Do technical measures limit the data to those that the purpose needs? Compare each figure "
        "with that of the original vectors.",
        lambda figures: [*figures.tasks, figures.identity["linkability"], *figures.secrets],
        "The state of the art, the cost of other measures, organisational measures and defaults "
        "of the product.",
    ),
    (
        "GDPR, Article 35",
        "How likely are risks to persons, and how much do the measures reduce them?",
        lambda figures: [
            figures.identity["singling out"],
            figures.identity["linkability"],
            *figures.secrets,
            *figures.patient,
        ],
        "The severity of a risk, the necessity of the processing, and attackers with other data.",
    ),
    (
        "AI Act, Article 3(39)",
        "Does a system infer emotions or intentions of persons from their biometric data? The "
        "figure states how well the vectors allow it.",
        lambda figures: figures.emotions,
        "The purpose of the system, intentions, and whether the vectors are biometric data.",
    ),
    (
        "AI Act, Article 5(1)(f)",
        "Are emotions inferred at a workplace or in an educational institution, other than for "
        "medical or safety reasons? The figure states how well the vectors allow it.",
        lambda figures: figures.emotions,
        "The place, the persons and the reason of the use.",
    ),
    (
        "AI Act, Article 50(3)",
        "Must persons be informed that an emotion recognition system operates? The figure states "
        "how well the vectors allow recognition.",
        lambda figures: figures.emotions,
        "The information that persons receive.",
    ),
    (
        "AI Act, Annex III, point 1(c)",
        "Is the system intended for emotion recognition, and therefore listed as a high-risk area? "
        "The figure states how well the vectors allow it.",
        lambda figures: figures.emotions,
        "The intended purpose, and the exceptions of Article 6(3).",
    ),
)
