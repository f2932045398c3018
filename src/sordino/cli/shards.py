"""`sordino extract --shards`: its sources, its lines and its JSON."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from sordino.cli.options import corpora_from
from sordino.cli.output import print_lines, warn, write_json
from sordino.errors import AudioError, CorpusError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sordino.features.shards import RowSource, ShardSummary

STREAMED: Final = {"paths": ".csv", "tar": ".tar", "parquet": ".parquet"}
"""Names of `--corpus` for sources that are read row by row, and the suffix of their files."""


def refuse_streamed(options: Sequence[str]) -> None:
    """Raise `CorpusError` for sources that only shards are made from."""
    from sordino.corpora import ADAPTERS  # here, as it loads slowly

    for option in options:
        name = option.partition("=")[0]
        if name in STREAMED and name not in ADAPTERS:
            raise CorpusError(
                f"--corpus {option}: a source that is read row by row, expected --shards for it: "
                "add it"
            )


def row_sources(options: Sequence[str]) -> list[RowSource]:
    """The sources of `--corpus`, in their order. Raises the errors of `corpora_from`, and
    `CorpusError` for a path without tar files or tables.
    """
    from sordino.features.shards import CorpusRows, ParquetRows, PathRows, TarRows

    if not options:
        corpora_from(options)  # raises
    sources: list[RowSource] = []
    for option in options:
        name, _, path = option.partition("=")
        if name not in STREAMED:
            sources.append(CorpusRows(corpora_from([option], keep_absent=True)))
            continue
        files = _files(option, Path(path), STREAMED[name])
        if name == "paths":
            sources += map(PathRows, files)
        else:
            sources.append(TarRows(files) if name == "tar" else ParquetRows(files))
    return sources


def _files(option: str, path: Path, suffix: str) -> tuple[Path, ...]:
    """The file at a path, or those of a suffix in a folder, by name."""
    files = sorted(path.glob(f"*{suffix}")) if path.is_dir() else [path]
    if not files or not path.exists():
        kind = f"no file {suffix} in it" if files != [path] else "no such file"
        raise CorpusError(
            f"--corpus {option}: {kind}, expected a file or a folder of {suffix} files: check the "
            "path"
        )
    return tuple(files)


def label_names(labels: str | None) -> tuple[str, ...]:
    """The columns of `--labels`, each once."""
    return tuple(dict.fromkeys(name.strip() for name in (labels or "").split(",") if name.strip()))


def extract_to_shards(
    features: str,
    options: Sequence[str],
    out: Path,
    labels: str | None,
    jobs: int,
    skip_bad: bool,
    json_path: str | None,
) -> None:
    """Write the folder of shards, its record, the lines of the verb and its JSON.

    Raises `AudioError` at the end for recordings that cannot be used, unless they may be left out
    and others can be used.
    """
    from sordino.features.shards import extract_shards

    summary = extract_shards(features, row_sources(options), out, label_names(labels), jobs)
    _write_record(summary, features, options, label_names(labels))
    warn([f"{failure.file}: {failure.reason}" for failure in summary.first_failures])
    listed_in = summary.folder / "failures.jsonl"
    if summary.failures > len(summary.first_failures):
        warn([f"and {summary.failures - len(summary.first_failures)} more, {listed_in} lists all"])
    if json_path:
        write_json(json_path, _result(summary, features))
    if json_path != "-":
        print_lines([_line(summary, features)])
    counts = f"{summary.failures} of {summary.utterances} utterances cannot be used"
    if summary.failures and (not skip_bad or not summary.vectors):
        remedy = "repair them" if skip_bad else "repair them, or accept the shards with --skip-bad"
        raise AudioError(f"{counts}, {listed_in} lists them: {remedy}")
    if summary.failures:
        warn([f"{counts}: left out"])


def _line(summary: ShardSummary, features: str) -> str:
    from sordino.features import FEATURE_SETS

    omission = f", {summary.failures} left out" if summary.failures else ""
    earlier = summary.shards - summary.computed
    reuse = f" ({earlier} of them from an earlier run)" if earlier else ""
    return (
        f"{summary.folder}: {summary.vectors} utterances in {summary.shards} shard(s){reuse}, "
        f"{FEATURE_SETS[features].dims} numbers each{omission}, features {features}"
    )


def _result(summary: ShardSummary, features: str) -> dict[str, Any]:
    """Settings, sizes and the first unusable recordings, for JSON."""
    from sordino.features import FEATURE_SETS

    extractor = FEATURE_SETS[features]
    return {
        "features": features,
        "config": extractor.config,
        "utterances": summary.vectors,
        "dims": extractor.dims,
        "shards": summary.shards,
        "left_out": summary.failures,
        "first_left_out": [failure._asdict() for failure in summary.first_failures],
        "out": str(summary.folder),
    }


def _write_record(
    summary: ShardSummary, features: str, options: Sequence[str], labels: Sequence[str]
) -> None:
    """Write the settings and versions of the run beside its shards."""
    from sordino import storage
    from sordino.features import FEATURE_SETS
    from sordino.record import settled, versions

    config = {
        "verb": "extract",
        "shards": True,
        "corpus": list(options),
        "features": FEATURE_SETS[features].config,
        "labels": list(labels),
    }
    record = {
        **settled(config),
        "versions": versions(),
        "utterances": summary.vectors,
        "dims": FEATURE_SETS[features].dims,
        "left_out": summary.failures,
    }
    text = json.dumps(record, indent=2, ensure_ascii=False) + "\n"
    storage.write(summary.folder / "run.json", text)
