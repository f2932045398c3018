"""Bundles of an attacker with the source: parts are changed, and all checksums are right."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sordino.device import read
from sordino.device.bundle import archive, bundle

Files = dict[str, bytes]
Change = Callable[[Any], Any]


def forged(original: Path, path: Path, change: Callable[[Files], None], **manifest: Any) -> Path:
    """The bundle at `original` with changed files, at `path`; `manifest` has keys to set, and None
    for keys to remove.
    """
    files = dict(read(original).files)
    before = json.loads(read(original).manifest)
    change(files)
    digests = {name: archive.sha256(content) for name, content in sorted(files.items())}
    stated = {"format": bundle.FORMAT, "files": digests, "policies": before["policies"], **manifest}
    content = archive.json_bytes(
        {name: value for name, value in stated.items() if value is not None}
    )
    return bundle.put(path, {**files, bundle.MANIFEST_FILE: content})


def policies(change: Change) -> Callable[[Files], None]:
    """Change what policies.json holds: the list is changed in place, or another is returned."""
    return _json(bundle.POLICIES_FILE, change)


def card(change: Change) -> Callable[[Files], None]:
    """Change the card."""
    return _json(bundle.CARD_FILE, change)


def first(**values: Any) -> Callable[[Files], None]:
    """Set parts of the first policy."""
    return policies(lambda entries: entries[0].update(values))


def in_policy(**values: Any) -> Callable[[Files], None]:
    """Set parts of what the user of the first policy agreed to."""
    return policies(lambda entries: entries[0]["policy"].update(values))


def chance(**values: Any) -> Callable[[Files], None]:
    """Set how chance comes in of the first policy."""
    return policies(lambda entries: entries[0]["chance"].update(values))


def arrays(name: str, change: Callable[[dict[str, NDArray[Any]]], None]) -> Callable[[Files], None]:
    """Change the arrays of a file."""

    def changed(files: Files) -> None:
        with np.load(io.BytesIO(files[name])) as file:
            contents = {key: file[key] for key in file.files}
        change(contents)
        content = io.BytesIO()
        np.savez(content, **contents)
        files[name] = content.getvalue()

    return changed


def _json(name: str, change: Change) -> Callable[[Files], None]:
    def changed(files: Files) -> None:
        content = json.loads(files[name])
        replacement = change(content)
        files[name] = archive.json_bytes(content if replacement is None else replacement)

    return changed
