"""The units of a study on disk, each a table and a record: a killed run goes on where it was."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

import sordino
from sordino import storage
from sordino.progress import track

Finished = tuple[str, pd.DataFrame, dict[str, Any]]
"""The name of a unit, its table and its record."""


def gathered(
    keys: Mapping[str, str], compute: Callable[[Sequence[str]], Iterable[Finished]], folder: Path, what: str
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """The tables of all units, one below the other, and the record of each by name.

    `keys` has for each unit, by name, whatever decides it; with sordino's version that is part of its file's name, so
    that no other unit is taken for it. `compute` is given the names of those that are not on disk. `what` names them
    on the bar.
    """
    storage.folder(folder)
    tables = {name: folder / f"{name}-{_digest(key)}.parquet" for name, key in keys.items()}
    missing = [name for name, path in tables.items() if not path.is_file()]
    for name, table, record in track(compute(missing), what, len(missing)):
        storage.write(tables[name].with_suffix(".json"), json.dumps(record, indent=1))
        storage.write(tables[name], partial(table.to_parquet, index=False))  # last: where it stands, it is finished
    records = {name: json.loads(path.with_suffix(".json").read_text()) for name, path in tables.items()}
    return pd.concat([pd.read_parquet(path) for path in tables.values()], ignore_index=True), records


def _digest(key: str) -> str:
    return hashlib.sha256(f"{sordino.__version__} {key}".encode()).hexdigest()[:12]
