"""Tables 1 to 3 of Jaiswal and Mower Provost (2020), with our values beside those of the paper, and
further tables.
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
from sordino.study.jaiswal2020.estimates import MEMBERSHIP_CONTROL, NULL, ON_D1
from sordino.study.jaiswal2020.protocol import CORPUS_FOLDS
from sordino.study.jaiswal2020.variants import BESIDE_GENERAL, FEATURE_STREAMS, TASKS

FOLD_SHARE: Final = 1 / 4
"""The share of test rows among training and test rows: three folds train, one is tested."""

PAIR_SHARE: Final = 1 / 3
"""The same in pairs: of six speakers, two are tested."""


@dataclass(frozen=True)
class PaperFigure:
    """A measure of the paper's tables: its sign there, and its keys in the estimates."""

    sign: str
    metric: str
    group: str = ""
    condition: str = ""


FIGURES: Final = (
    PaperFigure("L", "leakage"),
    PaperFigure("U(M)", "uar_by_gender", "male"),
    PaperFigure("U(F)", "uar_by_gender", "female"),
    PaperFigure("U", "uar"),
    PaperFigure("P", "privacy", condition=ON_D1),
    PaperFigure("MI", "membership"),
)
"""The columns of Table 1 in its order. Tables 2 and 3 have the last three."""


COMPARED: Final = (*FIGURES, PaperFigure("P, held out", "privacy"))
"""The figures of which differences between embeddings are tested."""


class JaiswalTables:
    """The paper's Tables 1, 2 and 3.

    >>> round(JaiswalTables()("general", "audio", "activation", "uar"), 4)
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
        """The cell of a corpus, or the mean over the paper's corpora; NaN if the paper has no
        value.
        """
        keys = ["release", "features", "target", "metric", "group"]
        chosen = self.table[keys].eq([release, features, task, metric, group]).all(axis=1)
        rows = self.table[chosen].drop_duplicates(["corpus"])
        of_corpus = rows[rows["corpus"] == corpus]
        return float((of_corpus if len(of_corpus) else rows)["value"].mean())


class Look:
    """Estimates by name."""

    def __init__(self, estimates: pd.DataFrame) -> None:
        self._estimates = Estimates(estimates)
        names = ["features", "required", "release", "condition"]
        self._names = set(estimates[names].astype(str).itertuples(index=False, name=None))
        self.features = [
            name for name in FEATURE_STREAMS if any(key[0] == name for key in self._names)
        ]
        self.tasks = [name for name in TASKS if any(key[1] == name for key in self._names)]
        self.draws = [
            name for name in dict.fromkeys(estimates["split"].astype(str)) if name != "all"
        ]

    @property
    def test_share(self) -> float:
        """The share of test rows, for the corrected test: pairs have more draws than five folds."""
        draws = {name.split(" ")[0] for name in self.draws}
        return PAIR_SHARE if len(draws) > CORPUS_FOLDS else FOLD_SHARE

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

    def folds(
        self, features: str, task: str, release: str, figure: PaperFigure, condition: str = ""
    ) -> list[float]:
        """A figure in every fold, of an embedding with a setting of a sweep."""
        condition = f"{condition} {figure.condition}".strip()
        return [
            self(features, task, release, figure.metric, figure.group, condition, draw).value
            for draw in self.draws
        ]


@dataclass(frozen=True)
class Comparison:
    """The difference of two embeddings in one figure, with the p-values of two tests."""

    difference: float
    p: float
    """p-value of the paired t-test over folds, adjusted by Benjamini and Hochberg over all
    comparisons of the study.
    """
    corrected: float
    """p-value of the corrected resampled t-test, adjusted likewise."""
    pairs: int = 0
    """The number of paired values: folds, seeds and selections."""

    @property
    def mark(self) -> str:
        """`**` if both tests are below 5 %, `*` if only the paper's test is."""
        if self.p < 0.05:
            return "**" if self.corrected < 0.05 else "*"
        return ""


Comparisons = Mapping[tuple[str, str, str, str, PaperFigure], Comparison]
"""From features, task, embedding, reference embedding and figure to the comparison."""


def compare_embeddings(look: Look) -> dict[tuple[str, str, str, str, PaperFigure], Comparison]:
    """All comparisons of the tables, with p-values that are adjusted together."""
    pairs = [
        *((release, "general") for release in BESIDE_GENERAL),
        ("private-streams", "private"),
    ]
    keys, plain, corrected = [], [], []
    for features in look.features:
        for task in look.tasks:
            for release, reference in pairs:
                if look.has(features, task, release) and look.has(features, task, reference):
                    for figure in COMPARED:
                        a, b = (
                            look.folds(features, task, name, figure)
                            for name in (release, reference)
                        )
                        valid = ~np.isnan(np.array(a) - np.array(b))
                        a, b = list(np.array(a)[valid]), list(np.array(b)[valid])
                        keys.append((features, task, release, reference, figure))
                        plain.append(paired_t(a, b))
                        corrected.append(corrected_resampled_t(a, b, look.test_share))
    adjusted = [benjamini_hochberg([test.p for test in tests]).p for tests in (plain, corrected)]
    return {
        key: Comparison(test.difference, float(p), float(sure), test.df + 1)
        for key, test, p, sure in zip(keys, plain, *adjusted, strict=True)
    }


def paper_table(
    look: Look,
    paper: JaiswalTables,
    comparisons: Comparisons,
    corpus: str,
    caption: str,
    task: str,
    releases: Sequence[str],
    reference: str,
    figures: Sequence[PaperFigure],
) -> Table:
    """One of the paper's tables: for each embedding the paper's value, ours, the difference, the
    interval, and the comparison with the embedding `reference`.
    """
    groups = []
    for features in look.features:
        if not any(look.has(features, task, release) for release in releases):
            continue
        rows = []
        for index, figure in enumerate(figures):
            cells = [Cell(features if index == 0 else "", "name"), Cell(figure.sign, "name")]
            for release in releases:
                ours = look(features, task, release, figure.metric, figure.group, figure.condition)
                published = paper(release, features, task, figure.metric, figure.group, corpus)
                cells += _beside(published, ours)
                if release != reference:
                    key = (features, task, release, reference, figure)
                    cells.append(_compared(comparisons.get(key)))
            rows.append(cells)
        groups.append(rows)
    columns = ["paper", "ours", "difference", "95 % interval"]
    heads = [("", 1), ("", 1)]
    names = [("stream", 1), ("", 1)]
    for release in releases:
        heads.append((release, len(columns) + (release != reference)))
        names += [
            (name, 1)
            for name in (*columns, *([f"against {reference}"] if release != reference else []))
        ]
    return Table(caption, [heads, names], groups)


def held_out(look: Look, task: str, releases: Sequence[str]) -> Table:
    """Retrained and patient attackers on speakers that neither network nor attacker was trained on,
    with the null of P.
    """
    groups = []
    for features in look.features:
        rows: list[list[Cell]] = []
        for release in [name for name in releases if look.has(features, task, name)]:
            cells = [Cell(features if not rows else "", "name"), Cell(release, "name")]
            uar = look(features, task, release, "uar")
            gain = look(features, task, release, "uar_against_general")
            cells += [
                *with_interval(uar),
                Cell(signed(gain.value), "difference"),
                Cell(limits(gain), "interval"),
            ]
            for knowledge in (Knowledge.SEMI_INFORMED, Knowledge.PATIENT):
                privacy = look(features, task, release, "privacy", knowledge=knowledge)
                null = look(features, task, release, "privacy", condition=NULL, knowledge=knowledge)
                cells += [*with_interval(privacy.folded), Cell(limits(null), "chance")]
            member, control = (
                look(features, task, release, "membership", condition=c)
                for c in ("", MEMBERSHIP_CONTROL)
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
            ("U − general", 2),
            ("min(P, 1 − P)", 3),
            ("the same, patient", 3),
            ("MI", 2),
            ("control", 2),
        ],
        [
            (name, 1)
            for name in ("stream", "embedding", *sure, *sure, *against, *against, *sure, *sure)
        ],
    ]
    return Table(
        f"{task.capitalize()}: speakers outside the training of network and attacker", heads, groups
    )


def bounds_table(estimates: pd.DataFrame) -> Table:
    """Bounds on the UAR of every attacker with one drawn vector, and their upper limits."""
    groups: dict[tuple[str, ...], list[list[Cell]]] = {}
    columns = ["features", "required", "release", "target", "condition", "value", "high", "chance"]
    rows = estimates[estimates["metric"] == "bound_uar"][columns]
    for *names, condition, value, high, chance in rows.itertuples(index=False, name=None):
        side_information = str(condition).removeprefix("given ") or "none"
        words = [Cell(str(text), "name") for text in (*names, side_information)]
        figures = [Cell(number(value)), Cell(number(high)), Cell(number(chance), "chance")]
        groups.setdefault(tuple(names[:3]), []).append([*words, *figures])
    heads = (
        "stream",
        "task",
        "embedding",
        "secret",
        "side information",
        "estimate",
        "upper limit",
        "chance",
    )
    return Table(
        "One drawn vector: bounds on the UAR of gender and of identity",
        [[(name, 1) for name in heads]],
        list(groups.values()),
    )


def _beside(paper: float, ours: Estimate) -> list[Cell]:
    published = not math.isnan(paper)
    return [
        Cell(number(paper) if published else "", "paper"),
        Cell(number(ours.value)),
        Cell(signed(ours.value - paper) if published else "", "difference"),
        Cell(limits(ours), "interval"),
    ]


def _compared(comparison: Comparison | None) -> Cell:
    if comparison is None:
        return Cell("", "difference")
    return Cell(f"{signed(comparison.difference)}{comparison.mark}", "difference")
