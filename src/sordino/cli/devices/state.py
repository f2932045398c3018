"""The state of a device on the disk: the key of its draws, the daily count, the mean."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sordino import storage
from sordino.errors import ReleaseError
from sordino.progress import printable

if TYPE_CHECKING:
    from sordino.device import Bundle, Channel, DailyBudget

DrawKeyOption = Annotated[
    int | None,
    typer.Option(
        "--draw-key",
        min=0,
        metavar="NUMBER",
        help="Key of random draws; default: the stored key of the device.",
    ),
]
BudgetFileOption = Annotated[
    Path | None,
    typer.Option(
        "--budget-file",
        metavar="PATH",
        help="File of the daily count, one per device. Without it, only bundles with a limit are "
        "counted.",
    ),
]


def today() -> date:
    """The day of the clock, in UTC."""
    return datetime.now(UTC).date()


def draw_key(number: int | None, state: Path) -> int:
    """The key of random draws: a number, or the stored key of the device."""
    from sordino.device.key import read_or_create

    if number is not None:
        return number
    path = state.expanduser() / "key"
    with storage.as_storage_error(path):
        absent = not path.exists()
    key = read_or_create(path)
    if absent:
        line = f"made the key of this device: {path}. Keep it: with another key, draws change"
        typer.echo(printable(line), err=True)
    return key


def budget_from(bundle: Bundle, path: Path | None, state: Path) -> DailyBudget | None:
    """The daily count in a file, if there is a path or if a policy needs it."""
    from sordino.device import DailyBudget

    limited = any(entry.policy.budget.per_day is not None for entry in bundle.policies.values())
    if path is None and not limited:
        return None
    return DailyBudget(path or state.expanduser() / "budget", today)


def channel_from(path: Path | None, warm_up: int, forget: bool) -> Channel | None:
    """The mean of the device in a file. Raises `ReleaseError` for its options without one."""
    from sordino.device import Channel

    if path is None:
        if warm_up or forget:
            raise ReleaseError(
                "--warm-up or --forget without --centring, expected its FILE: add it"
            )
        return None
    return Channel(path, warm_up)
