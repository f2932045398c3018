"""`sordino extract`: recordings to a table of feature vectors."""

from __future__ import annotations

import hashlib
import json as encoder
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

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

if TYPE_CHECKING:
    from sordino.features.extract import Extraction

Features = Annotated[
    str,
    typer.Option(
        "--features",
        metavar="SET",
        help="mel, speech, speech-tiny, speech+mel, IS13, ComParE_2016 or eGeMAPSv02.",
    ),
]

SkipBad = Annotated[
    bool,
    typer.Option("--skip-bad", help="Leave out unusable recordings, and name them."),
]


def extract(
    corpus: CorpusOption,
    out: Out,
    features: Features = "IS13",
    cache: Cache = CACHE,
    seed: Seed = 0,  # noqa: ARG001  every verb has it; extraction is not random
    jobs: Jobs = CORES,
    skip_bad: SkipBad = False,
    json: Json = None,
) -> None:
    """Turn recordings into feature vectors, one row an utterance.

    The table (.parquet, .csv or .npz) has file, start and end of each utterance and one column a
    feature, without labels and speakers. TABLE.run.json beside it records settings, versions,
    checksums and the number of recordings left out. If recordings are unusable, the first ten are
    listed, one a line, and no table is written; --skip-bad leaves them out. The JSON names all.
    Computed vectors are cached: a second run, or a run after a kill, reads them.

    \b
    Example:
      sordino extract --corpus ravdess=data/ravdess --features mel --out vectors.parquet
    """
    import numpy as np

    from sordino import storage
    from sordino.corpora.checks.recordings import MAX_LISTED
    from sordino.features import FEATURE_SETS, write_vectors
    from sordino.features.extract import extract_usable
    from sordino.features.vectors import table_suffix

    if features not in FEATURE_SETS:
        raise FeatureError(
            f"--features {features}: expected one of {', '.join(FEATURE_SETS)}: choose one"
        )
    table_suffix(out)
    recordings = corpora_from(corpus, keep_absent=True)
    extraction = extract_usable(features, recordings, cache, jobs)
    x, bad = extraction.x, extraction.unusable
    unusable = [
        {"utterance": recording.row, "file": recording.file, "reason": recording.reason}
        for recording in bad
    ]
    count = f"{len(bad)} of {len(recordings)} utterances cannot be used"
    warn([str(recording) for recording in bad[:MAX_LISTED]])
    if len(bad) > MAX_LISTED:
        warn([f"and {len(bad) - MAX_LISTED} more, --json FILE lists all"])
    if bad and (not skip_bad or len(bad) == len(recordings)):
        if json:
            write_json(
                json, {"corpus": recordings.name, "features": features, "unusable": unusable}
            )
        remedy = "mend them" if skip_bad else "mend them, or leave them out with --skip-bad"
        raise AudioError(f"{count}: {remedy}")
    good = recordings.select(
        np.setdiff1d(np.arange(len(recordings)), [recording.row for recording in bad])
    )
    config = FEATURE_SETS[features].config
    write_vectors(out, x, good, FEATURE_SETS[features].names)
    record = _record(extraction, recordings.name, config, out)
    text = encoder.dumps(record, indent=2, ensure_ascii=False) + "\n"
    storage.write(out.with_name(f"{out.name}.run.json"), text)
    utterances, dims = x.shape
    if bad:
        warn([f"{count}: left out"])
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
                "config": config,
                "utterances": utterances,
                "dims": dims,
                "left_out": unusable,
                "out": str(out),
            },
        )


def _record(
    extraction: Extraction, corpus: str, config: dict[str, object], out: Path
) -> dict[str, Any]:
    """The origin of a table: its settings, versions and checksums, and the number of recordings
    left out.
    """
    from sordino.report.record import settled, versions

    sums = "".join(extraction.checksums)
    utterances, dims = extraction.x.shape
    return {
        **settled({"verb": "extract", "corpus": corpus, "features": config}),
        "data_checksum": hashlib.sha256(sums.encode()).hexdigest(),
        "table_checksum": hashlib.sha256(out.read_bytes()).hexdigest(),
        "versions": versions(),
        "utterances": utterances,
        "dims": dims,
        "left_out": len(extraction.unusable),
        "left_out_files": len({recording.file for recording in extraction.unusable}),
    }
