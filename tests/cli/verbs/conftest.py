"""Nearly every test of this folder runs a whole command: all are slow."""

from __future__ import annotations

import pytest


def pytest_itemcollected(item: pytest.Item) -> None:
    """Mark a test of this folder."""
    item.add_marker(pytest.mark.slow)
