"""`sordino fit`: from policies and recordings to a bundle for a device, and what attackers get of
what it lets out.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sordino.cli.keys import BundleVersion, Expires, SignKey, signed, usable
from sordino.cli.options import (
    CACHE,
    CORES,
    Cache,
    CorpusOption,
    Jobs,
    Json,
    Out,
    Seed,
    console,
    corpora_from,
    write_json,
)
from sordino.cli.verbs.reproduce import Attackers, Features, families
from sordino.progress import printable

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from sordino.policy import Policy
    from sordino.study.fitting.card import FitResult, PolicyResult
    from sordino.study.fitting.selection import Tradeoff

NONE_WITHIN = 1
"""The exit status where no release is within the budget of some policy."""

Files = Annotated[
    list[Path],
    typer.Option(
        "--policy",
        metavar="FILE",
        help="A policy as TOML; again for more that one bundle is to serve.",
    ),
]
BudgetOption = Annotated[
    float | None,
    typer.Option(
        "--budget",
        metavar="AUC",
        min=0.5,
        max=1.0,
        help="The largest AUC of an attacker that is accepted, "
        "of anything hidden, on validation speakers; before that of the policies.",
    ),
]
Int8 = Annotated[
    bool,
    typer.Option(
        "--int8",
        help="Weights in a quarter of the size, and other numbers: attacked again before it ships.",
    ),
]
Report = Annotated[
    Path | None,
    typer.Option("--report", metavar="DIR", help="Also write estimates.csv and card.json there."),
]


def fit(
    policy: Files,
    corpus: CorpusOption,
    out: Out,
    budget: BudgetOption = None,
    features: Features = "mel",
    int8: Int8 = False,
    audit: Attackers = "quick",
    report: Report = None,
    sign: SignKey = None,
    bundle_version: BundleVersion = None,
    expires: Expires = None,
    cache: Cache = CACHE,
    seed: Seed = 0,
    jobs: Jobs = CORES,
    json: Json = None,
) -> None:
    """Fit a release for each policy, attack it, and write a bundle that a device runs.

    With a budget the release is the one that keeps the most of the required emotion, as whoever
    retrains on it tells it, among those of which no attacker gets more on validation speakers.
    Status 1 where there is none: nothing is written then. With --sign the bundle is signed by a
    private key (`sordino bundle key` makes one).

    \b
    Example:
      sordino fit --policy policy.toml --corpus ravdess=data/ravdess --out mute.sordino --budget
      0.55
    """
    from dataclasses import replace

    from sordino.study.fitting import fit as study

    options = replace(study.OPTIONS, families=families(audit), seed=seed)
    usable(sign, bundle_version, expires)
    fitted = study.fit(
        corpora_from(corpus),
        _policies(policy),
        features=features,
        budget=budget,
        options=options,
        int8=int8,
        cache=cache,
        jobs=jobs,
    )
    state, ships = "not written", fitted.ships
    if ships:
        _write(fitted, out)
        state = signed(out, sign, bundle_version, expires)
    if report:
        _report(fitted, report)
    if json:
        write_json(
            json,
            fitted.card() | {"bundle": str(out) if ships else None, "signature": state},
        )
    if json != "-":
        _tell(fitted, console())
        _tell_rounded(fitted, console())
        if ships:
            typer.echo(f"The bundle is {state}.")
            typer.echo(printable(str(out)))
    if not ships:
        raise typer.Exit(NONE_WITHIN)


def _policies(files: list[Path]) -> dict[str, Policy]:
    """Each policy by the name of its file. Raises `PolicyError` for two of one name."""
    from sordino.errors import PolicyError
    from sordino.policy import read

    names = [file.stem for file in files]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise PolicyError(
            f"--policy {', '.join(twice)} comes twice, expected files of different names: rename "
            "one"
        )
    return {name: read(file) for name, file in zip(names, files, strict=True)}


def _tell_rounded(fitted: FitResult, console: Console) -> None:
    """A line a policy and secret, and what all other figures are of."""
    from sordino.report.tables import number
    from sordino.study.fitting.card import BEFORE_ROUNDING

    for name, changes in fitted.rounding.items():
        for one in changes:
            verdict = (
                ""
                if one.holds
                else ": more than its interval, so nothing is written: leave --int8 out"
            )
            console.print(
                f"{name}, 8 bits: {one.secret}, AUC {number(one.rounded.value)}, unrounded "
                f"{number(one.full.value)} "
                f"[{number(one.full.low)}, {number(one.full.high)}]{verdict}",
                soft_wrap=True,
                highlight=False,
                markup=False,
            )
    if fitted.rounding:
        console.print(BEFORE_ROUNDING, soft_wrap=True, highlight=False, markup=False)


def _write(fitted: FitResult, out: Path) -> None:
    """The bundle, of 8 bits where rounding was asked for and judged."""
    from sordino import export

    made = {
        name: (one.policy, one.release)
        for name, one in fitted.policies.items()
        if one.release is not None
    }
    export.write(
        out,
        fitted.preprocess,
        made,
        features=fitted.features,
        card=fitted.card(),
        int8=bool(fitted.rounding),
        seed=fitted.seed,
    )


def _report(fitted: FitResult, folder: Path) -> None:
    """Everything that was measured on test speakers, and the card."""
    import pandas as pd

    from sordino import storage
    from sordino.report.release_page import csv

    tables = [
        one.estimates.assign(condition=f"policy={name}") for name, one in fitted.policies.items()
    ]
    storage.write(
        folder / "estimates.csv", csv(pd.concat([*tables, fitted.combined], ignore_index=True))
    )
    write_json(str(folder / "card.json"), fitted.card())


def _tell(fitted: FitResult, console: Console) -> None:
    """Tables and verdicts for somebody at a terminal."""
    for name, one in fitted.policies.items():
        if one.validation:
            console.print(_table(f"{name}: validation speakers", one.validation, one.budget))
        if one.test:
            console.print(_table(f"{name}: test speakers", one.test, one.budget, _bound(one)))
        unlabelled = [
            f"{secret} is hidden but not labelled: it could not be checked."
            for secret in one.unlabelled
        ]
        for line in (one.verdict, *unlabelled):
            console.print(line, soft_wrap=True, highlight=False, markup=False)
    for line in (*_together(fitted), f"Commercial use: {fitted.commercial_use}."):
        console.print(line, soft_wrap=True, highlight=False, markup=False)


def _table(title: str, found: Sequence[Tradeoff], budget: float | None, bound: str = "") -> Table:
    """What is kept and what leaks, a row a release; the largest leak against the budget."""
    from rich.table import Table

    from sordino.report.tables import limits, number

    secrets = [
        name.replace("-", " ") for name in found[0].leaks
    ]  # which may go on in a second line
    table = Table(
        "release", "required, AUC", *secrets, "budget", title=title, caption=bound or None
    )
    for one in found:
        cells = [
            f"{number(some.value)} {limits(some)}" for some in (one.utility, *one.leaks.values())
        ]
        verdict = (
            ""
            if budget is None or one.release == "none"
            else "within"
            if one.within(budget)
            else "above"
        )
        table.add_row(one.release, *cells, verdict)
    return table


def _bound(one: PolicyResult) -> str:
    """What no attacker exceeds, in a line; nothing where there is no bound."""
    from sordino.report.tables import number

    found = {secret: bound for (secret, given), bound in one.bounds.items() if not given}
    listed = [
        f"{secret} {number(bound.auc)}, upper limit {number(bound.auc_high)}"
        for secret, bound in found.items()
    ]
    return (
        f"No attacker who sees one vector exceeds an AUC of: {'; '.join(listed)}." if listed else ""
    )


def _together(fitted: FitResult) -> list[str]:
    """What several policies cost: who sees an utterance as each of them releases it."""
    from sordino.report.tables import number

    lines = []
    for name, told in fitted.combined_leaks().items():
        figures = ", ".join(f"{secret} {number(one.value)}" for secret, one in told.items())
        bounds = {
            s: one
            for (policy, s, given), one in fitted.joint.items()
            if policy == name and not given
        }
        limit = ", ".join(f"{secret} {number(one.auc)}" for secret, one in bounds.items())
        lines.append(
            f"Who sees one utterance under every policy gets of what {name} hides an AUC of: "
            f"{figures}"
            f"{f' (no attacker more than {limit}, as estimated)' if limit else ''}."
        )
    return lines
