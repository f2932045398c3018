"""Bundles whose encoder is forged, and the state of a channel."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import Final

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from sordino.device import Runtime, read
from sordino.device.bundle import bundle
from sordino.device.bundle.bundle import ENCODER_FILE
from sordino.device.channel import Channel
from sordino.device.result import NotCentredError
from sordino.errors import SordinoError
from targets.bundles import HOSTILE
from targets.inputs import HERE, RATE, SOUND, changed, changes, drawn_from

GIVEN: Final = read(Path(os.environ["SORDINO_FUZZ_ENCODER_BUNDLE"]))
ENCODER: Final = GIVEN.files[ENCODER_FILE]
PROTOTYPES: Final = {
    row.tobytes() for row in GIVEN.arrays("release-0.npz")["prototypes"].astype(np.float32)
}

SPACE: Final = "0" * 64
DIMS: Final = 4


@given(data=st.data())
def encoder(data: st.DataObject) -> None:
    content = data.draw(st.sampled_from([ENCODER, ENCODER, *HOSTILE]))
    if data.draw(st.booleans()):  # parts of another model behind it: protocol buffers join them
        content += data.draw(st.sampled_from([ENCODER, *HOSTILE]))
    content = changed(content, data.draw(changes))
    files = {name: part for name, part in GIVEN.files.items() if not name.endswith(".json")}
    path = bundle.write(
        HERE / "encoder.sordino",
        GIVEN.card,
        list(GIVEN.policies.values()),
        files | {ENCODER_FILE: content},
    )
    with contextlib.suppress(SordinoError):
        drawn_from(Runtime(read(path), key=7).utterance(SOUND, RATE), PROTOTYPES)


@given(how=changes, utterances=st.integers(1, 4), same=st.booleans())
def channel(how: list[tuple[str, int, bytes]], utterances: int, same: bool) -> None:
    path = HERE / "channel.json"
    path.unlink(missing_ok=True)
    row = np.linspace(-1, 1, DIMS, dtype=np.float32)[None]
    for _ in range(utterances):
        Channel(path).centre(row, SPACE)
    before = path.read_bytes()
    path.write_bytes(before if same else changed(before, how))
    try:
        centred = Channel(path).centre(row, SPACE)
    except NotCentredError:
        assert path.read_bytes() != before, "the mean of an unchanged file was refused"
        return
    assert centred.shape == row.shape, "another shape"
    assert np.isfinite(centred).all(), "a value that is not finite"
