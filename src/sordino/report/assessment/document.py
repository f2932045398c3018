"""The section of an impact assessment as DOCX, by python-docx (MIT)."""

from __future__ import annotations

import importlib.util
import io
from typing import TYPE_CHECKING

from sordino.errors import DependencyError, install_step
from sordino.progress import printable

if TYPE_CHECKING:
    from sordino.report.assessment.section import Assessment


def check_installed() -> None:
    """Raise `DependencyError` without python-docx."""
    if importlib.util.find_spec("docx") is None:
        raise DependencyError(
            "python-docx is not installed, expected it for DOCX: "
            f"{install_step('report')}, or choose the suffix .html"
        )


def document(assessment: Assessment) -> bytes:
    """The content of a DOCX file. Control characters in names are escaped.

    Raises `DependencyError` without python-docx.
    """
    check_installed()
    import docx

    file = docx.Document()
    file.core_properties.author = "sordino"
    file.core_properties.title = printable(assessment.title)
    file.add_heading(printable(assessment.title), level=1)
    for text in assessment.introduction:
        file.add_paragraph(printable(text))
    file.add_heading("Figures", level=2)
    for text in assessment.numbered:
        file.add_paragraph(printable(text))
    for article in assessment.articles:
        file.add_heading(printable(article.reference), level=2)
        file.add_paragraph().add_run(f"Question. {article.question}").italic = True
        for sentence in article.sentences:
            file.add_paragraph(printable(sentence), style="List Bullet")
        file.add_paragraph(f"Not measured. {article.open_points}")
    content = io.BytesIO()
    file.save(content)
    return content.getvalue()
