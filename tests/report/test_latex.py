"""Tables as LaTeX: escaped text, rules of booktabs, one line per row."""

from __future__ import annotations

import re

import pytest

from sordino.report import Cell, Table
from sordino.report.latex import latex

HOSTILE = r"a_b & 50% #1 $x$ {y} ~ ^ \input{z} <t>"


def synthetic_table(text: str = "rae", caption: str = "Means") -> Table:
    def row(name: str) -> list[Cell]:
        interval = Cell("[0.70, 0.90]", "interval")
        return [Cell(name, "name"), Cell("0.80"), interval, Cell("", "gap"), Cell("−0.10")]

    heads = [[("", 1), ("F1", 2), ("", 1), ("R²", 1)]]
    heads += [[(name, 1) for name in ("release", "value", "95 % interval", "", "value")]]
    return Table(caption, heads, [[row(text), row("leace")], [row("none")]])


def lines(text: str) -> list[str]:
    return text.rstrip("\n").split("\n")


def test_a_table_has_the_rules_of_booktabs() -> None:
    assert lines(latex(synthetic_table())) == [
        r"% Requires \usepackage{booktabs}.",
        r"\begin{table}",
        r"\centering",
        r"\caption{Means}",
        r"\begin{tabular}{lrcr}",
        r"\toprule",
        r" & \multicolumn{2}{c}{F1} & R² \\",
        r"\cmidrule(lr){2-3}",
        r"release & value & 95 \% interval & value \\",
        r"\midrule",
        r"rae & 0.80 & [0.70, 0.90] & $-$0.10 \\",
        r"leace & 0.80 & [0.70, 0.90] & $-$0.10 \\",
        r"\midrule",
        r"none & 0.80 & [0.70, 0.90] & $-$0.10 \\",
        r"\bottomrule",
        r"\end{tabular}",
        r"\end{table}",
    ]


@pytest.mark.parametrize("argument", ["text", "caption"])
def test_special_characters_are_escaped(argument: str) -> None:
    escaped = (
        r"a\_b \& 50\% \#1 \$x\$ \{y\} \textasciitilde{} \textasciicircum{} "
        r"\textbackslash{}input\{z\} \textless{}t\textgreater{}"
    )
    text = latex(synthetic_table(**{argument: HOSTILE}))
    assert text.count(escaped) == 1
    assert len(lines(text)) == len(lines(latex(synthetic_table())))


def test_environments_and_braces_are_balanced() -> None:
    text = latex(synthetic_table(HOSTILE, HOSTILE), synthetic_table())
    environments = re.findall(r"\\(begin|end)\{(\w+)\}", text)
    pair = [("begin", "table"), ("begin", "tabular"), ("end", "tabular"), ("end", "table")]
    assert environments == pair * 2
    braces = re.sub(r"\\[{}]", "", text)
    assert braces.count("{") == braces.count("}")


def test_every_row_has_as_many_cells_as_columns() -> None:
    text = latex(synthetic_table(HOSTILE))
    rows = [line for line in lines(text) if line.endswith(r"\\") and "multicolumn" not in line]
    assert len(rows) == 4
    assert {len(re.findall(r"(?<!\\)&", row)) for row in rows} == {3}


@pytest.mark.parametrize("name", ["[h]", "*"])
def test_a_row_does_not_start_with_an_argument(name: str) -> None:
    assert f"\n{{}}{name} & 0.80" in latex(synthetic_table(name))


def test_line_breaks_and_marks_are_left_out() -> None:
    text = latex(synthetic_table("a\nb", "**AUC** of `rae`, see [chance](#chance)"))
    assert "\na b & 0.80" in text
    assert r"\caption{AUC of rae, see chance}" in text


@pytest.mark.parametrize("groups", [[], [[]]])
def test_a_table_without_rows_is_left_out(groups: list[list[list[Cell]]]) -> None:
    empty = Table("Nothing", [[("release", 1)]], groups)
    assert latex(empty, synthetic_table()) == latex(synthetic_table())
