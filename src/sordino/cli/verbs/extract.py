"""`sordino extract`: a table of feature vectors from recordings."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from sordino.cli.options import (
    AUTOMATIC,
    CACHE,
    CORES,
    CacheOption,
    ClusterOption,
    CorpusOption,
    DeviceOption,
    EncoderOption,
    FeatureSetOption,
    JobsOption,
    JsonOption,
    SeedOption,
    TableOutOption,
    corpora_from,
    resolve_features,
)
from sordino.cli.output import print_lines, warn, write_json
from sordino.cli.shards import extract_to_shards, refuse_streamed
from sordino.cli.vector_tables import write_record, write_tables
from sordino.errors import AudioError, FeatureError
from sordino.storage import on_this_machine

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from sordino.corpora.checks.recordings import Bad
    from sordino.corpora.table import Corpus
    from sordino.features.extract import Extraction
    from sordino.storage import Location

CopiesOption = Annotated[
    Literal["none", "standard"],
    typer.Option(
        "--conditions",
        help="standard: also write tables of copies in noise, rooms and channels.",
    ),
]

LabelsOption = Annotated[
    str | None,
    typer.Option(
        "--labels",
        metavar="COLUMNS",
        help="Also write these columns of the corpus, separated by commas, such as "
        "speaker,gender,emotion.",
    ),
]

SkipBadOption = Annotated[
    bool,
    typer.Option("--skip-bad", help="Omit and list recordings that cannot be used."),
]

ShardsOption = Annotated[
    bool,
    typer.Option(
        "--shards",
        help="Write a folder of Parquet shards of 10,000 utterances with checksums, in the memory "
        "of one shard; --out ends in .shards.",
    ),
]


def extract(
    corpus: CorpusOption,
    out: TableOutOption,
    features: FeatureSetOption = AUTOMATIC,
    labels: LabelsOption = None,
    encoder: EncoderOption = None,
    cache: CacheOption = CACHE,
    seed: SeedOption = 0,  # noqa: ARG001 (every verb has it; nothing is random here)
    jobs: JobsOption = CORES,
    cluster: ClusterOption = None,  # noqa: ARG001 (its callback connects)
    device: DeviceOption = "auto",  # noqa: ARG001 (its callback selects it)
    skip_bad: SkipBadOption = False,
    conditions: CopiesOption = "none",
    shards: ShardsOption = False,
    json: JsonOption = None,
) -> None:
    """Extract one feature vector per utterance.

    The table (.parquet, .csv or .npz) has file, start and end of each utterance and one column per
    feature. It has no labels and no speakers, except those of --labels speaker,gender,emotion:
    `sordino audit` reads such a table. TABLE.run.json beside it records settings, versions,
    checksums and the number of recordings left out. If recordings cannot be used, the first ten are
    listed, one per line, and no table is written; --skip-bad omits them. The JSON lists all of
    them. Computed vectors are stored in the cache, and later runs read them there. With
    --conditions standard, a table of each copy in other conditions stands beside the first. Copies
    of an earlier table at --out are removed if its record lists them and they are unchanged.

    --shards is for more utterances than memory or a cache holds. It also reads the recordings of a
    CSV table row by row (--corpus paths=PATH), and those inside tar files (--corpus tar=PATH, the
    layout of WebDataset) and Parquet tables (--corpus parquet=PATH, the layout of Hugging Face);
    PATH is a file or a folder of them. A run that was killed goes on where it stopped. No cache is
    used. All shards are written even if recordings cannot be used; failures.jsonl in the folder
    lists these.

    Example:
      sordino extract --corpus ravdess=data/ravdess --features mel \\
        --labels speaker,gender,emotion --out vectors.parquet
      sordino extract --corpus tar=sounds.tar --features mel \\
        --labels speaker,emotion --shards --out vectors.shards
    """
    from sordino.features.copies import copy_vectors
    from sordino.features.extract import extract_usable
    from sordino.features.vectors import table_suffix

    features = _feature_set(features, encoder)
    if shards:
        _refuse_copies(conditions)
        folder = on_this_machine(out, "--shards")
        extract_to_shards(features, corpus, folder, labels, jobs, skip_bad, json)
        return
    refuse_streamed(corpus)
    table_suffix(out)
    recordings = corpora_from(corpus, keep_absent=True)
    columns = _label_columns(labels, recordings)
    extraction = extract_usable(features, recordings, cache, jobs)
    report = {"corpus": recordings.name, "features": features}
    _check_usable(extraction, len(recordings), skip_bad, report, json)
    usable = _usable(recordings, extraction)
    copies: Sequence[NDArray[np.float32]] = ()
    if conditions == "standard":
        copies = tuple(copy_vectors(features, usable, cache=cache, jobs=jobs))
    tables = write_tables(out, features, usable, [extraction.x, *copies], columns)
    write_record(tables, features, recordings.name, extraction, columns)
    if bad := len(extraction.unusable):
        warn([f"{bad} of {len(recordings)} utterances cannot be used: left out"])
    if json != "-":
        _print(tables, features, extraction)
    if json:
        write_json(json, report | _result(tables, features, extraction))


def _feature_set(features: str, encoder: Path | None) -> str:
    """The name of a feature set of `--features`, which is no table of vectors."""
    from sordino.signal.feature_sets import FEATURE_SETS, accepted_names

    features = resolve_features(features, encoder)
    if features not in FEATURE_SETS:
        raise FeatureError(f"--features {features}: expected one of {accepted_names()}: choose one")
    return features


def _refuse_copies(conditions: str) -> None:
    if conditions != "none":
        raise FeatureError(
            f"--conditions {conditions} with --shards, expected recordings without copies: leave "
            "out one of the two"
        )


def _label_columns(labels: str | None, recordings: Corpus) -> tuple[str, ...]:
    """The columns of `--labels`, each once. Raises `FeatureError` for a column that the corpus does
    not have, and for a key, which every table has.
    """
    if labels is None:
        return ()
    from sordino.features.vectors import corpus_labels

    available = corpus_labels(recordings)
    columns = tuple(dict.fromkeys(name.strip() for name in labels.split(",")))
    for name in columns:
        if name not in available:
            raise FeatureError(
                f"--labels {labels}: {name!r} is no label of {recordings.name}, expected some of "
                f"{', '.join(available)}, separated by commas: correct it"
            )
    return columns


def _check_usable(
    extraction: Extraction,
    utterances: int,
    skip_bad: bool,
    report: dict[str, str],
    json: str | None,
) -> None:
    """Warn of unusable recordings, and raise `AudioError` if they may not be left out or if no
    other recording is there. The JSON then lists them.
    """
    bad = extraction.unusable
    counts = f"{len(bad)} of {utterances} utterances cannot be used"
    _warn_of_bad(bad)
    if bad and (not skip_bad or len(bad) == utterances):
        if json:
            write_json(json, report | {"unusable": _listed(bad)})
        remedy = "repair them" if skip_bad else "repair them, or leave them out with --skip-bad"
        raise AudioError(f"{counts}: {remedy}")


def _warn_of_bad(bad: Sequence[Bad]) -> None:
    """Warn of the first unusable recordings."""
    from sordino.corpora.checks.recordings import MAX_LISTED

    warn([str(recording) for recording in bad[:MAX_LISTED]])
    if len(bad) > MAX_LISTED:
        warn([f"and {len(bad) - MAX_LISTED} more, --json FILE lists all"])


def _listed(bad: Sequence[Bad]) -> list[dict[str, Any]]:
    """Unusable recordings and their reasons, for JSON."""
    return [
        {"utterance": recording.row, "file": recording.file, "reason": recording.reason}
        for recording in bad
    ]


def _usable(recordings: Corpus, extraction: Extraction) -> Corpus:
    """The utterances with a vector."""
    import numpy as np

    bad = [recording.row for recording in extraction.unusable]
    return recordings.select(np.setdiff1d(np.arange(len(recordings)), bad))


def _print(tables: Sequence[Location], features: str, extraction: Extraction) -> None:
    """Print one line per table."""
    out, *copies = tables
    utterances, dims = extraction.x.shape
    bad = len(extraction.unusable)
    omission = f", {bad} left out" if bad else ""
    size = f"{utterances} utterances, {dims} numbers each{omission}"
    print_lines([f"{out}: {size}, features {features}"])
    print_lines([f"{path}: copies in other conditions" for path in copies])


def _result(tables: Sequence[Location], features: str, extraction: Extraction) -> dict[str, Any]:
    """Settings, sizes, paths and left out recordings, for JSON."""
    from sordino.features import FEATURE_SETS

    out, *copies = tables
    utterances, dims = extraction.x.shape
    result = {
        "config": FEATURE_SETS[features].config,
        "utterances": utterances,
        "dims": dims,
        "left_out": _listed(extraction.unusable),
        "out": str(out),
    }
    return result | ({"copies": list(map(str, copies))} if copies else {})
