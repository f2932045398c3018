"""Fits the releases of embeddings: a network for each name, and for `drawn` its bins as well."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from sordino.errors import ReleaseError
from sordino.nn.fit_multimodal import FittedMultimodal, Training, fit
from sordino.nn.fit_private import SpeakerPrivacy, fit_private
from sordino.nn.labels import TaskLabels
from sordino.nn.multimodal import Shape, apply
from sordino.nn.sequences import Sequences
from sordino.release.embedding import fit_bins
from sordino.release.embedding.release import EMBEDDINGS, Embedding
from sordino.types import Rows

GENDER: Final = {"gender": 2}

PLAIN: Final = ("general", "private", "private+")
"""The embeddings with a network that `drawn` can use."""


@dataclass(frozen=True)
class EmbeddingFitter:
    """Fits one of `EMBEDDINGS`.

    - `shape`: sizes of the network and its primary tasks; the heads for attributes follow from
      `name`.
    - `reversal`: lambda of every hidden attribute {0.3, 0.5, 0.75, 1}.
    - `bottleneck`, `noise`: dimensions of `private+` and the standard deviation of its noise; fewer
      dimensions and more noise hide more.
    - `base`: the embedding with the network of `drawn`.
    - `epsilon`: parameter of randomised response over the bins of `drawn`, which gives local
      differential privacy per clip; infinite for none. Informative bins need 2 or more, which is a
      weak guarantee.
    - `privacy`: the guarantee of `dp` and its training.
    - `secret_noise`: whether the noise of the prototypes of `drawn` and of the training of `dp` is
      that of the operating system, as their privacy requires. Otherwise it follows from the seed:
      set it for an embedding that is published.
    """

    name: str = "private"
    shape: Shape = field(default_factory=Shape)
    training: Training = field(default_factory=Training)
    reversal: float = 0.5
    bottleneck: int = 8
    noise: float = 0.5
    base: str = "private+"
    epsilon: float = float("inf")
    privacy: SpeakerPrivacy = field(default_factory=SpeakerPrivacy)
    seed: int = 0
    secret_noise: bool = False

    def __post_init__(self) -> None:
        if self.name not in EMBEDDINGS:
            raise ReleaseError(
                f"embedding {self.name!r}, expected one of {', '.join(EMBEDDINGS)}: choose one"
            )
        if self.base not in PLAIN:
            raise ReleaseError(
                f"drawn with base {self.base!r}, expected one of {', '.join(PLAIN)}: choose one"
            )
        if not self.epsilon > 0:
            raise ReleaseError(
                f"epsilon {self.epsilon}, expected more than 0: infinite for no flips"
            )

    @property
    def plain(self) -> EmbeddingFitter:
        """The fitter of the network alone: for `drawn` the fitter of its base."""
        return replace(self, name=self.base) if self.name == "drawn" else self

    def settings(self, speakers: int) -> tuple[Shape, Training]:
        """The network and its training, for a number of training speakers."""
        if self.name == "drawn":
            return self.plain.settings(speakers)
        speaker = {"speaker": speakers}
        attributes = {"private-speaker": speaker, "private-multiple": {**GENDER, **speaker}}.get(
            self.name, GENDER
        )
        if self.name == "dp":
            return replace(self.shape, attributes={}), self.training
        adversarial = self.name not in ("general", "private+")
        shape = replace(
            self.shape,
            attributes=attributes,
            adversary_at="streams" if self.name == "private-streams" else "joint",
            bottleneck=self.bottleneck if self.name == "private+" else None,
            noise=self.noise if self.name == "private+" else 0.0,
        )
        lambdas = dict.fromkeys(attributes, self.reversal) if adversarial else {}
        return shape, replace(self.training, lambdas=lambdas)

    def fit(
        self,
        train: Sequences,
        labels: TaskLabels,
        validation: Sequences | None,
        validation_labels: TaskLabels,
    ) -> tuple[Embedding, FittedMultimodal]:
        """The embedding and the record of its training, which takes all epochs without validation
        rows.

        Labels are codes by task as in `nn.fit_multimodal.fit`: the primary tasks, `gender`, and for
        `drawn`, `dp` or a hidden speaker `speaker`, coded from 0 over training speakers. Tasks
        without a head in this embedding are ignored. The bins of `drawn` are the classes of the
        first primary task. `dp` takes a fixed number of steps and reads no validation rows.
        Validation rows of an embedding for the speaker alone are of training speakers.

        Raises `ReleaseError` where the network cannot be trained, and for `drawn` where too few
        speakers have a class.
        """
        if self.name == "drawn":
            return self._fit_drawn(train, labels, validation, validation_labels)
        if self.name == "dp":
            return self._fit_private(train, labels)
        speakers = int(np.max(labels["speaker"], initial=0)) + 1 if "speaker" in labels else 2
        shape, training = self.settings(speakers)
        heads = {**shape.primary, **shape.attributes}
        labels = {task: codes for task, codes in labels.items() if task in heads}
        if [*shape.primary] != ["speaker"]:
            heads.pop("speaker", None)  # validation speakers have no code in its head
        validation_labels = {
            task: codes for task, codes in validation_labels.items() if task in heads
        }
        fitted = fit(shape, train, labels, validation, validation_labels, training, self.seed)
        config = {
            "reversal": self.reversal if training.lambdas else 0.0,
            "training": asdict(training),
            "shape": asdict(shape),
            "seed": self.seed,
            "best_epoch": fitted.best_epoch,
        }
        return Embedding(self.name, config, fitted.network), fitted

    def _fit_private(
        self, train: Sequences, labels: TaskLabels
    ) -> tuple[Embedding, FittedMultimodal]:
        """The network with differential privacy for each speaker, and its epsilon."""
        speaker = _speaker_labels(labels, "differential privacy for each of them")
        shape, _ = self.settings(0)
        labels = {task: labels[task] for task in shape.primary}
        fitted = fit_private(
            shape, train, labels, speaker, self.privacy, self.seed, self.secret_noise
        )
        config = {
            "privacy": self.privacy.config,
            "accounted": None if np.isinf(fitted.epsilon) else round(fitted.epsilon, 4),
            "shape": asdict(shape),
            "seed": self.seed,
        }
        return Embedding(self.name, config, fitted.network), fitted

    def _fit_drawn(
        self,
        train: Sequences,
        labels: TaskLabels,
        validation: Sequences | None,
        validation_labels: TaskLabels,
    ) -> tuple[Embedding, FittedMultimodal]:
        """The network of `base`, and bins that were chosen on cross-fitted training speakers."""
        _speaker_labels(labels, "prototypes of several speakers")
        task, plain = next(iter(self.shape.primary)), self.plain
        embedding, fitted = plain.fit(train, labels, validation, validation_labels)

        def predict(fitting: Rows, test: Rows) -> NDArray[np.float32]:
            # as many steps on fewer rows
            epochs = round((fitted.best_epoch + 1) * len(train) / len(fitting))
            fitter = replace(plain, training=replace(self.training, epochs=epochs))
            labels_of_fold = {name: codes[fitting] for name, codes in labels.items()}
            fold, _ = fitter.fit(train.select(fitting), labels_of_fold, None, {})
            return apply(fold.network, train.select(test)).primary[task].numpy()

        clean = apply(embedding.network, train).embedding.numpy()
        label, gender, speaker = (
            np.asarray(labels[name], np.intp) for name in (task, "gender", "speaker")
        )
        arrays = fit_bins.fit(clean, label, gender, speaker, predict, self.seed, self.secret_noise)
        epsilon = "inf" if np.isinf(self.epsilon) else self.epsilon  # JSON has no infinity
        config = embedding.config | {"of": self.base, "task": task, "epsilon": epsilon}
        return Embedding(self.name, config, embedding.network, arrays), fitted


def _speaker_labels(labels: TaskLabels, purpose: str) -> NDArray[np.integer[Any]]:
    if "speaker" not in labels:
        raise ReleaseError(f"no labels of speaker, expected them for {purpose}: add them")
    return np.asarray(labels["speaker"])
