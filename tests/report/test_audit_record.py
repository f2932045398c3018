"""The record of an audit: its schema, its hash and date, and the files for other people's CI."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ET
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest

from sordino.attack import Audit, AuditResult
from sordino.cli.verbs.schema import audit_schema
from sordino.errors import StorageError
from sordino.report import continuous_integration, vector_page
from sordino.report.audit_record import AuditSource
from sordino.report.vector_page import Report
from tests.report.test_release_page import words

SPEAKERS, ROWS = 24, 5
SOURCE = AuditSource(
    "my vectors.parquet",
    sha256="a" * 64,
    reference="original.parquet",
    reference_sha256="b" * 64,
    dimensions=3,
    columns="x0 … x2",
    left_out=("file", "age"),
    date="2026-01-01T00:00:00Z",
)


def audit(secret: str, shift: float) -> AuditResult:
    """An audit of gender (binary), team (three classes) or age (continuous), without reference."""
    random = np.random.default_rng(0)
    speaker = np.repeat(np.arange(SPEAKERS), ROWS)
    values = {
        "gender": np.array(["f", "m"])[speaker % 2],
        "team": np.array(["a", "b", "c"])[speaker % 3],
        "age": 20.0 + speaker,
    }[secret]
    x = random.normal(size=(len(speaker), 3))
    x[:, 0] += shift * np.unique(values, return_inverse=True)[1]
    return Audit(("linear",), shuffles=1).run(x, values, speaker, name=secret)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("audit")


@pytest.fixture(scope="module")
def written(folder: Path) -> Report:
    """An audit of a leak, of noise in three classes, and of a task."""
    leak = audit("gender", 3.0)  # which 19 shuffles report, in more time
    leak = replace(leak, decision=replace(leak.decision, answer="leak", p=0.05, why=""))
    audits = [leak, audit("team", 0.0)]
    return vector_page.write(audits, folder, SOURCE, tasks=[audit("age", 0.2)])


def test_the_record_and_its_file_obey_the_schema(written: Report, folder: Path) -> None:
    jsonschema.Draft202012Validator.check_schema(audit_schema())
    jsonschema.validate(written.record, audit_schema())
    assert json.loads((folder / "run.json").read_text(encoding="utf-8")) == written.record


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("input", {"table": "v.csv", "sha256": "short"}),
        ("estimates", {"gender": {"metric": "auc", "value": 1.2}}),
        ("verdict", {"gender": {"verdict": "private", "p": 0.5, "why": ""}}),
        ("more", 1),
    ],
)
def test_another_record_breaks_the_schema(written: Report, key: str, value: Any) -> None:
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(written.record | {key: value}, audit_schema())


def test_arrays_have_a_record_without_hash_and_date(tmp_path: Path) -> None:
    audit("gender", 0.0).write_report(tmp_path)
    record = json.loads((tmp_path / "run.json").read_text(encoding="utf-8"))
    jsonschema.validate(record, audit_schema())
    assert (record["date"], record["input"]) == (None, {"table": "vectors", "sha256": None})


def test_the_page_has_the_hash_and_date_of_the_record(written: Report, folder: Path) -> None:
    text = words((folder / "report.html").read_text(encoding="utf-8"))
    for stated in ("a" * 64, "b" * 64, written.record["date"], "3: x0 … x2", "file, age"):
        assert stated in text
    estimate = written.record["estimates"]["gender"]
    interval = f"[{estimate['low']:.2f}, {estimate['high']:.2f}]: {estimate['grade']}."
    assert f"Leak: gender. With one utterance: AUC {estimate['value']:.2f} {interval}" in text


def test_vectors_without_a_reference_are_not_called_released(written: Report, folder: Path) -> None:
    page = (folder / "report.html").read_text(encoding="utf-8")
    body = words(page.partition("<h2>Attackers</h2>")[2].partition("<h2>Not tested")[0])
    assert "vectors" in body
    assert "released" not in body
    assert "original" not in body
    assert not written.record["estimates"]["gender"]["reference"]


def test_sarif_has_one_result_for_each_secret(written: Report, tmp_path: Path) -> None:
    path = tmp_path / "audit.sarif"
    continuous_integration.write(written.record, "data/my vectors.parquet", path)
    (run,) = json.loads(path.read_text(encoding="utf-8"))["runs"]
    leak, other = run["results"]
    assert (leak["ruleId"], leak["level"], leak["kind"]) == ("sordino/gender", "error", "fail")
    assert (other["level"], other["kind"]) == ("none", "open")
    location = leak["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]
    assert location == "data/my%20vectors.parquet"
    assert {rule["id"] for rule in run["tool"]["driver"]["rules"]} == {
        "sordino/gender",
        "sordino/team",
    }
    assert leak["message"]["text"].startswith("gender: leak, p 0.05. A retrained attacker with")


def test_text_of_sarif_has_no_link_and_a_url_no_space(written: Report) -> None:
    name = "[click](https://evil.example) \\"
    record = {
        "verdict": {name: written.record["verdict"]["gender"]},
        "estimates": {name: written.record["estimates"]["gender"]},
    }
    (run,) = json.loads(continuous_integration.sarif(record, "s3://bucket/a b<%41%"))["runs"]
    (result,) = run["results"]
    assert result["message"]["text"].startswith(r"\[click\](https://evil.example) \\: leak")
    assert re.search(r"(?<!\\)[][]", result["message"]["text"]) is None
    place = result["locations"][0]["physicalLocation"]["artifactLocation"]
    assert place["uri"] == "s3://bucket/a%20b%3C%41%25"


def test_junit_fails_a_leak_and_skips_no_answer(written: Report, tmp_path: Path) -> None:
    path = tmp_path / "audit.xml"
    continuous_integration.write(written.record, "v<1>.csv", path)
    suite = ET.parse(path).getroot()
    counts = {name: suite.get(name) for name in ("tests", "failures", "skipped", "errors")}
    assert counts == {"tests": "2", "failures": "1", "skipped": "1", "errors": "0"}
    leak, other = suite
    assert leak.find("failure") is not None
    assert other.find("skipped") is not None
    assert suite.get("name") == "sordino audit v<1>.csv"


def test_another_kind_of_file_for_ci_is_refused(written: Report, tmp_path: Path) -> None:
    with pytest.raises(StorageError, match=r"expected \.sarif or \.xml: rename it"):
        continuous_integration.write(written.record, "v.csv", tmp_path / "audit.json")
