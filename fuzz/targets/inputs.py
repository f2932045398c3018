"""What all targets share: a bundle to start from, the folder they work in, and changes of bytes."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any, Final

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

from sordino.device import Released, Result, Runtime, Withheld, read
from sordino.device.bundle import bundle
from sordino.device.sound.synthesis import synthetic

GIVEN: Final = Path(os.environ["SORDINO_FUZZ_BUNDLE"])
"""A whole bundle of release `drawn`, one file, that takes sound."""

HERE: Final = Path(tempfile.mkdtemp(prefix="sordino-fuzz-"))
RATE: Final = 16000

WHOLE: Final = read(GIVEN)
RUNTIME: Final = Runtime(WHOLE, key=7)
SOUND: Final = synthetic(0.4, RATE, seed=1)
RUNTIME.utterance(SOUND, RATE)  # so that no input pays for what is loaded once
PROTOTYPES: Final = {
    row.tobytes() for row in WHOLE.arrays("release-0.npz")["prototypes"].astype(np.float32)
}

bundle.write(HERE / "folder", WHOLE.card, list(WHOLE.policies.values()), WHOLE.files)

changes = st.lists(
    st.one_of(
        st.tuples(st.just("set"), st.integers(0, 1 << 17), st.binary(min_size=1, max_size=8)),
        st.tuples(st.just("insert"), st.integers(0, 1 << 17), st.binary(min_size=1, max_size=64)),
        st.tuples(st.just("cut"), st.integers(0, 1 << 17), st.binary(max_size=64)),
    ),
    min_size=1,
    max_size=6,
)
values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=12)
    | st.sampled_from(sorted(WHOLE.files)),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=6,
)
values.validate()  # hypothesis lists the characters of Unicode once: no input pays for that


def changed(content: bytes, how: list[tuple[str, int, bytes]]) -> bytes:
    """Bytes with some set, inserted or cut out; places are counted round and round."""
    found = bytearray(content)
    for kind, place, some in how:
        at = place % (len(found) + 1)
        found[at : at + (0 if kind == "insert" else len(some))] = b"" if kind == "cut" else some
    return bytes(found)


def drawn_from(result: Result, prototypes: set[bytes]) -> None:
    """Check that a prototype was released, or nothing."""
    assert isinstance(result, Released | Withheld), type(result)
    assert isinstance(result, Withheld) or result.vector.tobytes() in prototypes, (
        "a vector that is no prototype"
    )


def drawn_only(result: Result) -> None:
    """Check that a prototype of the bundle of all targets was released, or nothing."""
    drawn_from(result, PROTOTYPES)


numbers = st.one_of(
    st.floats(width=32),
    st.sampled_from([0.0, 1.0, -1.0, 0.5, 1e30, -1e30, float("nan"), float("inf"), 1e-30]),
)


Array = NDArray[Any]
