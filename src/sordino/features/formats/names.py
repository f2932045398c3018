"""The names of the columns of a foreign table."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from sordino.corpora.labels import fold
from sordino.errors import FeatureError

KEY_COLUMNS: Final = ("file", "start", "end", "utterance")
"""The columns that identify the utterance of a row, in any capitals."""


def key_names(path: Path, names: Sequence[str]) -> dict[str, str]:
    """New names of columns: lower case for key columns. Raises for two columns of one name."""
    if not all(str(name).isprintable() for name in names):
        raise FeatureError(
            f"{path}: a column's name has characters that cannot be shown, expected text: rename it"
        )
    renamed = {name: fold(str(name)) for name in names if fold(str(name)) in KEY_COLUMNS}
    twice = [
        name
        for name, count in Counter(renamed.get(name, name) for name in names).items()
        if count > 1
    ]
    if twice:
        extra = f" (and {len(twice) - 1} more)" if len(twice) > 1 else ""
        raise FeatureError(
            f"{path}: column `{twice[0]}`{extra} is there twice, expected once: rename one"
        )
    return renamed
