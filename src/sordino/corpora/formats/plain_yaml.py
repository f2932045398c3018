"""YAML as plain data: no object of Python, no expansion of repeated parts, a limit on size."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from sordino import textfile
from sordino.errors import CorpusError

LARGEST: Final = 1 << 24
"""Bytes of a file."""

MOST_ALIASES: Final = 1000
"""References to an earlier part, each of which stands for the whole part."""


def read(path: Path, expected: str) -> dict[str, Any]:
    """The mapping in a YAML file.

    Raises `CorpusError` for text that is no YAML or too large, for tags of objects, for many
    references, and for anything but a mapping.
    """
    import yaml

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    text = textfile.read(path, expected, CorpusError, LARGEST)
    try:
        aliases = sum(isinstance(event, yaml.AliasEvent) for event in yaml.parse(text, loader))
        content = yaml.load(text, loader) if aliases <= MOST_ALIASES else None
    except (yaml.YAMLError, ValueError, RecursionError, TypeError, AttributeError) as error:
        raise CorpusError(f"{path}: not YAML of plain data, expected {expected}") from error
    if not isinstance(content, dict):
        problem = f"{aliases:,} references" if aliases > MOST_ALIASES else "no mapping"
        raise CorpusError(f"{path}: {problem}, expected {expected}: save it anew")
    return content
