"""`sordino study`: releases on another corpus, and releases that are adapted to a user."""

from __future__ import annotations

from typing import Annotated

import typer

from sordino.cli.options import (
    AUTOMATIC,
    CACHE,
    CORES,
    AttackersOption,
    CacheOption,
    CorpusOption,
    FeaturesOption,
    JobsOption,
    JsonOption,
    OutOption,
    ReleasesOption,
    SeedOption,
    attacker_families,
    corpora_from,
    resolve_features,
    resolve_releases,
)
from sordino.cli.output import print_conditions

app = typer.Typer(no_args_is_help=True)

FitOnOption = Annotated[
    list[str],
    typer.Option(
        "--fit-on", metavar="NAME=PATH", help="A corpus to fit on, like --corpus; repeatable."
    ),
]


@app.callback()
def _study() -> None:
    """Verbs below `sordino study`, one per study."""


@app.command("cross-corpus")
def cross_corpus(
    fit_on: FitOnOption,
    corpus: CorpusOption,
    out: OutOption,
    release: ReleasesOption = None,
    features: FeaturesOption = AUTOMATIC,
    attackers: AttackersOption = "quick",
    cache: CacheOption = CACHE,
    seed: SeedOption = 0,
    jobs: JobsOption = CORES,
    json: JsonOption = None,
) -> None:
    """Fit releases on one corpus, use them on another, and measure remedies.

    Labels of --corpus are used for measurement only, except in the conditions named calibrated.
    Writes estimates.csv and run.json to --out.

    Example:
      sordino study cross-corpus --fit-on ravdess=data/ravdess \\
        --corpus emodb=data/emodb --release drawn --features mel --out cross
    """
    from sordino.study import Options
    from sordino.study.adaptation import cross_corpus as study

    result = study.carry(
        corpora_from(fit_on),
        corpora_from(corpus),
        out,
        features=resolve_features(features),
        releases=resolve_releases(release) or study.RELEASES,
        options=Options(families=attacker_families(attackers), seed=seed),
        cache=cache,
        jobs=jobs,
    )
    title = "Cross-corpus, mean of three policies"
    print_conditions(result.guesses, title, out, json, result.absent)


@app.command("personalisation")
def personalisation(
    corpus: CorpusOption,
    out: OutOption,
    release: ReleasesOption = None,
    features: FeaturesOption = AUTOMATIC,
    attackers: AttackersOption = "quick",
    cache: CacheOption = CACHE,
    seed: SeedOption = 0,
    jobs: JobsOption = CORES,
    json: JsonOption = None,
) -> None:
    """Adapt releases to a user, and measure utility and leakage.

    An offset per user is predicted from some utterances of the user and subtracted from the score
    of the others. Writes estimates.csv and run.json to --out.

    Example:
      sordino study personalisation --corpus ravdess=data/ravdess \\
        --corpus emodb=data/emodb --release drawn --features mel --out personal
    """
    from sordino.study import Options
    from sordino.study.adaptation import personalisation as study

    _, guesses = study.personalise(
        corpora_from(corpus),
        out,
        features=resolve_features(features),
        releases=resolve_releases(release) or study.RELEASES,
        options=Options(families=attacker_families(attackers), seed=seed),
        cache=cache,
        jobs=jobs,
    )
    print_conditions(guesses, "Personalisation, mean of three policies", out, json)
