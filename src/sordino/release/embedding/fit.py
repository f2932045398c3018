"""Fits embeddings (`embedding`): a network of the shape that the name asks for; for `drawn`, its
bins as well.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from sordino.errors import ReleaseError
from sordino.nn.fit_multimodal import FittedMultimodal, Training, fit
from sordino.nn.labels import TaskLabels
from sordino.nn.multimodal import Shape, apply
from sordino.nn.sequences import Sequences
from sordino.release.embedding import fit_bins
from sordino.release.embedding.release import EMBEDDINGS, Embedding

GENDER: Final = {"gender": 2}

PLAIN: Final = ("general", "private", "private+")
"""Those whose network `drawn` may decide by."""


@dataclass(frozen=True)
class EmbeddingFitter:
    """Fits one of `EMBEDDINGS`.

    - `shape`: sizes of the network and its primary tasks; which attributes it has heads for follows
      from `name`.
    - `reversal`: lambda of every attribute that is to be forgotten {0.3, 0.5, 0.75, 1}.
    - `bottleneck`, `noise`: dimensions of `private+` and the deviation of its noise; less and more
      hide more.
    - `of`: the embedding whose network decides in `drawn`.
    - `epsilon`: of randomised response over the bins of `drawn`, a promise of local differential
      privacy for one clip; infinite for none. Where the bins are to say much it must be 2 or more,
      which is a weak promise.
    """

    name: str = "private"
    shape: Shape = field(default_factory=Shape)
    training: Training = field(default_factory=Training)
    reversal: float = 0.5
    bottleneck: int = 8
    noise: float = 0.5
    of: str = "private+"
    epsilon: float = float("inf")
    seed: int = 0

    def __post_init__(self) -> None:
        if self.name not in EMBEDDINGS:
            raise ReleaseError(
                f"embedding {self.name!r}, expected one of {', '.join(EMBEDDINGS)}: choose one"
            )
        if self.of not in PLAIN:
            raise ReleaseError(
                f"drawn of {self.of!r}, expected one of {', '.join(PLAIN)}: choose one"
            )
        if not self.epsilon > 0:
            raise ReleaseError(
                f"epsilon {self.epsilon}, expected more than 0: infinite for no flips"
            )

    @property
    def plain(self) -> EmbeddingFitter:
        """What fits the network alone: of `drawn` that of the embedding whose network decides."""
        return replace(self, name=self.of) if self.name == "drawn" else self

    def settings(self, speakers: int) -> tuple[Shape, Training]:
        """The network and its training, for so many training speakers."""
        if self.name == "drawn":
            return self.plain.settings(speakers)
        who = {"speaker": speakers}
        attributes = {"private-speaker": who, "private-multiple": {**GENDER, **who}}.get(
            self.name, GENDER
        )
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
        self,
        train: Sequences,
        labels: TaskLabels,
        validation: Sequences | None,
        validation_labels: TaskLabels,
    ) -> tuple[Embedding, FittedMultimodal]:
        """The embedding, and how its training went; without validation rows it takes all epochs.

        Labels are codes by task as in `nn.fit_multimodal.fit`: the primary tasks, `gender`, and
        where it is to be forgotten, or drawn, `speaker`, coded from 0 over training speakers. Codes
        of tasks that this embedding has no head for are not looked at. What is drawn is a class of
        the first primary task.

        Raises `ReleaseError` where the network cannot be trained, and of `drawn` where too few
        speakers sound like a class.
        """
        if self.name == "drawn":
            return self._drawn(train, labels, validation, validation_labels)
        speakers = int(np.max(labels["speaker"], initial=0)) + 1 if "speaker" in labels else 2
        shape, training = self.settings(speakers)
        known = {**shape.primary, **shape.attributes}
        learnt, held = (
            {k: v for k, v in some.items() if k in known} for some in (labels, validation_labels)
        )
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

    def _drawn(
        self,
        train: Sequences,
        labels: TaskLabels,
        validation: Sequences | None,
        validation_labels: TaskLabels,
    ) -> tuple[Embedding, FittedMultimodal]:
        """The network of `of`, and bins that were chosen on training speakers whom networks like it
        never saw.
        """
        if "speaker" not in labels:
            raise ReleaseError(
                "no labels of speaker, expected them: prototypes are means of several people"
            )
        task, plain = next(iter(self.shape.primary)), self.plain
        embedding, fitted = plain.fit(train, labels, validation, validation_labels)

        def unseen(own: NDArray[np.intp], others: NDArray[np.intp]) -> NDArray[np.float32]:
            epochs = round(
                (fitted.best_epoch + 1) * len(train) / len(own)
            )  # as many steps, on fewer rows
            again = replace(plain, training=replace(self.training, epochs=epochs))
            other, _ = again.fit(
                train.select(own), {name: codes[own] for name, codes in labels.items()}, None, {}
            )
            return apply(other.network, train.select(others)).primary[task].numpy()

        clean = apply(embedding.network, train).embedding.numpy()
        label, gender, speaker = (
            np.asarray(labels[name], np.intp) for name in (task, "gender", "speaker")
        )
        arrays = fit_bins.fit(clean, label, gender, speaker, unseen, self.seed)
        epsilon = "inf" if np.isinf(self.epsilon) else self.epsilon  # JSON has no infinity
        config = embedding.config | {"of": self.of, "task": task, "epsilon": epsilon}
        return Embedding(self.name, config, embedding.network, arrays), fitted
