"""`sordino fit`: a bundle and tables, status 1 where nothing is within the budget, a line for what
it cannot do.
"""

from __future__ import annotations

import io
import json
import warnings
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from rich.console import Console

from sordino import cli
from sordino.cli import fit_results
from sordino.device.trust import ed25519
from sordino.export.quantisation import LeakageChange
from sordino.metrics import Interval
from sordino.metrics.bound import Bound
from sordino.report import COLUMNS
from sordino.report.estimate_table import Estimate
from sordino.study.fitting.card import BEFORE_ROUNDING, FitResult, PolicyResult
from sordino.study.fitting.selection import Tradeoff
from sordino.testing import POLICY
from tests.device.synthetic_bundles import fitted, preprocess
from tests.study import synthetic_study

SAD = (
    'required = "sad"\nsensitive = ["happy", "angry"]\nrelease = "drawn"\n[budget]\nper_day = 100\n'
)


@pytest.fixture(scope="module", autouse=True)
def quickly() -> Iterator[None]:
    """Networks of few epochs, linear attackers, and one draw of five."""
    with synthetic_study.brisk(), warnings.catch_warnings(), pytest.MonkeyPatch.context() as patch:
        warnings.simplefilter("ignore", UserWarning)  # few prototypes
        patch.setattr("sordino.attack.QUICK", ("linear",))
        yield


def sordino(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[object, str, str]:
    """How a command ended, and what it wrote to standard output and error."""
    with pytest.raises(SystemExit) as exit_info:
        cli.main(["fit", *map(str, arguments)])
    return exit_info.value.code, *capsys.readouterr()


def test_a_policy_ends_in_a_bundle_that_runs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from sordino.device import Runtime

    synthetic = synthetic_study.study(tmp_path, speakers=30, takes=1)
    policy, bundle, report = tmp_path / "sad.toml", tmp_path / "mute.sordino", tmp_path / "report"
    policy.write_text(SAD)
    usual = (
        "--policy",
        policy,
        "--corpus",
        f"manifest={synthetic.manifest}",
        "--features",
        synthetic.vectors,
        "--jobs",
        1,
        "--cache",
        tmp_path / "cache",
    )
    for name, content in zip(("k.pem", "k.pub.pem"), ed25519.generate(), strict=True):
        (tmp_path / name).write_bytes(content)
    status, _, error = sordino(capsys, *usual, "--out", bundle, "--sign", tmp_path / "k.pub.pem")
    assert (status, "not a private key of Ed25519" in error) == (
        2,
        True,
    )  # told before anything is fitted
    past = ("--sign", tmp_path / "k.pem", "--expires", "2020-01-01")
    status, _, error = sordino(capsys, *usual, "--out", bundle, *past)
    assert (status, "--expires 2020-01-01, expected today" in error, bundle.exists()) == (
        2,
        True,
        False,
    )
    signing = ("--sign", tmp_path / "k.pem", "--bundle-version", 5)
    reports = ("--report", report, "--json", tmp_path / "result.json")
    status, out, _ = sordino(capsys, *usual, "--out", bundle, *reports, *signing)
    assert status == 0
    assert "version 5." in out.replace("\n", " ")
    for words in (
        "sad: test speakers",
        "drawn",
        "required, AUC",
        "Commercial use: unknown",
        "at most AUC",
        str(bundle),
    ):
        assert words in out.replace("\n", "") or words in out
    result = json.loads((tmp_path / "result.json").read_text())
    assert result["bundle"] == str(bundle)
    assert result["audit"]["sad"]["release"] == "drawn"
    estimates = pd.read_csv(report / "estimates.csv", keep_default_na=False)
    assert tuple(estimates.columns) == COLUMNS
    assert set(estimates["release"]) == {"none", "drawn"}
    assert set(estimates["condition"]) == {"policy=sad"}
    assert json.loads((report / "card.json").read_text())["made_on"] == result["made_on"]
    assert Runtime(bundle, trusted=tmp_path / "k.pub.pem").policy.budget.per_day == 100

    status, out, _ = sordino(capsys, *usual, "--out", tmp_path / "none.sordino", "--budget", 0.5)
    assert status == 1
    assert "No release is within the budget of 0.5" in out
    assert "sad: validation speakers" in out
    assert not (tmp_path / "none.sordino").exists()


def output(fit: FitResult) -> str:
    """The text of a fit, on the terminal and in its card."""
    console = Console(file=io.StringIO(), width=200)
    fit_results.print_results(fit, console)
    fit_results.print_rounding(fit, console)
    assert isinstance(console.file, io.StringIO)
    card = json.dumps(fit.card())
    return " ".join(f"{console.file.getvalue()} {card}".split())


def test_a_rounded_bundle_has_no_bound() -> None:
    bound, result = Bound(0.11, 0.23, 2, 0.555, 30), Estimate(0.6, 0.5, 0.7, 100, 30, 0.5)
    reached = tuple(Tradeoff(name, result, {"gender": result}) for name in ("none", "drawn"))
    release = PolicyResult(
        POLICY, "drawn", None, (), fitted("drawn"), reached, bounds={("gender", ""): bound}
    )
    fit = FitResult(
        preprocess(),
        {"sad": release},
        "mel",
        0,
        {"emodb": (10, 300)},
        joint={("sad", "gender", ""): bound},
    )
    interval = Interval(0.6, 0.5, 0.7, 100, 30)
    rounded = {"sad": [LeakageChange("gender", interval, interval)]}
    assert "one vector, at most: gender estimated 0.56, upper limit 0.61" in output(fit)
    assert output(fit).count("0.555") == 2
    assert "family is chosen" not in output(fit)
    chosen = {"sad": replace(release, budget=0.7, validation=reached)}
    assert "family is chosen on the validation speakers" in output(replace(fit, policies=chosen))
    policies = {"sad": replace(release, bounds={})}
    text = output(replace(fit, policies=policies, joint={}, rounding=rounded))
    assert "0.555" not in text
    assert "every attacker with one vector" not in text
    assert text.count(BEFORE_ROUNDING) == 2
    assert '"rounded": {"sad": {"gender": {"auc": 0.6, "unrounded": 0.6}}}' in text


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('required = "sad"', "sensitive is missing"),
        ('required = "calm"\nsensitive = ["happy"]', "calm: not in the corpus"),
        (SAD.replace('"drawn"', '"drwan"'), "release 'drwan', expected one of none, rae"),
    ],
)
def test_what_it_cannot_do_is_one_line(
    text: str, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    synthetic = synthetic_study.study(tmp_path, speakers=2, takes=1)
    (tmp_path / "p.toml").write_text(text)
    corpus = f"manifest={synthetic.manifest}"
    status, out, err = sordino(
        capsys, "--policy", tmp_path / "p.toml", "--corpus", corpus, "--out", tmp_path / "b"
    )
    assert (status, out) == (2, "")
    assert message in " ".join(err.split())
    assert len(err.strip().splitlines()) == 1


def test_two_policies_of_one_name_are_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    synthetic = synthetic_study.study(tmp_path, speakers=2, takes=1)
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "p.toml").write_text(SAD)
    files = ("--policy", tmp_path / "a" / "p.toml", "--policy", tmp_path / "b" / "p.toml")
    status, _, err = sordino(
        capsys, *files, "--corpus", f"manifest={synthetic.manifest}", "--out", tmp_path / "out"
    )
    assert status == 2
    assert "--policy p comes twice, expected files of different names" in " ".join(err.split())
