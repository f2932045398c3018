"""Feng and Narayanan (2021) with several feature sets and conditions of the fit, in one table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import product
from typing import Any, Final, Literal, NamedTuple, get_args

import pandas as pd

from sordino import storage
from sordino.corpora.table import Corpus
from sordino.define import ROLES, Knowledge
from sordino.errors import FeatureError
from sordino.features import FEATURE_SETS
from sordino.report import glossary
from sordino.report.estimate_table import Estimate, Estimates
from sordino.report.estimates import pooled
from sordino.report.page import Page, Section, Text
from sordino.report.release_page import csv
from sordino.report.tables import Cell, Table, number, with_interval
from sordino.storage import Location
from sordino.study.feng2021.study import run_study
from sordino.study.feng2021.tables import RELEASE_LABELS, FengTables
from sordino.study.protocol import Options, features_name

FitConditions = Literal["none", "standard"]


class Setting(NamedTuple):
    """A feature set and the conditions of the fit."""

    features: str
    """A feature set, or a table of vectors."""
    conditions: FitConditions
    """`standard` fits on noisy copies too."""

    def __str__(self) -> str:
        """The name of its folder: `speech` or `speech-standard`."""
        name = features_name(self.features)
        return name if self.conditions == "none" else f"{name}-{self.conditions}"


SettingFigures = dict[str, Estimate]
"""By column of the table."""

SETTING_COLUMNS: Final = (
    *(f"{metric} {role}" for metric in ("F1", "U") for role in ROLES),
    "L",
    "P",
    "gender AUC",
    "sensitive AUC",
)
"""F1 and U of each role, L and P of the paper's attacker, and AUCs of a retrained attacker."""


def settings_of(features: Sequence[str], conditions: Sequence[str]) -> list[Setting]:
    """Every feature set with all conditions of the fit, `none` first. A table of vectors has no
    recordings, and so beside others the conditions `none` alone.

    Raises `FeatureError` for unknown conditions and for two tables of one name.

    >>> [str(setting) for setting in settings_of(["IS13", "mel"], ["standard", "none"])]
    ['IS13', 'IS13-standard', 'mel', 'mel-standard']
    """
    unknown = sorted(set(conditions) - set(get_args(FitConditions)))
    if unknown:
        raise FeatureError(
            f"conditions {', '.join(unknown)}, expected some of "
            f"{', '.join(get_args(FitConditions))}: choose from these names"
        )
    chosen: list[FitConditions] = [name for name in get_args(FitConditions) if name in conditions]
    settings = [
        Setting(name, condition)
        for name, condition in product(dict.fromkeys(features), chosen)
        if condition == "none" or name in FEATURE_SETS or len(chosen) == 1
    ]
    names = [str(setting) for setting in settings]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise FeatureError(
            f"two tables {', '.join(twice)}, expected different names: rename one, since each has "
            "a folder of its name"
        )
    return settings


def compare_settings(
    corpus: Corpus,
    out: str | Location,
    settings: Sequence[Setting],
    *,
    options: Options | None = None,
    latex: bool = False,
    **arguments: Any,
) -> dict[Setting, dict[str, SettingFigures]]:
    """The figures of each setting and release: means over policies with intervals over speakers.

    Each setting has the whole study in its own folder of `out`, and a killed run resumes. Writes
    the joint `estimates.csv`, with the conditions of the fit in the column `condition`, and
    `report.html` to `out`; with `latex` also `table.tex`. `arguments` are those of `reproduce`,
    which also has the errors.
    """
    options, out = options or Options(), storage.folder(out)
    rows, tables = {}, []
    for setting in settings:
        chosen = replace(options, conditions=setting.conditions)
        guesses, estimates = run_study(
            corpus, out / str(setting), features=setting.features, options=chosen, **arguments
        )
        rows[setting] = release_figures(guesses)
        copies = "" if setting.conditions == "none" else f"conditions={setting.conditions}"
        tables.append(estimates.assign(condition=copies))
    storage.write(out / "estimates.csv", csv(pd.concat(tables, ignore_index=True)))
    joint = page(rows, corpus.name)
    joint.write(out)
    if latex:
        joint.write_latex(out)
    return rows


def release_figures(guesses: pd.DataFrame) -> dict[str, SettingFigures]:
    """The columns of the table by release, from the predictions of one setting."""
    look = Estimates(pooled(guesses, breakdown=False))
    return {release: _figures(look, release) for release in look.releases}


def _figures(look: Estimates, release: str) -> SettingFigures:
    semi = Knowledge.SEMI_INFORMED
    utility = [look(metric, release, "", role) for metric in ("f1", "unchanged") for role in ROLES]
    if release == "none":  # U is 1 by definition
        utility[len(ROLES) :] = [Estimate()] * len(ROLES)
    leakage = [
        look("leakage", release),
        look("privacy", release),
        look("auc", release, knowledge=semi),
        look("distinguish", release, knowledge=semi),
    ]
    return dict(zip(SETTING_COLUMNS, [*utility, *leakage], strict=True))


def paper_figures(paper: FengTables, release: str) -> dict[str, float]:
    """The paper's values of one release, means over its three models; NaN where it has none."""
    utility = [
        paper(metric, release, "", str(role)) for metric in ("f1", "unchanged") for role in ROLES
    ]
    leakage = [paper(metric, release) for metric in ("leakage", "privacy")]
    nan = float("nan")
    return dict(zip(SETTING_COLUMNS, [*utility, *leakage, nan, nan], strict=True))


def page(rows: Mapping[Setting, Mapping[str, SettingFigures]], corpus: str) -> Page:
    """The page of the joint table."""
    lead = (
        f"The study of Feng and Narayanan (2021) on **{corpus.replace('+', ' and ')}** with "
        f"{len(rows)} settings of features and conditions of the fit. Figures are means over "
        "required emotions and draws, with 95 % intervals over test speakers."
    )
    sections = [Section("All settings", [settings_table(rows), Text(_TABLE)]), glossary.section()]
    return Page("Feng 2021: feature sets and conditions", lead, sections)


def settings_table(rows: Mapping[Setting, Mapping[str, SettingFigures]]) -> Table:
    """The rows of `settings_rows`, with intervals."""
    groups: dict[str, list[list[Cell]]] = {}
    of_name = {str(setting): of_release for setting, of_release in rows.items()}
    for line in settings_rows(rows).to_dict("records"):
        features, release = str(line["features"]), str(line["release"])
        figures = of_name.get(features, {}).get(release)
        kind = "paper" if features == "paper" else "chance"
        cells = [
            cell
            for name in SETTING_COLUMNS
            for cell in (
                with_interval(figures[name])
                if figures
                else (Cell(number(line[name]), kind), Cell("", "gap"))
            )
        ]
        names = [Cell(features, "name"), Cell(release, "name")]
        groups.setdefault(features, []).append([*names, *cells])
    heads = [
        [("", 2), *((name, 2) for name in SETTING_COLUMNS)],
        [
            ("features", 1),
            ("release", 1),
            *[("value", 1), ("95 % interval", 1)] * len(SETTING_COLUMNS),
        ],
    ]
    caption = "Every setting, means over required emotions"
    return Table(caption, heads, list(groups.values()))


def settings_rows(rows: Mapping[Setting, Mapping[str, SettingFigures]]) -> pd.DataFrame:
    """The values of the table: features with conditions, release (or chance) and
    `SETTING_COLUMNS`.
    """
    paper = FengTables()
    lines: list[dict[str, Any]] = [
        {"features": "paper", "release": release, **paper_figures(paper, release)}
        for release in RELEASE_LABELS
        if any(release in of_release for of_release in rows.values())
    ]
    for setting, of_release in rows.items():
        key = {"features": str(setting)}
        for release, figures in of_release.items():
            values = {name: figures[name].value for name in SETTING_COLUMNS}
            lines.append({**key, "release": release, **values})
        first = next(iter(of_release.values()))
        chance = {name: first[name].chance for name in SETTING_COLUMNS}
        lines.append({**key, "release": "chance", **chance})
    return pd.DataFrame(lines)


_TABLE: Final = (
    "F1, U, L and P are those of the paper's attacker, which never saw a released vector. The AUCs "
    "are those of an attacker that is retrained on released vectors of its own speakers. "
    "“standard” is a fit on recordings and on copies in noise, rooms and channels; attackers and "
    "tests have recordings only. Chance is that of the original features. The paper's figures are "
    "of IEMOCAP, RAVDESS and CREMA-D together."
)
