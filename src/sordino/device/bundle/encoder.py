"""The encoder of a bundle: its inputs and outputs, before anything loads it.

It is checked operator by operator like every model (`sordino.onnx.structure`). It only ever sees
the log mel energies of one utterance, and its output is features, which stay on the device.
"""

from __future__ import annotations

from typing import Final

from sordino.device.bundle.bundle import ENCODER_FILE, Bundle
from sordino.device.bundle.interface import describe, matches, read_interface
from sordino.errors import BundleError

MEL_BANDS: Final = 80
"""Log mel energies of a frame (`sordino.signal.encoder.log_mel`)."""


def check_encoder(bundle: Bundle) -> None:
    """Raise `BundleError` where the encoder of a bundle has other inputs or outputs."""
    content = bundle.files.get(ENCODER_FILE)
    if content is None:
        return
    model = read_interface(content, ENCODER_FILE)
    widest = bundle.card["features"].get("dims", 0)
    frames, out = model.inputs.get("frames"), model.outputs.get("out")
    if (
        (frames is None or out is None or len(model.inputs) + len(model.outputs) > 2)
        or not matches(frames, "float32", None, MEL_BANDS)
        or not matches(out, "float32", None, None)
        or not (out.shape and out.shape[1] and out.shape[1] <= widest)
    ):
        raise BundleError(
            f"{ENCODER_FILE} takes {describe(model.inputs)} and gives {describe(model.outputs)}, "
            f"expected frames float32 [None, {MEL_BANDS}] and out float32 [None, 1 to {widest}]: "
            "do not use the bundle, ask its maker for another"
        )
