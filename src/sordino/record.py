"""The record of a result: its settings, and the versions of sordino and of its dependencies."""

from __future__ import annotations

import hashlib
import json
import platform
import re
from importlib import metadata
from typing import Any

import sordino


def settled(config: Any) -> dict[str, Any]:
    """Settings as plain JSON (`config`) and 12 hexadecimal digits of their hash (`config_hash`).

    >>> settled({"seed": 0})
    {'config': {'seed': 0}, 'config_hash': 'de7d7744ccd7'}
    """
    text = json.dumps(config, sort_keys=True)
    return {
        "config": json.loads(text),
        "config_hash": hashlib.sha256(text.encode()).hexdigest()[:12],
    }


def versions() -> dict[str, str]:
    """Package to version: Python, sordino and its dependencies.

    Optional packages are included if they are installed.
    """
    packages = {"python": platform.python_version(), "sordino": sordino.__version__}
    for requirement in metadata.requires("sordino") or []:
        if re.search(r"extra == [\"'](dev|oracle)[\"']", requirement):  # of tests alone
            continue
        name = re.split(r"[^A-Za-z0-9_.-]", requirement, maxsplit=1)[0]
        try:
            packages[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return dict(sorted(packages.items()))
