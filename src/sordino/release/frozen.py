"""The shell of a release that is numbers alone: a name, a config and arrays, none of which can be
changed.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sordino.release import archive


class Frozen:
    """Copies what it is given and hands out copies, or arrays that cannot be written to."""

    def __init__(
        self, name: str, config: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]] | None = None
    ) -> None:
        self.name = name
        self._config = copy.deepcopy(dict(config))
        self.arrays = locked(arrays or {})

    @property
    def config(self) -> dict[str, Any]:
        """A copy of what was chosen or found in fitting."""
        return copy.deepcopy(self._config)

    @property
    def hash(self) -> str:
        """12 hexadecimal digits that change with the config or a fitted number."""
        return archive.digest(self.name, self._config, self.arrays)

    def save(self, path: str | Path) -> None:
        """Write the release to one file that `sordino.release.load` reads."""
        archive.write(path, self.name, self._config, self.arrays)


def locked(arrays: Mapping[str, NDArray[Any]]) -> Mapping[str, NDArray[Any]]:
    """Copies of arrays that cannot be written to, by name."""
    own = {key: np.array(values) for key, values in arrays.items()}
    for values in own.values():
        values.setflags(write=False)
    return MappingProxyType(own)
