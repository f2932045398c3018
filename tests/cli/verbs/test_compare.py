"""`sordino compare`: a table on the terminal, and one line for what it cannot do."""

from __future__ import annotations

import json
import warnings
from pathlib import Path

import pandas as pd
import pytest

from sordino import cli
from tests.study import synthetic_study


def sordino(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[object, str, str]:
    """How a command ended, and what it wrote to standard output and error."""
    with pytest.raises(SystemExit) as exit_info:
        cli.main(["compare", *map(str, arguments)])
    return exit_info.value.code, *capsys.readouterr()


@pytest.mark.slow
def test_releases_are_compared_on_a_table_of_vectors(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sordino.attack.QUICK", ("linear",))
    synthetic = synthetic_study.study(tmp_path, speakers=20, takes=1)
    with synthetic_study.brisk(1), warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # few prototypes
        status, out, _ = sordino(
            capsys,
            "--corpus",
            f"manifest={synthetic.manifest}",
            "--features",
            synthetic.vectors,
            "--release",
            "leace",
            "--out",
            tmp_path / "out",
            "--jobs",
            1,
            "--json",
            tmp_path / "result.json",
            "--latex",
        )
    assert status == 0
    assert "leace & " in (tmp_path / "out" / "table.tex").read_text()
    assert "leace" in out
    assert "required" in out
    result = json.loads((tmp_path / "result.json").read_text())
    assert set(result["mean_of_policies"]) == {"none", "leace", "chance"}


@pytest.mark.slow
def test_releases_are_compared_under_a_policy_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The policy names three emotions, so utterances with the fourth are left out."""
    monkeypatch.setattr("sordino.attack.QUICK", ("linear",))
    synthetic = synthetic_study.study(tmp_path, speakers=10, takes=1)
    (tmp_path / "mute.toml").write_text('required = "sad"\nsensitive = ["happy"]\n')
    inputs = ("--corpus", f"manifest={synthetic.manifest}", "--features", synthetic.vectors)
    options = ("--policy", tmp_path / "mute.toml", "--release", "leace", "--jobs", 1)
    with synthetic_study.brisk(), warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # too few utterances for a patient attacker
        status, out, _ = sordino(capsys, *inputs, *options, "--out", tmp_path / "out")
    assert status == 0
    assert "Releases, mean over required emotions: sad" in out
    record = json.loads((tmp_path / "out" / "run.json").read_text())
    (policy,) = record["config"]["policies"]
    assert (policy["required"], policy["sensitive"]) == ("sad", ["happy"])
    assert record["utterances"] == 30
    estimates = pd.read_csv(tmp_path / "out" / "estimates.csv")
    assert set(estimates["required"].dropna()) == {"sad"}
    assert set(estimates["release"]) == {"none", "leace"}
    assert "angry-vs-neutral" not in set(estimates["target"])


def test_an_unknown_release_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, out, err = sordino(
        capsys, "--corpus", "ravdess=nowhere", "--release", "mute", "--out", tmp_path
    )
    assert (status, out) == (2, "")
    assert "release 'mute', expected one of none, rae" in " ".join(err.split())
