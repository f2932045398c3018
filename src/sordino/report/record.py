"""What made a result: the versions of sordino and of every package that its figures rest on."""

from __future__ import annotations

import platform
import re
from importlib import metadata

import sordino


def versions() -> dict[str, str]:
    """Package to version: Python, sordino and what it needs, optional packages where they are installed."""
    found = {"python": platform.python_version(), "sordino": sordino.__version__}
    for requirement in metadata.requires("sordino") or []:
        if "extra == 'dev'" in requirement or 'extra == "dev"' in requirement:
            continue
        name = re.split(r"[^A-Za-z0-9_.-]", requirement, maxsplit=1)[0]
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return dict(sorted(found.items()))
