"""A section for a data-protection impact assessment: the figures of an audit, by legal question.

Each figure of the run is stated once, with its interval, n with its unit and its chance level, or
as not measured. The section names the question of an article that figures inform, and refers to
them. It draws no legal conclusion: that needs facts that no audit measures.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from sordino import storage
from sordino.attack.vectors.result import AuditResult
from sordino.errors import StorageError
from sordino.report.assessment import document
from sordino.report.assessment.articles import Article, articles
from sordino.report.assessment.figures import figures_of
from sordino.report.estimate_table import Estimates
from sordino.report.page import Page, Section, Text
from sordino.storage import Location

SECTION_FORMATS: Final = (".html", ".docx")
"""The formats of the section."""


@dataclass(frozen=True)
class Assessment:
    """The section: title, introduction, figures and articles."""

    title: str
    introduction: Sequence[str]
    figures: Sequence[str]
    """A sentence for each figure, in the order of their numbers."""
    articles: Sequence[Article]

    @property
    def html(self) -> str:
        """The section as one page without references to other files."""
        sections = [
            Section(
                article.reference,
                [
                    Text(f"**Question.** {article.question}"),
                    *(Text(sentence, marks=False) for sentence in article.sentences),
                    Text(f"**Not measured.** {article.open_points}"),
                ],
            )
            for article in self.articles
        ]
        first, *others = self.introduction
        scope = Section("Scope", [*map(Text, others)])
        figures = Section("Figures", [Text(text, marks=False) for text in self.numbered])
        return Page(self.title, first, [scope, figures, *sections]).html

    @property
    def numbered(self) -> Sequence[str]:
        """The figures with their numbers."""
        return [f"Figure {place}. {text}" for place, text in enumerate(self.figures, 1)]

    def write(self, path: str | Location) -> Location:
        """Write the section as HTML or DOCX, by the suffix of the path, which is returned.

        Raises the errors of `check_path`, and `StorageError` if the file cannot be written.
        """
        path = check_path(path)
        if path.suffix.lower() == ".html":
            return storage.write(path, self.html)
        return storage.write(path, document.document(self))


def check_path(path: str | Location) -> Location:
    """The path. Raises `StorageError` for another suffix than those of `SECTION_FORMATS`, and
    `DependencyError` for DOCX without python-docx.
    """
    path = storage.location(path)
    if path.suffix.lower() not in SECTION_FORMATS:
        raise StorageError(
            f"{path}: suffix {path.suffix or 'none'}, expected {' or '.join(SECTION_FORMATS)}: "
            "rename it"
        )
    if path.suffix.lower() == ".docx":
        document.check_installed()
    return path


def assess(
    audits: Sequence[AuditResult],
    tasks: Sequence[AuditResult],
    estimates: Estimates,
    table: str,
) -> Assessment:
    """The section of an audit: `audits` of secrets, `tasks`, and their estimates; `table` is the
    name of the vectors.
    """
    first = audits[0]
    introduction = (
        f"Measurements on {len(first.rows):,} vectors of {first.speakers:,} speakers in {table}, "
        "for an impact assessment. Each figure has a 95 % interval over speakers, its number n of "
        "vectors, pairs or predicates, and its chance level.",
        "This section states what was measured, and which question of an article the measurement "
        "informs. It draws no legal conclusion, and it replaces no legal advice.",
        "The attackers of the audit are retrained on labelled vectors: "
        f"{', '.join(first.config['families'])}. Figures hold for these attackers: another "
        "attacker may do better. Figures hold for these speakers and recordings.",
        "GDPR is Regulation (EU) 2016/679, AI Act is Regulation (EU) 2024/1689. Questions are in "
        "our words: read the articles themselves.",
        "Singling out, linkability and inference are the criteria of Opinion 05/2014 of the "
        "Article 29 Working Party (WP 216). The first two are computed as by Vauquier et al. "
        "(2025), with two other choices: the attacker is trained, in place of a comparison of "
        "vectors by cosine, and equal scores are in random order, in place of counting as links.",
    )
    figures = figures_of(audits, tasks, estimates)
    return Assessment(
        f"Impact assessment: measurements on {table}",
        introduction,
        [*map(str, figures.unique)],
        articles(figures),
    )
