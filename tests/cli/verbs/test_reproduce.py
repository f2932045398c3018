"""`sordino reproduce feng2021`: output, files and one-line errors."""

from __future__ import annotations

import io
import json
import re
import shutil
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from sordino import attack, cli
from sordino.cli.verbs.reproduce import TERMINAL_ROWS, print_feng2021
from sordino.study.run_record import summary
from tests.study import synthetic_study
from tests.study.synthetic_study import Made
from tests.study.test_units import times

VERB = ("reproduce", "feng2021")

ROOT = Path(__file__).parents[3]


@dataclass(frozen=True)
class Outcome:
    """The exit status, standard output and standard error of a command."""

    status: object
    out: str
    err: str


def sordino(
    *arguments: object, policies: int = 3, families: tuple[str, ...] = ("linear",)
) -> Outcome:
    """The command in this process, with networks that learn for a few epochs and attackers of some
    families.
    """
    out, err = io.StringIO(), io.StringIO()
    with (
        pytest.MonkeyPatch.context() as patch,
        redirect_stdout(out),
        redirect_stderr(err),
        synthetic_study.brisk(policies),
    ):
        patch.setattr(attack, "QUICK", families)
        with pytest.raises(SystemExit) as exit_info:
            cli.main([str(argument) for argument in arguments])
    return Outcome(exit_info.value.code, out.getvalue(), err.getvalue())


@pytest.fixture(scope="module")
def synthetic(tmp_path_factory: pytest.TempPathFactory) -> Made:
    return synthetic_study.study(tmp_path_factory.mktemp("study"), takes=1, speakers=10)


def call(synthetic: Made, out: Path, *extra: object) -> tuple[object, ...]:
    """The words of a command."""
    corpus = f"manifest={synthetic.manifest}"
    return (
        *VERB,
        "--corpus",
        corpus,
        "--features",
        synthetic.vectors,
        "--out",
        out,
        "--jobs",
        1,
        *extra,
    )


@dataclass(frozen=True)
class Done:
    """A finished command: its folder, its outcome, the JSON in a file."""

    out: Path
    outcome: Outcome
    json: dict[str, Any]


@pytest.fixture(scope="module")
def done(synthetic: Made, tmp_path_factory: pytest.TempPathFactory) -> Done:
    """The whole study: all releases, three policies."""
    out = tmp_path_factory.mktemp("done") / "feng2021"
    outcome = sordino(*call(synthetic, out, "--json", out / "result.json"))
    return Done(out, outcome, json.loads((out / "result.json").read_text()))


def means(out: Path) -> pd.DataFrame:
    """The means over policies of the table on disk: a row a figure, a column a release."""
    table = pd.read_csv(out / "estimates.csv").fillna({"attacker": "", "group": ""})
    table = table[(table["split"] == "all") & table["attacker"].isin(["", "best"])]
    table["figure"] = (
        table[["knowledge", "target", "metric", "group"]].agg(" ".join, axis=1)
    ).str.strip()
    return table.pivot_table(index="figure", columns="release", values="value", aggfunc="mean")


@pytest.mark.slow
def test_it_ends_well_and_writes_what_the_study_writes(done: Done) -> None:
    assert done.outcome.status == 0
    progress = done.outcome.err.splitlines()  # none where all units are quick
    assert [line for line in progress if not line.startswith("draws and policies: ")] == []
    names = {"estimates.csv", "figure.svg", "report.html", "run.json", "result.json", "units"}
    assert {path.name for path in done.out.iterdir()} == names
    assert len(times(done.out / "units")) == 6  # two draws and three policies


@pytest.mark.slow
def test_the_terminal_shows_means_and_ends_with_the_page(
    done: Done,
) -> None:
    lines = done.outcome.out.splitlines()
    assert lines[-1] == str(done.out / "report.html")
    head = next(line for line in lines if "mean of three policies" in line)
    names = [cell.strip() for cell in head.split("┃")[2:-1]]
    assert names == ["none", "rae", "rae-grl", "rae-grl+", "chance"]
    cells = [
        [cell.strip() for cell in line.split("│")[1:-1]] for line in lines if line.startswith("│")
    ]
    first_column = " ".join(row[0] for row in cells)  # a heading may go over two lines
    assert first_column == " ".join(
        text for heading, rows in TERMINAL_ROWS.items() for text in (heading, *rows)
    )
    table = means(done.out)
    expected = [
        [words, *(f"{value:.2f}" for value in table.loc[figure, names[:-1]])]
        for rows in TERMINAL_ROWS.values()
        for words, figure in rows.items()
    ]
    assert [row[:-1] for row in cells if row[1]] == expected
    assert next(row[-1] for row in cells if row[0] == "AUC, gender") == "0.50"


@pytest.mark.slow
def test_the_json_has_every_mean_and_where_the_page_is(done: Done) -> None:
    assert done.json["report"] == str(done.out / "report.html")
    table, figures = means(done.out), done.json["mean_of_policies"]
    assert set(figures) == {"none", "rae", "rae-grl", "rae-grl+", "chance"}
    assert set(figures["none"]) == set(figures["chance"]) == set(table.index)
    for release in table:
        assert figures[release] == pytest.approx(table[release].dropna().to_dict(), abs=1e-5)
    assert figures["chance"]["semi-informed gender auc"] == 0.5


@pytest.mark.slow
def test_standard_output_is_json_and_nothing_else(synthetic: Made, done: Done) -> None:
    """As a process that a shell starts, which finds all units finished."""
    before = times(done.out / "units")
    code = (
        f"import sys; sys.path.insert(0, {str(ROOT)!r}); from sordino import attack, cli\n"
        "from tests.study.synthetic_study import brisk\n"
        "attack.QUICK = ('linear',)\nwith brisk(): cli.main()"
    )
    command = [
        sys.executable,
        "-c",
        code,
        *map(str, call(synthetic, done.out, "--json", "-", "--quiet")),
    ]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert json.loads(ended.stdout) == done.json
    assert times(done.out / "units") == before


@pytest.mark.slow
def test_latex_has_the_tables_of_the_page(synthetic: Made, done: Done, tmp_path: Path) -> None:
    """The units of the finished study are reused."""
    out = shutil.copytree(done.out, tmp_path / "out")
    before = times(out / "units")
    outcome = sordino(*call(synthetic, out, "--latex"))
    assert (outcome.status, outcome.err) == (0, "")
    assert times(out / "units") == before
    text = (out / "table.tex").read_text()
    assert text.count(r"\begin{tabular}") == text.count(r"\end{tabular}") > 1
    page = (out / "report.html").read_text()
    captions = re.findall(r"\\caption\{([^}]*)\}", text)
    assert captions
    assert [caption for caption in captions if caption not in page] == []
    _, _, mean = text.partition("Mean of the required emotions")
    _, _, required = mean.partition("\nrequired & ")
    row = next(line for line in required.splitlines() if line.startswith(" & rae-grl+ & "))
    value = float(means(out)["rae-grl+"]["ignorant emotion f1 required"])
    assert f" & {value:.2f} & " in row
    assert (out / "estimates.csv").read_bytes() == (done.out / "estimates.csv").read_bytes()


@pytest.mark.slow
def test_every_option_reaches_the_study(tmp_path: Path) -> None:
    synthetic = synthetic_study.study(
        tmp_path, takes=4, speakers=16
    )  # with fewer, validation speakers lack a gender
    options = {
        "scale": "zscore",
        "fit_on": "both",
        "validation": "utterance",
        "seed": 3,
    }
    flags = {"fit_on": "preprocess-on"}
    words = [
        word for name, value in options.items() for word in (f"--{flags.get(name, name)}", value)
    ]
    outcome = sordino(*call(synthetic, tmp_path / "out", *words), policies=1, families=attack.QUICK)
    assert (outcome.status, outcome.err) == (0, "")
    recorded = json.loads((tmp_path / "out" / "run.json").read_text())["config"]["options"]
    assert {name: recorded[name] for name in options} == options
    defaults = {
        "measured_on": "test",
        "components": 256,
        "families": ["linear", "quadratic", "cubic", "rbf", "nearest"],
    }
    assert {name: recorded[name] for name in defaults} == defaults


@pytest.mark.parametrize("folder", ["plain", "[bold]x", "a b"])
def test_the_path_is_printed_as_it_is(
    folder: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A name that looks like rich's mark-up is still a name."""
    figures = {
        "split": "all",
        "attacker": "best",
        "value": 0.5,
        "chance": 0.5,
        "release": "none",
        "corpus": "one",
    }
    names = {
        "knowledge": "semi-informed",
        "target": "gender",
        "metric": "auc",
        "group": "",
        "k": "",
    }
    print_feng2021(pd.DataFrame([figures | names]), tmp_path / folder, None)
    assert capsys.readouterr().out.splitlines()[-1] == str(tmp_path / folder / "report.html")


def test_the_shown_figures_are_among_those_of_a_study(tmp_path: Path) -> None:
    """Nothing is left out of the terminal because its name has changed."""
    done = synthetic_study.run(
        synthetic_study.study(tmp_path, takes=1, speakers=10), tmp_path / "out"
    )
    table = summary(pd.read_csv(done.out / "estimates.csv").fillna({"attacker": "", "group": ""}))
    assert {figure for rows in TERMINAL_ROWS.values() for figure in rows.values()} <= set(
        table.index
    )


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (
            ("--corpus", "manifest=nowhere.csv", "--out", "out"),
            r"nowhere\.csv: no such file, expected .*",
        ),
        (
            ("--corpus", "manifets=x.csv", "--out", "out"),
            r"corpus 'manifets' is not known, expected one of .*",
        ),
        (("--corpus", "x.csv", "--out", "out"), r"--corpus x\.csv: expected NAME=PATH, .*"),
        (("--out", "out"), r"Missing option '--corpus': see .*"),
        (
            ("--corpus", "manifest=x.csv", "--out", "out", "--scale", "rank"),
            r"Invalid value for '--scale': .*",
        ),
        (
            ("--corpus", "manifest=x.csv", "--out", "out", "--seed", "-1"),
            r"Invalid value for '--seed': .*",
        ),
    ],
)
def test_a_wrong_call_is_one_line_and_status_2(
    words: tuple[str, ...], line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    refused(sordino(*VERB, *words), line)
    assert list(tmp_path.iterdir()) == []


def refused(outcome: Outcome, line: str) -> None:
    assert (outcome.status, outcome.out) == (2, "")
    assert re.fullmatch(f"{line}\n", outcome.err)


def test_a_corpus_that_lacks_an_emotion_is_one_line_and_status_2(tmp_path: Path) -> None:
    synthetic = synthetic_study.study(
        tmp_path, takes=1, relabel=lambda rows: rows[rows["emotion"] != "happy"]
    )
    refused(
        sordino(*call(synthetic, tmp_path / "out")),
        r"made: no happy utterance, expected .*: complete the copy, or add a corpus .*",
    )


def test_too_few_speakers_are_one_line_and_status_2(tmp_path: Path) -> None:
    synthetic = synthetic_study.study(tmp_path, speakers=4, takes=1)
    refused(
        sordino(*call(synthetic, tmp_path / "out")),
        r"made, female: 2 speaker\(s\) .*, expected at least 3 .*",
    )


def test_vectors_of_too_few_recordings_are_one_line_and_status_2(
    synthetic: Made, tmp_path: Path
) -> None:
    fewer_speakers = synthetic_study.study(tmp_path, speakers=6, takes=1)
    outcome = sordino(
        *call(
            Made(synthetic.manifest, fewer_speakers.vectors, synthetic.corpus, synthetic.x),
            tmp_path / "out",
        )
    )
    refused(outcome, r".*vectors\.parquet: no row for 16 of 40 utterances, .*")
