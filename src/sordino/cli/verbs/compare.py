"""`sordino compare`: utility and leakage of all releases on your recordings."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import typer

from sordino.cli.options import (
    AUTOMATIC,
    CACHE,
    CORES,
    AttackerOption,
    AttackersOption,
    CacheOption,
    ConditionsOption,
    CorpusOption,
    EncoderOption,
    FeaturesOption,
    JobsOption,
    JsonOption,
    LatexOption,
    NoiseOption,
    OutOption,
    ReleasesOption,
    SeedOption,
    attacker_families,
    corpora_from,
    read_policies,
    resolve_attackers,
    resolve_conditions,
    resolve_features,
    resolve_releases,
)
from sordino.cli.output import print_table, write_json

PoliciesOption = Annotated[
    list[Path] | None,
    typer.Option(
        "--policy",
        metavar="FILE",
        help="A policy as TOML; repeatable.",
        show_default="the three of Feng 2021",
    ),
]


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
    cache: CacheOption = CACHE,
    seed: SeedOption = 0,
    jobs: JobsOption = CORES,
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
    from dataclasses import replace

    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    from sordino.report.estimate_table import Estimates
    from sordino.report.tables import number
    from sordino.study import compare as study
    from sordino.study import run_record
    from sordino.study.protocol import BUNDLE_OPTIONS, POLICIES, Fitters
    from sordino.study.unit_estimates import UNIT_METRICS, null_text

    features = resolve_features(features, encoder)
    releases = ("none", *resolve_releases(release)) if release else study.RELEASES
    policies = [*read_policies(policy).values()] if policy else POLICIES
    custom = resolve_attackers(attacker)
    options = replace(
        BUNDLE_OPTIONS,
        releases=tuple(dict.fromkeys(releases)),
        families=(*attacker_families(attackers), *custom),
        seed=seed,
        conditions=resolve_conditions(conditions, features),
    )
    estimates = study.compare(
        corpora_from(corpus),
        out,
        features=features,
        options=options,
        policies=policies,
        fitters=Fitters(attackers=custom),
        noise=noise,
        cache=cache,
        jobs=jobs,
        latex=latex,
    )
    attacks = estimates[~estimates["metric"].isin(UNIT_METRICS)]
    means, look = run_record.summary(attacks), Estimates(attacks)
    if json:
        figures = {name: means[name].dropna().to_dict() for name in means.columns}
        write_json(json, {"report": str(out / "report.html"), "mean_of_policies": figures})
    if json == "-":
        return
    required = ", ".join(policy.required for policy in policies)
    table = Table(title=f"Releases, mean over required emotions: {required}", box=SIMPLE_HEAD)
    table.add_column("release", no_wrap=True)
    columns = {
        "F1 required": "ignorant emotion f1 required",
        "U required": "ignorant emotion unchanged required",
        "U neutral": "ignorant emotion unchanged neutral",
        "sensitive AUC": "semi-informed sensitive-vs-neutral distinguish",
        "gender AUC": "semi-informed gender auc",
        "patient": f"patient gender auc {_largest_k(means.index)}",
    }
    for name in (*columns, "its null", "worst emotion"):
        table.add_column(name, justify="right")
    patience = max(look.patience, default=0)
    for name in options.releases:
        values = means[name].reindex(list(columns.values())).tolist()
        texts = (
            null_text(estimates, name, patience),
            number(look.worst_emotion(name)[1].value),
        )
        table.add_row(name, *(number(value) for value in values), *texts)
    print_table(table, out / "report.html")


def _largest_k(figures: Iterable[object]) -> str:
    """The largest number of utterances of a patient attacker."""
    counts = [name.rsplit(" ", 1)[1] for name in map(str, figures) if name.startswith("patient")]
    return max(counts, key=int, default="")
