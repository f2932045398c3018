"""A release that consists of arrays: a name, a config and numbers, all of them immutable."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sordino.release import archive


class ArrayRelease:
    """Copies its arguments, and returns copies or read-only arrays."""

    def __init__(
        self, name: str, config: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]] | None = None
    ) -> None:
        self.name = name
        self._config = copy.deepcopy(dict(config))
        self.arrays = read_only(arrays or {})

    @property
    def config(self) -> dict[str, Any]:
        """A copy of the settings and the results of fitting."""
        return copy.deepcopy(self._config)

    @property
    def hash(self) -> str:
        """12 hexadecimal digits that change with the config or a fitted number."""
        return archive.digest(self.name, self._config, self.arrays)

    def save(self, path: str | Path) -> None:
        """Write the release to one file that `sordino.release.load` reads."""
        archive.write(path, self.name, self._config, self.arrays)


def read_only(arrays: Mapping[str, NDArray[Any]]) -> Mapping[str, NDArray[Any]]:
    """Read-only copies of arrays, by name."""
    copies = {key: np.array(values) for key, values in arrays.items()}
    for values in copies.values():
        values.setflags(write=False)
    return MappingProxyType(copies)
