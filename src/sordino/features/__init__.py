"""A corpus as numbers: a vector or a sequence of vectors per utterance, computed once, cached and
scaled.

>>> sorted(FEATURE_SETS)
['ComParE_2016', 'IS13', 'eGeMAPSv02', 'mel', 'speech', 'speech+mel', 'speech-tiny', 'voice-print']
"""

from __future__ import annotations

from sordino.features import words
from sordino.features.extract import CACHE, extract
from sordino.features.frames import frames
from sordino.features.normalise import NORMALISATIONS, Normalise, NormaliseFitter
from sordino.features.preprocess import Preprocess, PreprocessFitter
from sordino.features.shards import extract_shards, read_shards
from sordino.features.vectors import read_vectors, write_vectors
from sordino.signal.feature_sets import FEATURE_SETS

__all__ = [
    "CACHE",
    "FEATURE_SETS",
    "NORMALISATIONS",
    "Normalise",
    "NormaliseFitter",
    "Preprocess",
    "PreprocessFitter",
    "extract",
    "extract_shards",
    "frames",
    "read_shards",
    "read_vectors",
    "words",
    "write_vectors",
]
