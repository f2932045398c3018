"""A release that is a trained autoencoder."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from sordino.errors import ReleaseError
from sordino.nn.autoencoder import GatedAutoencoder, ReplacementAutoencoder
from sordino.release import archive
from sordino.release.protocol import as_vectors
from sordino.types import Vectors


class NetworkRelease:
    """The output of an autoencoder, on vectors of shape `(n, d)`.

    `width` and `embedding` in `config` define the network; the other keys record the fitting.
    """

    def __init__(
        self, name: str, config: Mapping[str, Any], network: ReplacementAutoencoder
    ) -> None:
        if not all(bool(values.isfinite().all()) for values in network.state_dict().values()):
            raise ReleaseError(
                f"the training of {name} diverged, expected finite weights: bring the features to "
                "one scale"
            )
        self.name = name
        self._config = copy.deepcopy(dict(config))
        self._network = copy.deepcopy(network).requires_grad_(False).eval()

    @property
    def config(self) -> dict[str, Any]:
        """A copy of the settings and the results of fitting."""
        return copy.deepcopy(self._config)

    @property
    def network(self) -> ReplacementAutoencoder:
        """A copy of the autoencoder."""
        return copy.deepcopy(self._network)

    @property
    def hash(self) -> str:
        return archive.digest(self.name, self._config, self.arrays)

    @property
    def arrays(self) -> dict[str, NDArray[Any]]:
        """A copy of every weight, by its name in the network."""
        return {name: values.numpy().copy() for name, values in self._network.state_dict().items()}

    def __call__(self, z: Vectors) -> Vectors:
        vectors = torch.from_numpy(as_vectors(z, self._config["width"]).copy())
        with torch.no_grad():
            out: Vectors = self._network(vectors).numpy()
        return out

    def save(self, path: str | Path) -> None:
        archive.write(path, self.name, self._config, self.arrays)

    @classmethod
    def restore(
        cls, name: str, config: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]
    ) -> NetworkRelease:
        """The release that `save` wrote."""
        width, embedding = config["width"], config["embedding"]
        network = (
            GatedAutoencoder(torch.zeros(width), torch.ones(()), embedding)
            if "gate.weight" in arrays
            else ReplacementAutoencoder(width, embedding)
        )
        network.load_state_dict(
            {key: torch.from_numpy(np.array(values)) for key, values in arrays.items()}
        )
        return cls(name, config, network)
