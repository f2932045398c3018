"""Embeddings of sound and words as releases (Jaiswal 2020): a network, frozen, and chance of its
own.

    general             keeps the primary task; the attribute's head learns beside it and changes nothing
    private             the paper's: gradient reversal before the head of gender, on the joint embedding (Priv-C)
    private-streams     one head on each stream before they are joined (Priv-E)
    private-speaker     the head is to forget who speaks; private-multiple: who speaks, and their gender
    private+            what works: few dimensions on one scale, and noise on them in training and in every release
    drawn               a class of the primary task goes out alone, as a mean embedding of several people (`fit_bins`)

Chance is drawn once a clip: it follows from what is in the clip and from a key, so whoever asks for
the same clip twice cannot average it away, and neither the order nor the number of rows matters. An
attacker has a key of their own.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray

from sordino.errors import ReleaseError
from sordino.nn.multimodal import Multimodal, Outputs, Shape, apply
from sordino.nn.sequences import Sequences
from sordino.release import archive
from sordino.release.embedding import fit_bins
from sordino.release.frozen import locked
from sordino.signal import keyed_random

EMBEDDINGS: Final = (
    "general",
    "private",
    "private+",
    "drawn",
    "private-streams",
    "private-speaker",
    "private-multiple",
)
"""Every embedding by name, in the order of the tables."""


class Embedding:
    """A frozen map from sequences to vectors, `(n, k)`; its config says in `shape` what the network
    looks like.

    One that is drawn has `arrays` (`fit_bins`): `bias` of each class, `prototypes`, and the `bin`
    that each stands for.
    """

    def __init__(
        self,
        name: str,
        config: Mapping[str, Any],
        network: Multimodal,
        arrays: Mapping[str, NDArray[Any]] | None = None,
    ) -> None:
        self.name = name
        self._config = copy.deepcopy(dict(config))
        self._network = copy.deepcopy(network).requires_grad_(False).eval()
        self.arrays = locked(arrays or {})

    @property
    def config(self) -> dict[str, Any]:
        """A copy of what was chosen or found in fitting, as plain JSON."""
        return copy.deepcopy(self._config)

    @property
    def network(self) -> Multimodal:
        """A copy of the network."""
        return copy.deepcopy(self._network)

    @property
    def hash(self) -> str:
        """12 hexadecimal digits that change with the config or a fitted number."""
        return archive.digest(self.name, self._config, self._arrays())

    @property
    def bins(self) -> int:
        """How many things a drawn one can say; 0 where what goes out is the embedding itself."""
        return len(self.arrays["bias"]) if self.arrays else 0

    def __call__(self, rows: Sequences, key: int = 0) -> NDArray[np.float32]:
        """What is let out of each row, `(n, k)` float32; `key` decides the noise of each clip, or
        what is drawn for it.

        Raises `ReleaseError` for streams that the network does not read.
        """
        if self.arrays:
            given = [keyed_random.flatten(clip) for clip in clips(rows)]
            prototypes, of_bin = self.arrays["prototypes"], self.arrays["bin"]
            return keyed_random.draw(
                given, self.decide(rows), key, prototypes, of_bin, float(self._config["epsilon"])
            )
        clean: NDArray[np.float32] = self._made(rows).embedding.numpy()
        spread = self._network.shape.noise
        return clean + np.float32(spread) * noise(rows, clean.shape[1], key) if spread else clean

    def decide(self, rows: Sequences) -> NDArray[np.intp]:
        """The bin of each row of a drawn one before anything is drawn, `(n,)`. It stays on the
        device.

        Raises `ReleaseError` where the network says what is no number: that is no class.
        """
        logits = self._made(rows).primary[self._config["task"]].numpy()
        if not np.isfinite(logits).all():
            raise ReleaseError(
                "the network gave NaN or infinity, expected finite numbers: leave such clips out"
            )
        bins: NDArray[np.intp] = (logits + self.arrays["bias"]).argmax(axis=1)
        return bins

    def read(self, out: NDArray[np.float32]) -> NDArray[np.intp]:
        """The bin that a released vector of a drawn one stands for, `(n,)`: all that anybody can
        learn from it.
        """
        return keyed_random.nearest_bins(out, self.arrays["prototypes"], self.arrays["bin"])

    def _made(self, rows: Sequences) -> Outputs:
        if rows.widths != self._network.shape.streams:
            raise ReleaseError(
                f"streams {rows.widths}, expected {self._network.shape.streams}: extract what the "
                "release was fitted on"
            )
        return apply(self._network, rows)

    def primary(self, vectors: NDArray[np.float32]) -> dict[str, NDArray[np.float32]]:
        """How likely the embedding's own heads find each class of released vectors, `(n, classes)`,
        by primary task.
        """
        given = torch.from_numpy(np.array(vectors, dtype=np.float32))
        with torch.no_grad():
            return {
                name: head(given).softmax(dim=1).numpy()
                for name, head in self._network.primary.items()
            }

    def attributes(self, rows: Sequences, key: int = 0) -> dict[str, list[NDArray[np.intp]]]:
        """What the heads that were trained with the embedding say, one a place, by attribute: the
        paper's leakage.

        Of a drawn one they see what is let out, as `key` decides it.
        """
        if self.arrays:
            out = (torch.from_numpy(self(rows, key)),)
            found = {
                name: self._network.guess(name, out, [0.0]) for name in self._network.attributes
            }
        else:
            found = self._made(rows).attributes
        return {
            name: [logits.argmax(dim=1).numpy() for logits in places]
            for name, places in found.items()
        }

    def save(self, path: str | Path) -> None:
        """Write the embedding to one file. Raises `StorageError`."""
        archive.write(path, self.name, self._config, self._arrays())

    def _arrays(self) -> dict[str, NDArray[Any]]:
        weights = {name: values.numpy() for name, values in self._network.state_dict().items()}
        return {**weights, **self.arrays}

    @classmethod
    def load(cls, path: str | Path) -> Embedding:
        """The embedding in a file that `save` wrote. Raises `ReleaseError` for a file that is none."""
        name, config, arrays = archive.read(path)
        if name not in EMBEDDINGS or "shape" not in config:  # one of vectors is named `drawn`, too
            raise ReleaseError(
                f"{path}: release {name!r} of vectors, expected an embedding: use release.load"
            )
        try:
            with torch.random.fork_rng(devices=[]):
                network = Multimodal(Shape(**config["shape"]))
            drawn = {key: arrays.pop(key) for key in fit_bins.ARRAYS} if name == "drawn" else {}
            network.load_state_dict(
                {key: torch.from_numpy(np.array(values)) for key, values in arrays.items()}
            )
        except (KeyError, TypeError, RuntimeError) as error:
            raise ReleaseError(
                f"{path}: parts of the embedding are missing or do not fit: make it again"
            ) from error
        return cls(name, config, network, drawn)


def noise(rows: Sequences, width: int, key: int) -> NDArray[np.float32]:
    """Standard normal numbers for each row, `(n, width)`: the same for the same clip and key,
    whatever is beside it.

    >>> rows = Sequences.of(audio=[np.ones((3, 40)), np.zeros((2, 40))])
    >>> bool((noise(rows, 4, 7)[::-1] == noise(rows.select([1, 0]), 4, 7)).all())
    True
    """
    return np.stack([keyed_random.clip_noise(clip, key, width) for clip in clips(rows)])


def clips(rows: Sequences) -> Iterator[dict[str, NDArray[np.float32]]]:
    """Each row by itself: its streams by name."""
    return (
        {name: values[row].numpy() for name, values in rows.streams.items()}
        for row in range(len(rows))
    )
