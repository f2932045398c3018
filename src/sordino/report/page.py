"""One self-contained page: sections of paragraphs, cards, tables, figures and terms."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Final

from jinja2 import Environment, PackageLoader, StrictUndefined, Template
from markupsafe import Markup, escape

from sordino import storage
from sordino.progress import printable
from sordino.report.tables import Table


@dataclass(frozen=True)
class Text:
    """A paragraph. `**word**` is printed bold, `` `word` `` as code."""

    text: str
    kind = "text"


@dataclass(frozen=True)
class Card:
    """The verdict on one thing: a title, what it is, the sentence that matters most, and columns of
    sentences.
    """

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
    """Words and what they mean."""

    rows: Sequence[tuple[str, str]]
    kind = "terms"


Block = Text | Card | Table | Picture | Terms


@dataclass(frozen=True)
class Section:
    """A heading and what stands below it."""

    title: str
    blocks: Sequence[Block]


@dataclass(frozen=True)
class Page:
    """A report: its sections, and figures that are also written as files of their own."""

    title: str
    lead: str
    sections: Sequence[Section]
    notices: Sequence[str] = ()
    """What a reader must know first, printed large."""
    files: Mapping[str, str] = field(default_factory=dict)
    """File name to SVG."""

    @property
    def html(self) -> str:
        """The whole page as one text; it refers to nothing outside itself, and its policy forbids
        scripts and requests.

        Text of the page is escaped, control characters included.
        """
        return _template().render(page=self)

    def write(self, folder: str | Path) -> Path:
        """Write `report.html` and the figures to a folder, made when absent; returns the path of
        the page.
        """
        folder = storage.folder(folder)
        for name, svg in self.files.items():
            storage.write(folder / storage.safe_name(name), svg)
        return storage.write(folder / "report.html", self.html)


def settings(run: Mapping[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    """Nested settings as rows of name and value.

    >>> settings({"options": {"scale": "minmax", "families": ["mlp", "svm-rbf"]}})
    [('options.scale', 'minmax'), ('options.families', 'mlp, svm-rbf')]
    """
    rows: list[tuple[str, str]] = []
    for key, value in run.items():
        if isinstance(value, Mapping):
            rows.extend(settings(value, f"{prefix}{key}."))
        elif isinstance(value, list | tuple) and not any(
            isinstance(one, Mapping | list | tuple) for one in value
        ):
            rows.append((f"{prefix}{key}", ", ".join(str(one) for one in value)))
        else:
            rows.append(
                (
                    f"{prefix}{key}",
                    value if isinstance(value, str) else json.dumps(value, ensure_ascii=False),
                )
            )
    return rows


_MARKS: Final = ((r"\*\*(.+?)\*\*", r"<strong>\1</strong>"), (r"`(.+?)`", r"<code>\1</code>"))


def _marked(text: str) -> Markup:
    """Text with its marks as elements; everything else in it is escaped."""
    safe = str(escape("\n".join(map(printable, text.split("\n")))))
    for mark, element in _MARKS:
        safe = re.sub(mark, element, safe)
    return Markup(safe)


def _finalised(value: object) -> object:
    """A value before it is escaped: text loses its control characters, elements stay."""
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
        finalize=_finalised,
    )
    environment.filters.update(marked=_marked, svg=Markup)
    return environment.get_template("page.html")
