"""The options of a verb that signs a bundle."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Annotated

import typer

from sordino.errors import SignatureError

SignOption = Annotated[
    Path | None,
    typer.Option("--sign", metavar="KEY", help="Sign the bundle with this private key (PEM file)."),
]
BundleVersionOption = Annotated[
    int | None,
    typer.Option(
        "--bundle-version",
        min=1,
        metavar="N",
        help="Version of the signed bundle; default: the time of signing, YYYYMMDDHHMMSS. "
        "A device rejects a version below the last one that it ran, and a new policy below the "
        "highest version of the key.",
    ),
]
ExpiresOption = Annotated[
    str | None,
    typer.Option(
        "--expires", metavar="YYYY-MM-DD", help="The last day on which a device accepts the bundle."
    ),
]


def check_signing(key: Path | None, version: int | None, expires: str | None) -> None:
    """Raise `SignatureError` before any work if signing would fail after it."""
    if key is None:
        if version is not None or expires is not None:
            raise SignatureError(
                "--bundle-version and --expires describe a signature, expected --sign KEY: add "
                "the private key"
            )
        return
    from sordino.device.trust import ed25519

    day, today = expiry_date(expires), datetime.now().astimezone().date()
    if day is not None and day < today:
        raise SignatureError(
            f"--expires {day}, expected today, {today}, or a later day: correct it"
        )
    ed25519.public_of(key)


def expiry_date(text: str | None) -> date | None:
    """The date of `--expires`. Raises `SignatureError` if it is no date."""
    try:
        return None if text is None else date.fromisoformat(text)
    except ValueError as error:
        raise SignatureError(f"--expires {text}, expected a day, YYYY-MM-DD: correct it") from error


def sign_bundle(bundle: Path, key: Path | None, version: int | None, expires: str | None) -> str:
    """Sign a bundle if there is a key. Returns a description of the signature."""
    if key is None:
        return "unsigned"
    from sordino.device.trust import signature

    return str(
        signature.sign(bundle, key, version=version or timestamp(), expires=expiry_date(expires))
    )


def timestamp() -> int:
    """The time (UTC) as a number, YYYYMMDDHHMMSS."""
    return int(f"{datetime.now(UTC):%Y%m%d%H%M%S}")
