"""The models of every family, as they are exported."""

from __future__ import annotations

from functools import cache
from typing import Any

from sordino import export
from sordino.device import read
from sordino.release import FITTERS
from sordino.testing import POLICY
from tests.device.synthetic_bundles import CARD, bundled, embedding, talking
from tests.device.synthetic_sound_bundle import bundle_path


@cache
def models() -> dict[str, bytes]:
    """Models of every family, some of them rounded, by bundle and file."""
    paths = {name: bundled(name) for name in FITTERS}
    paths |= {f"{name} rounded": bundled(name, int8=True) for name in ("leace", "drawn")}
    paths |= {"talking": talking(), "listening": bundle_path()}
    for name, shape in [("general", "both"), ("drawn", "audio")]:
        path = talking().parent / f"{name}-{shape}.sordino"
        releases: Any = {"mine": (POLICY, embedding(name, shape))}
        paths[path.stem] = export.write(
            path, None, releases, features="made", card=CARD, int8=shape == "audio"
        )
    files = {name: read(path).files for name, path in paths.items()}
    return {
        f"{name} {file}": content
        for name, parts in files.items()
        for file, content in parts.items()
        if file.endswith(".onnx")
    }
