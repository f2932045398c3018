"""`sordino personalise`: what knowing the user brings, and what it tells."""

from __future__ import annotations

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


def personalise(
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
    """Hear some utterances of a user first, take off what the user adds, and measure what that
    keeps and what it tells.

    Writes estimates.csv and run.json to --out.

    \b
    Example:
      sordino personalise --corpus ravdess=data/ravdess --corpus emodb=data/emodb --out personal
    """
    from sordino.study import Options
    from sordino.study.adaptation import personalisation as study

    options = Options(families=families(audit), seed=seed)
    _, guesses = study.personalise(
        corpora_from(corpus),
        out,
        features=features,
        releases=tuple(release or study.RELEASES),
        options=options,
        cache=cache,
        jobs=jobs,
    )
    tell_conditions(guesses, "Users known, mean of three policies", out, json)
