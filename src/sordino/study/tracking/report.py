"""The report of the study of tracking."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import pandas as pd

from sordino.metrics.bound import Bound
from sordino.report import glossary, release_page
from sordino.report.estimate_table import Estimate, Estimates
from sordino.report.figures.share_trends import ErrorCurve, Series, share_trends
from sordino.report.page import Page, Picture, Section, Terms, Text, settings
from sordino.report.tables import Cell, Table, number, with_interval
from sordino.study.tracking.estimates import METRICS, SHARE_BANDS, band, condition
from sordino.study.tracking.simulation import PRIOR_SHARE
from sordino.study.tracking.units import UNPROTECTED

EXAMPLE: Final = 50
"""Utterances a day of the figure and of the smaller tables, or the nearest number simulated."""

EXAMPLE_EMOTION: Final = "sad"
"""The required emotion of the figure, if a policy has it."""

TrackingFigures = dict[str, Estimate]

LOWEST_COVERAGE: Final = 0.93
"""The goal of the coverage of 95 % limits."""

LARGEST_WIDTH: Final = 0.35
"""The goal of the mean width at `EXAMPLE` utterances a day."""

LARGEST_RATIO: Final = 1.5
"""The goal of the error, relative to that with unprotected features."""


def tracking_figures(
    estimates: pd.DataFrame, required: str = "", group: str = ""
) -> dict[tuple[str, str], TrackingFigures]:
    """Error, coverage and width of each release and condition, as means over policies without
    `required`, and over shares without `group`.
    """
    look = Estimates(estimates)
    keys = dict.fromkeys(zip(estimates["release"], estimates["condition"], strict=True))
    order = list(dict.fromkeys(release for release, _ in keys))
    return {
        (release, name): {
            metric: look.find(
                release=release, condition=name, required=required, group=group, metric=metric
            )
            for metric in METRICS
        }
        for release, name in sorted(keys, key=lambda key: order.index(key[0]))
    }


def page(
    days: pd.DataFrame,
    estimates: pd.DataFrame,
    bounds: Mapping[tuple[str, str, str], Bound],
    run: Mapping[str, Any],
) -> Page:
    """The page of one run. Its figure is also the file `figure.svg`."""
    simulation = run["simulation"]
    policies = list(dict.fromkeys(days["required"]))
    required = EXAMPLE_EMOTION if EXAMPLE_EMOTION in policies else policies[0]
    releases = [name for name in dict.fromkeys(days["release"]) if name != PRIOR_SHARE]
    protected = next((name for name in releases if name != UNPROTECTED), releases[0])
    example = min(simulation["utterances"], key=lambda number: abs(number - EXAMPLE))
    picture = tracking_picture(days, estimates, bounds, protected, required, example)
    lead = (
        f"Simulated users of {simulation['test_speakers']} test speakers, {simulation['days']} "
        f"days each: how often was an utterance {required}? A server has released vectors alone. "
        f"True shares lie between {simulation['shares'][0]:.0%} and {simulation['shares'][1]:.0%}. "
        "Rates come from other speakers. Intervals of the table are over test speakers."
    )
    by_policy = {name: tracking_figures(estimates, required=name) for name in policies}
    by_share = {
        band(limits): tracking_figures(estimates, group=band(limits))
        for limits in SHARE_BANDS
        if band(limits) in set(estimates["group"])
    }
    sections = [
        Section(f"The share of {required} utterances, day by day", [Picture(picture, _FRONT)]),
        Section(
            "Error, coverage and width",
            [
                table("Means over policies and shares", tracking_figures(estimates), run),
                Text(goals(tracking_figures(estimates), protected, condition(example))),
                Text(_TABLE),
            ],
        ),
        Section("Each required emotion", [_example_table("required", by_policy, example)]),
        Section("Each range of true shares", [_example_table("share", by_share, example)]),
        glossary.section(glossary.TRACKING_TERMS, notes=()),
        Section(
            "How it was run",
            [Terms([*settings(run["config"]), release_page.installed(run["versions"])])],
        ),
    ]
    return Page("Tracking", lead, sections, files={"figure.svg": picture})


def goals(figures: Mapping[tuple[str, str], TrackingFigures], release: str, setting: str) -> str:
    """Coverage, width and relative error of a release against their goals, in words."""
    nothing = dict.fromkeys(METRICS, Estimate())
    error, coverage, width = (
        item.value for item in figures.get((release, setting), nothing).values()
    )
    reference = figures.get((UNPROTECTED, setting), nothing)["tracking_error"].value
    rows = (
        ("coverage", coverage, "at least", LOWEST_COVERAGE, coverage >= LOWEST_COVERAGE),
        ("width", width, "at most", LARGEST_WIDTH, width <= LARGEST_WIDTH),
        (
            "error relative to unprotected features",
            error / reference,
            "at most",
            LARGEST_RATIO,
            error <= LARGEST_RATIO * reference,
        ),
    )
    words = "; ".join(
        f"{name} {number(value)}, goal {side} {goal:g}: {'met' if met else 'missed'}"
        for name, value, side, goal, met in rows
    )
    return f"`{release}` at {setting.partition('=')[2]} utterances a day: {words}."


def tracking_picture(
    days: pd.DataFrame,
    estimates: pd.DataFrame,
    bounds: Mapping[tuple[str, str, str], Bound],
    release: str,
    required: str,
    example: int,
) -> str:
    """A woman and a man with the median error, the error over utterances, and the bounds, as
    SVG.
    """
    policy = tracking_figures(estimates, required)
    names = {release: release, UNPROTECTED: "unprotected", PRIOR_SHARE: "no data"}
    present = {name for name, _ in policy}
    errors: dict[str, ErrorCurve] = {
        title: [
            (utterances, policy[name, condition(utterances)]["tracking_error"])
            for utterances in sorted(set(days["utterances"]))
        ]
        for name, title in names.items()
        if name in present
    }
    reveals = {
        _secret(secret, required): Estimate(item.auc, item.auc, item.auc_high)
        for (name, emotion, secret), item in sorted(
            bounds.items(), key=lambda entry: entry[0][2] != "required-vs-rest"
        )
        if (name, emotion) == (release, required) and secret != "sensitive-vs-neutral"
    }
    of_policy = days[(days["release"] == release) & (days["required"] == required)]
    of_policy = of_policy[of_policy["utterances"] == example]
    users = {
        f"A {name}, {example} utterances a day": _median_user(
            of_policy[of_policy["gender"] == code]
        )
        for code, name in enumerate(("woman", "man"))
        if (of_policy["gender"] == code).any()
    }
    return share_trends(users, errors, reveals)


def _secret(secret: str, required: str) -> str:
    """A secret in words."""
    if secret == "required-vs-rest":
        return f"{required} or not"
    emotion, against, neutral = secret.partition("-vs-")
    return f"{emotion} or {neutral}" if against else secret


def _median_user(days: pd.DataFrame) -> Series:
    """The days of the user with the median error."""
    keys = ["speaker", "user"]
    error = (days["estimate"] - days["truth"]).abs().groupby([days[key] for key in keys]).mean()
    ranked = error.sort_values(kind="stable")
    speaker, user = ranked.index[(len(ranked) - 1) // 2]
    rows = days[(days["speaker"] == speaker) & (days["user"] == user)].sort_values("day")
    names = ("day", "truth", "estimate", "low", "high")
    series = {name: rows[name].to_numpy(np.float64) for name in names}
    return series | {"day": series["day"] + 1}


def table(
    caption: str, rows: Mapping[tuple[str, str], TrackingFigures], run: Mapping[str, Any]
) -> Table:
    """One row per release and condition, with the different recordings of a day."""
    distinct = run["simulation"]["different_recordings_a_day"]
    heads = [("release", 1), ("utterances a day", 1), ("recordings", 1)]
    heads += [(metric.removeprefix("tracking_"), 2) for metric in METRICS]
    groups = []
    for release in dict.fromkeys(release for release, _ in rows):
        group = []
        for (name, setting), figures in rows.items():
            if name == release:
                utterances = setting.partition("=")[2]
                cells = [cell for item in figures.values() for cell in with_interval(item)]
                recordings = Cell(f"{distinct[utterances]:.0f}")
                group.append([Cell(release, "name"), Cell(utterances), recordings, *cells])
        groups.append(group)
    return Table(caption, [heads], groups)


def _example_table(
    heading: str, rows: Mapping[str, Mapping[tuple[str, str], TrackingFigures]], example: int
) -> Table:
    """Error, coverage and width in each row at so many utterances a day."""
    heads = [(heading, 1), ("release", 1)]
    heads += [(metric.removeprefix("tracking_"), 1) for metric in METRICS]
    groups = [
        [
            [
                Cell(name.removeprefix("share="), "name"),
                Cell(release, "name"),
                *(Cell(number(item.value)) for item in values.values()),
            ]
            for (release, setting), values in figures.items()
            if setting == condition(example)
        ]
        for name, figures in rows.items()
    ]
    return Table(f"{example} utterances a day", [heads], groups)


_FRONT: Final = (
    "Above: the woman and the man with the median error. Below left: mean absolute error with 95 % "
    "intervals over test speakers; “no data” always answers the middle of the range. Below right: "
    "the bound on the AUC of every attacker with one released vector, and its upper limit. Grey: "
    "chance."
)
_TABLE: Final = (
    "“Recordings” is the effective number of utterances: the different recordings among those of a "
    "day, since a test speaker has few of each emotion. The release `none` stands for unprotected "
    "features: its decision is that of the risk model. `prior-share` has no data and knows the "
    "range of true shares. The estimates know no range."
)
