"""The feature extractor that a bundle names: the very function that training used."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from sordino.errors import BundleError

if TYPE_CHECKING:
    from sordino.signal.feature_sets import Extractor


def extractor(features: Mapping[str, Any]) -> Extractor:
    """The extractor of a card's `features`: `set` is its name, `recipe` counts the changes that
    change values.

    Raises `BundleError` where sordino has none of that name, or one of another recipe: its vectors
    would be others.
    """
    from sordino.signal.feature_sets import (
        FEATURE_SETS,
        SEQUENCES,
    )  # here: a runtime of vectors needs none of it

    known: dict[str, Extractor] = {**FEATURE_SETS, **SEQUENCES}
    name = str(features.get("set"))
    if name not in known:
        raise BundleError(
            f"features {name!r}, expected one of {', '.join(known)}: this bundle takes vectors "
            "alone"
        )
    found = known[name]
    if found.recipe != features.get("recipe"):
        raise BundleError(
            f"features {name!r} of recipe {features.get('recipe')}, expected {found.recipe}: "
            "install the "
            "sordino that wrote the bundle, or fit it anew"
        )
    return found
