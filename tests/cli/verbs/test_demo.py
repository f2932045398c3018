"""`sordino demo`: the whole way from sound to page, and what the page says of speech that nobody
spoke.
"""

from __future__ import annotations

import json
from dataclasses import replace
from functools import partial
from html import escape
from pathlib import Path

import pytest

from sordino.cli.verbs.demo import SYNTHETIC, SYNTHETIC_TIME
from sordino.corpora import synthetic as synthetic_speech
from sordino.features import FEATURE_SETS
from tests.cli.verbs.test_reproduce import sordino
from tests.report.test_release_page import words
from tests.study import synthetic_study

DIMS = FEATURE_SETS["mel"].dims


@pytest.mark.slow
def test_a_corpus_is_read_from_sound_to_page(tmp_path: Path) -> None:
    synthetic = synthetic_study.study(tmp_path, speakers=10, takes=1)
    result, out = tmp_path / "told.json", tmp_path / "report"
    places = ("--out", out, "--cache", tmp_path / "cache", "--json", result, "--jobs", 1)
    outcome = sordino("demo", "--corpus", f"manifest={synthetic.manifest}", *places, policies=1)
    assert (outcome.status, outcome.err) == (0, "40 utterances of 10 speakers\n")
    assert outcome.out.endswith(f"\n{out / 'report.html'}\n")
    record = json.loads((out / "run.json").read_text())
    assert (record["config"]["features"], record["config"]["dims"]) == ("mel", DIMS)
    assert (record["utterances"], record["config"]["corpus"]) == (40, "made")
    assert len(list((tmp_path / "cache").rglob("*.vector"))) == 40
    assert set(json.loads(result.read_text())["mean_of_policies"]) == {
        "none",
        "rae",
        "rae-grl",
        "rae-grl+",
        "chance",
    }
    assert "synthetic" not in words((out / "report.html").read_text())


@pytest.mark.slow
def test_without_a_corpus_it_makes_one_and_the_page_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ten voices instead of 24, and one sentence an emotion: too few to draw from."""
    pytest.importorskip("espeakng_loader")
    monkeypatch.setattr(
        synthetic_speech, "TAKES", {emotion: {"normal": 1} for emotion in synthetic_speech.TAKES}
    )
    monkeypatch.setattr(synthetic_speech, "make", partial(synthetic_speech.make, speakers=10))
    outcome = sordino(
        "demo", "--out", tmp_path / "report", "--cache", tmp_path / "cache", "--jobs", 1, policies=1
    )
    begins = f"40 utterances of 10 {SYNTHETIC_TIME}\n"
    assert (outcome.status, outcome.err) == (0, begins)
    page = words((tmp_path / "report" / "report.html").read_text())
    assert escape(SYNTHETIC) in page
    assert page.index(escape(SYNTHETIC)) < page.index(">Verdict<")
    record = json.loads((tmp_path / "report" / "run.json").read_text())
    assert (record["utterances"], record["config"]["corpus"]) == (40, "synthetic")
    assert "drawn" not in record["config"]["options"]["releases"]


def test_a_notice_is_on_the_page_only_if_it_is_passed(tmp_path: Path) -> None:
    synthetic = synthetic_study.study(tmp_path, speakers=10, takes=1)
    options = replace(synthetic_study.SMALL, releases=("none",))
    for notices in ([SYNTHETIC], []):
        page = words(
            synthetic_study.run(synthetic, tmp_path / "out", options, notices=notices).page
        )
        assert page.count(escape(SYNTHETIC)) == len(notices)


def test_a_corpus_that_is_not_there_is_one_line_and_status_2(tmp_path: Path) -> None:
    outcome = sordino(
        "demo", "--corpus", f"ravdess={tmp_path / 'nowhere'}", "--out", tmp_path / "out"
    )
    assert (outcome.status, outcome.out, outcome.err.count("\n")) == (2, "", 1)
    assert "nowhere" in outcome.err
    assert not (tmp_path / "out").exists()
