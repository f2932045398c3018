"""`sordino corpus check`: is this copy of a corpus whole?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Annotated

import pandas as pd
import typer
from rich.markup import escape
from rich.table import Table

from sordino import corpora, storage
from sordino.cli.options import CORES, Jobs, Json, Seed, warn, write_json
from sordino.cli.terminal import Console
from sordino.corpora.checks.check import Count
from sordino.corpora.checks.published import FENG2021_EMOTIONS
from sordino.corpora.checks.recordings import MAX_LISTED, Bad, Recordings, check_recordings

DIFFERS = 1

app = typer.Typer(help="Check the recordings and labels of a corpus.", no_args_is_help=True)


@app.callback()
def corpus() -> None:
    """Check the recordings and labels of a corpus."""


@app.command()
def check(
    name: Annotated[
        str, typer.Argument(metavar="NAME", help=f"One of {', '.join(corpora.ADAPTERS)}.")
    ],
    path: Annotated[
        Path, typer.Argument(metavar="PATH", help="Its folder, or the CSV table of a manifest.")
    ],
    partial: Annotated[
        bool, typer.Option("--partial", help="Fewer than published is fine, more is not.")
    ] = False,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            metavar="PATH",
            help="A folder for counts.csv and speakers.csv; made when absent.",
        ),
    ] = None,
    json: Json = None,
    seed: Seed = 0,  # noqa: ARG001 (every verb takes it; nothing is drawn here)
    jobs: Jobs = CORES,  # noqa: ARG001 (every verb takes it; reading is over in seconds)
) -> None:
    """Print counts by speaker, gender and emotion beside the published ones, and recordings that
    cannot be used.

    The header of every recording is read, and start and end are compared with its length. Ends with
    status 0 when the copy is whole or there is no published count to compare with; 1 when it
    differs or a recording cannot be used. Where the publication leaves its counts in doubt, a
    difference is told and the status is 0.

    \b
    Example:
      sordino corpus check ravdess data/ravdess
    """
    loaded = corpora.load(name, path, keep_absent=True)
    known = corpora.published.PUBLISHED.get(name)
    counts = corpora.check.counts(loaded, known)
    wrong = corpora.check.differences(counts, partial)
    failed = corpora.check.is_wrong(wrong, known)
    doubt = known.doubt if known and wrong else ""
    recordings = check_recordings(loaded)
    bad = [replace(recording, file=_relative(recording.file, path)) for recording in recordings.bad]
    missing = {recording.file for recording in recordings.bad}
    present = (
        loaded.select(~loaded.table["file"].isin(missing).to_numpy())
        if len(missing) < recordings.files
        else None
    )
    twins = [
        [_relative(file, path) for file in group]
        for group in (corpora.check.identical(present) if present else [])
    ]
    speakers = corpora.check.by_speaker(loaded)

    console = Console(stderr=json == "-", highlight=False)
    if not console.is_terminal:
        console.width = 200  # a file or a pipe has no edge to wrap at
    source = known.source if known else "no published counts to compare with"
    console.print(
        escape(f"{loaded.name}: {len(loaded)} utterances, {len(speakers)} speakers ({source})")
    )
    warn(loaded.notes)
    console.print(_overview(counts, wrong))
    console.print(_speakers(counts, wrong, speakers))
    for group in twins:
        console.print(
            escape(f"byte-identical, kept in one part: {' = '.join(group)}"), soft_wrap=True
        )
    console.print(escape(_verdict(counts, wrong, doubt)))
    _show_recordings(console, recordings, bad)

    table = [{**asdict(count), "differs": count in wrong} for count in counts]
    if out is not None:
        storage.write(out / "counts.csv", _csv(pd.DataFrame(table).astype({"published": "Int64"})))
        storage.write(out / "speakers.csv", _csv(speakers))
    if json is not None:
        unusable = [
            {"utterance": recording.row, "file": recording.file, "reason": recording.reason}
            for recording in bad
        ]
        result = {
            "corpus": name,
            "differs": failed,
            "doubt": doubt,
            "counts": table,
            "byte_identical": twins,
        }
        result |= {"recordings": recordings.files, "unusable": unusable, "notes": loaded.notes}
        write_json(json, result)
    if failed or bad:
        raise typer.Exit(DIFFERS)


def _csv(table: pd.DataFrame) -> str:
    """A table as CSV, without a cell that a spreadsheet runs as a formula."""
    safe = table.map(lambda value: storage.cell(value) if isinstance(value, str) else value)
    return safe.astype(table.dtypes).to_csv(index=False)


def _show_recordings(console: Console, recordings: Recordings, bad: Sequence[Bad]) -> None:
    """Recordings under a wrong suffix, and the first of those that cannot be used."""
    if recordings.renamed:
        console.print(
            f"{len(recordings.renamed)} recording(s) of another format than their suffix says: "
            "read as they are"
        )
    if recordings.files and not bad:
        console.print(f"{recordings.files} recording(s) opened, all usable")
    for recording in bad[:MAX_LISTED]:
        console.print(escape(str(recording)), soft_wrap=True)
    if bad:
        more = (
            f", {len(bad) - MAX_LISTED} more than shown: --json lists all"
            if len(bad) > MAX_LISTED
            else ""
        )
        console.print(
            f"{len(bad)} utterance(s) of {recordings.files} recording(s) cannot be used{more}",
            soft_wrap=True,
        )


def _overview(counts: Sequence[Count], wrong: Sequence[Count]) -> Table:
    """Everything but the single speakers."""
    names = {"feng2021": ", ".join(FENG2021_EMOTIONS)}
    table = Table("counted", "found", "published", "")
    for count in counts:
        if count.part != "speaker":
            what = "speakers" if count.part == "speakers" else "utterances"
            label = f"{what}, {names.get(count.name, count.name)}"
            table.add_row(
                escape(label), str(count.found), _known(count), "differs" if count in wrong else ""
            )
    return table


def _speakers(counts: Sequence[Count], wrong: Sequence[Count], speakers: pd.DataFrame) -> Table:
    """One row a speaker, those that were published and not found too."""
    emotions = list(speakers.columns[3:])
    rows = {row[0]: row[1:] for row in speakers.astype(str).itertuples(index=False)}
    table = Table("speaker", "gender", "found", "published", *map(escape, emotions), "")
    for count in counts:
        if count.part == "speaker":
            gender, found, *of_each = rows.get(count.name, ("", "0", *("0" for _ in emotions)))
            differs = "differs" if count in wrong else ""
            table.add_row(escape(count.name), gender, found, _known(count), *of_each, differs)
    return table


def _verdict(counts: Sequence[Count], wrong: Sequence[Count], doubt: str) -> str:
    if wrong:
        told = f", which is no error: {doubt}" if doubt else ""
        return f"differs from the published counts in {len(wrong)} place(s){told}"
    if all(count.published is None for count in counts):
        return "nothing published to compare with"
    return "a part of the published corpus" if corpora.check.differences(counts) else "as published"


def _known(count: Count) -> str:
    return "" if count.published is None else str(count.published)


def _relative(file: str, root: Path) -> str:
    """The path of a recording from the corpus' folder on, or from that of its table."""
    folder = root if root.is_dir() else root.parent
    return Path(file).relative_to(folder).as_posix() if Path(file).is_relative_to(folder) else file
