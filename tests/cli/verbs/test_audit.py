"""`sordino audit`: a verdict from a table on disk, and the one line for what it cannot do."""

from __future__ import annotations

import json
import os
import pickle
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from sordino import cli, memory
from sordino.attack import FULL, QUICK
from sordino.attack.attackers import estimators
from sordino.report import COLUMNS
from tests.attack.test_vector_audit import table


def frame(shift: float = 2.0) -> pd.DataFrame:
    x, gender, speaker = table(shift)
    vectors = pd.DataFrame(x, columns=[f"d{axis}" for axis in range(x.shape[1])])
    mood = np.tile(["calm", "loud"], len(x) // 2)
    vectors["d4"] += 2 * (mood == "loud")
    return vectors.assign(
        gender=gender,
        speaker=speaker,
        mood=mood,
        age=np.unique(speaker, return_inverse=True)[1] * 3,
    )


def sordino(
    capsys: pytest.CaptureFixture[str], *arguments: object, quick: bool = True
) -> tuple[object, str, str]:
    """How a command ended, and what it wrote to standard output and error."""
    with pytest.raises(SystemExit) as exit_info:
        cli.main(["audit", *(["--quick", "--jobs", "1"] if quick else []), *map(str, arguments)])
    return exit_info.value.code, *capsys.readouterr()


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three kinds of the same table."""
    folder = tmp_path_factory.mktemp("tables")
    rows = frame()
    rows.to_parquet(folder / "vectors.parquet")
    rows.to_csv(folder / "vectors.csv", index=False)
    labels = {name: rows[name].to_numpy(dtype=str) for name in ("gender", "speaker", "mood")}
    arrays: dict[str, Any] = {
        **labels,
        "x": rows.filter(regex="^d").to_numpy(),
        "age": rows["age"].to_numpy(),
    }
    np.savez(folder / "vectors.npz", **arrays)
    frame(shift=3.0).to_parquet(folder / "original.parquet")
    return folder


def gender_options(tables: Path, shuffles: int) -> tuple[object, ...]:
    """The arguments of an audit of gender."""
    column = ("--secret", "gender", "--ignore", "mood")
    return (tables / "vectors.csv", *column, "--shuffles", shuffles)


@pytest.mark.parametrize("kind", ["parquet", "csv", "npz"])
def test_a_leak_is_told_whatever_the_kind_of_table(
    tables: Path, kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = (
        tables / f"vectors.{kind}",
        "--secret",
        "gender",
        "--secret",
        "age",
        "--task",
        "mood",
        "--shuffles",
        19,
    )
    status, out, err = sordino(capsys, *options, "--out", tmp_path, "--json", "-")
    assert (status, err) == (0, "")
    result = json.loads(out)
    assert result["verdict"]["gender"] == {"verdict": "leak", "p": 0.05, "why": ""}
    assert 0 < result["identity"]["linkability"]["chance"] < result["identity"]["eer"]["chance"]
    run = json.loads((tmp_path / "run.json").read_text())
    assert {"report": str(tmp_path / "report.html"), **run} == result
    estimates = pd.read_csv(tmp_path / "estimates.csv", keep_default_na=False)
    assert tuple(estimates.columns) == COLUMNS
    assert not estimates.duplicated(
        ["release", "condition", "knowledge", "attacker", "target", "metric", "k"]
    ).any()
    best = estimates[(estimates["attacker"] == "best") & (estimates["target"] == "gender")]
    measures = {"auc", "uar", "privacy", "advantage", "bits"}
    assert measures <= set(best["metric"][best["knowledge"] == "semi-informed"])
    assert {"", "5"} <= set(best["k"].astype(str))


def test_the_page_has_verdict_reference_and_limits(
    tables: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = (
        tables / "vectors.parquet",
        "--secret",
        "gender",
        "--task",
        "mood",
        "--shuffles",
        19,
        "--out",
        tmp_path,
        "--assessment",
        tmp_path / "impact.html",
    )
    status, out, _ = sordino(capsys, *options, "--reference", tables / "original.parquet")
    assert status == 0
    assert "GDPR, Article 35" in (tmp_path / "impact.html").read_text(encoding="utf-8")
    assert "leak" in out
    assert "mood" in out.partition("Retrained attacker")[2]
    page = (tmp_path / "report.html").read_text()
    assert "<strong>Leak</strong>: gender." in page
    assert "A retrained attacker recovers gender with AUC" in page
    assert "(original vectors" in page
    assert ">Not tested<" in page
    assert "mood is recognised with UAR" in page
    assert "://" not in page.replace("http://www.w3.org", "").replace("http-equiv", "")
    estimates = pd.read_csv(tmp_path / "estimates.csv")
    assert set(estimates["release"]) == {"released", "none"}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--secret", "height"), "no column `height`, expected one of the table's (d0, d1"),
        (("--secret", "gender", "--speaker", "who"), "no column `who`"),
        (("--secret", "emotion"), "has labels only with --labels"),
        (
            ("--secret", "gender", "--task", "mood", "--reference", "short.csv"),
            "3 rows, expected the 160 of vectors.csv",
        ),
        (("--secret", "gender", "--task", "mood", "--reference", "nothing.csv"), "nothing.csv"),
        (("--secret", "gender", "--ci", "audit.json"), "expected .sarif or .xml: rename it"),
        (
            ("--secret", "gender", "--assessment", "impact.pdf"),
            "expected .html or .docx: rename it",
        ),
        ((), "--secret"),
    ],
)
def test_what_cannot_be_done_is_one_line(
    tables: Path,
    options: tuple[str, ...],
    message: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    frame().to_csv("vectors.csv", index=False)
    frame().head(3).to_csv("short.csv", index=False)
    status, out, err = sordino(capsys, "vectors.csv", "--out", tmp_path / "out", *options)
    assert (status, out) == (2, "")
    assert message in " ".join(err.split())
    assert len(err.strip().splitlines()) == 1
    assert tables.is_dir()


def test_text_among_the_dimensions_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    frame().assign(comment="hm").to_csv(tmp_path / "vectors.csv", index=False)
    status, _, err = sordino(
        capsys, tmp_path / "vectors.csv", "--secret", "gender", "--out", tmp_path
    )
    assert status == 2
    assert "column `mood` (and 1 more) is not of numbers" in " ".join(err.split())
    options = (
        "--secret",
        "gender",
        "--ignore",
        "comment",
        "--ignore",
        "mood",
        "--shuffles",
        3,
        "--out",
        tmp_path,
    )
    assert sordino(capsys, tmp_path / "vectors.csv", *options)[0] == 0


@pytest.mark.slow
def test_a_full_audit_asks_every_family_and_goes_on_where_it_was(
    tables: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = (*gender_options(tables, 1), "--out", tmp_path)
    assert sordino(capsys, *options, quick=False)[0] == 0
    first = (tmp_path / "estimates.csv").read_bytes()
    assert set(FULL) <= set(pd.read_csv(tmp_path / "estimates.csv")["attacker"].dropna())
    assert "left out, being quick" not in (tmp_path / "report.html").read_text()
    times = {path: path.stat().st_mtime_ns for path in (tmp_path / "units").glob("*.parquet")}
    assert len(times) == len(QUICK) + len(
        FULL
    )  # the quick ones on two scales, and each of the others
    assert sordino(capsys, *options, quick=False)[0] == 0
    assert {
        path: path.stat().st_mtime_ns for path in (tmp_path / "units").glob("*.parquet")
    } == times
    assert (tmp_path / "estimates.csv").read_bytes() == first


def test_a_quick_audit_says_whom_it_left_out(
    tables: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = (*gender_options(tables, 3), "--out", tmp_path)
    assert sordino(capsys, *options)[0] == 0
    page = (tmp_path / "report.html").read_text()
    assert "other families" in page
    assert "forest, boosting, mlp, deep" in page


def test_drawn_rows_are_told_on_screen_page_and_in_json(
    tables: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "result.json"
    options = (*gender_options(tables, 3), "--rows", 48)
    status, out, _ = sordino(capsys, *options, "--out", tmp_path / "out", "--json", path)
    assert status == 0
    assert re.search(
        r"singling out [\d.]+ \(chance 0\.37\), linkability [\d.]+ \(chance [\d.]+\): see",
        " ".join(out.split()),
    )
    count = len(pd.read_csv(tables / "vectors.csv"))
    line = f"48 of {count} rows, of 20 of 20 speakers, drawn evenly over the speakers with seed 0."
    assert line in " ".join(out.split())
    assert line in (tmp_path / "out" / "report.html").read_text()
    assert json.loads(path.read_text())["rows"]["gender"] == {
        **{"audited": 48, "of": count, "speakers": 20, "of_speakers": 20, "seed": 0}
    }


def test_only_an_array_takes_a_table_of_labels(
    tables: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    np.save(tmp_path / "x.npy", np.zeros((3, 2)))
    options = ("--secret", "gender", "--out", tmp_path, "--array-labels", tables / "vectors.csv")
    for path, message in (
        (tables / "vectors.parquet", "has labels itself, expected an array (.npy)"),
        (tmp_path / "x.npy", "160 rows, expected the 3 of"),
    ):
        status, _, error = sordino(capsys, path, *options)
        assert status == 2
        assert message in " ".join(error.split())


def test_a_pickle_among_the_units_is_never_executed(
    tables: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = (*gender_options(tables, 3), "--out", tmp_path)
    assert sordino(capsys, *options)[0] == 0
    before = (tmp_path / "estimates.csv").read_bytes()
    for path in (tmp_path / "units").iterdir():
        path.write_bytes(pickle.dumps(Planted(tmp_path / "executed")))
    with pytest.warns(UserWarning, match="computed anew"):
        assert sordino(capsys, *options)[0] == 0
    assert not (tmp_path / "executed").exists()
    assert (tmp_path / "estimates.csv").read_bytes() == before


class Planted:
    """A pickle that makes a folder."""

    def __init__(self, path: Path) -> None:
        self.path = str(path)

    def __reduce__(self) -> tuple[Callable[[str], None], tuple[str]]:
        return os.mkdir, (self.path,)


def test_a_table_that_does_not_fit_memory_is_refused_in_one_line(
    tables: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(memory, "free", lambda: 1000)
    status, _, err = sordino(
        capsys, tables / "vectors.csv", "--secret", "gender", "--out", tmp_path
    )
    assert status == 2
    assert "of memory to read" in " ".join(err.split())
    assert len(err.strip().splitlines()) == 1


def test_a_label_of_numbers_is_not_called_a_leak(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    noise = frame(shift=0.0).drop(columns="mood")
    noise.assign(label_id=(noise["gender"] == "male") * 1).to_csv(tmp_path / "t.csv", index=False)
    options = (
        tmp_path / "t.csv",
        "--secret",
        "gender",
        "--shuffles",
        19,
        "--out",
        tmp_path / "out",
        "--json",
        "-",
    )
    status, _, err = sordino(capsys, *options)
    assert status == 2
    assert "column `label_id` holds whole numbers, 2 different ones in 160 rows" in err
    status, out, _ = sordino(capsys, *options, "--columns", "d*")
    assert json.loads(out)["verdict"]["gender"]["verdict"] != "leak"


def test_a_reference_with_less_leakage_than_the_release_warns(
    tables: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    frame(shift=0.0).drop(columns=["gender", "speaker", "mood", "age"]).to_parquet(
        tmp_path / "r.parquet"
    )
    options = (
        tables / "vectors.parquet",
        "--secret",
        "gender",
        "--ignore",
        "mood",
        "--shuffles",
        3,
        "--out",
        tmp_path,
    )
    status, out, err = sordino(
        capsys, *options, "--reference", tmp_path / "r.parquet", "--json", "-"
    )
    assert status == 0
    messages = json.loads(out)["warnings"]
    assert len(messages) == 2
    assert "shares no label and no `file`" in messages[0]
    assert "above" in messages[1]
    assert all(line in " ".join(err.split()) for line in messages)
    page = (tmp_path / "report.html").read_text()
    assert "on released vectors, above" in page


def test_the_assessment_does_not_replace_the_page(
    tables: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = (tables / "vectors.csv", "--secret", "gender", "--out", tmp_path)
    status, _, err = sordino(capsys, *options, "--assessment", tmp_path / "report.html")
    assert (status, "the page of the audit itself, expected another file" in err) == (2, True)


@pytest.mark.parametrize("option", ["--secret", "--task"])
def test_who_speaks_is_no_secret_but_re_identification(
    tables: Path, tmp_path: Path, option: str, capsys: pytest.CaptureFixture[str]
) -> None:
    options = (tables / "vectors.csv", "--secret", "gender", option, "speaker", "--out", tmp_path)
    status, _, err = sordino(capsys, *options)
    assert status == 2
    assert "re-identification" in err


def test_an_attacker_of_a_user_has_the_seed_of_the_audit(
    tables: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (tmp_path / "my_trees.py").write_text(
        "from sklearn.tree import ExtraTreeClassifier\n"
        "class Trees(ExtraTreeClassifier):\n"
        "    def __init__(self, max_depth=2, random_state=None):\n"
        "        super().__init__(max_depth=max_depth, random_state=random_state)\n"
    )
    monkeypatch.chdir(tmp_path)
    results = []
    for number in range(2):
        options = (*gender_options(tables, 1), "--attacker", "my_trees:Trees")
        status, _, _ = sordino(capsys, *options, "--out", tmp_path / f"{number}")
        assert status == 0
        results.append((tmp_path / f"{number}" / "estimates.csv").read_text())
    assert results[0] == results[1]
    assert "Trees" in results[0]
    del sys.modules["my_trees"], estimators.ESTIMATORS["Trees"]
