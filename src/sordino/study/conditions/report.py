"""The report of the study of conditions: utility and leakage in each condition."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import pandas as pd

from sordino.define import Knowledge, Role
from sordino.report import figures, glossary, release_page
from sordino.report.estimate_table import Estimate, Estimates
from sordino.report.estimates import headline, pooled
from sordino.report.page import Page, Picture, Section, Terms, Text, settings
from sordino.report.tables import Cell, Table, number, with_interval
from sordino.study.conditions.units import EVERYTHING_PASSES

SENSITIVE: Final = "sensitive-vs-neutral"
PATIENT_UTTERANCES: Final = 20
"""The patient attacker of the table has at most so many utterances of one speaker."""

Figures = dict[str, Estimate]

LEAK_PANELS: Final = {
    "sensitive against neutral": "Sensitive against neutral",
    "gender AUC": "Gender",
    "patient": "Gender, patient attacker",
}
"""The panels of the figure of leakage, by the column of the table."""


def condition_figures(
    guesses: pd.DataFrame, estimates: pd.DataFrame
) -> dict[tuple[str, str], Figures]:
    """The figures of each release and condition: means over policies with intervals over speakers.

    `worst AUC` is the largest AUC of a single emotion against neutral under a single policy, or of
    all sensitive emotions where they are not measured one by one.
    """
    rows: dict[tuple[str, str], Figures] = {}
    for key, table in guesses.groupby(["condition", "release"], sort=False):
        condition, release = map(str, key)
        look = Estimates(pooled(table.drop(columns="condition"), breakdown=False))
        rows[release, condition] = _figures(look, release) | {
            "worst AUC": _worst(estimates, release, condition)
        }
    order = list(dict.fromkeys(release for release, _ in rows))
    return dict(sorted(rows.items(), key=lambda item: order.index(item[0][0])))


def _figures(look: Estimates, release: str) -> Figures:
    semi = Knowledge.SEMI_INFORMED
    decided = look("decision_f1", release, "", Role.REQUIRED)
    k = max((k for k in look.patience if k <= PATIENT_UTTERANCES), default=PATIENT_UTTERANCES)
    return {
        "changed": look("decision_changed", release, "", Role.REQUIRED),
        "F1": decided if decided.n else look("f1", release, "", Role.REQUIRED),
        "U required": look("unchanged", release, "", Role.REQUIRED),
        "U neutral": look("unchanged", release, "", Role.NEUTRAL),
        "sensitive against neutral": look("distinguish", release, knowledge=semi),
        "worst AUC": Estimate(),
        "gender AUC": look("auc", release, knowledge=semi),
        "patient": look("auc", release, knowledge=Knowledge.PATIENT, k=k),
    }


def _worst(estimates: pd.DataFrame, release: str, condition: str) -> Estimate:
    rows = headline(
        estimates,
        release=release,
        condition=condition,
        metric="distinguish",
        knowledge=str(Knowledge.SEMI_INFORMED),
    )
    single = rows[(rows["target"] != SENSITIVE) & (rows["group"] == "")]
    rows = (single if len(single) else rows).dropna(subset="value")
    if not len(rows):
        return Estimate()
    worst = rows.iloc[int(rows["value"].astype(float).argmax())]
    return Estimate(*(worst[name] for name in Estimate._fields))


def page(guesses: pd.DataFrame, estimates: pd.DataFrame, run: Mapping[str, Any]) -> Page:
    """The page of one run. Its first figure is also the file `figure.svg`."""
    rows = condition_figures(guesses, estimates)
    picture = f1_figure(rows)
    emotions = guesses[guesses["target"] == "emotion"]
    fit = run["config"]["conditions"]
    lead = (
        f"Releases in {len(_conditions(rows))} conditions of test recordings: "
        f"{emotions['row'].nunique():,} utterances of {emotions['speaker'].nunique()} speakers, "
        f"tested in {len(run['parts'])} folds. Fitted on other speakers, with {fit['copies']} "
        "copies of each recording in other conditions. Figures are means over "
        f"{emotions['required'].nunique()} required emotions. Whiskers are 95 % intervals over "
        "speakers."
    )
    sections = [
        Section("Utility in each condition", [Picture(picture, _F1)]),
        Section("Leakage in each condition", [Picture(leak_figure(rows), _LEAKS)]),
        Section("Every release and condition", [table(rows), Text(_TABLE)]),
        Section("The conditions", [Terms(list(_CONDITIONS.items()))]),
        glossary.section(),
        Section(
            "How it was run",
            [Terms([*settings(run["config"]), release_page.installed(run["versions"])])],
        ),
    ]
    return Page("Releases in other conditions", lead, sections, files={"figure.svg": picture})


def feature_sets_page(
    rows: Mapping[tuple[str, str], Figures], release: str, notices: Sequence[str] = ()
) -> Page:
    """The page of one release on several feature sets: `rows` by feature set and condition."""
    picture = f1_figure(rows)
    sections = [
        Section("Utility in each condition", [Picture(picture, _F1)]),
        Section("Leakage in each condition", [Picture(leak_figure(rows), _LEAKS)]),
        Section("Every feature set and condition", [table(rows, "features"), Text(_TABLE)]),
        Section("The conditions", [Terms(list(_CONDITIONS.items()))]),
        glossary.section(),
    ]
    lead = (
        f"The release `{release}` on {len({name for name, _ in rows}) - 1} feature sets, in "
        f"{len(_conditions(rows))} conditions of test recordings. Whiskers are 95 % intervals over "
        "speakers."
    )
    return Page(
        "Feature sets in other conditions", lead, sections, notices, files={"figure.svg": picture}
    )


def f1_figure(rows: Mapping[tuple[str, str], Figures]) -> str:
    """F1 of the required emotion in each condition, one mark per release, as SVG."""
    return _curves(rows, {"F1": "The required emotion"}, "F1")


def leak_figure(rows: Mapping[tuple[str, str], Figures]) -> str:
    """AUC of retrained attackers in each condition, one panel per secret, as SVG."""
    released = {key: row for key, row in rows.items() if key[0] != EVERYTHING_PASSES}
    return _curves(released, LEAK_PANELS, "AUC", list(dict.fromkeys(name for name, _ in rows)))


def _curves(
    rows: Mapping[tuple[str, str], Figures],
    columns: Mapping[str, str],
    up: str,
    marked: Sequence[str] = (),
) -> str:
    """Curves of releases; `marked` are those of all figures of the page."""
    conditions = _conditions(rows)
    releases = list(dict.fromkeys(release for release, _ in rows))
    step = 0.6 / max(1, len(releases))  # marks stand side by side
    panels: dict[str, dict[str, Sequence[tuple[float, Estimate]]]] = {
        title: {
            release: [
                (number + step * (place - (len(releases) - 1) / 2), rows[release, condition][name])
                for number, condition in enumerate(conditions)
            ]
            for place, release in enumerate(releases)
        }
        for name, title in columns.items()
    }
    return figures.curves(
        panels, "test condition", up, ticks=conditions, releases=marked or releases
    )


def table(rows: Mapping[tuple[str, str], Figures], heading: str = "release") -> Table:
    """One row per release, or feature set, and condition."""
    names = list(next(iter(rows.values())))
    groups = []
    for release in dict.fromkeys(release for release, _ in rows):
        group = []
        for (name, condition), row in rows.items():
            if name == release:
                cells = [cell for column in names for cell in _cells(column, row[column])]
                group.append([Cell(release, "name"), Cell(condition, "name"), *cells])
        groups.append(group)
    spans = [(name, 2 if name == "F1" else 1) for name in names]
    return Table(
        "Means over required emotions and folds",
        [[(heading, 1), ("condition", 1), *spans]],
        groups,
    )


def _cells(column: str, estimate: Estimate) -> list[Cell]:
    """The cells of an estimate; F1 has its interval."""
    return [*with_interval(estimate)] if column == "F1" else [Cell(number(estimate.value))]


def _conditions(rows: Mapping[tuple[str, str], Figures]) -> list[str]:
    return list(dict.fromkeys(condition for _, condition in rows))


_F1: Final = (
    "F1 of the required emotion: of the decisions of a release, or of the risk model where a "
    "release has none. `everything-passes` is the trivial release: it lets every utterance pass as "
    "the required emotion. Grey: the share of the required emotion."
)
_LEAKS: Final = (
    "Retrained attackers have labelled speakers in the same condition. The patient attacker has up "
    "to 20 utterances of one speaker. Grey: chance."
)
_TABLE: Final = (
    "“Changed” is the share of decisions that differ from those on the clean recording. “Worst "
    "AUC” is the largest AUC of one emotion against neutral under one policy. “Patient” is gender "
    "by an attacker with up to 20 utterances of one speaker."
)
_CONDITIONS: Final = {
    "clean": "the recordings as they are",
    "noise-20, noise-10": "everyday noise 20 and 10 dB below the active level of the speech",
    "babble-10": "utterances of six other test speakers, together 10 dB below active level",
    "telephone": "300 to 3400 Hz, 8 kHz, 8 bits by the mu-law",
    "room": "a room with early reflections and a T60 of .5 s that falls with frequency",
    "white-60": "white noise at -60 dB of full scale",
}
