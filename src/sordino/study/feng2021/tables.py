"""Tables III and IV of Feng and Narayanan (2021), with our values beside those of the paper."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import resources
from typing import Final

import pandas as pd

from sordino.define import ROLES
from sordino.report.estimate_table import Estimates
from sordino.report.tables import Cell, Table, beside, chance, with_interval
from sordino.report.verdict import NONE
from sordino.study.protocol import POLICIES

RELEASE_LABELS: Final = {
    "none": "none (X)",
    "rae": "rae (without GRL)",
    "rae-grl": "rae-grl (with GRL)",
}
"""Names of releases that the paper has, beside the paper's names."""

SPACER: Final = Cell("", "gap")
SENSITIVE: Final = {policy.required_name: ", ".join(policy.sensitive) for policy in POLICIES}

TableRows = list[list[Cell]]


class FengTables:
    """The paper's Tables III and IV.

    >>> FengTables()("f1", "rae", "sad", "sensitive")
    0.036
    """

    def __init__(self) -> None:
        source = resources.files("sordino.study.feng2021") / "published.csv"
        with source.open(encoding="utf-8") as stream:
            self.table = pd.read_csv(stream, keep_default_na=False)
        """One row a cell: `table, model, required, release, metric, group, value`."""

    def __call__(self, metric: str, release: str, required: str = "", group: str = "") -> float:
        """One cell, or without `required` the mean over the paper's three models; NaN if the paper
        has no value.
        """
        chosen = self.table[["metric", "release", "group"]].eq([metric, release, group]).all(axis=1)
        if required:
            chosen &= self.table["required"] == required
        return float(self.table.loc[chosen, "value"].mean())


def model(required: str) -> str:
    """The policy in words; an empty name is the mean over all.

    >>> model("sad")
    'required sad, sensitive happy, angry'
    """
    return (
        f"required {required}, sensitive {SENSITIVE[required]}"
        if required
        else "mean of the required emotions"
    )


def table_three(look: Estimates, paper: FengTables, required: str) -> Table:
    """F1 and U of every role under one policy: paper, ours, difference, interval; then U among true
    positives.
    """
    groups = []
    for role in ROLES:
        rows: TableRows = []
        for index, release in enumerate(look.releases):
            f1 = look("f1", release, required, role)
            u, among_true = (
                look(f"unchanged{among}", release, required, role)
                for among in ("", "_among_true_positives")
            )
            us = [
                *beside(paper("unchanged", release, required, role), u),
                chance(u),
                SPACER,
                *with_interval(among_true),
            ]
            rows.append(
                [
                    *row_names(str(role) if index == 0 else "", release),
                    *beside(paper("f1", release, required, role), f1),
                    chance(f1),
                    SPACER,
                    *([SPACER] * len(us) if release == NONE else us),  # `none` changes nothing
                ]
            )
        groups.append(rows)
    columns = ["paper", "ours", "difference", "95 % interval", "chance"]
    head = [
        [("", 1), ("", 1), ("F1", 5), ("", 1), ("U", 5), ("", 1), ("U among true positives", 2)],
        heads("role", "release", *columns, "", *columns, "", "ours", "95 % interval"),
    ]
    number_of = {policy.required_name: number for number, policy in enumerate(POLICIES, 1)}
    caption = (
        f"Model {number_of[required]}: {model(required)}"
        if required
        else f"{model(required).capitalize()}"
    )
    return Table(caption, head, groups)


def table_four(look: Estimates, paper: FengTables) -> Table:
    """L and P of the risk model's gender head: paper, ours, difference, interval; then min(P, 1 −
    P).
    """
    groups = []
    for group in policies(look):
        rows: TableRows = []
        for first, release, required in group:
            leakage, privacy = (
                look(metric, release, required) for metric in ("leakage", "privacy")
            )
            rows.append(
                [
                    *first,
                    *beside(paper("leakage", release, required), leakage),
                    chance(leakage),
                    SPACER,
                    *beside(paper("privacy", release, required), privacy),
                    chance(privacy),
                    SPACER,
                    *with_interval(privacy.folded),
                ]
            )
        groups.append(rows)
    columns = ["paper", "ours", "difference", "95 % interval", "chance"]
    head = [
        [("", 1), ("", 1), ("L", 5), ("", 1), ("P", 5), ("", 1), ("min(P, 1 − P)", 2)],
        heads("required", "release", *columns, "", *columns, "", "ours", "95 % interval"),
    ]
    return Table("Gender, as the risk model predicts it (ignorant)", head, groups)


def heads(*texts: str) -> list[tuple[str, int]]:
    """Heads of one column each."""
    return [(text, 1) for text in texts]


def row_names(first: str, release: str) -> tuple[Cell, Cell]:
    """The first cells of a row: its topic, and the release with the name in the paper."""
    return Cell(first, "name"), Cell(RELEASE_LABELS.get(release, release), "name")


def policies(look: Estimates) -> Iterator[list[tuple[tuple[Cell, Cell], str, str]]]:
    """For every policy, then their mean: the names, release and required emotion of each row."""
    for required in (*look.required, ""):
        yield [
            (row_names((required or "mean") if index == 0 else "", release), release, required)
            for index, release in enumerate(look.releases)
        ]
