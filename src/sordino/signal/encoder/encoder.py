"""An encoder: an ONNX model from log mel energies to vectors, checked before it runs."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from sordino.errors import DependencyError, FeatureError, ReleaseError, install_step
from sordino.signal.encoder.shape import POSITIONS

LONGEST_WINDOW: Final = 2 * POSITIONS
"""The most frames of 10 ms in a window: 30 s."""


_ABSENT: Final = (
    "onnxruntime is not installed, expected it for the encoder of these features: "
    f"{install_step('speech')}, or with [device] on a device"
)


class Encoder:
    """Log mel energies to the output of the last computed layer, `(frames, 80) -> (positions,
    width)` float32, for 1 to 3000 frames: with Whisper a position every 20 ms.

    - `content`: the model as a file, `frames (n, 80) -> out (positions, width)`.
    - `large`: whether the model may be larger than one of a bundle, as the encoder of a folder.

    It runs on one thread. On one machine the same input has the same bits, whatever was computed
    before. Raises `BundleError` for a file that does more than arithmetic, and `DependencyError`
    without ONNX Runtime.
    """

    def __init__(
        self,
        content: bytes,
        width: int,
        name: str = "encoder.onnx",
        large: bool = False,
    ) -> None:
        try:
            # here: features from a table need none
            from sordino.onnx.model import Model
            from sordino.onnx.structure import BUNDLE, LARGE_ENCODER
        except ModuleNotFoundError as error:
            raise DependencyError(_ABSENT) from error
        self.content, self.width, self._name = content, width, name
        self._model = Model(content, name, LARGE_ENCODER if large else BUNDLE)

    def __call__(self, frames: NDArray[np.float32]) -> NDArray[np.float32]:
        """The vectors of one window. Raises `FeatureError` where the model fails, or gives another
        shape.
        """
        try:
            outputs = self._model(frames=np.ascontiguousarray(frames, np.float32))
        except ReleaseError as error:
            raise FeatureError(f"{error}: get another {self._name}") from error
        out: NDArray[np.float32] = outputs["out"]
        if out.ndim != 2 or not len(out) or out.shape[1] != self.width or out.dtype != np.float32:
            raise FeatureError(
                f"{self._name}: an output of shape {out.shape} and type {out.dtype}, expected "
                f"float32 (positions, {self.width}): get another"
            )
        return out


def runtime_version() -> dict[str, str]:
    """The version of ONNX Runtime, which runs an encoder. Raises `DependencyError` without it."""
    import importlib.metadata  # here, as it loads slowly and no device needs it

    try:
        return {"onnxruntime": importlib.metadata.version("onnxruntime")}
    except importlib.metadata.PackageNotFoundError as error:
        raise DependencyError(_ABSENT) from error
