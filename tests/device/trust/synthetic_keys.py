"""Key pairs, signed bundles and the trust of a device in them."""

from __future__ import annotations

import shutil
from datetime import date
from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

from sordino.device.trust import ed25519, signature
from sordino.device.trust.signature import Trust
from tests.device.synthetic_bundles import bundled

TODAY = date(2026, 1, 31)


@cache
def keys(name: str) -> tuple[Path, Path]:  # noqa: ARG001
    """A private and a public key file."""
    folder = Path(mkdtemp())
    for path, content in zip(
        (folder / "k.pem", folder / "k.pub.pem"), ed25519.generate(), strict=True
    ):
        path.write_bytes(content)
    return folder / "k.pem", folder / "k.pub.pem"


def signed(
    path: Path,
    maker: str = "maker",
    version: int = 1,
    expires: date | None = None,
    family: str = "drawn",
) -> Path:
    shutil.copyfile(bundled(family), path)
    signature.sign(path, keys(maker)[0], version=version, expires=expires)
    return path


def trusting(*names: str, **options: Any) -> Trust:
    return Trust(tuple(keys(name)[1] for name in names or ("maker",)), **options)
