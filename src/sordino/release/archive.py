"""A release as one NPZ file: arrays, and name and config as JSON. Loading never executes code from
the file.
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sordino import storage
from sordino.errors import ReleaseError
from sordino.types import Arrays

HEADER = "sordino"
"""The entry that holds name and config as JSON."""


def digest(name: str, config: Mapping[str, Any], arrays: Arrays) -> str:
    """12 hexadecimal digits of name, config and every array."""
    sha = hashlib.sha256(json.dumps([name, dict(config)], sort_keys=True).encode())
    for key in sorted(arrays):
        sha.update(key.encode() + np.ascontiguousarray(arrays[key]).tobytes())
    return sha.hexdigest()[:12]


def write(path: str | Path, name: str, config: Mapping[str, Any], arrays: Arrays) -> None:
    """Write a release, which may hold the key of its draws, for its owner alone; equal releases
    give equal bytes. Raises `StorageError`.
    """
    header = json.dumps({"name": name, "config": dict(config)}, sort_keys=True)
    buffer = io.BytesIO()
    # mypy of numpy 2.0 takes the name of an array for `allow_pickle`.
    np.savez(buffer, **{HEADER: np.array(header)}, **dict(arrays))  # type: ignore[arg-type]
    storage.write(path, buffer.getvalue(), mode=storage.PRIVATE)


def read(path: str | Path) -> tuple[str, dict[str, Any], dict[str, NDArray[Any]]]:
    """Name, config and arrays of a release. Raises `ReleaseError` for any other file, and for a
    compressed one, whose arrays may have any size; `StorageError` for an unreadable one.
    """
    content = storage.read_regular(path, storage.ARCHIVE_BYTES)
    try:
        storage.open_stored(content)
        with np.load(io.BytesIO(content), allow_pickle=False) as file:
            arrays = {key: file[key] for key in file.files}
        header = json.loads(str(arrays.pop(HEADER)))
        return header["name"], header["config"], arrays
    except Exception as error:  # parsers of damaged files raise any exception
        raise ReleaseError(
            f"{path}: not a release, expected a file that `save` wrote: fit it again"
        ) from error
