"""The results of `sordino fit`: the card, the tables on the terminal, the report."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from sordino.cli.output import write_json

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from sordino.export.quantisation import Change
    from sordino.study.fitting.card import Fitted, Muted
    from sordino.study.fitting.selection import Reached

    Rounding = Mapping[str, Sequence[Change]]
    """The effect of rounding to 8 bits, by policy; empty without rounding."""

BEFORE_ROUNDING: Final = (
    "All figures except those of 8 bits are from before rounding. The bound does not hold after it."
)
"""A warning about the figures of a rounded bundle."""


def without_bounds(fitted: Fitted) -> Fitted:
    """The same without bounds, which hold for unrounded decisions only."""
    policies = {name: replace(release, bounds={}) for name, release in fitted.policies.items()}
    return replace(fitted, joint={}, policies=policies)


def bundle_card(fitted: Fitted, rounded: Rounding) -> dict[str, Any]:
    """The card of the bundle, with the effect of rounding if there is one."""
    card = fitted.card()
    if not rounded:
        return card
    changes = {
        name: {
            change.secret: {
                "auc": round(change.rounded.value, 4),
                "unrounded": round(change.full.value, 4),
            }
            for change in secrets
        }
        for name, secrets in rounded.items()
    }
    return card | {"rounded": changes, "how": f"{card['how']} {BEFORE_ROUNDING}"}


def write_report(fitted: Fitted, folder: Path, rounded: Rounding) -> None:
    """Write all estimates on test speakers, and the card."""
    import pandas as pd

    from sordino import storage
    from sordino.report.release_page import csv

    tables = [
        release.estimates.assign(condition=f"policy={name}")
        for name, release in fitted.policies.items()
    ]
    estimates = pd.concat([*tables, fitted.together], ignore_index=True)
    storage.write(folder / "estimates.csv", csv(estimates))
    write_json(str(folder / "card.json"), bundle_card(fitted, rounded))


def print_results(fitted: Fitted, terminal: Console) -> None:
    """Print tables and verdicts for the terminal."""
    for name, release in fitted.policies.items():
        if release.validation:
            title = f"{name}: validation speakers"
            terminal.print(_table(title, release.validation, release.budget))
        if release.measured:
            title = f"{name}: test speakers"
            terminal.print(_table(title, release.measured, release.budget, _bound(release)))
        unlabelled = [
            f"{secret} is hidden but not labelled: it could not be checked."
            for secret in release.unlabelled
        ]
        _print_plain((release.verdict, *unlabelled), terminal)
    _print_plain((*_joint_lines(fitted), f"Commercial use: {fitted.commercial_use}."), terminal)


def print_rounding(rounded: Rounding, terminal: Console) -> None:
    """Print one line per policy and secret, and a warning about all other figures."""
    from sordino.report.tables import number

    for name, changes in rounded.items():
        for change in changes:
            full, rejection = change.full, ": outside its interval, so nothing is written"
            line = (
                f"{name}, 8 bits: {change.secret}, AUC {number(change.rounded.value)}, unrounded "
                f"{number(full.value)} [{number(full.low)}, {number(full.high)}]"
                f"{'' if change.holds else f'{rejection}: leave --int8 out'}"
            )
            _print_plain((line,), terminal)
    if rounded:
        _print_plain((BEFORE_ROUNDING,), terminal)


def _print_plain(lines: Iterable[str], terminal: Console) -> None:
    for line in lines:
        terminal.print(line, soft_wrap=True, highlight=False, markup=False)


def _table(
    title: str, results: Sequence[Reached], budget: float | None, caption: str = ""
) -> Table:
    """Utility and leakage, one row per release; the largest leak is compared with the budget."""
    from rich.table import Table

    from sordino.report.tables import limits, number

    secrets = [name.replace("-", " ") for name in results[0].leaks]  # so that a name may wrap
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


def _bound(release: Muted) -> str:
    """The bound of each secret in one line; empty if there is none."""
    from sordino.report.tables import number

    bounds = [
        f"{secret} {number(bound.auc)}, upper limit {number(bound.auc_high)}"
        for (secret, side_information), bound in release.bounds.items()
        if not side_information
    ]
    if not bounds:
        return ""
    return f"No attacker with one vector exceeds an AUC of: {'; '.join(bounds)}."


def _joint_lines(fitted: Fitted) -> list[str]:
    """Leakage to an attacker with the vectors of one utterance under all policies."""
    from sordino.report.tables import number

    lines = []
    for name, estimates in fitted.all_told().items():
        figures = ", ".join(
            f"{secret} {number(estimate.value)}" for secret, estimate in estimates.items()
        )
        bounds = ", ".join(
            f"{secret} {number(bound.auc)}"
            for (policy, secret, side_information), bound in fitted.joint.items()
            if policy == name and not side_information
        )
        limit = f" (bound for every attacker, as estimated: {bounds})" if bounds else ""
        lines.append(
            "An attacker with one utterance under every policy recovers the secrets of "
            f"{name} with an AUC of: {figures}{limit}."
        )
    return lines
