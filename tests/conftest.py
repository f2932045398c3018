"""What several tests need."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def data() -> Path:
    """The folder with real speech; the test is skipped where there is none."""
    path = Path(os.environ.get("SORDINO_DATA") or Path(__file__).parents[2] / "shared" / "data")
    if not path.is_dir():
        pytest.skip("no real speech: set SORDINO_DATA to a folder with ravdess/ and emodb/")
    return path
