"""Sequences in which an emotion and a gender are planted."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from sordino.nn.fit_multimodal import FittedMultimodal, Training, fit
from sordino.nn.multimodal import Shape
from sordino.nn.sequences import Sequences

AUDIO, TEXT = 6, 5
BOTH = ("audio", "text")
AMONG_WOMEN = (0.1, 0.3, 0.6)
"""How often each activation is where gender gives a clue; among men the other way round."""


def planted(
    rows: int = 200,
    seed: int = 0,
    emotion: float = 0.7,
    tied: bool = False,
    streams: tuple[str, ...] = ("audio",),
) -> tuple[Sequences, dict[str, NDArray[np.intp]]]:
    """Noise of 8 to 40 frames and 2 to 9 words, and its labels.

    Activation shifts dimension 0 of every step by `emotion` standard deviations a class, gender
    dimension 1 by one. They are independent, unless `tied`: then gender is a clue to activation,
    which no embedding needs that reads dimension 0 alone.
    """
    generator = np.random.default_rng(seed)
    gender, activation = generator.integers(2, size=rows), generator.integers(3, size=rows)
    if tied:
        drawn = [
            generator.choice(3, size=rows, p=often) for often in (AMONG_WOMEN[::-1], AMONG_WOMEN)
        ]
        activation = np.where(gender == 1, drawn[1], drawn[0])
    sequences: dict[str, list[NDArray[np.float64]]] = {}
    for name, width, (low, high) in (("audio", AUDIO, (8, 41)), ("text", TEXT, (2, 10))):
        shift = np.zeros((rows, width))
        shift[:, 0], shift[:, 1] = emotion * (activation - 1), gender - 0.5
        sequences[name] = [
            row + generator.normal(size=(generator.integers(low, high), width)) for row in shift
        ]
    return Sequences.of(**{name: sequences[name] for name in streams}), {
        "activation": activation,
        "gender": gender,
    }


def shape(streams: tuple[str, ...] = ("audio",), **changed: Any) -> Shape:
    """A small network for these sequences."""
    widths = {
        "audio": AUDIO if "audio" in streams else None,
        "text": TEXT if "text" in streams else None,
    }
    return Shape(**{**widths, "kernels": 12, "gru_width": 12, "dense_width": 16, **changed})


GENERAL, PRIVATE = shape(), shape(attributes={"gender": 2})


def fitted(
    sizes: Shape,
    rows: int = 200,
    seed: int = 0,
    emotion: float = 0.7,
    tied: bool = False,
    **training: Any,
) -> FittedMultimodal:
    """Trained on planted rows, without the labels of attributes that the shape has not."""
    tasks, streams = {**sizes.primary, **sizes.attributes}, tuple(sizes.streams)
    train, labels = planted(rows, 0, emotion, tied, streams)
    validation, validation_labels = planted(100, 1, emotion, tied, streams)
    codes, validation_codes = (
        {name: values for name, values in by_task.items() if name in tasks}
        for by_task in (labels, validation_labels)
    )
    return fit(
        sizes,
        train,
        codes,
        validation,
        validation_codes,
        Training(**{"epochs": 25, "learning_rate": 3e-3, **training}),
        seed,
    )


def short(sizes: Shape = GENERAL, seed: int = 0, **training: Any) -> FittedMultimodal:
    return fitted(sizes, rows=40, seed=seed, **{"epochs": 3, **training})
