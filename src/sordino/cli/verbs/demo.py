"""`sordino demo`: the study of Feng and Narayanan (2021) on synthetic speech or on your corpus."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sordino.cli.options import (
    CACHE,
    CORES,
    CacheOption,
    FeaturesOption,
    JobsOption,
    JsonOption,
    OutOption,
    SeedOption,
    corpora_from,
    resolve_features,
)

SYNTHETIC = (
    "This corpus is synthetic: 24 voices of the espeak-ng synthesiser, emotions acted by pitch, "
    "rate and loudness. "
    "It shows that everything runs and how to read the page; its figures say nothing about people."
)

DRAWN_FROM = 20
"""The smallest number of speakers for the release `drawn`: two fifths of fewer are too few."""

RealCorpusOption = Annotated[
    list[str] | None,
    typer.Option(
        "--corpus",
        metavar="NAME=PATH",
        help="A real corpus instead of the synthetic one; repeatable.",
    ),
]


def demo(
    corpus: RealCorpusOption = None,
    out: OutOption = Path("demo-report"),
    features: FeaturesOption = "mel",
    cache: CacheOption = CACHE,
    seed: SeedOption = 0,
    jobs: JobsOption = CORES,
    json: JsonOption = None,
) -> None:
    """Hide emotions and gender in speech features, attack the released vectors, write a report.

    The releases of Feng 2021 do not resist a retrained attacker; `drawn` does (with 20 speakers or
    more).

    Without --corpus the command first synthesises speech with espeak-ng. It takes about four
    minutes on two cores.

    Example:
      sordino demo
      sordino demo --corpus ravdess=data/ravdess --out ravdess-report
    """
    from sordino.cli.verbs.reproduce import print_feng2021
    from sordino.corpora import synthetic
    from sordino.study import Options
    from sordino.study import feng2021 as study
    from sordino.study.protocol import PAPER

    recordings = corpora_from(corpus) if corpus else synthetic.make(cache / "synthetic", seed)
    notices = [] if corpus else [SYNTHETIC]
    drawn = ("drawn",) if len(set(recordings.speaker)) >= DRAWN_FROM else ()
    options = Options(releases=(*PAPER, *drawn), seed=seed)
    estimates = study.reproduce(
        recordings,
        out,
        features=resolve_features(features),
        options=options,
        cache=cache,
        jobs=jobs,
        notices=notices,
    )
    print_feng2021(estimates, out, json)
