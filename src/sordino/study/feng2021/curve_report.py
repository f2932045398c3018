"""Learning curves of several feature sets: their files, table and figure."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from statistics import fmean
from typing import Any, Final

import pandas as pd

from sordino import storage
from sordino.corpora.table import Corpus
from sordino.metrics import Interval
from sordino.record import versions
from sordino.report import figures, glossary
from sordino.report.estimate_table import Estimate
from sordino.report.page import Page, Picture, Section, Text
from sordino.report.release_page import csv
from sordino.report.tables import Cell, Table, limits, number, signed
from sordino.storage import Location
from sordino.study.feng2021.comparison import Setting
from sordino.study.feng2021.learning_curve import (
    METRICS,
    PAPER_UTTERANCES,
    LearningCurve,
    LearningCurves,
    learning_curve,
)
from sordino.study.feng2021.study import STUDY
from sordino.study.protocol import Options

PAPER: Final = ", paper"
"""Follows the name of a release in a figure, for the paper's value."""


def learning_curves(
    corpus: Corpus,
    out: str | Location,
    settings: Sequence[Setting] = (Setting("IS13", "none"),),
    *,
    options: Options | None = None,
    latex: bool = False,
    **arguments: Any,
) -> dict[str, LearningCurves]:
    """The learning curves of each setting, by its name. Writes `curves.csv`, `run.json`,
    `report.html` and `figure.svg` to `out`; with `latex` also `table.tex`. A killed run resumes.

    `arguments` are those of `learning_curve`, which also has the errors.
    """
    options, out = options or Options(), storage.folder(out)
    curves_of, records = {}, {}
    for setting in settings:
        chosen = replace(options, conditions=setting.conditions)
        curves_of[str(setting)], records[str(setting)] = learning_curve(
            corpus, out / str(setting), features=setting.features, options=chosen, **arguments
        )
    storage.write(out / "curves.csv", csv(curve_rows(curves_of)))
    run = {"study": STUDY, "corpus": corpus.name, "versions": versions(), "settings": records}
    storage.write(out / "run.json", json.dumps(run, indent=2, ensure_ascii=False) + "\n")
    report = page(curves_of, corpus.name)
    report.write(out)
    if latex:
        report.write_latex(out)
    return curves_of


def curve_rows(curves_of: Mapping[str, LearningCurves]) -> pd.DataFrame:
    """Every point of every curve, and the power law at the paper's number (`power_law` is 1)."""
    rows: list[dict[str, Any]] = []
    for features, curves in curves_of.items():
        for (metric, release), curve in curves.items():
            key = {"features": features, "release": release, "metric": metric}
            for utterances, point in curve.points:
                rows.append(key | {"utterances": utterances, "power_law": 0} | point._asdict())
            law = Estimate(*(getattr(curve.at_paper, name) for name in Estimate._fields[:5]))
            rows.append(key | {"utterances": PAPER_UTTERANCES, "power_law": 1} | law._asdict())
    return pd.DataFrame(rows)


def curve_summary(curves_of: Mapping[str, LearningCurves]) -> pd.DataFrame:
    """The values of `curve_table`, one row per curve."""
    return pd.DataFrame(
        [
            {
                "features": features,
                "measure": METRICS[metric].split(" of ")[0],
                "release": release,
                **{f"{n:.0f}": point.value for n, point in curve.points},
                "chance": curve.points[-1][1].chance,
                "a doubling adds": _with_limits(signed(curve.doubling.value), curve.doubling),
                f"law at {PAPER_UTTERANCES}": "not justified"
                if math.isnan(curve.at_paper.value)
                else _with_limits(number(curve.at_paper.value), curve.at_paper),
                "paper": curve.paper,
            }
            for features, curves in curves_of.items()
            for (metric, release), curve in curves.items()
        ]
    )


def _with_limits(text: str, interval: Interval) -> str:
    return f"{text} [{number(interval.low)}, {number(interval.high)}]"


def page(curves_of: Mapping[str, LearningCurves], corpus: str) -> Page:
    """The page of all curves. Its figure is also the file `figure.svg`."""
    picture = figure(curves_of)
    lead = (
        f"Utility on the required emotion by the number of utterances that each party has, on "
        f"**{corpus.replace('+', ' and ')}**. Test speakers are the same at every size. Figures "
        "are means over required emotions and draws, with 95 % intervals over test speakers."
    )
    sections = [
        Section("Curves", [Picture(picture, _FIGURE)]),
        Section("All figures", [curve_table(curves_of), Text(_TABLE)]),
        glossary.section(),
    ]
    return Page("Feng 2021: learning curves", lead, sections, files={"figure.svg": picture})


def figure(curves_of: Mapping[str, LearningCurves]) -> str:
    """A panel for each feature set and measure, with the paper's values as points of their own."""
    panels: dict[str, dict[str, Sequence[tuple[float, Estimate]]]] = {}
    for features, curves in curves_of.items():
        for metric, words in METRICS.items():
            of_release = {
                release: curve for (name, release), curve in curves.items() if name == metric
            }
            if of_release:
                panels[f"{features}: {words.split(' of ')[0]}"] = _lines(of_release)
    return figures.curves(panels, "utterances of each party", "required emotion", logarithmic=True)


def _lines(curves: Mapping[str, LearningCurve]) -> dict[str, Sequence[tuple[float, Estimate]]]:
    """The points of each release, all with the mean of the chance levels, and the paper's value."""
    chance = fmean(point.chance for curve in curves.values() for _, point in curve.points)
    lines: dict[str, Sequence[tuple[float, Estimate]]] = {}
    for release, curve in curves.items():
        lines[release] = [(n, point._replace(chance=chance)) for n, point in curve.points]
        if not math.isnan(curve.paper):
            value = Estimate(curve.paper, curve.paper, curve.paper, chance=chance)
            lines[release + PAPER] = [(PAPER_UTTERANCES, value)]
    return lines


def curve_table(curves_of: Mapping[str, LearningCurves]) -> Table:
    """One row for each setting, measure and release, with intervals."""
    groups = [
        [
            [
                *(Cell(text, "name") for text in (features, METRICS[metric], release)),
                *(Cell(_point(n, point)) for n, point in curve.points),
                Cell(number(curve.points[-1][1].chance), "chance"),
                Cell(_with_limits(signed(curve.doubling.value), curve.doubling), "difference"),
                Cell(
                    "not justified"
                    if math.isnan(curve.at_paper.value)
                    else _with_limits(number(curve.at_paper.value), curve.at_paper)
                ),
                Cell(number(curve.paper), "paper"),
            ]
            for (metric, release), curve in curves.items()
        ]
        for features, curves in curves_of.items()
    ]
    sizes = max(len(curve.points) for curves in curves_of.values() for curve in curves.values())
    heads = [
        ("features", 1),
        ("measure", 1),
        ("release", 1),
        ("utterances: value [95 % interval]", sizes),
        ("chance", 1),
        ("a doubling adds", 1),
        (f"power law at {PAPER_UTTERANCES:,}", 1),
        ("paper", 1),
    ]
    return Table("Learning curves", [heads], groups)


def _point(utterances: float, estimate: Estimate) -> str:
    return f"{utterances:.0f}: {number(estimate.value)} {limits(estimate)}"


_FIGURE: Final = (
    "One mark per number of utterances; whiskers are 95 % intervals over test speakers. Points "
    "without a line at the right are the paper's values with the utterances of one of its "
    "parties, on other corpora. Grey: chance."
)
_TABLE: Final = (
    "Subsets of one draw are nested, and random within each emotion and gender. The risk model, "
    "the scaled space and the releases are fitted anew on each. U of `none` is 1 by definition. "
    "“A doubling adds” is the slope of a line over the logarithm of the number. The power law is "
    "top − a n^(−b), with top at most 1; it is stated if the interval of the slope is above 0, "
    "and is not justified otherwise. Its interval covers the test speakers, not the choice of the "
    "law and not the other corpora of the paper."
)
