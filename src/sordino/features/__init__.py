"""A corpus as numbers: one vector an utterance, computed once and kept, then scaled.

>>> sorted(FEATURE_SETS)
['ComParE_2016', 'IS13', 'eGeMAPSv02']
"""

from __future__ import annotations

from sordino.features.extract import CACHE, FEATURE_SETS, extract
from sordino.features.preprocess import Preprocess, PreprocessFitter
from sordino.features.vectors import read_vectors, write_vectors

__all__ = [
    "CACHE",
    "FEATURE_SETS",
    "Preprocess",
    "PreprocessFitter",
    "extract",
    "read_vectors",
    "write_vectors",
]
