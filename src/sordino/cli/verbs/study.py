"""`sordino study`: releases in other conditions, on another corpus, adapted to a user, and over
days.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

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
    OutOption,
    ReleasesOption,
    SeedOption,
    bundle_options,
    compared_releases,
    corpora_from,
    resolve_features,
    resolve_releases,
)
from sordino.cli.output import print_conditions

if TYPE_CHECKING:
    import pandas as pd

    from sordino.storage import Location
    from sordino.study.adaptation.cross_corpus import Absence

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
    encoder: EncoderOption = None,
    attackers: AttackersOption = "quick",
    conditions: ConditionsOption = None,
    noise: NoiseOption = None,
    cache: CacheOption = CACHE,
    seed: SeedOption = 0,
    jobs: JobsOption = CORES,
    cluster: ClusterOption = None,  # noqa: ARG001 (its callback connects)
    device: DeviceOption = "auto",  # noqa: ARG001 (its callback selects it)
    json: JsonOption = None,
) -> None:
    """Fit releases on one corpus, use them on another, and measure remedies.

    Labels of --corpus are used for measurement only, except in the conditions named calibrated.
    Writes estimates.csv and run.json to --out.

    Example:
      sordino study cross-corpus --fit-on ravdess=data/ravdess \\
        --corpus emodb=data/emodb --release drawn --features mel --out cross
    """
    from sordino.study.adaptation import cross_corpus as study

    features = resolve_features(features, encoder)
    result = study.carry(
        corpora_from(fit_on),
        corpora_from(corpus),
        out,
        features=features,
        releases=resolve_releases(release) or study.RELEASES,
        options=bundle_options(features, attackers, conditions, seed),
        noise=noise,
        cache=cache,
        jobs=jobs,
    )
    _print_adaptations(result.guesses, "Cross-corpus", out, json, result.absent)


@app.command("personalisation")
def personalisation(
    corpus: CorpusOption,
    out: OutOption,
    release: ReleasesOption = None,
    features: FeaturesOption = AUTOMATIC,
    encoder: EncoderOption = None,
    attackers: AttackersOption = "quick",
    conditions: ConditionsOption = None,
    noise: NoiseOption = None,
    cache: CacheOption = CACHE,
    seed: SeedOption = 0,
    jobs: JobsOption = CORES,
    cluster: ClusterOption = None,  # noqa: ARG001 (its callback connects)
    device: DeviceOption = "auto",  # noqa: ARG001 (its callback selects it)
    json: JsonOption = None,
) -> None:
    """Adapt releases to a user, and measure utility and leakage.

    An offset per user is predicted from some utterances of the user and subtracted from the score
    of the others. Writes estimates.csv and run.json to --out.

    Example:
      sordino study personalisation --corpus ravdess=data/ravdess \\
        --corpus emodb=data/emodb --release drawn --features mel --out personal
    """
    from sordino.study.adaptation import personalisation as study

    features = resolve_features(features, encoder)
    _, guesses = study.personalise(
        corpora_from(corpus),
        out,
        features=features,
        releases=resolve_releases(release) or study.RELEASES,
        options=bundle_options(features, attackers, conditions, seed),
        noise=noise,
        cache=cache,
        jobs=jobs,
    )
    _print_adaptations(guesses, "Personalisation", out, json)


@app.command("conditions")
def conditions(
    corpus: CorpusOption,
    out: OutOption,
    release: ReleasesOption = None,
    features: FeaturesOption = AUTOMATIC,
    encoder: EncoderOption = None,
    attackers: AttackersOption = "quick",
    conditions: ConditionsOption = None,
    noise: NoiseOption = None,
    cache: CacheOption = CACHE,
    seed: SeedOption = 0,
    jobs: JobsOption = CORES,
    cluster: ClusterOption = None,  # noqa: ARG001 (its callback connects)
    device: DeviceOption = "auto",  # noqa: ARG001 (its callback selects it)
    json: JsonOption = None,
) -> None:
    """Test releases in noise, on a telephone and in a room that their fit never saw.

    Two thirds of the speakers fit the releases, and one third is tested, three times. Attackers
    retrain on other speakers in the same condition. Writes estimates.csv, run.json, report.html and
    figure.svg to --out. If a run was interrupted, the same command resumes it.

    Example:
      sordino study conditions --corpus ravdess=data/ravdess \\
        --corpus emodb=data/emodb --release drawn --features mel --out conditions
    """
    from sordino.study import conditions as study

    features = resolve_features(features, encoder)
    releases = compared_releases(release, study.RELEASES)
    result = study.evaluate(
        corpora_from(corpus),
        out,
        features=features,
        options=bundle_options(features, attackers, conditions, seed, releases=releases),
        noise=noise,
        cache=cache,
        jobs=jobs,
    )
    print_conditions(
        study.condition_figures(result.guesses, result.estimates),
        "Conditions, mean of three policies",
        out / "report.html",
        json,
        caption="worst AUC: one emotion against neutral, under one policy",
    )


@app.command("tracking")
def tracking(
    corpus: CorpusOption,
    out: OutOption,
    release: ReleasesOption = None,
    features: FeaturesOption = AUTOMATIC,
    encoder: EncoderOption = None,
    conditions: ConditionsOption = None,
    noise: NoiseOption = None,
    cache: CacheOption = CACHE,
    seed: SeedOption = 0,
    jobs: JobsOption = CORES,
    cluster: ClusterOption = None,  # noqa: ARG001 (its callback connects)
    device: DeviceOption = "auto",  # noqa: ARG001 (its callback selects it)
    json: JsonOption = None,
) -> None:
    """Track the share of an emotion over days from released vectors of simulated users.

    Users consist of recordings of test speakers. Writes estimates.csv, run.json, report.html and
    figure.svg to --out. If a run was interrupted, the same command resumes it.

    Example:
      sordino study tracking --corpus ravdess=data/ravdess \\
        --corpus emodb=data/emodb --features mel --out tracking
    """
    from sordino.study import tracking as study

    features = resolve_features(features, encoder)
    releases = compared_releases(release, study.RELEASES)
    result = study.evaluate(
        corpora_from(corpus),
        out,
        features=features,
        options=bundle_options(features, "quick", conditions, seed, releases=releases),
        noise=noise,
        cache=cache,
        jobs=jobs,
    )
    recordings = result.days.groupby("utterances")["distinct"].mean()
    effective = ", ".join(f"{number:.0f} of {day}" for day, number in recordings.items())
    print_conditions(
        study.tracking_figures(result.estimates),
        "Tracking, mean of all policies and shares",
        out / "report.html",
        json,
        caption=f"Different recordings among the utterances of a day: {effective}.",
    )


def _print_adaptations(
    guesses: pd.DataFrame,
    study: str,
    out: Location,
    json: str | None,
    absent: Sequence[Absence] = (),
) -> None:
    """Print the figures of releases that are adapted."""
    from sordino.study.adaptation.evaluation import mean_figures

    print_conditions(
        mean_figures(guesses),
        f"{study}, mean of three policies",
        out / "estimates.csv",
        json,
        caption="AUCs of leaks are max(AUC, 1 - AUC) under each policy, then averaged.",
        absent=absent,
    )
