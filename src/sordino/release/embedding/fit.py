"""Fits the releases of embeddings: a network for each name, and for `drawn` its bins as well."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray

from sordino.errors import ReleaseError
from sordino.nn.fit_multimodal import FittedMultimodal, Training, fit
from sordino.nn.fit_private import SpeakerPrivacy, fit_private
from sordino.nn.labels import TaskLabels
from sordino.nn.multimodal import Shape, apply
from sordino.nn.sequences import Sequences
from sordino.release.embedding import fit_bins, fit_erased
from sordino.release.embedding.release import EMBEDDINGS, Embedding
from sordino.types import Rows

GENDER: Final = {"gender": 2}

ADVERSARIAL: Final = 1.0
"""Lambda of `aibt`: the default of the package `aibt-fl`."""

PLAIN: Final = ("general", "private", "private+")
"""The embeddings with a network that `drawn` can use."""


@dataclass(frozen=True)
class EmbeddingFitter:
    """Fits one of `EMBEDDINGS`.

    - `shape`: sizes of the network and its primary tasks; the heads for attributes follow from
      `name`.
    - `reversal`: lambda of every hidden attribute of the paper's embeddings {0.3, 0.5, 0.75, 1}.
    - `bottleneck`: dimensions of `private+`, `vib` and `aibt`; `noise`: standard deviation of the
      noise of `private+`. Fewer dimensions and more noise hide more. `gru_width`: of the recurrent
      layers of `private+`; those of the paper have 32.
    - `beta`: weight of the divergence of `vib` and `aibt`; more hides more. The default is that of
      the package `aibt-fl`.
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
    gru_width: int = 64
    beta: float = 0.01
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
        """The fitter of the network alone: for `drawn` the fitter of its base, for `leace` that of
        `general`.
        """
        bases = {"drawn": self.base, "leace": "general"}
        return replace(self, name=bases.get(self.name, self.name))

    def settings(self, speakers: int) -> tuple[Shape, Training]:
        """The network and its training, for a number of training speakers."""
        if self.name != self.plain.name:
            return self.plain.settings(speakers)
        speaker = {"speaker": speakers}
        attributes = {"private-speaker": speaker, "private-multiple": {**GENDER, **speaker}}.get(
            self.name, GENDER
        )
        if self.name == "dp":
            return replace(self.shape, attributes={}), self.training
        shape = replace(
            self.shape,
            attributes=attributes,
            adversary_at="streams" if self.name == "private-streams" else "joint",
            bottleneck=None,
            noise=0.0,
            latent="standardised",
        )
        if self.name == "private+":
            shape = replace(
                shape,
                bottleneck=self.bottleneck,
                noise=self.noise,
                gru_width=self.gru_width,
            )
        variational = self.name in ("vib", "aibt")
        if variational:
            shape = replace(shape, bottleneck=self.bottleneck, latent="gaussian")
        adversarial = self.name not in ("general", "private+", "vib")
        strength = ADVERSARIAL if self.name == "aibt" else self.reversal
        training = replace(
            self.training,
            lambdas=dict.fromkeys(attributes, strength) if adversarial else {},
            beta=self.beta if variational else 0.0,
        )
        return shape, training

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
        if self.name == "leace":
            return self._fit_erased(train, labels, validation, validation_labels)
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
            "reversal": max(training.lambdas.values(), default=0.0),
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

    def _fit_erased(
        self,
        train: Sequences,
        labels: TaskLabels,
        validation: Sequences | None,
        validation_labels: TaskLabels,
    ) -> tuple[Embedding, FittedMultimodal]:
        """The network of `general` behind a linear map, with new heads. The record has the curve of
        these heads, and the best epoch of `general`.
        """
        embedding, general = self.plain.fit(train, labels, validation, validation_labels)
        task = next(iter(self.shape.primary))
        clean = apply(embedding.network, train).embedding.numpy()
        label, gender = (np.asarray(labels[name], np.intp) for name in (task, "gender"))
        weights, bias = fit_erased.fit(clean, label, gender)
        shape, training = self.settings(2)
        shape = replace(shape, bottleneck=len(bias), latent="plain")
        heads = {**shape.primary, **shape.attributes}
        encoder = {
            name: values
            for name, values in embedding.network.state_dict().items()
            if name.startswith("streams.")
        }
        encoder |= {"squeeze.weight": torch.from_numpy(weights), "squeeze.bias": torch.tensor(bias)}
        labels, validation_labels = (
            {name: codes for name, codes in part.items() if name in heads}
            for part in (labels, validation_labels)
        )
        args = (shape, train, labels, validation, validation_labels, training, self.seed, encoder)
        fitted = replace(fit(*args), best_epoch=general.best_epoch)
        config = embedding.config | {"of": "general", "task": task, "shape": asdict(shape)}
        return Embedding(self.name, config, fitted.network), fitted


def _speaker_labels(labels: TaskLabels, purpose: str) -> NDArray[np.integer[Any]]:
    if "speaker" not in labels:
        raise ReleaseError(f"no labels of speaker, expected them for {purpose}: add them")
    return np.asarray(labels["speaker"])
