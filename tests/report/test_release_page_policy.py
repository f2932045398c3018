"""A report page runs no code and requests no file, for all names in it."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from matplotlib.figure import Figure

from sordino.report.figures import drawing
from sordino.report.page import Block, Card, Page, Picture, Section, Terms, Text

HOSTILE = (
    "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>\x1b[2J\u202e-->"
    " $\\frac{x$ [b](#b) {{ 7*7 }}"
)


class Reader(HTMLParser):
    """The elements of a page, with their attributes."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))


def page(text: str) -> Page:
    blocks: list[Block] = [
        Text(text),
        Card(text, text, text, [(text, [text])]),
        Terms([(text, text)]),
        Picture(figure(text), text),
    ]
    return Page(text, text, [Section(text, blocks)], [text])


def figure(text: str) -> str:
    with drawing.appearance():
        canvas = Figure(figsize=(2, 2))
        axes = canvas.add_subplot()
        axes.set_title(text.replace("\x1b", ""))
        axes.text(0, 0, "a$b$")
        return drawing.svg(canvas, text)


@pytest.mark.filterwarnings("ignore:Glyph:UserWarning")
def test_hostile_text_adds_no_element() -> None:
    def shape(text: str) -> list[tuple[str, list[str]]]:
        elements = Reader(page(text).html).elements
        drawn = {"path", "use", "g", "defs"}  # letters of a figure
        return [(tag, sorted(attributes)) for tag, attributes in elements if tag not in drawn]

    assert shape(HOSTILE) == shape("plain")


@pytest.mark.filterwarnings("ignore:Glyph:UserWarning")
def test_a_page_has_and_allows_no_scripts_and_requests() -> None:
    html = page(HOSTILE).html
    elements = Reader(html).elements
    policies = [
        attributes["content"]
        for tag, attributes in elements
        if tag == "meta" and "http-equiv" in attributes
    ]
    assert policies == [
        "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; "
        "form-action 'none'"
    ]
    before = html[: html.index("Content-Security-Policy")]
    assert not re.search(
        "<(style|link|script|img)", before
    )  # a policy holds for the elements after it
    assert not {tag for tag, _ in elements} & {
        "script",
        "iframe",
        "object",
        "embed",
        "link",
        "base",
        "form",
        "img",
    }
    for _, attributes in elements:
        assert not [
            name
            for name in attributes
            if name.startswith("on") or name in {"src", "action", "srcdoc"}
        ]
        assert all((attributes.get(name) or "#").startswith("#") for name in ("href", "xlink:href"))


@pytest.mark.filterwarnings("ignore:Glyph:UserWarning")
def test_control_characters_of_a_page_are_visible() -> None:
    html = page(HOSTILE).html
    assert r"\x1b[2J\u202e" in html
    assert "\x1b" not in html
    assert "\u202e" not in re.sub("<svg.*?</svg>", "", html, flags=re.DOTALL)


def test_a_figure_of_a_page_is_written_inside_its_folder(tmp_path: Path) -> None:
    hostile = Page("t", "l", [], files={"../../escaped.svg": "<svg/>", "figure.svg": "<svg/>"})
    hostile.write(tmp_path / "report")
    written = sorted(path.name for path in tmp_path.rglob("*") if path.is_file())
    assert [name for name in written if name in {"figure.svg", "report.html"}] == [
        "figure.svg",
        "report.html",
    ]
    assert all(path.parent == tmp_path / "report" for path in tmp_path.rglob("*") if path.is_file())
    assert len(written) == 3
