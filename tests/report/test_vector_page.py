"""The report of an audit of vectors: verdict, reference, warnings and links."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from sordino.attack import Audit, AuditResult
from sordino.report import Estimates, vector_page, vector_sections
from sordino.report.audit_record import AuditSource
from tests.report.test_release_page import BalanceParser, outside, words

SOURCE = AuditSource(
    "v.csv",
    sha256="0" * 64,
    dimensions=10,
    columns="x0 … x9",
    left_out=("file", "age"),
    date="2026-01-01T00:00:00Z",
)


@pytest.fixture(scope="module")
def audited() -> AuditResult:
    """Vectors with gender in one dimension of ten; the original vectors hold less of it."""
    random, rows = np.random.default_rng(0), 240
    speaker = np.repeat(np.arange(24), 10)
    gender = speaker % 2
    noise = random.normal(size=(rows, 10))
    released, original = noise.copy(), noise.copy()
    released[:, 0] += 2 * gender
    original[:, 0] += 0.2 * gender
    audit = Audit(("linear",), shuffles=19, seed=0, jobs=1)
    labels = pd.Series(np.array(["female", "male"])[gender])
    speakers = pd.Series(speaker.astype(str))
    return audit.run(released, labels, speakers, name="gender", reference=original)


@pytest.fixture(scope="module")
def table(audited: AuditResult, tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    return vector_page.write([audited], tmp_path_factory.mktemp("out"), SOURCE).estimates


@pytest.fixture(scope="module")
def html(audited: AuditResult, tmp_path_factory: pytest.TempPathFactory) -> str:
    folder: Path = tmp_path_factory.mktemp("page")
    vector_page.write([audited], folder, SOURCE, tasks=[audited])
    return (folder / "report.html").read_text(encoding="utf-8")


def test_the_page_has_the_verdict_with_interval_and_reference(html: str) -> None:
    text = words(html)
    assert "Leak: gender." in text
    sentence = (
        r"recovers gender with AUC 0\.\d\d \[.*?\] \(original vectors 0\.\d\d; chance 0\.50\)"
    )
    assert re.search(sentence, text)


def test_the_page_is_complete_and_self_contained(html: str) -> None:
    assert outside(html) == []
    assert BalanceParser(html).open == []
    assert "nan" not in re.sub(r"<svg.*?</svg>", "", html, flags=re.DOTALL)


def test_links_lead_to_definitions_on_the_same_page(html: str) -> None:
    targets = set(re.findall(r'<a href="#([^"]+)"', html))
    assert {"semi-informed-attacker", "verdict", "auc", "chance"} <= targets
    assert targets <= set(re.findall(r'<dt id="([^"]+)"', html))


def test_a_secret_that_is_a_task_too_has_each_row_once(
    audited: AuditResult, table: pd.DataFrame, tmp_path: Path
) -> None:
    rows = vector_page.write([audited], tmp_path, SOURCE, tasks=[audited]).estimates
    pd.testing.assert_frame_equal(rows, table)


def test_more_leakage_than_the_original_is_a_warning(
    audited: AuditResult, table: pd.DataFrame
) -> None:
    warnings = vector_sections.above_original([audited], Estimates(table))
    assert len(warnings) == 1
    assert "a label may be among the dimensions" in warnings[0]


def test_an_audit_of_a_sample_has_a_note(audited: AuditResult) -> None:
    assert vector_page.sampling_notes([audited]) == []
    sample = replace(audited, available=1_000)
    assert vector_page.sampling_notes([sample])[0].startswith("The audit used 240 of 1,000 rows")


def test_the_page_tells_the_reached_auc_from_the_power(
    audited: AuditResult, html: str, tmp_path: Path
) -> None:
    text = words(html)
    assert "not the AUC of the best possible attacker" in text
    counts = [rf"\d+ of 20 at a best possible AUC of {auc}" for auc in ("0.60", "0.70", "0.80")]
    assert re.search(f"the test reported {', '.join(counts)}", text)
    assert "The power matters for “no leak found” alone." in text
    vector_page.write([audited], tmp_path, SOURCE)
    run = json.loads((tmp_path / "run.json").read_text(encoding="utf-8"))
    assert run["reached_auc_reported"] == {"gender": audited.decision.needed}
    assert run["power"]["gender"].keys() == {"0.6", "0.7", "0.8"}


def test_a_test_that_can_report_no_leak_states_no_power(tmp_path: Path) -> None:
    speaker = np.repeat(np.arange(4), 6)
    x = np.random.default_rng(0).normal(size=(24, 3))
    few = Audit(("linear",), shuffles=19).run(x, speaker % 2, speaker, name="gender")
    vector_page.write([few], tmp_path, SOURCE)
    text = words((tmp_path / "report.html").read_text(encoding="utf-8"))
    assert "cannot reliably report a leak and has no power: the secret can be shuffled in" in text
    assert "above 1.00" not in text
    run = json.loads((tmp_path / "run.json").read_text(encoding="utf-8"))
    assert run["power"] == run["reached_auc_reported"] == {"gender": None}


def test_families_left_out_come_with_attackers_full(html: str) -> None:
    assert "an audit with --attackers full includes them" in words(html)
