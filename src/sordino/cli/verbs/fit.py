"""`sordino fit`: from policies and recordings to a bundle for a device, with an audit."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from sordino.cli.fit_results import print_results, print_rounding, write_report
from sordino.cli.keys import (
    BundleVersionOption,
    ExpiresOption,
    SignOption,
    check_signing,
    sign_bundle,
)
from sordino.cli.options import (
    AUTOMATIC,
    CACHE,
    CORES,
    AttackersOption,
    CacheOption,
    ClusterOption,
    ConditionsOption,
    CorpusOption,
    DeviceOption,
    EncoderOption,
    FeaturesOption,
    JobsOption,
    JsonOption,
    NoiseOption,
    PublicOption,
    SeedOption,
    bundle_options,
    corpora_from,
    local_path,
    read_policies,
    resolve_features,
)
from sordino.cli.output import console, print_lines, write_json

if TYPE_CHECKING:
    from sordino.study.fitting.card import FitResult

NONE_WITHIN: Final = 1
"""The exit status if no release is within the budget of some policy."""

PolicyFilesOption = Annotated[
    list[Path],
    typer.Option("--policy", metavar="FILE", help="A policy as TOML; repeatable."),
]
BundleOutOption = Annotated[
    Path,
    typer.Option(
        "--out",
        metavar="PATH",
        parser=local_path,
        help="Bundle to write: a file that ends in .sordino, or a folder; an existing one is "
        "replaced.",
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
        "attribute and for sensitive against neutral; replaces that of the policies.",
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
    out: BundleOutOption,
    budget: BudgetOption = None,
    features: FeaturesOption = AUTOMATIC,
    encoder: EncoderOption = None,
    int8: Int8Option = False,
    attackers: AttackersOption = "quick",
    conditions: ConditionsOption = None,
    noise: NoiseOption = None,
    public: PublicOption = None,
    report: ReportOption = None,
    sign: SignOption = None,
    bundle_version: BundleVersionOption = None,
    expires: ExpiresOption = None,
    cache: CacheOption = CACHE,
    seed: SeedOption = 0,
    jobs: JobsOption = CORES,
    cluster: ClusterOption = None,  # noqa: ARG001 (its callback connects)
    device: DeviceOption = "auto",  # noqa: ARG001 (its callback selects it)
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
    from sordino.signal.feature_sets import check_device
    from sordino.study.fitting import fit as study

    check_signing(sign, bundle_version, expires)
    features = resolve_features(features, encoder)
    check_device(features)  # before a corpus is read
    fitted = study.fit(
        corpora_from(corpus),
        read_policies(policy),
        features=features,
        budget=budget,
        options=bundle_options(features, attackers, conditions, seed),
        int8=int8,
        noise=noise,
        public=corpora_from(public) if public else None,
        cache=cache,
        jobs=jobs,
    )
    signature = "not written"
    if fitted.ships:
        _write(fitted, out)
        signature = sign_bundle(out, sign, bundle_version, expires)
    if report:
        write_report(fitted, report)
    _print(fitted, out, signature, json)
    if not fitted.ships:
        raise typer.Exit(NONE_WITHIN)


def _write(fitted: FitResult, out: Path) -> None:
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
        card=fitted.card(),
        int8=bool(fitted.rounding),
        seed=fitted.seed,
    )


def _print(fitted: FitResult, out: Path, signature: str, json: str | None) -> None:
    """Print tables and verdicts; optionally write the card as JSON."""
    if json:
        state = {"bundle": str(out) if fitted.ships else None, "signature": signature}
        write_json(json, fitted.card() | state)
    if json == "-":
        return
    terminal = console()
    print_results(fitted, terminal)
    print_rounding(fitted, terminal)
    if fitted.ships:
        print_lines([f"The bundle is {signature}.", str(out)])
