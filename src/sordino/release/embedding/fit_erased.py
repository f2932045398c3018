"""Fits the weights of `leace`: a linear map of an embedding without the linear information about
gender, in few directions.

    x'   the embedding x after least-squares concept erasure of gender (Belrose et al. 2023): no
         linear classifier of the fitting rows exceeds chance
    W    the directions of Fisher's linear discriminant analysis of the classes of the task in x',
         one fewer than classes, with the shrinkage of Ledoit and Wolf (2004)
    out  W x' plus an offset, so that the mean is 0 and the variance within classes about 1

A linear map of x' has no linear information about gender either. Non-linear information about
gender remains where it lies in the directions of W.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

from sordino.errors import ReleaseError
from sordino.release.erasure import linear_eraser
from sordino.types import Codes, Vectors


def fit(z: Vectors, label: Codes, gender: Codes) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """The map `(classes - 1, k)` and offset `(classes - 1,)` of embeddings `(n, k)`.

    `label` and `gender` are codes, -1 where unknown. Raises `ReleaseError` without both genders, or
    with fewer than two classes.
    """
    for name, codes in (("gender", gender), ("class", label)):
        if len(np.unique(codes[codes >= 0])) < 2:
            raise ReleaseError(
                f"embeddings of fewer than two values of {name}, expected both genders and two "
                "classes or more: add such recordings"
            )
    x = np.asarray(z, np.float64)
    eraser, shift = linear_eraser(x[gender >= 0], gender[gender >= 0])
    discriminant = LinearDiscriminantAnalysis(solver="eigen", shrinkage="auto")
    erased, rows = x @ eraser + shift, label >= 0
    discriminant.fit(erased[rows], label[rows])
    directions = discriminant.scalings_[:, : len(discriminant.classes_) - 1]
    offset = (shift - erased.mean(axis=0)) @ directions
    return (eraser @ directions).T.astype(np.float32), offset.astype(np.float32)
