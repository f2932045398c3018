"""Embeddings of sound and words as releases (Jaiswal and Mower Provost 2020): a frozen network and
a keyed random draw.

    general             trained for the primary task; the head of the attribute changes nothing
    private             gradient reversal at the head of gender, on the joint embedding (Priv-C)
    private-streams     one such head on each stream before they are joined (Priv-E)
    private-speaker     gradient reversal at a head of the speaker
    private-multiple    gradient reversal at heads of the speaker and of gender
    private+            few dimensions on one scale, with noise in training and in every release
    dp                  trained for the primary task with differential privacy for each speaker;
                        it has no head of an attribute
    drawn               one class of the primary task is released, as a mean embedding of several
                        speakers (`fit_bins`)

Rivals, methods of other people with the same streams, which are compared and never shipped:

    leace               `general` without the linear information about gender, in the directions
                        that distinguish the classes of the primary task (`fit_erased`)
    vib                 variational information bottleneck; a sample is released (Alemi et al. 2017)
    aibt                the same with gradient reversal at a head of gender that reads the sample,
                        as in the package `aibt-fl` (`sordino.release.peers.aibt`)

The random draw of a clip follows from its content and a key. Repeated requests for a clip cannot be
averaged, and neither the order nor the number of rows matters. An attacker has another key.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray

from sordino import keyed_random
from sordino.errors import ReleaseError
from sordino.nn.multimodal import Multimodal, Outputs, Shape, apply
from sordino.nn.sequences import Sequences
from sordino.release import archive
from sordino.release.array_release import read_only
from sordino.release.embedding import fit_bins

RIVALS: Final = ("leace", "vib", "aibt")
"""The embeddings of other people's methods. No bundle holds them."""

EMBEDDINGS: Final = (
    "general",
    "private",
    "private+",
    "dp",
    "drawn",
    "private-streams",
    "private-speaker",
    "private-multiple",
    *RIVALS,
)
"""Every embedding by name, in the order of the tables."""


class Embedding:
    """A frozen map from sequences to vectors, `(n, k)`; `shape` in its config defines the network.

    A drawn one has `arrays` (`fit_bins`): the `bias` of each class, `prototypes`, and the `bin` of
    each prototype.
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
        self.arrays = read_only(arrays or {})

    @property
    def config(self) -> dict[str, Any]:
        """A copy of the settings and the results of fitting, as plain JSON."""
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
        """The number of bins of a drawn embedding; 0 where the embedding itself is released."""
        return len(self.arrays["bias"]) if self.arrays else 0

    def __call__(self, rows: Sequences, key: int = 0) -> NDArray[np.float32]:
        """The released vector of each row, `(n, k)` float32; `key` decides the noise of each clip,
        or its draw. The default serves estimates and is public: pass a secret one to release.

        Raises `ReleaseError` for streams that the network does not read.
        """
        if self.arrays:
            contents = [keyed_random.flatten(clip) for clip in clips(rows)]
            prototypes, of_bin = self.arrays["prototypes"], self.arrays["bin"]
            return keyed_random.draw(
                contents, self.decide(rows), key, prototypes, of_bin, float(self._config["epsilon"])
            )
        outputs = self._outputs(rows)
        clean: NDArray[np.float32] = outputs.embedding.numpy()
        if not self._network.shape.random:
            return clean
        deviation: np.float32 | NDArray[Any] = np.float32(self._network.shape.noise)
        if outputs.deviation is not None:
            deviation = outputs.deviation.numpy()
        return clean + deviation * noise_of_clips(rows, clean.shape[1], key)

    def decide(self, rows: Sequences) -> NDArray[np.intp]:
        """The bin of each row of a drawn embedding before the draw, `(n,)`. It stays on the device.

        Raises `ReleaseError` where an output of the network is not finite.
        """
        logits = self._outputs(rows).primary[self._config["task"]].numpy()
        if not np.isfinite(logits).all():
            raise ReleaseError(
                "the network gave NaN or infinity, expected finite numbers: leave such clips out"
            )
        bins: NDArray[np.intp] = (logits + self.arrays["bias"]).argmax(axis=1)
        return bins

    def read(self, out: NDArray[np.float32]) -> NDArray[np.intp]:
        """The bin of each released vector of a drawn embedding, `(n,)`."""
        return keyed_random.nearest_bins(out, self.arrays["prototypes"], self.arrays["bin"])

    def _outputs(self, rows: Sequences) -> Outputs:
        if rows.widths != self._network.shape.streams:
            raise ReleaseError(
                f"streams {rows.widths}, expected {self._network.shape.streams}: extract what the "
                "release was fitted on"
            )
        return apply(self._network, rows)

    def primary(self, vectors: NDArray[np.float32]) -> dict[str, NDArray[np.float32]]:
        """The class probabilities for released vectors, `(n, classes)`, by primary task: those of
        the embedding's own heads.

        The task of a drawn embedding is read from the bin of the prototype instead, which ships
        beside it: `keyed_random.keep_probability` for the class of the bin, the remainder in equal
        parts for the others. A head would read the noise of the prototype.
        """
        x = torch.from_numpy(np.array(vectors, dtype=np.float32))
        with torch.no_grad():
            probabilities = {
                name: head(x).softmax(dim=1).numpy() for name, head in self._network.primary.items()
            }
        if self.arrays:
            keep = keyed_random.keep_probability(float(self._config["epsilon"]), self.bins)
            of_bin = np.full((self.bins, self.bins), (1 - keep) / (self.bins - 1), np.float32)
            np.fill_diagonal(of_bin, keep)
            probabilities[self._config["task"]] = of_bin[self.read(vectors)]
        return probabilities

    def attributes(self, rows: Sequences, key: int = 0) -> dict[str, list[NDArray[np.intp]]]:
        """The predictions of the heads that were trained with the embedding, one array per head, by
        attribute: the paper's leakage.

        For a drawn embedding the heads read the released vectors for this `key`.
        """
        if self.arrays:
            out = (torch.from_numpy(self(rows, key)),)
            logits = {
                name: self._network.guess(name, out, [0.0]) for name in self._network.attributes
            }
        else:
            logits = self._outputs(rows).attributes
        return {
            name: [output.argmax(dim=1).numpy() for output in outputs]
            for name, outputs in logits.items()
        }

    def save(self, path: str | Path) -> None:
        """Write the embedding to one file. Raises `StorageError`."""
        archive.write(path, self.name, self._config, self._arrays())

    def _arrays(self) -> dict[str, NDArray[Any]]:
        weights = {name: values.numpy() for name, values in self._network.state_dict().items()}
        return {**weights, **self.arrays}

    @classmethod
    def load(cls, path: str | Path) -> Embedding:
        """The embedding in a file that `save` wrote. Raises `ReleaseError` for any other file."""
        name, config, arrays = archive.read(path)
        if (
            name not in EMBEDDINGS or "shape" not in config
        ):  # a release of vectors is named `drawn`, too
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
                f"{path}: parts of the embedding are missing or do not fit: fit it again"
            ) from error
        return cls(name, config, network, drawn)


def noise_of_clips(rows: Sequences, width: int, key: int) -> NDArray[np.float32]:
    """Standard normal numbers for each row, `(n, width)`, which depend on the clip and the key
    alone.

    >>> rows = Sequences.of(audio=[np.ones((3, 40)), np.zeros((2, 40))])
    >>> bool((noise_of_clips(rows, 4, 7)[::-1] == noise_of_clips(rows.select([1, 0]), 4, 7)).all())
    True
    """
    return np.stack([keyed_random.clip_noise(clip, key, width) for clip in clips(rows)])


def clips(rows: Sequences) -> Iterator[dict[str, NDArray[np.float32]]]:
    """The streams of each row by name."""
    return (
        {name: values[row].numpy() for name, values in rows.streams.items()}
        for row in range(len(rows))
    )
