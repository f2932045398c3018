"""The report of an audit of releases: self-contained, escaped and complete."""

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
    glossary,
    measure,
    write,
)
from sordino.report.estimate_table import Estimate, Estimates
from sordino.report.page import Block, Term
from sordino.report.tables import beside, limits, signed
from sordino.report.verdict import attacks, conclusion, utility
from tests.report import synthetic_predictions

OUTSIDE = re.compile(
    r"""(?:src|href|action|data)\s*=\s*["']?(?!#)[^"'\s>]+"""
    r"""|@import|url\(\s*["']?(?!#)[^)]+\)|<link|<script"""
)
VOID = {"meta", "link", "br", "img", "hr", "input"}


def outside(html: str) -> list[str]:
    """The external references of a page."""
    return OUTSIDE.findall(html)


class BalanceParser(HTMLParser):
    """Raises `AssertionError` if an end tag does not close the last open element."""

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
    """The visible text on one line."""
    html = re.sub(r"<style>.*?</style>|<svg.*?</svg>", "", html, flags=re.DOTALL)
    return re.sub(r"\s+", " ", re.sub(r"</?(?:strong|code)>|<a [^>]*>|</a>", "", html)).strip()


def synthetic_page(text: str = "fine") -> Page:
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


def audits(**options: Any) -> list[AttackResult]:
    table = synthetic_predictions.study(draws=1, **options)
    config = {
        "families": list(synthetic_predictions.FAMILIES),
        "seed": 0,
        "config": {"embedding": 16},
    }
    return [
        AttackResult(rows.reset_index(drop=True), {"release": str(name), **config})
        for name, rows in table.groupby("release", sort=False)
    ]


def test_the_checks_notice_external_references() -> None:
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


def test_a_page_has_no_external_reference() -> None:
    html = synthetic_page().html
    assert outside(html) == []
    assert BalanceParser(html).open == []


def test_text_is_escaped_and_its_marks_are_elements() -> None:
    html = synthetic_page("<b> & **0.86** `rae`").html
    assert "<b>" not in html
    assert "&lt;b&gt; &amp; <strong>0.86</strong> <code>rae</code>" in html


def test_a_page_is_written_with_its_figures(tmp_path: Path) -> None:
    path = synthetic_page().write(tmp_path / "new" / "folder")
    assert path == tmp_path / "new" / "folder" / "report.html"
    assert {file.name for file in path.parent.iterdir()} == {"report.html", "figure.svg"}
    assert path.read_text(encoding="utf-8") == synthetic_page().html


def test_a_page_in_place_of_a_file_raises(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StorageError, match="expected a folder"):
        synthetic_page().write(tmp_path / "file")


def test_a_missing_interval_is_stated_in_words() -> None:
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
    """AUCs of both attackers: `value` for this release and 0.9 for `none`."""
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
            | {"knowledge": knowledge, "release": name, "value": auc, "low": limit, "high": 0.95}
            for knowledge in ("ignorant", "semi-informed")
            for name, auc, limit in ((release, value, low), ("none", 0.9, 0.8))
        ]
    )


@pytest.mark.parametrize(
    ("low", "expected"),
    [
        (0.6, "**Leak** to a retrained attacker: gender (AUC 0.80 [0.60, 0.95]: strong)."),
        (0.4, "**No leak found** by a retrained attacker: gender. This is no proof of privacy."),
        (float("nan"), "**Cannot tell**: gender. There are too few speakers."),
    ],
)
def test_the_verdict_follows_the_interval(low: float, expected: str) -> None:
    assert conclusion(Estimates(lines(low)), "rae", "sad").startswith(expected)


def test_the_verdict_has_each_secret_and_its_advantage() -> None:
    estimates = Estimates(lines(0.6), lines(0.4, target="sensitive-vs-neutral", value=0.54))
    text = conclusion(estimates, "rae", "sad")
    assert "**No leak found** by a retrained attacker: sensitive against neutral." in text
    assert "**Leak** to a retrained attacker: gender (AUC 0.80 [0.60, 0.95]: strong)." in text
    assert (
        "the retrained attacker retains **10 %** for sensitive against neutral and **75 %** for "
        "gender." in text
    )


def test_a_sentence_has_value_interval_reference_and_chance() -> None:
    assert attacks(Estimates(lines(0.6)), "rae", Knowledge.SEMI_INFORMED, "sad") == [
        "The retrained attacker recovers gender with AUC **0.80** [0.60, 0.95] (original features "
        "0.90; chance 0.50)."
    ]


def test_a_sentence_states_a_missing_interval() -> None:
    estimates = Estimates(lines(float("nan")))
    sentences = attacks(estimates, "rae", Knowledge.SEMI_INFORMED, "sad")
    assert "**0.80** [cannot tell] (original" in sentences[0]


def test_write_gives_estimates_record_and_page(tmp_path: Path) -> None:
    inputs = audits(releases=("none", "rae"), required=("sad",))
    path = Path(str(write(inputs, tmp_path)))
    assert {file.name for file in tmp_path.iterdir()} == {
        "estimates.csv",
        "run.json",
        "report.html",
    }
    estimates = pd.read_csv(tmp_path / "estimates.csv", keep_default_na=False)
    assert list(estimates.columns) == list(COLUMNS)
    record = json.loads((tmp_path / "run.json").read_text())
    assert {"config", "config_hash", "versions", "test_speakers"} <= set(record)
    assert {"sordino", "torch", "matplotlib"} <= set(record["versions"])
    html = path.read_text(encoding="utf-8")
    assert outside(html) == []
    assert BalanceParser(html).open == []
    assert "Xanthippe" not in html


@pytest.mark.slow
def test_the_page_has_the_sentences_of_the_verdict(tmp_path: Path) -> None:
    inputs = audits(releases=("none", "rae"), required=("sad",))
    estimates = Estimates(
        measure(pd.concat([audit.predictions for audit in inputs], ignore_index=True))
    )
    write(inputs, tmp_path)
    text = words((tmp_path / "report.html").read_text(encoding="utf-8"))
    sentences = [
        *attacks(estimates, "rae", Knowledge.SEMI_INFORMED, "sad"),
        *utility(estimates, "rae", "sad"),
        conclusion(estimates, "rae", "sad"),
    ]
    assert len(sentences) == 6
    for sentence in sentences:
        assert sentence.replace("**", "") in text


def test_an_audit_without_reference_has_a_notice(tmp_path: Path) -> None:
    text = words(
        Path(str(write(audits(releases=("rae",), required=("sad",))[0], tmp_path))).read_text()
    )
    assert "There is no reference" in text
    assert "(original features" not in text


@pytest.mark.slow
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


def test_page_terms_have_the_anchors_of_the_manual() -> None:
    manual = Path(__file__).parents[2].joinpath("docs", "glossary.md").read_text(encoding="utf-8")
    anchors = re.findall(r'<a id="([^"]+)"></a>', manual)
    terms = (*glossary.RELEASE_TERMS, *glossary.TRACKING_TERMS, *glossary.VECTOR_TERMS)
    assert {term.anchor for term in terms} <= set(anchors)
    assert len(anchors) == len(set(anchors))


def test_links_lead_to_definitions_on_the_same_page(tmp_path: Path) -> None:
    write(audits(releases=("none", "rae"), required=("sad",)), tmp_path)
    html = (tmp_path / "report.html").read_text()
    targets = set(re.findall(r'<a href="#([^"]+)"', html))
    assert {"auc", "chance", "interval", "f1", "u"} <= targets
    assert targets <= set(re.findall(r'<dt id="([^"]+)"', html))


def test_a_link_needs_a_definition_on_the_page() -> None:
    sections = [
        Section("t", [Text("[a](#auc) and [b](#bits)")]),
        glossary.section([Term("AUC", "d", "auc")]),
    ]
    assert '<p><a href="#auc">a</a> and b</p>' in Page("t", "l", sections).html
