"""The options of a verb that checks the signature of a bundle and the limits of a device."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sordino.errors import SignatureError

if TYPE_CHECKING:
    from sordino.device import Floor
    from sordino.device.trust.signature import Trust

TrustedOption = Annotated[
    list[Path] | None,
    typer.Option(
        "--trusted",
        metavar="PUBKEY",
        help="Accept only a bundle signed by this public key; repeatable.",
    ),
]
RevokedOption = Annotated[
    Path | None,
    typer.Option("--revoked", metavar="FILE", help="Ids of revoked keys, one per line."),
]
FloorOption = Annotated[
    Path | None,
    typer.Option(
        "--floor", metavar="FILE", help="Limits of this device for every bundle, as TOML."
    ),
]


def trust_from(
    trusted: list[Path] | None, revoked: Path | None, versions: Path | None
) -> Trust | None:
    """The trusted keys, with the clock of this machine (UTC); None if there is no key."""
    if not trusted:
        if revoked:
            raise SignatureError(
                f"--revoked {revoked} without a key, expected --trusted PUBKEY: add a trusted key"
            )
        return None
    from sordino.device.trust.signature import Trust, read_revoked

    ids = read_revoked(revoked) if revoked else frozenset[str]()
    return Trust(tuple(trusted), ids, lambda: datetime.now(UTC).date(), versions)


def floor_from(path: Path | None) -> Floor | None:
    """The limits in a file; None if there is no file."""
    if path is None:
        return None
    from sordino.device.trust import floor

    return floor.read(path)
