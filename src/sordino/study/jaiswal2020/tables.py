"""Tables 1 to 3 of Jaiswal 2020 with our values beside the paper's, and what the paper's tables do
not ask.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from typing import Final

import numpy as np
import pandas as pd

from sordino.define import Knowledge
from sordino.metrics.significance import benjamini_hochberg, corrected_resampled_t, paired_t
from sordino.report.estimate_table import Estimate, Estimates
from sordino.report.tables import Cell, Table, limits, number, signed, with_interval
from sordino.study.jaiswal2020.estimates import CONTROL, NULL, ON_D1
from sordino.study.jaiswal2020.variants import EXTRA, MAIN, STREAMS, TASKS

TEST_SHARE: Final = 1 / 4
"""Of the rows that a fold trains on or tests, the share tested: three folds train, one is tested.
"""

HIGHER_IS_BETTER: Final = ("uar", "uar_by_gender", "privacy")


@dataclass(frozen=True)
class Figure:
    """A measure as the paper's tables have it: its sign there, and where it stands in the
    estimates.
    """

    sign: str
    metric: str
    group: str = ""
    condition: str = ""


FIGURES: Final = (
    Figure("L", "leakage"),
    Figure("U(M)", "uar_by_gender", "male"),
    Figure("U(F)", "uar_by_gender", "female"),
    Figure("U", "uar"),
    Figure("P", "privacy", condition=ON_D1),
    Figure("MI", "membership"),
)
"""The columns of Table 1, in its order; Tables 2 and 3 have the last three."""


class Published:
    """The paper's Tables 1, 2 and 3.

    >>> round(Published()("general", "audio", "activation", "uar"), 4)
    0.6575
    """

    def __init__(self) -> None:
        source = resources.files("sordino.study.jaiswal2020") / "published.csv"
        with source.open(encoding="utf-8") as stream:
            self.table = pd.read_csv(stream, keep_default_na=False)
        """One row a cell: `table, corpus, features, target, release, metric, group, value`."""

    def __call__(
        self, release: str, features: str, task: str, metric: str, group: str = "", corpus: str = ""
    ) -> float:
        """The cell of a corpus, or the mean over the paper's corpora; NaN where the paper has none."""
        keys = ["release", "features", "target", "metric", "group"]
        chosen = self.table[keys].eq([release, features, task, metric, group]).all(axis=1)
        rows = self.table[chosen].drop_duplicates(["corpus"])
        own = rows[rows["corpus"] == corpus]
        return float((own if len(own) else rows)["value"].mean())


class Look:
    """Estimates by name."""

    def __init__(self, estimates: pd.DataFrame) -> None:
        self._estimates = Estimates(estimates)
        names = ["features", "required", "release", "condition"]
        self._names = set(estimates[names].astype(str).itertuples(index=False, name=None))
        self.features = [name for name in STREAMS if any(key[0] == name for key in self._names)]
        self.tasks = [name for name in TASKS if any(key[1] == name for key in self._names)]
        self.draws = [
            name for name in dict.fromkeys(estimates["split"].astype(str)) if name != "all"
        ]

    def __call__(
        self,
        features: str,
        task: str,
        release: str,
        metric: str,
        group: str = "",
        condition: str = "",
        split: str = "all",
        knowledge: str = "",
    ) -> Estimate:
        """The estimate, or NaN everywhere."""
        ignorant = metric in ("leakage",) or metric.startswith("uar")
        knowledge = knowledge or (Knowledge.IGNORANT if ignorant else Knowledge.SEMI_INFORMED)
        return self._estimates.find(
            features=features,
            required=task,
            release=release,
            condition=condition,
            metric=metric,
            group=group,
            knowledge=knowledge,
            split=split,
        )

    def has(self, features: str, task: str, release: str, condition: str = "") -> bool:
        """Whether this embedding was run."""
        return (features, task, release, condition) in self._names

    def folds(self, features: str, task: str, release: str, figure: Figure) -> list[float]:
        """A figure in every fold."""
        return [
            self(features, task, release, figure.metric, figure.group, figure.condition, draw).value
            for draw in self.draws
        ]


@dataclass(frozen=True)
class Change:
    """How an embedding differs from another in one figure, and how sure that is."""

    difference: float
    p: float
    """Of the paired t-test over folds, adjusted by Benjamini and Hochberg over all changes of the
    study.
    """
    corrected: float
    """The same of the corrected resampled t-test."""

    @property
    def mark(self) -> str:
        """`**` where both tests are below 5 %, `*` where only the paper's is."""
        if self.p < 0.05:
            return "**" if self.corrected < 0.05 else "*"
        return ""


Changes = Mapping[tuple[str, str, str, str, Figure], Change]
"""From features, task, an embedding, the one it is compared with and a figure to the change."""


def changes(look: Look) -> dict[tuple[str, str, str, str, Figure], Change]:
    """Every comparison of the tables, tested and adjusted together."""
    pairs = [
        *((release, "general") for release in (*MAIN[1:], *EXTRA.values())),
        ("private-streams", "private"),
    ]
    keys, plain, corrected = [], [], []
    for features in look.features:
        for task in look.tasks:
            for release, other in pairs:
                if look.has(features, task, release) and look.has(features, task, other):
                    for figure in FIGURES:
                        a, b = (
                            look.folds(features, task, name, figure) for name in (release, other)
                        )
                        known = ~np.isnan(np.array(a) - np.array(b))
                        a, b = list(np.array(a)[known]), list(np.array(b)[known])
                        keys.append((features, task, release, other, figure))
                        plain.append(paired_t(a, b))
                        corrected.append(corrected_resampled_t(a, b, TEST_SHARE))
    adjusted = [benjamini_hochberg([test.p for test in tests]).p for tests in (plain, corrected)]
    return {
        key: Change(test.difference, float(p), float(sure))
        for key, test, p, sure in zip(keys, plain, *adjusted, strict=True)
    }


def table(
    look: Look,
    paper: Published,
    tested: Changes,
    corpus: str,
    caption: str,
    task: str,
    releases: Sequence[str],
    other: str,
    figures: Sequence[Figure],
) -> Table:
    """One of the paper's tables: for each embedding the paper's value, ours, the difference, the
    interval, and how it differs from `other`.
    """
    groups = []
    for features in look.features:
        if not any(look.has(features, task, release) for release in releases):
            continue
        rows = []
        for place, figure in enumerate(figures):
            cells = [Cell(features if place == 0 else "", "name"), Cell(figure.sign, "name")]
            for release in releases:
                ours = look(features, task, release, figure.metric, figure.group, figure.condition)
                known = paper(release, features, task, figure.metric, figure.group, corpus)
                cells += _beside(known, ours)
                if release != other:
                    cells.append(_changed(tested.get((features, task, release, other, figure))))
            rows.append(cells)
        groups.append(rows)
    columns = ["paper", "ours", "difference", "95 % interval"]
    heads = [("", 1), ("", 1)]
    names = [("stream", 1), ("", 1)]
    for release in releases:
        heads.append((release, len(columns) + (release != other)))
        names += [
            (name, 1) for name in (*columns, *([f"against {other}"] if release != other else []))
        ]
    return Table(caption, [heads, names], groups)


def held_out(look: Look, task: str, releases: Sequence[str]) -> Table:
    """What attackers tell of speakers whom neither network nor attacker saw, beside its null; and
    the patient one.
    """
    groups = []
    for features in look.features:
        rows: list[list[Cell]] = []
        for release in [name for name in releases if look.has(features, task, name)]:
            cells = [Cell(features if not rows else "", "name"), Cell(release, "name")]
            uar = look(features, task, release, "uar")
            cells += [*with_interval(uar)]
            for knowledge in (Knowledge.SEMI_INFORMED, Knowledge.PATIENT):
                found = look(features, task, release, "privacy", knowledge=knowledge).folded
                null = look(features, task, release, "privacy", condition=NULL, knowledge=knowledge)
                cells += [*with_interval(found), Cell(limits(null), "chance")]
            member, control = (
                look(features, task, release, "membership", condition=c) for c in ("", CONTROL)
            )
            cells += [*with_interval(member), *with_interval(control)]
            rows.append(cells)
        if rows:
            groups.append(rows)
    sure, against = ("ours", "95 % interval"), ("ours", "95 % interval", "null of P")
    heads = [
        [
            ("", 2),
            ("U", 2),
            ("min(P, 1 − P)", 3),
            ("the same, patient", 3),
            ("MI", 2),
            ("control", 2),
        ],
        [(name, 1) for name in ("stream", "embedding", *sure, *against, *against, *sure, *sure)],
    ]
    return Table(
        f"{task.capitalize()}: speakers whom neither network nor attacker saw", heads, groups
    )


def bounds(estimates: pd.DataFrame) -> Table:
    """What no attacker exceeds who sees one vector that was drawn: the bound on the UAR, and its
    upper limit.
    """
    groups: dict[tuple[str, ...], list[list[Cell]]] = {}
    shown = ["features", "required", "release", "target", "condition", "value", "high", "chance"]
    found = estimates[estimates["metric"] == "bound_uar"][shown]
    for *names, condition, value, high, chance in found.itertuples(index=False, name=None):
        known = str(condition).removeprefix("given ") or "nothing"
        words = [Cell(str(text), "name") for text in (*names, known)]
        figures = [Cell(number(value)), Cell(number(high)), Cell(number(chance), "chance")]
        groups.setdefault(tuple(names[:3]), []).append([*words, *figures])
    heads = (
        "stream",
        "task",
        "embedding",
        "secret",
        "known beside it",
        "UAR at most",
        "upper limit",
        "chance",
    )
    return Table(
        "One vector that was drawn: UAR of gender and of who speaks",
        [[(name, 1) for name in heads]],
        list(groups.values()),
    )


def _beside(paper: float, ours: Estimate) -> list[Cell]:
    known = not math.isnan(paper)
    return [
        Cell(number(paper) if known else "", "paper"),
        Cell(number(ours.value)),
        Cell(signed(ours.value - paper) if known else "", "difference"),
        Cell(limits(ours), "interval"),
    ]


def _changed(change: Change | None) -> Cell:
    return Cell("" if change is None else f"{signed(change.difference)}{change.mark}", "difference")
