"""`sordino fit`: from policies and recordings to a bundle for a device, with an audit."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from sordino.cli.fit_results import (
    bundle_card,
    print_results,
    print_rounding,
    without_bounds,
    write_report,
)
from sordino.cli.keys import (
    BundleVersionOption,
    ExpiresOption,
    SignOption,
    check_signing,
    sign_bundle,
)
from sordino.cli.options import (
    CACHE,
    CORES,
    AttackersOption,
    CacheOption,
    CorpusOption,
    FeaturesOption,
    JobsOption,
    JsonOption,
    OutOption,
    SeedOption,
    attacker_families,
    corpora_from,
)
from sordino.cli.output import console, write_json
from sordino.progress import printable

if TYPE_CHECKING:
    from sordino.cli.fit_results import Rounding
    from sordino.corpora.table import Corpus
    from sordino.policy import Policy
    from sordino.study.fitting.card import Fitted

NONE_WITHIN: Final = 1
"""The exit status if no release is within the budget of some policy."""

PolicyFilesOption = Annotated[
    list[Path],
    typer.Option(
        "--policy", metavar="FILE", help="A policy as TOML; repeatable for several in one bundle."
    ),
]
BudgetOption = Annotated[
    float | None,
    typer.Option(
        "--budget",
        metavar="AUC",
        min=0.5,
        max=1.0,
        help="Largest accepted AUC of an attacker on validation speakers, for every hidden "
        "attribute; replaces that of the policies.",
    ),
]
Int8Option = Annotated[
    bool,
    typer.Option(
        "--int8", help="Round weights to 8 bits, a quarter of the size, and attack the result."
    ),
]
ReportOption = Annotated[
    Path | None,
    typer.Option("--report", metavar="PATH", help="Also write estimates.csv and card.json there."),
]


def fit(
    policy: PolicyFilesOption,
    corpus: CorpusOption,
    out: OutOption,
    budget: BudgetOption = None,
    features: FeaturesOption = "mel",
    int8: Int8Option = False,
    attackers: AttackersOption = "quick",
    report: ReportOption = None,
    sign: SignOption = None,
    bundle_version: BundleVersionOption = None,
    expires: ExpiresOption = None,
    cache: CacheOption = CACHE,
    seed: SeedOption = 0,
    jobs: JobsOption = CORES,
    json: JsonOption = None,
) -> None:
    """Fit a release for each policy, attack it, and write a bundle for a device.

    With a budget, the command selects the release with the best utility for a retrained model among
    the releases within the budget on validation speakers. If there is none, it writes nothing and
    ends with status 1. With --sign, a private key signs the bundle (`sordino bundle key` makes
    one).

    Example:
      sordino fit --policy policy.toml --corpus ravdess=data/ravdess \\
        --corpus emodb=data/emodb --budget 0.6 --out mute.sordino
    """
    from dataclasses import replace

    from sordino.study.fitting import fit as study

    check_signing(sign, bundle_version, expires)
    recordings, policies = corpora_from(corpus), _policies(policy)
    fitted = study.fit(
        recordings,
        policies,
        features=features,
        budget=budget,
        options=replace(study.OPTIONS, families=attacker_families(attackers), seed=seed),
        cache=cache,
        jobs=jobs,
    )
    rounded = _rounded(fitted, recordings, features, cache, jobs) if int8 and fitted.within else {}
    fitted = without_bounds(fitted) if rounded else fitted
    signature = "not written"
    ships = fitted.within and all(
        change.holds for changes in rounded.values() for change in changes
    )
    if ships:
        _write(fitted, out, rounded)
        signature = sign_bundle(out, sign, bundle_version, expires)
    if report:
        write_report(fitted, report, rounded)
    if json:
        state = {"bundle": str(out) if ships else None, "signature": signature}
        write_json(json, bundle_card(fitted, rounded) | state)
    if json != "-":
        terminal = console()
        print_results(fitted, terminal)
        print_rounding(rounded, terminal)
        if ships:
            typer.echo(f"The bundle is {signature}.")
            typer.echo(printable(str(out)))
    if not ships:
        raise typer.Exit(NONE_WITHIN)


def _policies(files: list[Path]) -> dict[str, Policy]:
    """Each policy by the stem of its file. Raises `PolicyError` for two equal stems."""
    from sordino.errors import PolicyError
    from sordino.policy import read

    names = [file.stem for file in files]
    if duplicates := sorted({name for name in names if names.count(name) > 1}):
        raise PolicyError(
            f"--policy {', '.join(duplicates)} comes twice, expected files of different names: "
            "rename one"
        )
    return {name: read(file) for name, file in zip(names, files, strict=True)}


def _rounded(fitted: Fitted, recordings: Corpus, features: str, cache: Path, jobs: int) -> Rounding:
    """The effect of rounding to 8 bits by policy: the release of the first draw is written and
    attacked with and without it.
    """
    from sordino.corpora import split
    from sordino.export.quantisation import rounding
    from sordino.study import protocol
    from sordino.study.fitting.fit import OPTIONS

    emotions = next(iter(fitted.policies.values())).policy.emotions
    corpus = recordings.with_emotions(emotions)
    x = protocol.vectors(features, recordings, emotions, cache, jobs)
    parts = split.three_party(corpus, fitted.seed)
    compare = partial(rounding, features=fitted.features, scale=OPTIONS.scale, seed=fitted.seed)
    return {
        name: compare(x, corpus, parts, release.policy, release.family)
        for name, release in fitted.policies.items()
    }


def _write(fitted: Fitted, out: Path, rounded: Rounding) -> None:
    """Write the bundle, with 8 bits if rounding was measured."""
    from sordino import export

    releases = {
        name: (entry.policy, entry.release)
        for name, entry in fitted.policies.items()
        if entry.release is not None
    }
    export.write(
        out,
        fitted.preprocess,
        releases,
        features=fitted.features,
        card=bundle_card(fitted, rounded),
        int8=bool(rounded),
        seed=fitted.seed,
    )
