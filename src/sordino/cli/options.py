"""The options that verbs share, and what they mean.

A verb takes them as `def extract(corpus: CorpusOption, out: Out, jobs: Jobs = CORES, json: Json =
None) -> None`.
"""

from __future__ import annotations

import json
import math
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from sordino import storage
from sordino.errors import CorpusError
from sordino.progress import printable

if TYPE_CHECKING:
    import pandas as pd
    from rich.console import Console
    from rich.table import Table

    from sordino.corpora.table import Corpus

CORES: Final = 0
"""The default of `--jobs`: one process for every core."""


def user_folder(variable: str, default: str) -> Path:
    """The folder that an environment variable names, or else the default; that keeps its `~` where
    no home is known.
    """
    try:
        return Path(os.environ.get(variable) or Path(default).expanduser())
    except RuntimeError:
        return Path(default)


CACHE: Final = user_folder("XDG_CACHE_HOME", "~/.cache") / "sordino"
"""The default of `--cache`."""

STATE: Final = user_folder("XDG_STATE_HOME", "~/.local/state") / "sordino"
"""Where the state of a device outlasts a restart: the count of a day, and the key that is drawn
with.

Call `STATE.expanduser()` before it is used: that raises where no home is known.
"""

WIDE: Final = 140
"""Characters of a line that goes to no terminal."""

Out = Annotated[
    Path, typer.Option("--out", metavar="PATH", help="Where to write; made when absent.")
]
Seed = Annotated[int, typer.Option("--seed", min=0, help="The same seed gives the same result.")]
Jobs = Annotated[
    int, typer.Option("--jobs", min=0, help="Processes that work at once; 0 is one for every core.")
]
Json = Annotated[
    str | None,
    typer.Option(
        "--json", metavar="FILE", help="Also write the result as JSON; - is standard output."
    ),
]
Cache = Annotated[
    Path,
    typer.Option("--cache", metavar="PATH", help="Where computed features are kept for next time."),
]
BundleFile = Annotated[
    Path, typer.Argument(metavar="BUNDLE", help="A folder, or a file that ends in .sordino.")
]
Releases = Annotated[
    list[str] | None,
    typer.Option("--release", metavar="NAME", help="These releases; again for more."),
]
CorpusOption = Annotated[
    list[str],
    typer.Option(
        "--corpus",
        metavar="NAME=PATH",
        help="A corpus and its folder; again for each further one. manifest=FILE.csv takes any other recordings.",
    ),
]


def corpora_from(options: Sequence[str], *, keep_absent: bool = False) -> Corpus:
    """The corpora named on the command line, joined in that order; what a user should know of their
    labels is told.

    Each option is `NAME=PATH`; `keep_absent` is that of `corpora.load`. Raises `CorpusError` when
    there is none, when one lacks its name or its path, when nothing stands at the path, and for a
    name that `sordino.corpora` does not know.
    """
    from sordino import corpora

    if not options:
        raise CorpusError("no corpus given, expected at least one: add --corpus NAME=PATH")
    joined = corpora.join(
        [corpora.load(*_name_and_path(option), keep_absent=keep_absent) for option in options]
    )
    warn(joined.notes)
    return joined


def _name_and_path(option: str) -> tuple[str, str]:
    name, equals, path = option.partition("=")
    if not (name and equals and path):
        raise CorpusError(
            f"--corpus {option}: expected NAME=PATH, as in --corpus ravdess=data/ravdess"
        )
    return name, path


def tell_conditions(guesses: pd.DataFrame, title: str, out: Path, json: str | None) -> None:
    """Print one row a release and condition; as JSON, with intervals over speakers, where that is
    asked for.
    """
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    from sordino.report.tables import number
    from sordino.study.adaptation.evaluation import TABLE_FIGURES, mean_figures

    found = mean_figures(guesses)
    if json:
        figures = {
            f"{release}, {condition}": {
                name: [one.value, one.low, one.high] for name, one in row.items()
            }
            for (release, condition), row in found.items()
        }
        write_json(json, {"estimates": str(out / "estimates.csv"), "mean_of_policies": figures})
    if json == "-":
        return
    shown = Table(title=title, box=SIMPLE_HEAD)
    shown.add_column("release", no_wrap=True)
    shown.add_column("condition", min_width=18)
    for name in TABLE_FIGURES:
        shown.add_column(name, justify="right")
    for (release, condition), row in found.items():
        shown.add_row(release, condition, *(number(one.value) for one in row.values()))
    show(shown, out / "estimates.csv")


def console() -> Console:
    """Standard output: as wide as the terminal, and wide enough for any table where nobody looks at
    one.
    """
    from sordino.cli.terminal import Console

    return Console(width=None if sys.stdout.isatty() else WIDE, markup=False, emoji=False)


def say(lines: Sequence[str]) -> None:
    """Print lines as they are: what stands in them is from outside."""
    for line in lines:
        console().print(line, soft_wrap=True, markup=False, highlight=False)


def warn(lines: Sequence[str]) -> None:
    """Print warnings to standard error, a line each."""
    for line in lines:
        typer.secho(f"warning: {printable(' '.join(line.split()))}", fg="yellow", err=True)


def show(table: Table, path: Path) -> None:
    """Print a table and where the rest is."""
    shown = console()
    shown.print(table, markup=False)
    shown.print(str(path), soft_wrap=True, markup=False, highlight=False)


def write_json(path: str, content: Mapping[str, Any] | Sequence[Any]) -> None:
    """Write `content` as JSON to the file at `path`, or to standard output where that is `-`.

    What is not a finite number becomes `null`; characters that control a terminal are escaped.
    Raises `StorageError` when it cannot be written.

    >>> write_json("-", {"uar": 0.5, "low": float("nan")})
    {
      "uar": 0.5,
      "low": null
    }
    """
    text = json.dumps(_finite(content), indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    text = "\n".join(_spelled(line) for line in text.split("\n"))
    if not _can_spell("utf-8" if path != "-" else sys.stdout.encoding, text):
        text = json.dumps(_finite(content), indent=2, allow_nan=False) + "\n"
    if path != "-":
        storage.write(path, text)
        return
    with storage.told("standard output"):
        sys.stdout.write(text)
        sys.stdout.flush()


def _spelled(line: str) -> str:
    """A line of JSON whose control characters, which JSON allows in part, are escaped as JSON does."""
    if printable(line) == line:
        return line
    return "".join(
        letter if printable(letter) == letter else json.dumps(letter)[1:-1] for letter in line
    )


def _can_spell(encoding: str | None, text: str) -> bool:
    """Whether an encoding has every character: that of a pipe may lack some, and no file has half a
    character.
    """
    try:
        text.encode(encoding or "utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _finite(content: Any) -> Any:
    if isinstance(content, Mapping):
        return {key: _finite(value) for key, value in content.items()}
    if isinstance(content, list | tuple):
        return [_finite(value) for value in content]
    return None if isinstance(content, float) and not math.isfinite(content) else content
