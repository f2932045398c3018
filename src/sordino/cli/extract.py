"""`sordino extract`: recordings in, a table of feature vectors out."""

from __future__ import annotations

from typing import Annotated

import typer

from sordino.cli.options import CACHE, CORES, Cache, CorpusOption, Jobs, Json, Out, Seed, corpora_from, write_json
from sordino.errors import FeatureError
from sordino.progress import printable

Features = Annotated[str, typer.Option("--features", metavar="SET", help="mel, IS13, ComParE_2016 or eGeMAPSv02.")]


def extract(
    corpus: CorpusOption,
    out: Out,
    features: Features = "IS13",
    cache: Cache = CACHE,
    seed: Seed = 0,  # noqa: ARG001  every verb takes it; nothing is drawn here
    jobs: Jobs = CORES,
    json: Json = None,
) -> None:
    """Turn recordings into feature vectors, one row an utterance.

    The table (.parquet, .csv or .npz) holds file, start and end of each utterance and one column a feature; no label
    and no speaker. What is computed is kept in the cache: a second run, or one that goes on after a kill, reads it.

    \b
    Example:
      sordino extract --corpus ravdess=data/ravdess --features mel --out vectors.parquet
    """
    from sordino.features import FEATURE_SETS, write_vectors
    from sordino.features import extract as vectors_of
    from sordino.features.vectors import table_suffix

    if features not in FEATURE_SETS:
        raise FeatureError(f"--features {features}: expected one of {', '.join(FEATURE_SETS)}: choose one")
    table_suffix(out)
    recordings = corpora_from(corpus)
    x = vectors_of(features, recordings, cache, jobs)
    write_vectors(out, x, recordings, FEATURE_SETS[features].names)
    utterances, dims = x.shape
    if json != "-":
        print(printable(f"{out}: {utterances} utterances, {dims} numbers each"))
    if json:
        write_json(
            json,
            {
                "corpus": recordings.name,
                "features": features,
                "config": FEATURE_SETS[features].config,
                "utterances": utterances,
                "dims": dims,
                "out": str(out),
            },
        )
