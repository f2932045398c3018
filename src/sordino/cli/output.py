"""What verbs print and write: tables and lines on standard output, warnings, JSON."""

from __future__ import annotations

import json
import math
import os
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import typer

from sordino import storage
from sordino.errors import SordinoError
from sordino.progress import printable
from sordino.storage import Location

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from sordino.report.estimate_table import Estimate
    from sordino.study.adaptation.cross_corpus import Absence

WIDE: Final = 140
"""Characters per line if standard output is no terminal; a table may be wider."""


def timestamp() -> str:
    """The time in UTC (ISO 8601, to the second), or that of `SOURCE_DATE_EPOCH` if it is set.

    Raises `SordinoError` for a value of the variable that is no number of seconds.
    """
    text = os.environ.get("SOURCE_DATE_EPOCH")
    try:
        time = datetime.now(UTC) if text is None else datetime.fromtimestamp(int(text), UTC)
    except (ValueError, OverflowError, OSError) as error:
        raise SordinoError(
            f"SOURCE_DATE_EPOCH={text}: expected seconds since 1970, such as 1767225600: correct "
            "it, or unset it"
        ) from error
    return time.strftime("%Y-%m-%dT%H:%M:%SZ")


def console() -> Console:
    """Standard output: as wide as the terminal, or `WIDE`."""
    from sordino.cli.terminal import Console

    if sys.stdout.isatty():
        return Console(markup=False, emoji=False)
    # without a height, rich would take 80 columns for some values of TERM
    return Console(width=WIDE, height=WIDE, markup=False, emoji=False)


def print_lines(lines: Sequence[str]) -> None:
    """Print lines without interpreting markup in them."""
    for line in lines:
        console().print(line, soft_wrap=True, markup=False, highlight=False)


def warn(lines: Sequence[str]) -> None:
    """Print one warning per line to standard error."""
    for line in lines:
        typer.secho(f"warning: {printable(' '.join(line.split()))}", fg="yellow", err=True)


def print_table(table: Table, path: Location) -> None:
    """Print a table, then the path of the full result."""
    terminal = console()
    terminal.print(table, markup=False)
    terminal.print(str(path), soft_wrap=True, markup=False, highlight=False)


def print_conditions(
    rows: Mapping[tuple[str, str], Mapping[str, Estimate]],
    title: str,
    path: Location,
    json: str | None,
    *,
    heading: str = "release",
    caption: str = "",
    absent: Sequence[Absence] = (),
) -> None:
    """Print one row per release, or feature set, and condition, and a line for each absent
    condition; optionally write JSON with intervals. `path` is that of the full result.
    """
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    from sordino.report.tables import number

    if json:
        figures = {
            f"{release}, {condition}": {
                name: [estimate.value, estimate.low, estimate.high]
                for name, estimate in row.items()
            }
            for (release, condition), row in rows.items()
        }
        result = {
            "estimates": str(path.with_name("estimates.csv")),
            "mean_of_policies": figures,
        }
        write_json(json, result | {"absent": [absence._asdict() for absence in absent]})
    if json == "-":
        return
    table = Table(title=title, box=SIMPLE_HEAD)
    table.add_column(heading, no_wrap=True)
    table.add_column("condition", min_width=18)
    table.caption = caption
    for name in next(iter(rows.values())):
        table.add_column(name, justify="right")
    for (release, condition), row in rows.items():
        table.add_row(release, condition, *(number(estimate.value) for estimate in row.values()))
    print_table(table, path)
    print_lines(
        [
            f"absent: {absence.release}, required {absence.required}, {absence.condition}: "
            f"{absence.reason}"
            for absence in absent
        ]
    )


def write_json(
    path: str, content: Mapping[str, Any] | Sequence[Any], mode: int = storage.SHARED
) -> None:
    """Write `content` as JSON to the file at `path`, or to standard output if it is `-`. A new file
    has `mode` less the umask.

    Numbers that are not finite become `null`; terminal control characters are escaped. Raises
    `StorageError` if it cannot be written.

    >>> write_json("-", {"uar": 0.5, "low": float("nan")})
    {
      "uar": 0.5,
      "low": null
    }
    """
    text = json.dumps(_finite(content), indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    text = "\n".join(_escape_controls(line) for line in text.split("\n"))
    if not _can_encode("utf-8" if path != "-" else sys.stdout.encoding, text):
        text = json.dumps(_finite(content), indent=2, allow_nan=False) + "\n"
    if path != "-":
        storage.write(path, text, mode=mode)
        return
    with storage.as_storage_error("standard output"):
        sys.stdout.write(text)
        sys.stdout.flush()


def _escape_controls(line: str) -> str:
    """A line of JSON with every control character escaped; JSON itself requires only some."""
    if printable(line) == line:
        return line
    return "".join(
        letter if printable(letter) == letter else json.dumps(letter)[1:-1] for letter in line
    )


def _can_encode(encoding: str | None, text: str) -> bool:
    """Whether an encoding has every character of a text."""
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
