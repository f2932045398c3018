"""Tables beyond the paper: retrained attackers, detail, and each corpus alone."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from sordino.define import Knowledge, Role
from sordino.report.estimate_table import SECRET_NAMES, TARGETS, Estimate, Estimates
from sordino.report.tables import Cell, Table, chance, number, with_interval
from sordino.report.verdict import NONE
from sordino.study.feng2021.tables import (
    RELEASE_LABELS,
    SPACER,
    TableRows,
    heads,
    policies,
    row_names,
)


def distinguish_table(look: Estimates) -> Table:
    """The AUC of sensitive against neutral, of both attackers."""
    head = [
        [("", 1), ("", 1), ("ignorant", 2), ("", 1), ("semi-informed", 2), ("", 1), ("", 1)],
        heads(
            "required",
            "release",
            "AUC",
            "95 % interval",
            "",
            "AUC",
            "95 % interval",
            "original",
            "chance",
        ),
    ]
    groups = [
        [
            [*first, *_two_attackers(look, "distinguish", release, required)]
            for first, release, required in group
        ]
        for group in policies(look)
    ]
    return Table("Sensitive against neutral", head, groups)


def gender_table(look: Estimates) -> Table:
    """P of a retrained attacker, and the AUC of both attackers."""
    groups = []
    for group in policies(look):
        rows: TableRows = []
        for first, release, required in group:
            privacy = look("privacy", release, required, knowledge=Knowledge.SEMI_INFORMED)
            folded = Cell(number(privacy.folded.value))
            aucs = _two_attackers(look, "auc", release, required)
            rows.append([*first, *with_interval(privacy), folded, SPACER, *aucs])
        groups.append(rows)
    head = [
        [
            ("", 1),
            ("", 1),
            ("semi-informed, P (chance 0.5)", 3),
            ("", 1),
            ("ignorant", 2),
            ("", 1),
            ("semi-informed", 2),
            ("", 1),
            ("", 1),
        ],
        heads(
            "required",
            "release",
            "P",
            "95 % interval",
            "min(P, 1 − P)",
            "",
            "AUC",
            "95 % interval",
            "",
            "AUC",
            "95 % interval",
            "original",
            "chance",
        ),
    ]
    return Table("Gender", head, groups)


def detail_table(look: Estimates) -> Table:
    """Detail that survives inside the required emotion."""
    group: TableRows = []
    for required in (*look.required, ""):
        estimates = [look("detail", release, required, Role.REQUIRED) for release in look.releases]
        kind = "R²" if estimates[0].chance == 0 else "UAR of intensity"
        cells = [cell for estimate in estimates for cell in with_interval(estimate)]
        group.append(
            [Cell(required or "mean", "name"), Cell(kind, "name"), *cells, chance(estimates[0])]
        )
    releases = [(RELEASE_LABELS.get(release, release), 2) for release in look.releases]
    head = [
        [("", 1), ("", 1), *releases, ("", 1)],
        heads("required", "measure", *["ours", "95 % interval"] * len(look.releases), "chance"),
    ]
    return Table("Detail inside the required emotion", head, [group])


def corpora_tables(look: Estimates) -> Iterator[Table]:
    """Utility and leakage in each corpus alone, as means over the required emotions."""
    utilities, leakages = [], []
    for corpus in look.corpora[1:]:
        utility: TableRows = []
        attacks: TableRows = []
        for index, release in enumerate(look.releases):
            first = row_names(corpus if index == 0 else "", release)
            f1 = look("f1", release, "", Role.REQUIRED, corpus=corpus)
            us = [
                [SPACER, *_judged(look("unchanged", release, "", role, corpus=corpus))]
                for role in (Role.REQUIRED, Role.NEUTRAL)
            ]
            if release == NONE:
                us = [[SPACER] * len(cells) for cells in us]
            utility.append([*first, *_judged(f1), *us[0], *us[1]])
            sensitive = look("f1", release, "", Role.SENSITIVE, corpus=corpus)
            aucs = [
                _one_attacker(look, metric, release, corpus) for metric in ("distinguish", "auc")
            ]
            attacks.append([*first, *_judged(sensitive), SPACER, *aucs[0], SPACER, *aucs[1]])
        utilities.append(utility)
        leakages.append(attacks)
    three = ("ours", "95 % interval", "chance")
    yield Table(
        "Utility by corpus",
        [
            [
                ("", 1),
                ("", 1),
                ("F1 of required", 3),
                ("", 1),
                ("U of required", 3),
                ("", 1),
                ("U of neutral", 3),
            ],
            heads("corpus", "release", *three, "", *three, "", *three),
        ],
        utilities,
    )
    semi = ("AUC", "95 % interval", "original", "chance")
    yield Table(
        "Leakage by corpus",
        [
            [
                ("", 1),
                ("", 1),
                ("F1 of sensitive, ignorant", 3),
                ("", 1),
                ("sensitive against neutral, semi-informed", 4),
                ("", 1),
                ("gender, semi-informed", 4),
            ],
            heads("corpus", "release", *three, "", *semi, "", *semi),
        ],
        leakages,
    )


def families_table(look: Estimates, chosen: pd.Series) -> Table:
    """Each family of retrained attackers beside the best; `chosen` counts the units in which a
    family was the best, by target, release and family.
    """
    groups = []
    for metric, words in SECRET_NAMES.items():
        target = TARGETS[metric]
        rows: TableRows = []
        for index, release in enumerate(look.releases):
            estimates = [
                look(metric, release, knowledge=Knowledge.SEMI_INFORMED, attacker=name)
                for name in look.families
            ]
            counts = {name: chosen.get((target, release, name), 0) for name in look.families}
            times = ", ".join(f"{name} {count}" for name, count in counts.items() if count)
            rows.append(
                [
                    *row_names(words if index == 0 else "", release),
                    *(Cell(number(estimate.value)) for estimate in estimates),
                    SPACER,
                    *_one_attacker(look, metric, release),
                    SPACER,
                    Cell(times, "name"),
                ]
            )
        groups.append(rows)
    head = [
        [
            ("", 1),
            ("", 1),
            ("AUC of each family", len(look.families)),
            ("", 1),
            ("best on its own speakers", 4),
            ("", 1),
            ("", 1),
        ],
        heads(
            "secret",
            "release",
            *look.families,
            "",
            "AUC",
            "95 % interval",
            "original",
            "chance",
            "",
            "how often best",
        ),
    ]
    return Table("Retrained attackers, mean of the required emotions", head, groups)


def _judged(estimate: Estimate) -> tuple[Cell, Cell, Cell]:
    return (*with_interval(estimate), chance(estimate))


def _two_attackers(look: Estimates, metric: str, release: str, required: str) -> list[Cell]:
    """The AUC of both attackers with intervals, of the second on original features, and chance."""
    ignorant = look(metric, release, required)
    return [
        *with_interval(ignorant),
        SPACER,
        *_one_attacker(look, metric, release, required=required),
    ]


def _one_attacker(
    look: Estimates, metric: str, release: str, corpus: str = "", required: str = ""
) -> list[Cell]:
    """The AUC of the retrained attacker and its interval, the AUC on original features, chance."""
    released, original = (
        look(metric, name, required, knowledge=Knowledge.SEMI_INFORMED, corpus=corpus)
        for name in (release, NONE)
    )
    return [*with_interval(released), Cell(number(original.value), "reference"), chance(released)]
