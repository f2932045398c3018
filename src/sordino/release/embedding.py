"""Embeddings of sound and words as releases (Jaiswal 2020): fitted with a network, frozen, with noise of their own.

    general             keeps the primary task; the attribute's head learns beside it and changes nothing
    private             the paper's: gradient reversal before the head of gender, on the joint embedding (Priv-C)
    private-streams     one head on each stream before they are joined (Priv-E)
    private-speaker     the head is to forget who speaks; private-multiple: who speaks, and their gender
    private+            what works: few dimensions on one scale, and noise on them in training and in every release

Noise is drawn once a clip: it follows from what is in the clip and from a key, so whoever asks for the same clip twice
cannot average it away, and neither the order nor the number of rows matters. An attacker has a key of their own.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray

from sordino.errors import ReleaseError
from sordino.nn.fit_multimodal import FittedMultimodal, Training, fit
from sordino.nn.labels import Labels
from sordino.nn.multimodal import Multimodal, Outputs, Shape, apply
from sordino.nn.sequences import Sequences
from sordino.release import archive
from sordino.signal.chance import clip_noise

GENDER: Final = {"gender": 2}

EMBEDDINGS: Final = (
    "general", "private", "private+", "private-streams", "private-speaker", "private-multiple",
)  # fmt: skip
"""Every embedding by name, in the order of the tables."""


@dataclass(frozen=True)
class EmbeddingFitter:
    """Fits one of `EMBEDDINGS`.

    - `shape`: sizes of the network and its primary tasks; which attributes it has heads for follows from `name`.
    - `reversal`: lambda of every attribute that is to be forgotten {0.3, 0.5, 0.75, 1}.
    - `bottleneck`, `noise`: dimensions of `private+` and the deviation of its noise; less and more hide more.
    """

    name: str = "private"
    shape: Shape = field(default_factory=Shape)
    training: Training = field(default_factory=Training)
    reversal: float = 0.5
    bottleneck: int = 8
    noise: float = 0.5
    seed: int = 0

    def __post_init__(self) -> None:
        if self.name not in EMBEDDINGS:
            raise ReleaseError(f"embedding {self.name!r}, expected one of {', '.join(EMBEDDINGS)}: choose one")

    def settings(self, speakers: int) -> tuple[Shape, Training]:
        """The network and its training, for so many training speakers."""
        who = {"speaker": speakers}
        attributes = {"private-speaker": who, "private-multiple": {**GENDER, **who}}.get(self.name, GENDER)
        forgets = self.name not in ("general", "private+")
        shape = replace(
            self.shape,
            attributes=attributes,
            adversary_at="streams" if self.name == "private-streams" else "joint",
            bottleneck=self.bottleneck if self.name == "private+" else None,
            noise=self.noise if self.name == "private+" else 0.0,
        )
        lambdas = dict.fromkeys(attributes, self.reversal) if forgets else {}
        return shape, replace(self.training, lambdas=lambdas)

    def fit(
        self, train: Sequences, labels: Labels, validation: Sequences | None, validation_labels: Labels
    ) -> tuple[Embedding, FittedMultimodal]:
        """The embedding, and how its training went; without validation rows it takes all epochs.

        Labels are codes by task as in `nn.fit_multimodal.fit`: the primary tasks, `gender`, and where it is to be
        forgotten `speaker`, coded from 0 over training speakers. Codes of tasks that this embedding has no head for are
        not looked at.
        """
        speakers = int(np.max(labels["speaker"], initial=0)) + 1 if "speaker" in labels else 2
        shape, training = self.settings(speakers)
        known = {**shape.primary, **shape.attributes}
        learnt, held = ({k: v for k, v in some.items() if k in known} for some in (labels, validation_labels))
        held.pop("speaker", None)  # other people, whom no head knows
        fitted = fit(shape, train, learnt, validation, held, training, self.seed)
        config = {
            "reversal": self.reversal if training.lambdas else 0.0,
            "training": asdict(training),
            "shape": asdict(shape),
            "seed": self.seed,
            "best_epoch": fitted.best_epoch,
        }
        return Embedding(self.name, config, fitted.network), fitted


class Embedding:
    """A frozen map from sequences to vectors, `(n, k)`; its config says in `shape` what the network looks like."""

    def __init__(self, name: str, config: Mapping[str, Any], network: Multimodal) -> None:
        self.name = name
        self._config = copy.deepcopy(dict(config))
        self._network = copy.deepcopy(network).requires_grad_(False).eval()

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

    def __call__(self, rows: Sequences, key: int = 0) -> NDArray[np.float32]:
        """What is let out of each row, `(n, k)` float32; `key` decides the noise of each clip.

        Raises `ReleaseError` for streams that the network does not read.
        """
        if rows.widths != self._network.shape.streams:
            raise ReleaseError(
                f"streams {rows.widths}, expected {self._network.shape.streams}: extract what the release was fitted on"
            )
        clean: NDArray[np.float32] = apply(self._network, rows).embedding.numpy()
        spread = self._network.shape.noise
        return clean + np.float32(spread) * noise(rows, clean.shape[1], key) if spread else clean

    def primary(self, vectors: NDArray[np.float32]) -> dict[str, NDArray[np.float32]]:
        """How likely the embedding's own heads find each class of released vectors, `(n, classes)`, by primary task."""
        given = torch.from_numpy(np.array(vectors, dtype=np.float32))
        with torch.no_grad():
            return {name: head(given).softmax(dim=1).numpy() for name, head in self._network.primary.items()}

    def attributes(self, rows: Sequences) -> dict[str, list[NDArray[np.intp]]]:
        """What the heads that were trained with the embedding say, one a place, by attribute: the paper's leakage."""
        outputs: Outputs = apply(self._network, rows)
        return {
            name: [logits.argmax(dim=1).numpy() for logits in places] for name, places in outputs.attributes.items()
        }

    def save(self, path: str | Path) -> None:
        """Write the embedding to one file. Raises `StorageError`."""
        archive.write(path, self.name, self._config, self._arrays())

    def _arrays(self) -> dict[str, NDArray[Any]]:
        return {name: values.numpy() for name, values in self._network.state_dict().items()}

    @classmethod
    def load(cls, path: str | Path) -> Embedding:
        """The embedding in a file that `save` wrote. Raises `ReleaseError` for a file that is none."""
        name, config, arrays = archive.read(path)
        if name not in EMBEDDINGS:
            raise ReleaseError(f"{path}: release {name!r}, expected one of {', '.join(EMBEDDINGS)}: use release.load")
        try:
            with torch.random.fork_rng(devices=[]):
                network = Multimodal(Shape(**config["shape"]))
            network.load_state_dict({key: torch.from_numpy(np.array(values)) for key, values in arrays.items()})
        except (KeyError, TypeError, RuntimeError) as error:
            raise ReleaseError(f"{path}: parts of the embedding are missing or do not fit: make it again") from error
        return cls(name, config, network)


def noise(rows: Sequences, width: int, key: int) -> NDArray[np.float32]:
    """Standard normal numbers for each row, `(n, width)`: the same for the same clip and key, whatever is beside it.

    >>> rows = Sequences.of(audio=[np.ones((3, 40)), np.zeros((2, 40))])
    >>> bool((noise(rows, 4, 7)[::-1] == noise(rows.select([1, 0]), 4, 7)).all())
    True
    """
    clips = ({name: values[row].numpy() for name, values in rows.streams.items()} for row in range(len(rows)))
    return np.stack([clip_noise(clip, key, width) for clip in clips])
