"""What `sordino audit` writes for other programs: the same bytes, dates, JSON, and files for CI."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from sordino import cli, storage
from sordino.cli import audit_table
from sordino.errors import FeatureError
from sordino.features import labelled
from sordino.storage import location
from tests.cli.verbs.test_audit import frame, gender_options, sordino


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with one table."""
    folder = tmp_path_factory.mktemp("tables")
    frame().to_csv(folder / "vectors.csv", index=False)
    return folder


def test_two_runs_write_the_same_bytes(
    tables: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1767225600")
    for out in ("one", "two"):
        options = (*gender_options(tables, 9), "--out", tmp_path / out)
        assert sordino(capsys, *options)[0] == 0
    for name in ("estimates.csv", "run.json", "report.html"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()
    run = json.loads((tmp_path / "one" / "run.json").read_text())
    assert run["date"] == "2026-01-01T00:00:00Z"
    digest = hashlib.sha256((tables / "vectors.csv").read_bytes()).hexdigest()
    assert run["input"] == {"table": "vectors.csv", "sha256": digest}


def test_ci_fails_on_a_leak_and_prints_the_schema(
    tables: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = (*gender_options(tables, 19), "--out", tmp_path / "out")
    verdicts = ("--ci", tmp_path / "audit.sarif", "--json", tmp_path / "audit.json")
    assert sordino(capsys, *options, *verdicts, "--fail-on", "leak")[0] == 1
    assert '"level": "error"' in (tmp_path / "audit.sarif").read_text()
    with pytest.raises(SystemExit):
        cli.main(["schema", "audit"])
    schema = json.loads(capsys.readouterr().out)
    jsonschema.validate(json.loads((tmp_path / "audit.json").read_text()), schema)


@pytest.mark.parametrize(("epoch", "message"), [("noon", "noon: expected seconds"), ("-1e9", "")])
def test_a_date_that_is_none_is_refused(
    tables: Path,
    tmp_path: Path,
    epoch: str,
    message: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", epoch)
    status, _, err = sordino(capsys, *gender_options(tables, 3), "--out", tmp_path)
    assert status == 2
    assert f"SOURCE_DATE_EPOCH={message}" in err


def test_the_columns_that_were_taken_are_told_everywhere(
    tables: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = (*gender_options(tables, 3), "--out", tmp_path)
    _, out, err = sordino(capsys, *options, "--json", tmp_path / "result.json")
    width = frame().filter(regex="^d").shape[1]
    assert err == ""
    assert f"{width} dimensions: d0 … d{width - 1}; left out: mood, age" in out
    result = json.loads((tmp_path / "result.json").read_text())
    assert result["columns"] == {"count": width, "names": f"d0 … d{width - 1}"}
    assert (result["left_out"], result["warnings"]) == (["mood", "age"], [])
    page = (tmp_path / "report.html").read_text()
    assert f"d0 … d{width - 1}" in page
    assert "mood, age" in page


COLUMNS = audit_table.AuditColumns(["gender"], [], "speaker", ["mood"], (), ())


def test_the_checksum_is_of_the_table_that_is_read(
    tables: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("fsspec", reason="fsspec is not installed: extra storage")
    content = (tables / "vectors.csv").read_bytes()
    url = storage.write("memory://audited/vectors.csv", content)
    read = labelled.read_labelled

    def replace(*arguments: Any, **options: Any) -> labelled.Labelled:
        storage.write(url, "another")
        return read(*arguments, **options)

    monkeypatch.setattr(labelled, "read_labelled", replace)
    source = audit_table.read(audit_table.AuditFiles(url, None, None), COLUMNS).source
    assert source.sha256 == hashlib.sha256(content).hexdigest()
    assert source.table == "vectors.csv"


def test_a_table_that_changes_after_it_was_read_is_refused(
    tables: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = tmp_path / "vectors.csv"
    table.write_bytes((tables / "vectors.csv").read_bytes())
    read = labelled.read_labelled

    def replace(*arguments: Any, **options: Any) -> labelled.Labelled:
        result = read(*arguments, **options)
        table.write_text("another")
        return result

    monkeypatch.setattr(labelled, "read_labelled", replace)
    with pytest.raises(FeatureError, match="changed while it was read; repeat the command"):
        audit_table.read(audit_table.AuditFiles(location(table), None, None), COLUMNS)
