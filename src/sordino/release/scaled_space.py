"""The scaled space as a transformer of scikit-learn, for pipelines and searches."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils.validation import check_is_fitted, validate_data

from sordino.features.preprocess import PreprocessFitter


class ScaledSpace(
    ClassNamePrefixFeaturesOutMixin,  # type: ignore[misc]
    TransformerMixin,  # type: ignore[misc]
    BaseEstimator,  # type: ignore[misc]
):
    """The transformer of `PreprocessFitter`: scaling of every column, then principal components.

    The parameters are those of `PreprocessFitter`. `space_` is the fitted `Preprocess`. Inputs are
    checked by scikit-learn and raise its `ValueError`; settings and equal rows raise
    `FeatureError`. Fit it on training speakers alone, as a pipeline does in a cross-validation
    with speakers as groups.

    >>> x = np.random.default_rng(0).normal(size=(20, 50))
    >>> ScaledSpace(components=5).fit_transform(x).shape
    (20, 5)
    """

    def __init__(
        self,
        scale: str = "minmax",
        components: int = 256,
        clip: tuple[float, float] | None = None,
    ) -> None:
        self.scale = scale
        self.components = components
        self.clip = clip

    def fit(self, X: ArrayLike, y: ArrayLike | None = None) -> ScaledSpace:  # noqa: ARG002
        """Fit on rows `(n, d)`; `y` is ignored."""
        x = validate_data(self, X, dtype=np.float64, ensure_min_samples=2)
        self.space_ = PreprocessFitter(self.scale, self.components, self.clip).fit(x)
        self._n_features_out = self.space_.dims
        return self

    def transform(self, X: ArrayLike) -> NDArray[np.float32]:
        """The vectors in the scaled space, `(n, k)` float32."""
        check_is_fitted(self)
        return self.space_(validate_data(self, X, dtype=np.float64, reset=False))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float32"]
        return tags
