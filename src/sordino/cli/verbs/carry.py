"""`sordino carry`: fitted on one corpus, used on another."""

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
    Releases,
    Seed,
    corpora_from,
    tell_conditions,
)
from sordino.cli.verbs.reproduce import Attackers, Features, families

FittedOn = Annotated[
    list[str],
    typer.Option(
        "--fit-on",
        metavar="NAME=PATH",
        help="What is fitted on, as --corpus; again for each further one.",
    ),
]


def carry(
    fit_on: FittedOn,
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
    """Fit releases on some recordings, use them on others, and measure what mends them there.

    Labels of --corpus only measure, but for the conditions that are called calibrated. Writes
    estimates.csv and run.json to --out.

    \b
    Example:
      sordino carry --fit-on ravdess=data/ravdess --corpus emodb=data/emodb --out carried
    """
    from sordino.study import Options
    from sordino.study.adaptation import cross_corpus as study

    options = Options(families=families(audit), seed=seed)
    _, guesses = study.carry(
        corpora_from(fit_on),
        corpora_from(corpus),
        out,
        features=features,
        releases=tuple(release or study.RELEASES),
        options=options,
        cache=cache,
        jobs=jobs,
    )
    tell_conditions(guesses, "Carried over, mean of three policies", out, json)
