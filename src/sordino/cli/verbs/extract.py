"""`sordino extract`: recordings in, a table of feature vectors out."""

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
    warn,
    write_json,
)
from sordino.errors import AudioError, FeatureError
from sordino.progress import printable

Features = Annotated[
    str, typer.Option("--features", metavar="SET", help="mel, IS13, ComParE_2016 or eGeMAPSv02.")
]

SkipBad = Annotated[
    bool,
    typer.Option("--skip-bad", help="Leave out recordings that cannot be used, and name them."),
]


def extract(
    corpus: CorpusOption,
    out: Out,
    features: Features = "IS13",
    cache: Cache = CACHE,
    seed: Seed = 0,  # noqa: ARG001  every verb takes it; nothing is drawn here
    jobs: Jobs = CORES,
    skip_bad: SkipBad = False,
    json: Json = None,
) -> None:
    """Turn recordings into feature vectors, one row an utterance.

    The table (.parquet, .csv or .npz) holds file, start and end of each utterance and one column a
    feature; no label and no speaker. Where recordings cannot be used, the first ten are listed, one
    a line, and no table is written; --skip-bad leaves them out. The JSON names every one. Computed
    vectors are kept in the cache: a second run, or one that goes on after a kill, reads them.

    \b
    Example:
      sordino extract --corpus ravdess=data/ravdess --features mel --out vectors.parquet
    """
    import numpy as np

    from sordino.corpora.checks.recordings import MAX_LISTED
    from sordino.features import FEATURE_SETS, write_vectors
    from sordino.features.extract import usable
    from sordino.features.vectors import table_suffix

    if features not in FEATURE_SETS:
        raise FeatureError(
            f"--features {features}: expected one of {', '.join(FEATURE_SETS)}: choose one"
        )
    table_suffix(out)
    recordings = corpora_from(corpus, keep_absent=True)
    x, bad = usable(features, recordings, cache, jobs)
    unusable = [{"utterance": one.row, "file": one.file, "reason": one.reason} for one in bad]
    counted = f"{len(bad)} of {len(recordings)} utterances cannot be used"
    warn([str(recording) for recording in bad[:MAX_LISTED]])
    if len(bad) > MAX_LISTED:
        warn([f"and {len(bad) - MAX_LISTED} more, --json FILE lists all"])
    if bad and (not skip_bad or len(bad) == len(recordings)):
        if json:
            write_json(
                json, {"corpus": recordings.name, "features": features, "unusable": unusable}
            )
        left = "mend them" if skip_bad else "mend them, or leave them out with --skip-bad"
        raise AudioError(f"{counted}: {left}")
    good = recordings.select(
        np.setdiff1d(np.arange(len(recordings)), [recording.row for recording in bad])
    )
    write_vectors(out, x, good, FEATURE_SETS[features].names)
    utterances, dims = x.shape
    if bad:
        warn([f"{counted}: left out"])
    if json != "-":
        print(
            printable(
                f"{out}: {utterances} utterances, {dims} numbers each"
                + (f", {len(bad)} left out" if bad else "")
            )
        )
    if json:
        write_json(
            json,
            {
                "corpus": recordings.name,
                "features": features,
                "config": FEATURE_SETS[features].config,
                "utterances": utterances,
                "dims": dims,
                "left_out": unusable,
                "out": str(out),
            },
        )
