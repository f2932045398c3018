"""Packages of other people, which are imported where a release needs them."""

from __future__ import annotations

import importlib
from types import ModuleType

from sordino.errors import DependencyError, install_step


def require_package(module: str, release: str) -> ModuleType:
    """The module of a package. Raises `DependencyError` where it is absent."""
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        raise DependencyError(
            f"{error.name} is not installed, expected it for the release {release}: "
            f"{install_step('peers')}"
        ) from error
