"""YAML as plain data: no object of Python, no part that stands for ever more parts, a limit on size
and depth.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

from sordino import textfile
from sordino.errors import CorpusError

_LARGEST: Final = 1 << 24
"""Bytes of a file."""

_DEEPEST: Final = 30
"""Mappings and lists inside one another. The parser takes a time that grows with its square."""

_MOST_ALIASES: Final = 1000
"""References to an earlier part, each of which stands for the whole part."""


def read(path: Path, expected: str) -> dict[str, Any]:
    """The mapping in a YAML file.

    Raises `CorpusError` for text that is no YAML or too large or deep, for tags of objects, for
    many references or one inside a part that has references, for merge keys, which copy parts, and
    for anything but a mapping.
    """
    import yaml

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    text = textfile.read(path, expected, CorpusError, _LARGEST)
    try:
        problem = _problem(yaml.parse(text, loader))
        content = None if problem else yaml.load(text, loader)
    except (yaml.YAMLError, ValueError, RecursionError, TypeError, AttributeError) as error:
        raise CorpusError(
            f"{path}: not YAML of plain data, expected {expected}: save it anew"
        ) from error
    if not isinstance(content, dict):
        raise CorpusError(f"{path}: {problem or 'no mapping'}, expected {expected}: save it anew")
    return content


def _problem(events: Iterable[Any]) -> str:
    """What is too deep or refers too often in a stream of YAML; empty where nothing is."""
    import yaml

    open_anchors: list[bool] = []
    aliases = 0
    for event in events:
        if isinstance(event, yaml.CollectionStartEvent):
            open_anchors.append(event.anchor is not None)
            if len(open_anchors) > _DEEPEST:
                return f"over {_DEEPEST} lists inside one another"
        elif isinstance(event, yaml.CollectionEndEvent):
            open_anchors.pop()
        elif isinstance(event, yaml.AliasEvent):
            aliases += 1
            if any(open_anchors) or aliases > _MOST_ALIASES:
                return f"over {_MOST_ALIASES:,} references, or one inside another"
        elif isinstance(event, yaml.ScalarEvent) and _merges(event):
            return "a merge key (<<)"
    return ""


def _merges(event: Any) -> bool:
    """Whether a scalar is a key that copies other mappings into its own."""
    return (event.value == "<<" and event.implicit[0]) or str(event.tag).endswith(":merge")
