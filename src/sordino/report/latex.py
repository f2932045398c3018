"""Tables of a report as LaTeX."""

from __future__ import annotations

import re
from typing import Final

import pandas as pd

from sordino.progress import printable
from sordino.report.tables import Cell, Table

_ESCAPES: Final = str.maketrans(
    {
        "\\": r"\textbackslash{}",
        "~": r"\textasciitilde{}",
        "^": r"\textasciicircum{}",
        "<": r"\textless{}",
        ">": r"\textgreater{}",
        "−": "$-$",
        "–": "--",
        **{character: f"\\{character}" for character in "&%$#_{}"},
    }
)
_MARKS: Final = re.compile(r"\*\*|`|\[([^\[\]]+)\]\(#[a-z0-9-]+\)")
_ALIGNMENT: Final = {"name": "l", "interval": "c"}


def latex(*tables: Table) -> str:
    r"""Tables as LaTeX floats, for a document with the package `booktabs`.

    All text is escaped. Marks of a page (`**`, `` ` ``, links), empty columns and tables without
    rows are left out.

    >>> table = Table("Rate in %", [[("name", 1), ("F1", 1)]], [[[Cell("a_b", "name"), Cell("1")]]])
    >>> print(latex(table))
    % Requires \usepackage{booktabs}.
    \begin{table}
    \centering
    \caption{Rate in \%}
    \begin{tabular}{lr}
    \toprule
    name & F1 \\
    \midrule
    a\_b & 1 \\
    \bottomrule
    \end{tabular}
    \end{table}
    <BLANKLINE>
    """
    floats = [_float(table) for table in tables if any(table.groups)]
    return "\n".join(["% Requires \\usepackage{booktabs}.", *floats])


def _float(table: Table) -> str:
    rows = [row for group in table.groups for row in group]
    columns = [
        column for column in range(len(rows[0])) if any(row[column].kind != "gap" for row in rows)
    ]
    labels = [[_escape(text) for text, span in head for _ in range(span)] for head in table.heads]
    heads = [tuple(head[column] for head in labels) for column in columns]
    levels = list(zip(*heads, strict=True))
    frame = pd.DataFrame(
        [[_escape(row[column].text) for column in columns] for row in rows],
        columns=pd.MultiIndex.from_arrays(levels) if len(levels) > 1 else pd.Index(levels[0]),
    )
    body = frame.to_latex(
        index=False,
        escape=False,
        column_format="".join(_alignment([row[column] for row in rows]) for column in columns),
        multicolumn_format="c",
    )
    lines = _with_rules(body.rstrip("\n").split("\n"), heads, [len(g) for g in table.groups])
    caption = f"\\caption{{{_escape(table.caption)}}}"
    return "\n".join(["\\begin{table}", "\\centering", caption, *lines, "\\end{table}", ""])


def _with_rules(lines: list[str], heads: list[tuple[str, ...]], sizes: list[int]) -> list[str]:
    """The lines of a tabular with rules below spanning heads and between groups of rows."""
    first, last = lines.index("\\midrule"), lines.index("\\bottomrule")
    head = lines[:2]
    for level, line in enumerate(lines[2:first]):
        head.append(line)
        if rules := _spans([names[level] for names in heads]):
            head.append(" ".join(f"\\cmidrule(lr){{{start}-{end}}}" for start, end in rules))
    body, rows = [], iter(lines[first + 1 : last])
    for size in filter(None, sizes):
        # a star or bracket at the start of a row would be an argument of the line break before it
        group = [re.sub(r"^(?=[\[*])", "{}", next(rows)) for _ in range(size)]
        body += ["\\midrule", *group]
    return [*head, *body, *lines[last:]]


def _spans(labels: list[str]) -> list[tuple[int, int]]:
    """First and last column, from 1, of each label that spans several columns."""
    spans, start = [], 0
    for column in range(1, len(labels) + 1):
        if column == len(labels) or labels[column] != labels[start]:
            if labels[start] and column - start > 1:
                spans.append((start + 1, column))
            start = column
    return spans


def _alignment(cells: list[Cell]) -> str:
    kinds = [cell.kind for cell in cells if cell.kind != "gap"]
    return _ALIGNMENT.get(kinds[0], "r")


def _escape(text: str) -> str:
    plain = _MARKS.sub(lambda mark: mark[1] or "", printable(" ".join(text.split())))
    return plain.translate(_ESCAPES)
