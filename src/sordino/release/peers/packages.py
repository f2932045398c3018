"""Packages of other people, which are imported where a release needs them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sordino.errors import DependencyError, install_step


@contextmanager
def needed_by(release: str) -> Iterator[None]:
    """Raise `DependencyError` where an import inside fails."""
    try:
        yield
    except ModuleNotFoundError as error:
        raise DependencyError(
            f"{error.name} is not installed, expected it for the release {release}: "
            f"{install_step('peers')}"
        ) from error
