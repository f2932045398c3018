"""`sordino compare`: every release on your recordings, what each keeps and what attackers who
retrain get of it.
"""

from __future__ import annotations

from typing import Annotated

import typer

from sordino.cli.options import (
    CACHE,
    CORES,
    Cache,
    CorpusOption,
    Jobs,
    Json,
    Out,
    Seed,
    corpora_from,
    show,
    write_json,
)
from sordino.cli.verbs.reproduce import Attackers, Features, families

Releases = Annotated[
    list[str] | None,
    typer.Option("--release", metavar="NAME", help="Only these and `none`; again for more."),
]


def compare(
    corpus: CorpusOption,
    out: Out,
    release: Releases = None,
    features: Features = "IS13",
    audit: Attackers = "quick",
    cache: Cache = CACHE,
    seed: Seed = 0,
    jobs: Jobs = CORES,
    json: Json = None,
) -> None:
    """Fit every release, attack each with who retrains, and draw what is kept against what leaks.

    Writes estimates.csv, run.json, report.html and figure.svg to --out. The same command goes on
    where a killed run was.

    \b
    Example:
      sordino compare --corpus ravdess=data/ravdess --corpus emodb=data/emodb --out compared
    """
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    from sordino.report.tables import number
    from sordino.study import Options, run_record
    from sordino.study import compare as study

    releases = tuple(dict.fromkeys(["none", *release])) if release else study.RELEASES
    options = Options(releases=releases, families=families(audit), seed=seed)
    estimates = study.compare(
        corpora_from(corpus), out, features=features, options=options, cache=cache, jobs=jobs
    )
    means = run_record.summary(estimates[~estimates["metric"].str.startswith("bound_")])
    if json:
        figures = {name: means[name].dropna().to_dict() for name in means.columns}
        write_json(json, {"report": str(out / "report.html"), "mean_of_policies": figures})
    if json == "-":
        return
    shown = Table(title="Releases compared, mean of three policies", box=SIMPLE_HEAD)
    shown.add_column("release", no_wrap=True)
    columns = {
        "F1 required": "ignorant emotion f1 required",
        "U required": "ignorant emotion unchanged required",
        "U neutral": "ignorant emotion unchanged neutral",
        "sensitive AUC": "semi-informed sensitive-vs-neutral distinguish",
        "gender AUC": "semi-informed gender auc",
        "patient": f"patient gender auc {_most(means.index)}",
    }
    for name in columns:
        shown.add_column(name, justify="right")
    for name in releases:
        values = means[name].reindex(list(columns.values())).tolist()
        shown.add_row(name, *(number(value) for value in values))
    show(shown, out / "report.html")


def _most(figures: object) -> str:
    """The most utterances that a patient attacker sees."""
    counts = [name.rsplit(" ", 1)[1] for name in map(str, figures) if name.startswith("patient")]  # type: ignore[call-overload]
    return max(counts, key=int, default="")
