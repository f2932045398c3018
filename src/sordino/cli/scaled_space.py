"""Whether a bundle has the scaled space that its card claims."""

from __future__ import annotations

from typing import Any, Final

from sordino.device import Bundle
from sordino.errors import SordinoError

OTHER_SPACE: Final = (
    "Its card claims the scaled space of synthetic speech, but the bundle has another one: "
    "recordings may have decided it, and it may recognise their speakers. Ask its maker."
)
"""A warning about a bundle that does not keep the claim."""

NOT_COMPARED: Final = (
    "Its card claims the scaled space of synthetic speech, which was not compared: install sordino "
    "with its extra lab."
)
"""The line where the packages for the comparison are absent."""

TOLERANCE: Final = 1e-3
"""The largest difference of a scaled vector, as a share of its largest number."""

INT8_TOLERANCE: Final = 0.03
"""The same for weights of 8 bits."""

_ROWS: Final = 64


def space_warning(bundle: Bundle) -> str:
    """A warning if the card claims the scaled space of synthetic speech, and the bundle has another
    one; empty otherwise.

    Both spaces get the same random features, other ones in each call, within the clipped range and
    beyond it.
    """
    claim = bundle.card.get("scaled_space")
    if not isinstance(claim, str) or "synthetic speech" not in claim:
        return ""
    try:
        from sordino.features.synthetic_space import space as _  # noqa: F401
    except ImportError:
        return NOT_COMPARED
    try:
        same = all(
            _is_synthetic(bundle, name, width)
            for name, width in {
                (entry.preprocess, entry.width) for entry in bundle.policies.values()
            }
        )
    except SordinoError:
        same = False
    return "" if same else OTHER_SPACE


def _is_synthetic(bundle: Bundle, name: str | None, width: int) -> bool:
    """Whether a model maps features to this many directions of synthetic speech."""
    import numpy as np

    from sordino.features.synthetic_space import synthetic_space
    from sordino.onnx.model import Model

    features: Any = bundle.card["features"].get("set")
    space = synthetic_space(features, width) if isinstance(features, str) else None
    if name is None or space is None:
        return False
    random = np.random.default_rng()
    deviations = random.standard_normal((_ROWS, space.offset.size))
    deviations *= np.linspace(0.5, 10, _ROWS)[:, None]
    x = (space.offset + deviations / space.factor).astype(np.float32)
    expected = space(x)
    came = Model(bundle.files[name], name)(x=x)["z"]
    if came.shape != expected.shape:
        return False
    tolerance = INT8_TOLERANCE if bundle.card.get("int8") is True else TOLERANCE
    largest = np.abs(expected).max(axis=1, keepdims=True)
    return bool((np.abs(came - expected) <= tolerance * largest).all())
