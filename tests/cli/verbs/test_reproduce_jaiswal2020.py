"""`sordino reproduce jaiswal2020`: what it prints and writes, and the one line for what it cannot
do.
"""

from __future__ import annotations

import functools
import json
from pathlib import Path

import pandas as pd
import pytest

from sordino import cli
from sordino.study.jaiswal2020 import variants
from sordino.study.jaiswal2020.variants import JaiswalOptions
from tests.study.synthetic_corpus import corpus

VERB = ("reproduce", "jaiswal2020", "--jobs", "1")


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Networks that learn for an epoch, and one attacker."""
    quick = functools.partial(
        JaiswalOptions, epochs=1, families=("linear",), shuffles=2, selections=1, word_dims=8
    )
    monkeypatch.setattr(variants, "JaiswalOptions", quick)


@pytest.fixture(scope="module")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ten speakers with odd ones among them: nothing said, no word that is known, one utterance."""
    folder = tmp_path_factory.mktemp("sound")
    table = corpus(folder, speakers=10, utterances=6).table
    table = table[["file", "speaker", "gender", "emotion", "transcript"]].astype(str)
    table.loc[1, "transcript"] = ""
    table.loc[7, "transcript"] = "xyzzy plugh"
    table = table[(table["speaker"] != table["speaker"].iloc[0]) | (table.index == 0)]
    table = table[(table["speaker"] != table["speaker"].iloc[1]) | (table["emotion"] != "happy")]
    table.to_csv(folder / "manifest.csv", index=False)
    return folder / "manifest.csv"


def sordino(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[object, str, str]:
    """How a command ended, and what it wrote to standard output and error."""
    with pytest.raises(SystemExit) as exit_info:
        cli.main([str(argument) for argument in (*VERB, *arguments)])
    return exit_info.value.code, *capsys.readouterr()


def test_odd_speakers_among_others_are_worked_with(
    manifest: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = (
        "--corpus",
        f"manifest={manifest}",
        "--only",
        "text-activation",
        "--out",
        tmp_path / "out",
    )
    status, out, err = sordino(capsys, *options, "--json", tmp_path / "result.json")
    assert (status, err) == (0, "")
    assert "Jaiswal 2020, reproduced" in out
    result = json.loads((tmp_path / "result.json").read_text())
    assert [row["embedding"] for row in result["embeddings"]] == ["general", "private", "private+"]
    assert Path(result["report"]).is_file()
    estimates = pd.read_csv(tmp_path / "out" / "estimates.csv")
    headline = estimates[
        (estimates["split"] == "all") & estimates["metric"].isin(["uar", "privacy"])
    ]
    assert headline["value"].between(0, 1).all()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--only", "audio-anger"), "--only audio-anger: expected some of audio-activation"),
        (("--only", "text-activation", "--words", "cut.bin"), "cut.bin"),
        (("--only", "text-activation", "--words", "none.kv"), "none.kv"),
    ],
)
def test_what_cannot_be_done_is_one_line(
    manifest: Path,
    options: tuple[str, ...],
    message: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("cut.bin").write_bytes(b"3 8\nslow \x00\x00")
    status, out, err = sordino(
        capsys, "--corpus", f"manifest={manifest}", "--out", tmp_path / "out", *options
    )
    assert (status, out) == (2, "")
    assert message in " ".join(err.split())
    assert len(err.strip().splitlines()) == 1


def test_help_has_an_example(capsys: pytest.CaptureFixture[str]) -> None:
    status, out, _ = sordino(capsys, "--help")
    assert status == 0
    assert "sordino reproduce jaiswal2020 --corpus" in " ".join(out.split())
