"""Docstrings are Markdown; autodoc reads reStructuredText. `to_rst` turns one into the other.

paragraph                      text; `name` is a link if it is public, else a literal
lines after "- " or "1. "      a list
lines after ">>>"              an example
indented or aligned lines      kept as they are: a formula or a table
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

ITEM = re.compile(r"(?:- |\d+\. )")
ALIGNED = re.compile(r"\S {3,}\S")
CODE = re.compile(r"(\w?)(`+)(.+?)\2(?=(\w?))", re.DOTALL)
EMPHASIS = re.compile(r"(?<![\w*])(\*{1,2})([^\s*](?:[^*]*[^\s*])?)\1(?![\w*])")


def to_rst(docstring: Iterable[str], names: Mapping[str, str]) -> list[str]:
    """The lines of a docstring as reStructuredText.

    `names` has the target of each text between backticks that becomes a link.
    """
    lines: list[str] = []
    for block in _blocks(docstring):
        if block[0].startswith(">>>"):
            lines += [*block, ""]
        elif not ITEM.match(block[0]) and any(
            line.startswith(" ") or ALIGNED.search(line) for line in block
        ):
            lines += ["::", "", *(f"    {line}" for line in block), ""]
        else:
            lines += [*_inline("\n".join(block), names).split("\n"), ""]
    return lines


def _blocks(lines: Iterable[str]) -> Iterator[list[str]]:
    """Lines between blank lines; a list and an example start a block of their own."""
    block: list[str] = []
    for line in lines:
        starts = bool(ITEM.match(line)) and not (block and ITEM.match(block[0]))
        starts |= line.startswith(">>>") and not (block and block[0].startswith(">>>"))
        if block and (starts or not line.strip()):
            yield block
            block = []
        if line.strip():
            block.append(line.rstrip())
    if block:
        yield block


def _inline(text: str, names: Mapping[str, str]) -> str:
    parts, end = [], 0
    for match in CODE.finditer(text):
        parts.append(_escaped(text[end : match.start(2)]))
        code = re.sub(r"\s+", " ", match[3])
        target = names.get(code.removesuffix("()"))
        before, after = "\\ " if match[1] else "", "\\ " if match[4] else ""
        literal = f":py:obj:`{code} <{target}>`" if target else f"``{code}``"
        parts.append(f"{before}{literal}{after}")
        end = match.end()
    return "".join([*parts, _escaped(text[end:])])


def _escaped(text: str) -> str:
    """Text without accidental markup; `*emphasis*` and `**strong**` remain."""
    parts, end = [], 0
    for match in EMPHASIS.finditer(text):
        parts += [_plain(text[end : match.start()]), match[0]]
        end = match.end()
    return "".join([*parts, _plain(text[end:])])


def _plain(text: str) -> str:
    return re.sub(r"(?<=\w)_(?!\w)", r"\\_", re.sub(r"([\\*|])", r"\\\1", text))
