"""The options by which a verb asks who made a bundle and what a device demands of it."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sordino.errors import SignatureError

if TYPE_CHECKING:
    from sordino.device import Floor
    from sordino.device.trust.signature import Trust

Trusted = Annotated[
    list[Path] | None,
    typer.Option(
        "--trusted",
        metavar="PUBKEY",
        help="Run a bundle signed by this public key only; again for more.",
    ),
]
Revoked = Annotated[
    Path | None,
    typer.Option(
        "--revoked", metavar="FILE", help="Ids of keys that are no longer trusted, one a line."
    ),
]
FloorFile = Annotated[
    Path | None,
    typer.Option("--floor", metavar="FILE", help="What this device asks of every bundle, as TOML."),
]


def trust_from(
    trusted: list[Path] | None, revoked: Path | None, versions: Path | None
) -> Trust | None:
    """Whose bundles may run, by the clock of this machine (UTC); None where no key was named."""
    if not trusted:
        if revoked:
            raise SignatureError(
                f"--revoked {revoked} without a key, expected --trusted PUBKEY: name whom you trust"
            )
        return None
    from sordino.device.trust.signature import Trust, read_revoked

    ids = read_revoked(revoked) if revoked else frozenset[str]()
    return Trust(tuple(trusted), ids, lambda: datetime.now(UTC).date(), versions)


def floor_from(path: Path | None) -> Floor | None:
    """The floor in a file, None where none was named."""
    if path is None:
        return None
    from sordino.device.trust import floor

    return floor.read(path)
