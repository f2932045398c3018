"""`sordino demo`: the main job, on speech made on the spot or on a corpus of yours."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sordino.cli.options import CACHE, CORES, Cache, Jobs, Json, Seed, corpora_from
from sordino.cli.verbs.reproduce import Features

SYNTHETIC = (
    "This corpus is synthetic: 24 voices of the espeak-ng synthesiser, emotions acted by pitch, "
    "rate and loudness. "
    "It shows that everything runs and how to read the page; its figures say nothing about people."
)

DRAWN_FROM = 20
"""Speakers of a corpus: of fewer, two fifths are too few to draw from."""

Given = Annotated[
    list[str] | None,
    typer.Option(
        "--corpus",
        metavar="NAME=PATH",
        help="A real corpus instead of the synthetic one; again for more.",
    ),
]
Where = Annotated[
    Path, typer.Option("--out", metavar="PATH", help="Where to write; made when absent.")
]


def demo(
    corpus: Given = None,
    out: Where = Path("demo-report"),
    features: Features = "mel",
    cache: Cache = CACHE,
    seed: Seed = 0,
    jobs: Jobs = CORES,
    json: Json = None,
) -> None:
    """Hide emotions and gender in speech features, attack what is released, and write a report.

    The releases are those of Feng 2021, which do not stop an attacker who retrains, and drawn,
    which does (from 20 speakers on).

    Without --corpus it first makes speech with espeak-ng: about four minutes in all on two cores.
    openSMILE is needed for features of its own only.

    \b
    Example:
      sordino demo
      sordino demo --corpus ravdess=data/ravdess --out ravdess-report
    """
    from sordino.cli.verbs.reproduce import tell
    from sordino.corpora import synthetic
    from sordino.study import Options
    from sordino.study import feng2021 as study
    from sordino.study.protocol import PAPER

    recordings = corpora_from(corpus) if corpus else synthetic.make(cache / "synthetic", seed)
    notices = [] if corpus else [SYNTHETIC]
    drawn = ("drawn",) if len(set(recordings.speaker)) >= DRAWN_FROM else ()
    options = Options(releases=(*PAPER, *drawn), seed=seed)
    estimates = study.reproduce(
        recordings, out, features=features, options=options, cache=cache, jobs=jobs, notices=notices
    )
    tell(estimates, out, json)
