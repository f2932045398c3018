"""Rows and embeddings for tests of releases; `sordino.testing` has the vectors."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from sordino.corpora.table import Corpus
from sordino.release import Embedding


def speakers_of(corpus: Corpus, rows: NDArray[np.intp]) -> set[str]:
    return set(corpus.speaker[rows].tolist())


def drawing(by: Embedding) -> Embedding:
    """What draws by the network of another: two prototypes of each of three classes, which mean
    nothing.
    """
    random, width = np.random.default_rng(0), by.network.shape.width
    prototypes = random.normal(size=(6, width)).astype(np.float32)
    arrays: dict[str, NDArray[Any]] = {
        "bias": random.normal(size=3),
        "prototypes": prototypes,
        "bin": np.arange(6) // 2,
    }
    return Embedding(
        "drawn", by.config | {"task": "activation", "epsilon": "inf"}, by.network, arrays
    )


def renamed(embedding: Embedding, name: str) -> Embedding:
    """The same network under the name of an embedding that has the same parts."""
    return Embedding(name, embedding.config, embedding.network)
