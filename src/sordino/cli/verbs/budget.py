"""`sordino budget`: what a device has released today, and how a user gives the budget of a day
back.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from sordino.cli.options import STATE, Json, write_json
from sordino.progress import printable

app = typer.Typer(no_args_is_help=True, help="Show or reset the count of released vectors.")

File = Annotated[
    Path,
    typer.Argument(
        metavar="PATH", help="The file that counts; by default the one of `sordino release`."
    ),
]
Reason = Annotated[
    str, typer.Option("--reason", metavar="TEXT", help="Why; it is kept in a log beside the file.")
]


@app.callback()
def _budget() -> None:
    """Each action on a budget is a verb of its own."""


@app.command("show")
def show(path: File = STATE / "budget", json: Json = None) -> None:
    """Print the day that counts and the vectors released on it.

    Status 2 where the file cannot be read; then nothing is released either.

    \b
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
    print(
        printable(
            f"{path}: {count.spent} released on {count.day}; of the budget of {today}, {now.spent} "
            "are spent"
        )
    )
    if now.last_day > today:
        print(
            f"The clock was ahead: the next budget begins after {now.last_day}, or with `sordino "
            "budget reset`."
        )


@app.command("reset")
def reset(reason: Reason, path: File = STATE / "budget", json: Json = None) -> None:
    """Give today's whole budget back, and keep the reason in PATH.resets.

    Use it after a clock was set wrong, or where the file is damaged. Programs that run take it up
    at their next start.

    \b
    Example:
      sordino budget reset --reason "the clock was a month ahead"
    """
    from sordino.device import budget

    today = datetime.now(UTC).date()
    log = budget.reset(path, today, reason)
    if json:
        write_json(json, {"path": str(path), "day": str(today), "log": str(log)})
    if json != "-":
        print(printable(f"{path}: no vector counted on {today}; the reason is in {log}"))
