"""Messages name the command that works here."""

from __future__ import annotations

from pathlib import Path

import pytest

from sordino.errors import install_step


@pytest.mark.parametrize(
    ("files", "step"),
    [
        ([], 'pip install ".[lab]" in a clone of sordino'),
        (["METADATA"], 'pip install "sordino[lab]"'),
        (["METADATA", "direct_url.json"], 'pip install ".[lab]" in a clone of sordino'),
    ],
    ids=["clone", "index", "file"],
)
def test_an_extra_comes_from_where_sordino_came(
    files: list[str], step: str, tmp_path: Path
) -> None:
    for name in files:
        record = tmp_path / "sordino-1.0.dist-info" / name
        record.parent.mkdir(exist_ok=True)
        record.write_text("")
    assert install_step("lab", tmp_path / "sordino") == step
