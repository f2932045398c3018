"""`sordino compare`: utility and leakage of all releases on your recordings."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from sordino.cli.options import (
    AUTOMATIC,
    CACHE,
    CORES,
    AttackerOption,
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
    LatexOption,
    NoiseOption,
    OutOption,
    PublicOption,
    ReleasesOption,
    SeedOption,
    bundle_options,
    compared_releases,
    corpora_from,
    read_policies,
    resolve_attackers,
    resolve_features,
)
from sordino.cli.output import print_table, write_json
from sordino.define import required_title
from sordino.progress import announce
from sordino.storage import Location

if TYPE_CHECKING:
    import pandas as pd
    from rich.table import Table

PoliciesOption = Annotated[
    list[Path] | None,
    typer.Option(
        "--policy",
        metavar="FILE",
        help="A policy as TOML; repeatable.",
        show_default="the three of Feng 2021",
    ),
]

FIGURES: Final = {
    "F1 required": "ignorant emotion f1 required",
    "U required": "ignorant emotion unchanged required",
    "U neutral": "ignorant emotion unchanged neutral",
    "sensitive against neutral": "semi-informed sensitive-vs-neutral distinguish",
    "gender AUC": "semi-informed gender auc",
}
"""The columns on the terminal, and their names in `sordino.study.run_record.summary`."""


def compare(
    corpus: CorpusOption,
    out: OutOption,
    release: ReleasesOption = None,
    policy: PoliciesOption = None,
    features: FeaturesOption = AUTOMATIC,
    encoder: EncoderOption = None,
    attackers: AttackersOption = "quick",
    attacker: AttackerOption = None,
    conditions: ConditionsOption = None,
    noise: NoiseOption = None,
    public: PublicOption = None,
    cache: CacheOption = CACHE,
    seed: SeedOption = 0,
    jobs: JobsOption = CORES,
    cluster: ClusterOption = None,  # noqa: ARG001 (its callback connects)
    device: DeviceOption = "auto",  # noqa: ARG001 (its callback selects it)
    json: JsonOption = None,
    latex: LatexOption = False,
) -> None:
    """Fit all releases, attack each with retrained attackers, and plot utility against leakage.

    The unprotected vectors, `none`, are always evaluated too. Writes estimates.csv, run.json,
    report.html and figure.svg to --out. If a run was interrupted, the same command resumes it.

    Example:
      sordino compare --corpus ravdess=data/ravdess --corpus emodb=data/emodb \\
        --release drawn --release leace --features mel --out compared
    """
    announce(f"compares releases on {', '.join(corpus)}")
    from sordino.study import compare as study
    from sordino.study.protocol import POLICIES, Fitters

    features = resolve_features(features, encoder)
    releases = compared_releases(release, study.RELEASES)
    policies = [*read_policies(policy).values()] if policy else POLICIES
    custom = resolve_attackers(attacker)
    options = bundle_options(
        features, attackers, conditions, seed, releases=releases, custom=custom
    )
    estimates = study.compare(
        corpora_from(corpus),
        out,
        features=features,
        options=options,
        policies=policies,
        fitters=Fitters(attackers=custom),
        noise=noise,
        public=corpora_from(public) if public else None,
        cache=cache,
        jobs=jobs,
        latex=latex,
    )
    required = ", ".join(required_title(policy.required_name) for policy in policies)
    _print_means(estimates, options.releases, required, out / "report.html", json)


def _print_means(
    estimates: pd.DataFrame,
    releases: Sequence[str],
    required: str,
    report: Location,
    json: str | None,
) -> None:
    """Print means over the policies and the path of the report; optionally write all means as
    JSON. `required` lists the required emotions.
    """
    from sordino.study import run_record
    from sordino.study.unit_estimates import UNIT_METRICS

    means = run_record.summary(estimates[~estimates["metric"].isin(UNIT_METRICS)])
    if json:
        figures = {name: means[name].dropna().to_dict() for name in means.columns}
        write_json(json, {"report": str(report), "mean_of_policies": figures})
    if json != "-":
        title = f"Releases, mean over required emotions: {required}"
        print_table(_table(title, estimates, means, releases), report)


def _table(
    title: str, estimates: pd.DataFrame, means: pd.DataFrame, releases: Sequence[str]
) -> Table:
    """Utility and leakage, one row per release."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    from sordino.report.estimate_table import Estimates
    from sordino.report.tables import number
    from sordino.study.unit_estimates import UNIT_METRICS, null_text

    look = Estimates(estimates[~estimates["metric"].isin(UNIT_METRICS)])
    figures = [*FIGURES.values(), f"patient gender auc {_largest_k(means.index)}"]
    table = Table(title=title, box=SIMPLE_HEAD)
    table.add_column("release", no_wrap=True)
    for name in (*FIGURES, "patient", "its null", "worst emotion"):
        table.add_column(name, justify="right")
    patience = max(look.patience, default=0)
    for name in releases:
        values = means[name].reindex(figures).tolist()
        worst = number(look.worst_emotion(name)[1].value)
        null = null_text(estimates, name, patience)
        table.add_row(name, *(number(value) for value in values), null, worst)
    return table


def _largest_k(figures: Iterable[object]) -> str:
    """The largest number of utterances of a patient attacker."""
    counts = [name.rsplit(" ", 1)[1] for name in map(str, figures) if name.startswith("patient")]
    return max(counts, key=int, default="")
