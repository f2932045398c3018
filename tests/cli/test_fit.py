"""`sordino fit`: a bundle and tables, status 1 where nothing is within the budget, a line for what it cannot do."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest

from sordino import cli
from sordino.report.estimates import COLUMNS
from sordino.study import feng2021
from tests.study import made

POLICY = 'required = "sad"\nsensitive = ["happy", "angry"]\nrelease = "drawn"\n[budget]\nper_day = 100\n'


@pytest.fixture(scope="module", autouse=True)
def quickly() -> Iterator[None]:
    """Networks of few epochs, linear attackers, and one draw of five."""
    deal = feng2021.deal
    with made.brisk(), warnings.catch_warnings(), pytest.MonkeyPatch.context() as patch:
        warnings.simplefilter("ignore", UserWarning)  # few prototypes
        patch.setattr(feng2021, "deal", lambda *given: deal(*given)[:1])
        patch.setattr("sordino.attack.QUICK", ("linear",))
        yield


def sordino(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[object, str, str]:
    """How a command ended, and what it wrote to standard output and error."""
    with pytest.raises(SystemExit) as left:
        cli.main(["fit", *map(str, arguments)])
    return left.value.code, *capsys.readouterr()


def test_a_policy_ends_in_a_bundle_that_runs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from sordino.device import Runtime

    given = made.study(tmp_path, speakers=30, takes=1)
    policy, bundle, report = tmp_path / "sad.toml", tmp_path / "mute.sordino", tmp_path / "report"
    policy.write_text(POLICY)
    usual = ("--policy", policy, "--corpus", f"manifest={given.manifest}", "--features", given.vectors, "--jobs", 1,
             "--cache", tmp_path / "cache")  # fmt: skip
    status, out, _ = sordino(capsys, *usual, "--out", bundle, "--report", report, "--json", tmp_path / "told.json")
    assert status == 0
    for words in (
        "sad: test speakers",
        "drawn",
        "required, AUC",
        "Commercial use: unknown",
        "at most AUC",
        str(bundle),
    ):
        assert words in out.replace("\n", "") or words in out
    told = json.loads((tmp_path / "told.json").read_text())
    assert told["bundle"] == str(bundle)
    assert told["audit"]["sad"]["release"] == "drawn"
    estimates = pd.read_csv(report / "estimates.csv", keep_default_na=False)
    assert tuple(estimates.columns) == COLUMNS
    assert set(estimates["release"]) == {"none", "drawn"}
    assert set(estimates["condition"]) == {"policy=sad"}
    assert json.loads((report / "card.json").read_text())["made_on"] == told["made_on"]
    assert Runtime(bundle).policy.budget.per_day == 100

    status, out, _ = sordino(capsys, *usual, "--out", tmp_path / "none.sordino", "--budget", 0.5)
    assert status == 1
    assert "No release is within the budget of 0.5" in out
    assert "sad: validation speakers" in out
    assert not (tmp_path / "none.sordino").exists()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('required = "sad"', "sensitive is missing"),
        ('required = "calm"\nsensitive = ["happy"]', "calm: not in the corpus"),
        (POLICY.replace('"drawn"', '"drwan"'), "release 'drwan', expected one of none, rae"),
    ],
)
def test_what_it_cannot_do_is_one_line(
    text: str, says: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = made.study(tmp_path, speakers=2, takes=1)
    (tmp_path / "p.toml").write_text(text)
    corpus = f"manifest={given.manifest}"
    status, out, err = sordino(capsys, "--policy", tmp_path / "p.toml", "--corpus", corpus, "--out", tmp_path / "b")
    assert (status, out) == (2, "")
    assert says in " ".join(err.split())
    assert len(err.strip().splitlines()) == 1


def test_two_policies_of_one_name_are_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    given = made.study(tmp_path, speakers=2, takes=1)
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "p.toml").write_text(POLICY)
    files = ("--policy", tmp_path / "a" / "p.toml", "--policy", tmp_path / "b" / "p.toml")
    status, _, err = sordino(capsys, *files, "--corpus", f"manifest={given.manifest}", "--out", tmp_path / "out")
    assert status == 2
    assert "--policy p comes twice, expected files of different names" in " ".join(err.split())
