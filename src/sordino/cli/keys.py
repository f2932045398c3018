"""The options by which a verb signs a bundle."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Annotated

import typer

from sordino.errors import SignatureError

SignKey = Annotated[
    Path | None,
    typer.Option(
        "--sign", metavar="KEY", help="Sign the bundle with the private key in this file."
    ),
]
BundleVersion = Annotated[
    int | None,
    typer.Option(
        "--bundle-version",
        min=1,
        metavar="N",
        help="Of the signed bundle; by default the time of signing as a "
        "number, YYYYMMDDHHMMSS. A device runs none below the last that it ran.",
    ),
]
Expires = Annotated[
    str | None,
    typer.Option(
        "--expires", metavar="YYYY-MM-DD", help="The last day on which a device loads the bundle."
    ),
]


def usable(key: Path | None, version: int | None, expires: str | None) -> None:
    """Raise before any work is done where signing could not succeed after it."""
    if key is None:
        if version is not None or expires is not None:
            raise SignatureError(
                "--bundle-version and --expires are of a signature, expected --sign KEY: name the "
                "private key"
            )
        return
    from sordino.device.trust import ed25519

    day, today = day_of(expires), datetime.now().astimezone().date()
    if day is not None and day < today:
        raise SignatureError(
            f"--expires {day}, expected today, {today}, or a later day: correct it"
        )
    ed25519.public_of(key)


def day_of(text: str | None) -> date | None:
    """A day as a user writes it."""
    try:
        return None if text is None else date.fromisoformat(text)
    except ValueError as error:
        raise SignatureError(f"--expires {text}, expected a day, YYYY-MM-DD: correct it") from error


def signed(bundle: Path, key: Path | None, version: int | None, expires: str | None) -> str:
    """Sign a bundle where a key is named; what is said of it then."""
    if key is None:
        return "unsigned"
    from sordino.device.trust import signature

    return str(signature.sign(bundle, key, version=version or now(), expires=day_of(expires)))


def now() -> int:
    """The time as a number that people read: later is larger, whoever signs."""
    return int(f"{datetime.now(UTC):%Y%m%d%H%M%S}")
