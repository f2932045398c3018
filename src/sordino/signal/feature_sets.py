"""The feature sets by name, for training and for devices."""

from __future__ import annotations

from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from sordino.signal.filterbank import Filterbank
from sordino.signal.mel import Mel
from sordino.signal.smile import Functionals


class Extractor(Protocol):
    """Samples to values, determined by `name`, `sampling_rate` (Hz) and `config`, which includes
    `recipe`.
    """

    @property
    def name(self) -> str: ...

    @property
    def sampling_rate(self) -> int: ...

    @property
    def recipe(self) -> int: ...

    @property
    def config(self) -> dict[str, object]: ...

    def __call__(self, samples: NDArray[np.float32]) -> NDArray[np.float32]: ...


class FeatureSet(Extractor, Protocol):
    """An extractor of vectors with `dims` values and their names."""

    @property
    def dims(self) -> int: ...

    @property
    def names(self) -> list[str]: ...


FEATURE_SETS: Final[dict[str, FeatureSet]] = {
    "mel": Mel(),
    "IS13": Functionals("IS13", 6373),
    "ComParE_2016": Functionals("ComParE_2016", 6373),
    "eGeMAPSv02": Functionals("eGeMAPSv02", 88),
}
"""Feature sets by name. `mel` is sordino's own, needs no openSMILE and may be part of a product.
`IS13` is the set of the Interspeech 2013 challenge (Schuller et al. 2013; used by Feng 2021),
`ComParE_2016` its later revision, `eGeMAPSv02` a small set of voice research (Eyben et al. 2016). A
new set is one module and one line here.
"""

SEQUENCES: Final[dict[str, Extractor]] = {"filterbank": Filterbank()}
"""Samples to a sequence of frames, `(steps, width)`."""
