"""The page: self-contained, escaped, complete."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from sordino.attack import AttackResult
from sordino.define import Knowledge
from sordino.errors import AttackError, StorageError
from sordino.report import (
    COLUMNS,
    Card,
    Cell,
    Page,
    Picture,
    Section,
    Table,
    Terms,
    Text,
    measure,
    write,
)
from sordino.report.page import Block
from sordino.report.tables import Estimate, Estimates, beside, limits, signed
from sordino.report.verdict import attacks, headline, kept
from tests.report import synthetic_predictions

OUTSIDE = re.compile(
    r"""(?:src|href|action|data)\s*=\s*["']?(?!#)[^"'\s>]+|@import|url\(\s*["']?(?!#)[^)]+\)|<link|<script"""
)
VOID = {"meta", "link", "br", "img", "hr", "input"}


def outside(html: str) -> list[str]:
    """Whatever a browser would fetch for a page."""
    return OUTSIDE.findall(html)


class Balance(HTMLParser):
    """Raises where an element is closed that was not open."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: object) -> None:  # noqa: ARG002
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def words(html: str) -> str:
    """What a reader reads, on one line."""
    html = re.sub(r"<style>.*?</style>|<svg.*?</svg>", "", html, flags=re.DOTALL)
    return re.sub(r"\s+", " ", re.sub(r"</?(?:strong|code)>", "", html)).strip()


def a_page(text: str = "fine") -> Page:
    table = Table(
        text,
        [[("", 1), (text, 2)], [("a", 1), ("b", 1), ("c", 1)]],
        [[[Cell(text, "name"), Cell("0.50"), Cell("[0.40, 0.60]", "interval")]]],
        text,
    )
    card = Card(text, text, text, [(text, [text])])
    blocks: list[Block] = [
        Text(text),
        table,
        card,
        Picture('<svg xmlns="http://www.w3.org/2000/svg"></svg>', text),
        Terms([(text, text)]),
    ]
    return Page(text, text, [Section(text, blocks)], [text], {"figure.svg": "<svg></svg>"})


def audits(**given: Any) -> list[AttackResult]:
    table = synthetic_predictions.study(draws=1, **given)
    config = {
        "families": list(synthetic_predictions.FAMILIES),
        "seed": 0,
        "config": {"embedding": 16},
    }
    return [
        AttackResult(rows.reset_index(drop=True), {"release": str(name), **config})
        for name, rows in table.groupby("release", sort=False)
    ]


def test_the_checks_notice_what_is_from_outside() -> None:
    for text in (
        '<img src="https://a.b/c.png">',
        "<link rel=x>",
        '@import "a.css"',
        "url(//a.b/c)",
        "<script>",
        "<a href='x'>",
    ):
        assert outside(text)
    assert not outside(
        '<use href="#a"/> <rect clip-path="url(#b)"/> xmlns="http://www.w3.org/2000/svg"'
    )


def test_a_page_needs_nothing_from_outside_and_closes_what_it_opens() -> None:
    html = a_page().html
    assert outside(html) == []
    assert Balance(html).open == []


def test_text_is_escaped_and_its_marks_are_elements() -> None:
    html = a_page("<b> & **0.86** `rae`").html
    assert "<b>" not in html
    assert "&lt;b&gt; &amp; <strong>0.86</strong> <code>rae</code>" in html


def test_a_page_is_written_with_its_figures(tmp_path: Path) -> None:
    path = a_page().write(tmp_path / "new" / "folder")
    assert path == tmp_path / "new" / "folder" / "report.html"
    assert {one.name for one in path.parent.iterdir()} == {"report.html", "figure.svg"}
    assert path.read_text(encoding="utf-8") == a_page().html


def test_a_page_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StorageError, match="expected a folder"):
        a_page().write(tmp_path / "file")


def test_limits_that_nobody_can_tell_are_said_in_words() -> None:
    assert limits(Estimate(0.5)) == "cannot tell"
    assert [cell.text for cell in beside(0.558, Estimate(0.5))] == [
        "0.558",
        "0.50",
        "−0.06",
        "cannot tell",
    ]
    assert [cell.text for cell in beside(float("nan"), Estimate(0.5, 0.4, 0.6))] == [
        "",
        "0.50",
        "",
        "[0.40, 0.60]",
    ]
    assert signed(-0.0001) == "0.00"


def lines(
    low: float, *, release: str = "rae", target: str = "gender", value: float = 0.8
) -> pd.DataFrame:
    """Two AUCs of an attacker who retrains: of this release, and 0.9 of none."""
    metric = "auc" if target == "gender" else "distinguish"
    fixed = dict.fromkeys(COLUMNS, "") | {
        "required": "sad",
        "attacker": "best",
        "corpus": "one",
        "split": "all",
        "n": 9,
        "speakers": 9,
        "chance": 0.5,
        "target": target,
        "metric": metric,
    }
    return pd.DataFrame(
        [
            fixed
            | {"knowledge": knowledge, "release": name, "value": one, "low": limit, "high": 0.95}
            for knowledge in ("ignorant", "semi-informed")
            for name, one, limit in ((release, value, low), ("none", 0.9, 0.8))
        ]
    )


@pytest.mark.parametrize(
    ("low", "expected"),
    [
        (0.6, "Gender is **not hidden** from an attacker who retrains."),
        (0.4, "Gender: an attacker who retrains found **no leak**, which is no proof."),
        (
            float("nan"),
            "Gender: we **cannot tell** what an attacker who retrains finds, speakers are too few.",
        ),
    ],
)
def test_the_verdict_follows_the_interval(low: float, expected: str) -> None:
    assert headline(Estimates(lines(low)), "rae", "sad").startswith(expected)


def test_the_verdict_tells_each_secret_and_how_much_of_the_advantage_is_left() -> None:
    look = Estimates(lines(0.6), lines(0.4, target="sensitive-vs-neutral", value=0.54))
    text = headline(look, "rae", "sad")
    assert "Sensitive emotions: an attacker who retrains found **no leak**" in text
    assert "Gender is **not hidden**" in text
    assert "one who retrains keeps **10 %** for sensitive emotions and **75 %** for gender" in text


def test_a_sentence_has_value_interval_reference_and_chance() -> None:
    look = Estimates(lines(0.6))
    assert attacks(look, "rae", Knowledge.SEMI_INFORMED, "sad") == [
        "An attacker who retrains on released vectors tells female from male voices with AUC "
        "**0.80** [0.60, 0.95] (on the original features 0.90; chance 0.50)."
    ]


def test_what_cannot_be_told_is_told_in_the_sentence() -> None:
    assert (
        "**0.80** [cannot tell] (on"
        in attacks(Estimates(lines(float("nan"))), "rae", Knowledge.SEMI_INFORMED, "sad")[0]
    )


def test_an_audit_is_written_as_estimates_record_and_page(tmp_path: Path) -> None:
    several = audits(releases=("none", "rae"), required=("sad",))
    path = write(several, tmp_path)
    assert {one.name for one in tmp_path.iterdir()} == {"estimates.csv", "run.json", "report.html"}
    estimates = pd.read_csv(tmp_path / "estimates.csv", keep_default_na=False)
    assert list(estimates.columns) == list(COLUMNS)
    record = json.loads((tmp_path / "run.json").read_text())
    assert {"config", "config_hash", "versions", "test_speakers"} <= set(record)
    assert {"sordino", "torch", "matplotlib"} <= set(record["versions"])
    html = path.read_text(encoding="utf-8")
    assert outside(html) == []
    assert Balance(html).open == []
    assert "Xanthippe" not in html


def test_the_page_of_an_audit_tells_its_numbers(tmp_path: Path) -> None:
    several = audits(releases=("none", "rae"), required=("sad",))
    look = Estimates(
        measure(pd.concat([audit.predictions for audit in several], ignore_index=True))
    )
    text = words(write(several, tmp_path).read_text(encoding="utf-8"))
    sentences = [
        *attacks(look, "rae", Knowledge.SEMI_INFORMED, "sad"),
        *kept(look, "rae", "sad"),
        headline(look, "rae", "sad"),
    ]
    assert len(sentences) == 5
    for sentence in sentences:
        assert sentence.replace("**", "") in text


def test_a_single_audit_is_enough_and_says_that_it_has_no_reference(tmp_path: Path) -> None:
    text = words(
        write(audits(releases=("rae",), required=("sad",))[0], tmp_path).read_text(encoding="utf-8")
    )
    assert "The unprotected features were not attacked" in text
    assert "(on the original features" not in text


def test_the_same_audits_give_the_same_bytes(tmp_path: Path) -> None:
    for name in ("one", "two"):
        write(audits(required=("sad",)), tmp_path / name)
    for name in ("estimates.csv", "run.json", "report.html"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


def test_numbers_are_written_with_six_digits(tmp_path: Path) -> None:
    write(audits(releases=("rae",), required=("sad",)), tmp_path)
    text = pd.read_csv(tmp_path / "estimates.csv", dtype=str, keep_default_na=False)
    digits = (
        text[["value", "low", "high", "chance"]]
        .stack()
        .str.replace(r"^-?0?\.?0*|e.*$|\.", "", regex=True)
        .str.len()
    )
    assert 5 <= digits.max() <= 6


def test_no_audit_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(AttackError, match="no audit came, expected at least one"):
        write([], tmp_path)
