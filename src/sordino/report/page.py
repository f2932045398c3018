"""One self-contained page: sections of paragraphs, cards, tables, figures and terms."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, cached_property
from typing import Any, Final, NamedTuple

from jinja2 import Environment, PackageLoader, StrictUndefined, Template, pass_context
from jinja2.runtime import Context
from markupsafe import Markup, escape

from sordino import storage
from sordino.progress import printable
from sordino.report.latex import latex
from sordino.report.tables import Table
from sordino.storage import Location


@dataclass(frozen=True)
class Text:
    """A paragraph.

    Marks: `**word**` is bold, `` `word` `` is code, and `[words](#anchor)` is a link to a
    definition on the page. Without `marks`, the text stands as it is: it has names from a file.
    """

    text: str
    marks: bool = True
    kind = "text"


@dataclass(frozen=True)
class Card:
    """A verdict: a title, a subtitle, the main sentence, and columns of further sentences."""

    title: str
    subtitle: str
    verdict: str
    columns: Sequence[tuple[str, Sequence[str]]]
    kind = "card"


@dataclass(frozen=True)
class Picture:
    """An SVG element with its caption."""

    svg: str
    caption: str
    kind = "picture"


@dataclass(frozen=True)
class Terms:
    """Names with their values or descriptions."""

    rows: Sequence[tuple[str, str]]
    kind = "terms"


class Term(NamedTuple):
    """A term of the glossary."""

    name: str
    """The term."""
    definition: str
    """Its definition."""
    anchor: str
    """Its anchor in `docs/glossary.md` and on a page."""


@dataclass(frozen=True)
class Definitions:
    """Terms of the glossary. Table heads and marked texts of the page link to them."""

    rows: Sequence[Term]
    kind = "definitions"


Block = Text | Card | Table | Picture | Terms | Definitions


@dataclass(frozen=True)
class Section:
    """A heading and its blocks."""

    title: str
    blocks: Sequence[Block]


@dataclass(frozen=True)
class Page:
    """A report: its sections, and the figures that are also written as separate files."""

    title: str
    lead: str
    sections: Sequence[Section]
    notices: Sequence[str] = ()
    """Warnings, printed large below the title."""
    files: Mapping[str, str] = field(default_factory=dict)
    """File name to SVG."""

    @property
    def html(self) -> str:
        """The page as one HTML text without references to other files.

        Its content security policy forbids scripts and requests. All text is escaped, including
        control characters.
        """
        return _template().render(page=self)

    @cached_property
    def anchors(self) -> dict[str, str]:
        """Names of the defined terms to their anchors."""
        return {
            term.name: term.anchor
            for section in self.sections
            for block in section.blocks
            if isinstance(block, Definitions)
            for term in block.rows
        }

    def write(self, folder: str | Location) -> Location:
        """Write `report.html` and the figures to a folder; returns the path of the page.

        The folder is created if it does not exist. Raises `StorageError` if a file cannot be
        written.
        """
        folder = storage.folder(folder)
        for name, svg in self.files.items():
            storage.write(folder / storage.safe_name(name), svg)
        return storage.write(folder / "report.html", self.html)

    def write_latex(self, folder: str | Location) -> Location:
        """Write the tables of the page to `table.tex` in a folder; returns its path.

        Raises `StorageError` if the file cannot be written.
        """
        blocks = [block for section in self.sections for block in section.blocks]
        tables = [block for block in blocks if isinstance(block, Table)]
        return storage.write(storage.folder(folder) / "table.tex", latex(*tables))


def settings(run: Mapping[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    """Nested settings as rows of dotted name and value.

    >>> settings({"options": {"scale": "minmax", "families": ["mlp", "svm-rbf"]}})
    [('options.scale', 'minmax'), ('options.families', 'mlp, svm-rbf')]
    """
    rows: list[tuple[str, str]] = []
    for key, value in run.items():
        if isinstance(value, Mapping):
            rows.extend(settings(value, f"{prefix}{key}."))
        elif isinstance(value, list | tuple) and not any(
            isinstance(item, Mapping | list | tuple) for item in value
        ):
            rows.append((f"{prefix}{key}", ", ".join(map(str, value))))
        else:
            rows.append(
                (
                    f"{prefix}{key}",
                    value if isinstance(value, str) else json.dumps(value, ensure_ascii=False),
                )
            )
    return rows


_MARKS: Final = ((r"\*\*(.+?)\*\*", r"<strong>\1</strong>"), (r"`(.+?)`", r"<code>\1</code>"))
_LINK: Final = re.compile(r"\[([^\[\]]+)\]\(#([a-z0-9-]+)\)")


@pass_context
def _markup(context: Context, text: str) -> Markup:
    """Text with its marks as elements; the other characters are escaped."""
    safe = str(escape("\n".join(map(printable, text.split("\n")))))
    for mark, element in _MARKS:
        safe = re.sub(mark, element, safe)
    anchors = set(context["page"].anchors.values())
    return Markup(
        _LINK.sub(lambda link: _link(link[1], link[2] if link[2] in anchors else ""), safe)
    )


@pass_context
def _head(context: Context, text: str) -> Markup:
    """A heading, as a link if it is a defined term."""
    return Markup(_link(str(escape(printable(text))), context["page"].anchors.get(text, "")))


def _link(text: str, anchor: str) -> str:
    return f'<a href="#{anchor}">{text}</a>' if anchor else text


def _printable(value: object) -> object:
    """Text without control characters, before it is escaped; elements stay as they are."""
    return printable(value) if isinstance(value, str) and not isinstance(value, Markup) else value


@cache
def _template() -> Template:
    environment = Environment(
        loader=PackageLoader("sordino.report", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        finalize=_printable,
    )
    environment.filters.update(markup=_markup, head=_head, svg=Markup)
    return environment.get_template("page.html")
