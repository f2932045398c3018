"""`sordino demo`: the study of Feng and Narayanan (2021) on synthetic speech or on your corpus."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sordino.cli.options import (
    CACHE,
    CORES,
    CacheOption,
    ClusterOption,
    DeviceOption,
    FeaturesOption,
    JobsOption,
    JsonOption,
    OutOption,
    SeedOption,
    corpora_from,
    resolve_features,
)
from sordino.cli.output import print_conditions, warn
from sordino.errors import AttackError, SplitError
from sordino.progress import announce

if TYPE_CHECKING:
    from sordino.corpora.table import Corpus
    from sordino.storage import Location

SYNTHETIC = (
    "This corpus is synthetic: 24 voices of the espeak-ng synthesiser, emotions acted by pitch, "
    "rate and loudness. "
    "It shows that everything runs and how to read the page; its figures say nothing about people."
)

SYNTHETIC_TIME = (
    "synthetic voices, attacked twice, then in noise, on a telephone and in a room: about five "
    "minutes on two cores"
)

SYNTHETIC_DRAWS = 2
"""Draws of speakers on the synthetic corpus, so that the demo takes minutes."""

SYNTHETIC_STEP = 2
"""One in so many synthetic utterances is tested in other conditions."""

SYNTHETIC_CONDITIONS = ("clean", "noise-10", "telephone", "room")
"""Test conditions on the synthetic corpus."""

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
    cluster: ClusterOption = None,  # noqa: ARG001 (its callback connects)
    device: DeviceOption = "auto",  # noqa: ARG001 (its callback selects it)
    json: JsonOption = None,
) -> None:
    """Hide emotions and gender in speech features, attack the released vectors, write a report.

    The releases of Feng 2021 do not resist a retrained attacker; `drawn` does (with 20 speakers or
    more). --features is the feature set of this report. A second report, in the folder conditions,
    shows `drawn` in noise, on a telephone and in a room. It always compares the feature sets `mel`
    and `speech` (where its extra is installed).

    Without --corpus the command first synthesises speech with espeak-ng. It takes about five
    minutes on two cores.

    Example:
      sordino demo
      sordino demo --corpus ravdess=data/ravdess --out ravdess-report
    """
    from sordino.cli.verbs.reproduce import print_feng2021
    from sordino.corpora import synthetic
    from sordino.corpora.split import DRAWS
    from sordino.storage import on_this_machine
    from sordino.study import Options
    from sordino.study import feng2021 as study
    from sordino.study.protocol import PAPER

    if corpus:
        recordings = corpora_from(corpus)
    else:
        folder = on_this_machine(cache / "synthetic", "synthetic speech (--cache)")
        recordings = synthetic.make(folder, seed)
    speakers = len(set(recordings.speaker))
    announce(
        f"{len(recordings):,} utterances of {speakers} {'speakers' if corpus else SYNTHETIC_TIME}"
    )
    notices = [] if corpus else [SYNTHETIC]
    drawn = ("drawn",) if speakers >= DRAWN_FROM else ()
    options = Options(releases=(*PAPER, *drawn), seed=seed)
    if drawn:
        try:
            _in_conditions(recordings, out / "conditions", seed, cache, jobs, notices)
        except (AttackError, SplitError) as error:  # its folds are smaller than the draws
            warn([f"other conditions are left out: {error}"])
    estimates = study.reproduce(
        recordings,
        out,
        features=resolve_features(features),
        options=options,
        max_draws=DRAWS if corpus else SYNTHETIC_DRAWS,
        cache=cache,
        jobs=jobs,
        notices=notices,
    )
    print_feng2021(estimates, out, json)


def _in_conditions(
    recordings: Corpus, out: Location, seed: int, cache: Location, jobs: int, notices: Sequence[str]
) -> None:
    """Evaluate `drawn` in other conditions on each feature set, and print its figures."""
    from dataclasses import replace

    import numpy as np

    from sordino.signal.conditions import CONDITIONS
    from sordino.signal.feature_sets import AUTOMATIC
    from sordino.study import conditions as study
    from sordino.study.protocol import BUNDLE_OPTIONS, POLICIES

    synthetic = bool(notices)
    every = np.arange(0, len(recordings), SYNTHETIC_STEP if synthetic else 1)
    rows = study.compare_feature_sets(
        recordings.select(every),
        out,
        features=list(dict.fromkeys(("mel", resolve_features(AUTOMATIC)))),
        notices=notices,
        options=replace(
            BUNDLE_OPTIONS, releases=("drawn",), seed=seed, conditions="standard", copies=1
        ),
        policies=POLICIES[1:2] if synthetic else POLICIES,
        conditions=SYNTHETIC_CONDITIONS if synthetic else CONDITIONS,
        cache=cache,
        jobs=jobs,
    )
    title = "The release drawn in other conditions"
    print_conditions(rows, title, out / "report.html", None, heading="features")
