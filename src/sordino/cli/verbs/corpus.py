"""`sordino corpus check` compares a copy of a corpus with the published counts, `convert` writes a
corpus in another format.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

import numpy as np
import pandas as pd
import typer
from rich.markup import escape
from rich.table import Table

from sordino import corpora, storage
from sordino.cli.failures import DIFFERS
from sordino.cli.options import CORES, JobsOption, JsonOption, SeedOption, local_path
from sordino.cli.output import warn, write_json
from sordino.cli.terminal import Console
from sordino.corpora.adapters import manifest
from sordino.corpora.checks.check import Count
from sordino.corpora.checks.confounding import confounding
from sordino.corpora.checks.facts import PublishedCounts
from sordino.corpora.checks.published import FENG2021_EMOTIONS
from sordino.corpora.checks.recordings import MAX_LISTED, Bad, Recordings, check_recordings
from sordino.corpora.formats.registry import FORMAT_WRITERS, FORMATS
from sordino.corpora.table import Corpus
from sordino.errors import CorpusError
from sordino.progress import announce

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from sordino.study.minimum import Need

app = typer.Typer(no_args_is_help=True)

NameArgument = Annotated[
    str, typer.Argument(metavar="NAME", help=f"One of {', '.join(corpora.ADAPTERS)}.")
]
PathArgument = Annotated[
    Path, typer.Argument(metavar="PATH", help="Its folder, or the CSV table of a manifest.")
]
MapOption = Annotated[
    list[str] | None,
    typer.Option(
        "--map",
        metavar="NAME=COLUMN",
        help="The column of a format that has speaker, gender, emotion or another label; empty: "
        "left out. Repeatable.",
    ),
]
SoundsOption = Annotated[
    Path | None,
    typer.Option(
        "--sounds",
        metavar="DIR",
        help="Folder of the recordings of a format, if its paths lead out of PATH.",
    ),
]
FormatOption = Annotated[
    Literal["manifest", "audformat", "audiofolder"],
    typer.Option("--to", help="Format to write; manifest writes no sounds."),
]
ConvertOutOption = Annotated[
    Path,
    typer.Option(
        "--out",
        metavar="PATH",
        parser=local_path,
        help="New folder of the copies, or the CSV table of a manifest.",
    ),
]
PartialOption = Annotated[
    bool, typer.Option("--partial", help="Accept counts below the published ones.")
]
OutFolderOption = Annotated[
    Path | None,
    typer.Option(
        "--out",
        metavar="PATH",
        parser=local_path,
        help="Folder of counts.csv and speakers.csv; created if absent.",
    ),
]


@app.callback()
def _corpus() -> None:
    """Verbs below `sordino corpus`, one per action."""


@app.command()
def check(
    name: NameArgument,
    path: PathArgument,
    partial: PartialOption = False,
    columns: MapOption = None,
    sounds: SoundsOption = None,
    out: OutFolderOption = None,
    json: JsonOption = None,
    seed: SeedOption = 0,  # noqa: ARG001 (every verb has it; nothing is random here)
    jobs: JobsOption = CORES,  # noqa: ARG001 (every verb has it; reading takes seconds)
) -> None:
    """Compare counts with the published ones, and list unusable recordings and needs of a study.

    Counts are by speaker, gender and emotion. A table shows if the speakers and utterances suffice
    for `fit` and `compare` on neutral, happy, sad and angry speech. Labels that follow from the
    speaker or the words are listed. The header of every recording is read; start and end
    are compared with its length. Status 0 if the copy is complete or no published counts exist.
    Status 1 if counts differ or a recording cannot be used. If the publication itself is doubtful,
    differences are reported and the status is 0.

    Example:
      sordino corpus check ravdess data/ravdess
    """
    announce(f"checks {name} in {path}")
    corpus = corpora.load(name, path, keep_absent=True, **_options(name, columns, sounds))
    result = _compare(name, corpus, path, partial)
    _show(result, Console(stderr=json == "-", highlight=False))
    if out is not None:
        counts = pd.DataFrame(result.table).astype({"published": "Int64"})
        storage.write(out / "counts.csv", _csv(counts))
        storage.write(out / "speakers.csv", _csv(result.speakers))
    if json is not None:
        write_json(json, result.report)
    if result.failed or result.bad:
        raise typer.Exit(DIFFERS)


@app.command()
def convert(
    name: NameArgument,
    path: PathArgument,
    to: FormatOption,
    out: ConvertOutOption,
    columns: MapOption = None,
    sounds: SoundsOption = None,
) -> None:
    """Write a corpus as a manifest, a database of audformat or an audiofolder of Hugging Face.

    The new folder has copies of the recordings; parts of longer recordings are cut out. Every other
    verb reads the result: --corpus manifest=FILE.csv.

    Example:
      sordino corpus convert ravdess data/ravdess --to audiofolder --out voices
    """
    corpus = corpora.load(name, path, **_options(name, columns, sounds))
    warn(corpus.notes)
    if to == manifest.NAME:
        manifest.write(corpus, out)
    else:
        FORMAT_WRITERS[to](corpus, out)
    typer.echo(f"{len(corpus)} utterances, {len(set(corpus.speaker))} speakers: {out}")


def _options(name: str, columns: Sequence[str] | None, sounds: Path | None) -> dict[str, Any]:
    """The options of an adapter of a format. Raises `CorpusError` for other adapters."""
    options: dict[str, Any] = {}
    if columns:
        pairs = [column.partition("=") for column in columns]
        if not all(equals for _, equals, _ in pairs):
            raise CorpusError(
                f"--map {' '.join(columns)}: expected NAME=COLUMN, as in --map "
                "speaker=client_id: correct it"
            )
        options["columns"] = {label: column for label, _, column in pairs}
    if sounds is not None:
        options["sounds"] = sounds
    if options and name not in FORMATS:
        raise CorpusError(
            f"{name}: has labels and recordings of its own, expected a format for --map and "
            f"--sounds ({', '.join(FORMATS)}): leave them out"
        )
    return options


NO_RECORDING: Final = "no recording is present"


@dataclass(frozen=True)
class _Comparison:
    """A copy of a corpus beside its published counts."""

    name: str
    corpus: Corpus
    published: PublishedCounts | None
    counts: list[Count]
    wrong: list[Count]
    """The counts that differ."""
    recordings: Recordings
    bad: list[Bad]
    """The unusable recordings, by paths relative to the copy."""
    twins: list[list[str]]
    """Groups of byte-identical recordings."""
    needs: Sequence[Need]
    """The needs of a study; empty where its emotions, genders or recordings are absent."""
    no_draw: str
    """The reason why no study can be made; empty if one can."""
    confounded: list[str]
    """Labels that follow from the speaker or the words."""
    speakers: pd.DataFrame

    @property
    def failed(self) -> bool:
        return corpora.check.is_wrong(self.wrong, self.published)

    @property
    def doubt(self) -> str:
        return self.published.doubt if self.published and self.wrong else ""

    @property
    def table(self) -> list[dict[str, Any]]:
        return [{**asdict(count), "differs": count in self.wrong} for count in self.counts]

    @property
    def report(self) -> dict[str, Any]:
        """The comparison as plain JSON."""
        unusable = [
            {"utterance": recording.row, "file": recording.file, "reason": recording.reason}
            for recording in self.bad
        ]
        return {
            "corpus": self.name,
            "differs": self.failed,
            "doubt": self.doubt,
            "counts": self.table,
            "byte_identical": self.twins,
            "recordings": self.recordings.files,
            "unusable": unusable,
            "notes": self.corpus.notes,
            "needs": [need._asdict() for need in self.needs],
            "no_draw": self.no_draw,
            "confounding": self.confounded,
        }


def _compare(name: str, corpus: Corpus, path: Path, partial: bool) -> _Comparison:
    """The counts and recordings of a copy at `path`, checked."""
    published = corpora.published.PUBLISHED.get(name)
    counts = corpora.check.counts(corpus, published)
    recordings = check_recordings(corpus)
    missing = {recording.file for recording in recordings.bad}
    twins: list[list[str]] = []
    needs: Sequence[Need] = ()
    no_draw = NO_RECORDING
    if len(missing) < recordings.files:
        present = corpus.select(~corpus.table["file"].isin(missing).to_numpy())
        sums = present.checksums()
        twins = corpora.check.identical(present, sums)
        needs, no_draw = _minimum(present, sums)
    return _Comparison(
        name,
        corpus,
        published,
        counts,
        corpora.check.differences(counts, partial),
        recordings,
        [replace(recording, file=_relative(recording.file, path)) for recording in recordings.bad],
        [[_relative(file, path) for file in group] for group in twins],
        needs,
        no_draw,
        confounding(corpus.table),
        corpora.check.by_speaker(corpus),
    )


def _show(result: _Comparison, console: Console) -> None:
    """Print the counts, the verdict and the unusable recordings."""
    if not console.is_terminal:
        console.width = 200  # no wrapped lines in a file or a pipe
    corpus, speakers = result.corpus, result.speakers
    source = result.published.source if result.published else "no published counts to compare with"
    console.print(
        escape(f"{corpus.name}: {len(corpus)} utterances, {len(speakers)} speakers ({source})")
    )
    warn(corpus.notes)
    console.print(_overview(result.counts, result.wrong))
    console.print(_speakers(result.counts, result.wrong, speakers))
    for group in result.twins:
        console.print(
            escape(f"byte-identical, kept in one part: {' = '.join(group)}"), soft_wrap=True
        )
    console.print(escape(_verdict(result.counts, result.wrong, result.doubt)))
    if result.needs:
        console.print(_needs(result.needs))
    absent = result.no_draw in ("", NO_RECORDING)
    reason = [] if absent else [f"No study can be made: {result.no_draw}"]
    for line in (*reason, *result.confounded):
        console.print(escape(line), soft_wrap=True)
    _show_recordings(console, result.recordings, result.bad)


def _minimum(corpus: Corpus, sums: NDArray[np.str_]) -> tuple[Sequence[Need], str]:
    """The needs of a study of all releases, on the present recordings, and the reason why no draw
    can be made.
    """
    try:
        corpus.with_every_emotion(FENG2021_EMOTIONS)
    except CorpusError as error:
        return (), str(error)
    from sordino.study import Options, compare  # here, as they load slowly
    from sordino.study.minimum import minimum_of

    return minimum_of(corpus, Options(releases=compare.RELEASES), sums=sums)


def _needs(needs: Sequence[Need]) -> Table:
    """What each step of `fit` and `compare` needs, and what the corpus has of it."""
    table = Table("step", "counted", "present", "needed", "for", "")
    for need in needs:
        table.add_row(
            need.step,
            escape(need.item),
            str(need.present),
            str(need.needed),
            ", ".join(need.studies),
            "" if need.is_met else "too few",
        )
    return table


def _csv(table: pd.DataFrame) -> str:
    """A table as CSV, without cells that a spreadsheet would run as formulas."""
    safe = table.map(lambda value: storage.cell(value) if isinstance(value, str) else value)
    return safe.astype(table.dtypes).to_csv(index=False)


def _show_recordings(console: Console, recordings: Recordings, bad: Sequence[Bad]) -> None:
    """Print recordings with a wrong suffix, and the first unusable recordings."""
    if recordings.renamed:
        console.print(
            f"{len(recordings.renamed)} recording(s) of another format than their suffix: read by "
            "their content"
        )
    if recordings.files and not bad:
        console.print(f"{recordings.files} recording(s) opened, all usable")
    for recording in bad[:MAX_LISTED]:
        console.print(escape(str(recording)), soft_wrap=True)
    if bad:
        hidden = max(0, len(bad) - MAX_LISTED)
        note = f", {hidden} more than shown: --json lists all" if hidden else ""
        console.print(
            f"{len(bad)} utterance(s) of {recordings.files} recording(s) cannot be used{note}",
            soft_wrap=True,
        )


def _overview(counts: Sequence[Count], wrong: Sequence[Count]) -> Table:
    """The counts except those of single speakers."""
    names = {"feng2021": ", ".join(FENG2021_EMOTIONS)}
    table = Table("counted", "found", "published", "")
    for count in counts:
        if count.part != "speaker":
            unit = "speakers" if count.part == "speakers" else "utterances"
            label = f"{unit}, {names.get(count.name, count.name)}"
            table.add_row(
                escape(label),
                str(count.found),
                _published(count),
                "differs" if count in wrong else "",
            )
    return table


def _speakers(counts: Sequence[Count], wrong: Sequence[Count], speakers: pd.DataFrame) -> Table:
    """One row per speaker, including published speakers that are missing."""
    emotions = list(speakers.columns[3:])
    rows = {row[0]: row[1:] for row in speakers.astype(str).itertuples(index=False)}
    table = Table("speaker", "gender", "found", "published", *map(escape, emotions), "")
    for count in counts:
        if count.part == "speaker":
            absent = ("", "0", *("0" for _ in emotions))
            gender, total, *by_emotion = rows.get(count.name, absent)
            differs = "differs" if count in wrong else ""
            cells = (gender, total, _published(count), *by_emotion, differs)
            table.add_row(escape(count.name), *cells)
    return table


def _verdict(counts: Sequence[Count], wrong: Sequence[Count], doubt: str) -> str:
    if wrong:
        excuse = f", which is no error: {doubt}" if doubt else ""
        return f"differs from the published counts in {len(wrong)} place(s){excuse}"
    if all(count.published is None for count in counts):
        return "nothing published to compare with"
    return "a part of the published corpus" if corpora.check.differences(counts) else "as published"


def _published(count: Count) -> str:
    return "" if count.published is None else str(count.published)


def _relative(file: str, root: Path) -> str:
    """The path of a recording relative to the folder of the corpus or of its table."""
    folder = root if root.is_dir() else root.parent
    return Path(file).relative_to(folder).as_posix() if Path(file).is_relative_to(folder) else file
