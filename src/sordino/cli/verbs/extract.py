"""`sordino extract`: a table of feature vectors from recordings."""

from __future__ import annotations

import hashlib
import json as codec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from sordino.cli.options import (
    CACHE,
    CORES,
    CacheOption,
    CorpusOption,
    EncoderOption,
    JobsOption,
    JsonOption,
    OutOption,
    SeedOption,
    corpora_from,
    resolve_features,
)
from sordino.cli.output import print_lines, warn, write_json
from sordino.errors import AudioError, FeatureError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sordino.corpora.checks.recordings import Bad
    from sordino.corpora.table import Corpus
    from sordino.features.extract import Extraction

FeatureSetOption = Annotated[
    str,
    typer.Option(
        "--features",
        metavar="SET",
        help="mel, speech, speech-tiny, speech+mel, IS13, ComParE_2016, eGeMAPSv02, "
        "speech:FOLDER@LAYER of a local model, or MODULE:NAME of your own.",
    ),
]

CopiesOption = Annotated[
    Literal["none", "standard"],
    typer.Option(
        "--conditions",
        help="standard: also write tables of copies in noise, rooms and channels.",
    ),
]

SkipBadOption = Annotated[
    bool,
    typer.Option("--skip-bad", help="Omit and list recordings that cannot be used."),
]


def extract(
    corpus: CorpusOption,
    out: OutOption,
    features: FeatureSetOption = "IS13",
    encoder: EncoderOption = None,
    cache: CacheOption = CACHE,
    seed: SeedOption = 0,  # noqa: ARG001 (every verb has it; nothing is random here)
    jobs: JobsOption = CORES,
    skip_bad: SkipBadOption = False,
    conditions: CopiesOption = "none",
    json: JsonOption = None,
) -> None:
    """Extract one feature vector per utterance.

    The table (.parquet, .csv or .npz) has file, start and end of each utterance and one column per
    feature. It has no labels and no speakers. TABLE.run.json beside it records settings, versions,
    checksums and the number of recordings left out. If recordings cannot be used, the first ten are
    listed, one per line, and no table is written; --skip-bad omits them. The JSON lists all of
    them. Computed vectors are stored in the cache, and later runs read them there. With
    --conditions standard, a table of each copy in other conditions stands beside the first.

    Example:
      sordino extract --corpus ravdess=data/ravdess --features mel \\
        --out vectors.parquet
    """
    import numpy as np

    from sordino import storage
    from sordino.features import FEATURE_SETS, write_vectors
    from sordino.features.extract import extract_usable
    from sordino.features.vectors import table_suffix

    features = resolve_features(features, encoder)
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
    report = {"corpus": recordings.name, "features": features}
    counts = f"{len(bad)} of {len(recordings)} utterances cannot be used"
    _warn_of_bad(bad)
    if bad and (not skip_bad or len(bad) == len(recordings)):
        if json:
            write_json(json, report | {"unusable": unusable})
        remedy = "repair them" if skip_bad else "repair them, or leave them out with --skip-bad"
        raise AudioError(f"{counts}: {remedy}")
    good = recordings.select(
        np.setdiff1d(np.arange(len(recordings)), [recording.row for recording in bad])
    )
    config = FEATURE_SETS[features].config
    write_vectors(out, x, good, FEATURE_SETS[features].names)
    copies = _write_copies(out, features, good, cache, jobs) if conditions == "standard" else []
    record = _record(extraction, recordings.name, config, out)
    text = codec.dumps(record, indent=2, ensure_ascii=False) + "\n"
    storage.write(out.with_name(f"{out.name}.run.json"), text)
    utterances, dims = x.shape
    if bad:
        warn([f"{counts}: left out"])
    if json != "-":
        omission = f", {len(bad)} left out" if bad else ""
        print_lines([f"{out}: {utterances} utterances, {dims} numbers each{omission}"])
        print_lines([f"{path}: copies in other conditions" for path in copies])
    if json:
        size = {"utterances": utterances, "dims": dims, "left_out": unusable, "out": str(out)}
        written = {"copies": list(map(str, copies))} if copies else {}
        write_json(json, report | {"config": config} | size | written)


def _warn_of_bad(bad: Sequence[Bad]) -> None:
    """Warn of the first unusable recordings."""
    from sordino.corpora.checks.recordings import MAX_LISTED

    warn([str(recording) for recording in bad[:MAX_LISTED]])
    if len(bad) > MAX_LISTED:
        warn([f"and {len(bad) - MAX_LISTED} more, --json FILE lists all"])


def _write_copies(
    out: Path, features: str, recordings: Corpus, cache: Path, jobs: int
) -> list[Path]:
    """Write a table of each copy beside the table of the recordings; the paths."""
    from sordino.features import FEATURE_SETS, write_vectors
    from sordino.features.copies import copy_vectors

    names = FEATURE_SETS[features].names
    blocks = copy_vectors(features, recordings, cache=cache, jobs=jobs)
    return [
        write_vectors(
            out.with_name(f"{out.stem}.copy-{number}{out.suffix}"), block, recordings, names
        )
        for number, block in enumerate(blocks, 1)
    ]


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
