"""`sordino budget`: the number of vectors that a device has released today, and its reset."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from sordino.cli.options import STATE, JsonOption
from sordino.cli.output import write_json
from sordino.progress import printable

app = typer.Typer(no_args_is_help=True)

CountArgument = Annotated[
    Path,
    typer.Argument(
        metavar="PATH",
        help="The file of the count; default: that of `sordino release`.",
        show_default=False,
    ),
]
ReasonOption = Annotated[
    str, typer.Option("--reason", metavar="TEXT", help="The reason, for the log beside the file.")
]


@app.callback()
def _budget() -> None:
    """Verbs below `sordino budget`, one per action."""


@app.command("show")
def show(path: CountArgument = STATE / "budget", json: JsonOption = None) -> None:
    """Print the current day and the number of vectors released on it.

    Status 2 if the file cannot be read; the device then releases nothing.

    Example:
      sordino budget show
    """
    from sordino.device import budget

    count = budget.read(path.expanduser())
    today = datetime.now(UTC).date()
    now = count.on(today)
    if json:
        write_json(
            json,
            {
                "path": str(path),
                "day": str(count.day),
                "used": str(count.last_day),
                "released": count.spent,
                "today": str(today),
                "released_today": now.spent,
            },
        )
    if json == "-":
        return
    released = f"{path}: {count.spent} released on {count.day}"
    if count.day != today:
        released += f"; {now.spent} of the budget of {today} are spent"
    print(printable(released))
    if now.last_day > today:
        print(
            f"The clock was ahead: the next budget begins after {now.last_day}, or with `sordino "
            "budget reset`."
        )


@app.command("reset")
def reset(
    reason: ReasonOption, path: CountArgument = STATE / "budget", json: JsonOption = None
) -> None:
    """Reset the count of today to zero, and log the reason in PATH.resets.

    Use it if the clock was wrong or the file is damaged. A file that is no count is refused.
    Running programs read the new count at their next start.

    Example:
      sordino budget reset --reason "the clock was a month ahead"
    """
    from sordino.device import budget

    today = datetime.now(UTC).date()
    log = budget.reset(path.expanduser(), today, reason)
    if json:
        write_json(json, {"path": str(path), "day": str(today), "log": str(log)})
    if json != "-":
        print(printable(f"{path}: no vector counted on {today}; the reason is in {log}"))
