"""The feature extractor that a bundle names: the same function as in training."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from sordino.device.bundle.bundle import ENCODER_FILE, VECTORS_FILE, Bundle
from sordino.errors import BundleError, SordinoError

if TYPE_CHECKING:
    from sordino.signal.feature_sets import Extractor

AGREE: Final = 1e-3
"""The tolerance between the features of the test sound here and in the lab, absolute and relative.
"""

LONGEST_SOUND_SECONDS: Final = 5
"""The limit of the test sound, which limits the time of a start. The lab writes one second."""


def extractor(bundle: Bundle) -> Extractor:
    """The extractor of a card's `features`: `set` is its name, `recipe` counts the changes of its
    values. An encoder is that of the bundle.

    Raises `BundleError` where sordino has no extractor of that name, or none of that recipe, since
    another recipe computes other vectors; and for an encoder that is missing, does more than
    arithmetic, or gives other features of the test sound than the lab.
    """
    # imported here: a runtime of vectors does not need them
    from sordino.signal.feature_sets import (
        EARLIER,
        FEATURE_SETS,
        SEQUENCES,
        speech_of,
        with_model,
    )

    features = bundle.card["features"]
    extractors: dict[str, Extractor] = {**FEATURE_SETS, **SEQUENCES}
    name = str(features.get("set"))
    if name not in extractors:
        raise BundleError(
            f"features {name!r}, expected one of {', '.join(extractors)}: this bundle takes "
            "vectors alone"
        )
    candidates = [extractors[name], *(item for item in EARLIER if item.name == name)]
    match = next((item for item in candidates if item.recipe == features.get("recipe")), None)
    if match is None:
        raise BundleError(
            f"features {name!r} of recipe {features.get('recipe')}, expected "
            f"{candidates[0].recipe}: install the sordino that wrote the bundle, or fit it anew"
        )
    if speech_of(match) is None:
        return match
    if ENCODER_FILE not in bundle.files:
        raise BundleError(
            f"{ENCODER_FILE} is missing, expected the encoder of the features {name!r}: write the "
            "bundle again"
        )
    match = with_model(match, bundle.files[ENCODER_FILE])
    _check_sound(bundle, match)
    return match


def _check_sound(bundle: Bundle, match: Extractor) -> None:
    """Raise `BundleError` where the test sound has other features than in the lab, which has no
    test vectors yet while it writes them.
    """
    vectors = bundle.arrays(VECTORS_FILE) if VECTORS_FILE in bundle.files else {}
    if "sound" not in vectors:
        return
    sound = vectors["sound"]
    if sound.dtype != np.int16 or sound.size > LONGEST_SOUND_SECONDS * match.sampling_rate:
        raise BundleError(
            f"{VECTORS_FILE}: a sound of shape {sound.shape} and type {sound.dtype}, expected "
            f"int16 of at most {LONGEST_SOUND_SECONDS} s: write the bundle again"
        )
    try:
        features = match(sound.astype(np.float32) / np.float32(32768))
        same = np.allclose(features, vectors["x"][0], rtol=AGREE, atol=AGREE)
    except (SordinoError, LookupError, ValueError) as error:
        raise BundleError(
            f"{VECTORS_FILE}: the features of its sound cannot be computed: write the bundle again"
        ) from error
    if not same:
        raise BundleError(
            f"{ENCODER_FILE}: other features of the test sound than in {VECTORS_FILE}, expected "
            f"the same within {AGREE:g}: copy the bundle anew, or fit it again"
        )
