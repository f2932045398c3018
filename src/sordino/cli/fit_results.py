"""The results of `sordino fit`: the card, the tables on the terminal, the report."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from sordino.cli.output import write_json
from sordino.define import secret_title
from sordino.policy import ATTRIBUTES

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from sordino.study.fitting.card import FitResult, PolicyResult
    from sordino.study.fitting.selection import Tradeoff


def write_report(fitted: FitResult, folder: Path) -> None:
    """Write all estimates on test speakers, and the card."""
    import pandas as pd

    from sordino import storage
    from sordino.report.release_page import csv

    tables = [
        release.estimates.assign(condition=f"policy={name}")
        for name, release in fitted.policies.items()
    ]
    estimates = pd.concat([*tables, fitted.combined], ignore_index=True)
    storage.write(folder / "estimates.csv", csv(estimates))
    write_json(str(folder / "card.json"), fitted.card())


def print_results(fitted: FitResult, terminal: Console) -> None:
    """Print tables and verdicts for the terminal."""
    for name, release in fitted.policies.items():
        if release.validation:
            title = f"{name}: validation speakers"
            terminal.print(_table(title, release.validation, release.budget))
        if release.test:
            title = f"{name}: test speakers"
            terminal.print(_table(title, release.test, release.budget, _bound(release)))
        unlabelled = [
            f"{secret_title(secret)} is hidden but not labelled{_or_scarce(secret)}: it could not "
            "be checked."
            for secret in release.unlabelled
        ]
        _print_plain((release.verdict, *unlabelled), terminal)
    _print_plain(
        (*_joint_lines(fitted), *fitted.notices, f"Commercial use: {fitted.commercial_use}."),
        terminal,
    )


def _or_scarce(secret: str) -> str:
    if "=" in secret:
        return ", or of too few speakers"
    return "" if secret in ATTRIBUTES else ", or has one value"


def print_rounding(fitted: FitResult, terminal: Console) -> None:
    """Print one line per policy and secret, and a warning about all other figures."""
    from sordino.report.tables import number
    from sordino.study.fitting.card import BEFORE_ROUNDING

    for name, changes in fitted.rounding.items():
        for change in changes:
            full, rejection = change.full, ": outside its interval, so nothing is written"
            line = (
                f"{name}, 8 bits: {secret_title(change.secret)}, AUC "
                f"{number(change.rounded.value)}, unrounded {number(full.value)} "
                f"[{number(full.low)}, {number(full.high)}]"
                f"{'' if change.holds else f'{rejection}: leave --int8 out'}"
            )
            _print_plain((line,), terminal)
    if fitted.rounding:
        _print_plain((BEFORE_ROUNDING,), terminal)


def _print_plain(lines: Iterable[str], terminal: Console) -> None:
    for line in lines:
        terminal.print(line, soft_wrap=True, highlight=False, markup=False)


def _table(
    title: str, results: Sequence[Tradeoff], budget: float | None, caption: str = ""
) -> Table:
    """Utility and leakage, one row per release; the largest leak is compared with the budget."""
    from rich.table import Table

    from sordino.report.tables import limits, number

    secrets = [secret_title(name) for name in results[0].leaks]
    table = Table(
        "release", "required, AUC", *secrets, "budget", title=title, caption=caption or None
    )
    for result in results:
        estimates = (result.utility, *result.leaks.values())
        cells = [f"{number(estimate.value)} {limits(estimate)}" for estimate in estimates]
        verdict = ""
        if budget is not None and result.release != "none":
            verdict = "within" if result.within(budget) else "above"
        table.add_row(result.release, *cells, verdict)
    return table


def _bound(release: PolicyResult) -> str:
    """The bound of each secret, and the release that it is of; empty if there is none."""
    from sordino.study.fitting.card import estimate_and_limit

    bounds = [
        estimate_and_limit(secret, bound)
        for (secret, side_information), bound in release.bounds.items()
        if not side_information
    ]
    if not bounds:
        return ""
    count = max(bound.bins for bound in release.bounds.values())
    bins = f" over {count} bins" if count > 2 else ""
    return (
        f"AUC of every attacker with one vector{bins}, at most: {'; '.join(bounds)}. The bound is "
        "of the release fitted on all speakers. The attacked releases were fitted on two fifths of "
        "them, so an attacker in the table may exceed it."
    )


def _joint_lines(fitted: FitResult) -> list[str]:
    """Leakage to an attacker with the vectors of one utterance under all policies."""
    from sordino.report.tables import number
    from sordino.study.fitting.card import estimate_and_limit

    lines = []
    for name, estimates in fitted.combined_leaks().items():
        figures = ", ".join(
            f"{secret_title(secret)} {number(estimate.value)}"
            for secret, estimate in estimates.items()
        )
        bounds = "; ".join(
            estimate_and_limit(secret, bound)
            for (policy, secret, side_information), bound in fitted.joint.items()
            if policy == name and not side_information
        )
        limit = f" (bound for every attacker: {bounds})" if bounds else ""
        lines.append(
            "An attacker with one utterance under every policy recovers the secrets of "
            f"{name} with an AUC of: {figures}{limit}."
        )
    return lines
