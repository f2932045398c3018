"""The feature extractor that a bundle names: the same function as in training."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from sordino.errors import BundleError

if TYPE_CHECKING:
    from sordino.signal.feature_sets import Extractor


def extractor(features: Mapping[str, Any]) -> Extractor:
    """The extractor of a card's `features`: `set` is its name, `recipe` counts the changes of its
    values.

    Raises `BundleError` where sordino has no extractor of that name, or none of that recipe,
    since another recipe computes other vectors.
    """
    # imported here: a runtime of vectors does not need them
    from sordino.signal.feature_sets import EARLIER, FEATURE_SETS, SEQUENCES

    extractors: dict[str, Extractor] = {**FEATURE_SETS, **SEQUENCES}
    name = str(features.get("set"))
    if name not in extractors:
        raise BundleError(
            f"features {name!r}, expected one of {', '.join(extractors)}: this bundle takes "
            "vectors alone"
        )
    recipe, current = features.get("recipe"), extractors[name]
    for candidate in (current, *EARLIER):
        if (candidate.name, candidate.recipe) == (name, recipe):
            return candidate
    raise BundleError(
        f"features {name!r} of recipe {recipe}, expected {current.recipe}: "
        "install the sordino that wrote the bundle, or fit it anew"
    )
