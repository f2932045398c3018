"""A model file is read exactly, and a file with any fault is refused before memory is taken."""

from __future__ import annotations

import io
import struct
import tracemalloc
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from sordino.errors import FeatureError
from sordino.signal.encoder.container import read_arrays
from tests.signal.encoder.synthetic_encoder import array_field, synthetic_file, text_field

ARRAYS: dict[str, NDArray[Any]] = {
    "encoder/a": np.arange(6, dtype=np.float16).reshape(2, 3),
    "encoder/b": np.array(7, dtype=np.int16),
    "decoder/c": np.ones((2, 1, 2), dtype=np.float32),
}
FILE = synthetic_file(ARRAYS)
HEADER = struct.pack("<I", 6) + text_field("Net") + struct.pack("<I", 3)


def read(content: bytes) -> dict[str, NDArray[Any]]:
    names = ("encoder/a", "encoder/b")
    return read_arrays(io.BytesIO(content), len(content), "Net", names, "model.bin")


def file_with_field(field: bytes) -> bytes:
    """A file with a single array."""
    return HEADER + struct.pack("<I", 1) + field + struct.pack("<I", 0)


def test_wanted_arrays_are_read_exactly() -> None:
    arrays = read(FILE)
    assert set(arrays) == {"encoder/a", "encoder/b"}
    for name, values in arrays.items():
        np.testing.assert_array_equal(values, ARRAYS[name], strict=True)


def test_other_arrays_take_no_memory() -> None:
    content = synthetic_file({**ARRAYS, "decoder/large": np.zeros(1 << 23, np.float32)})
    tracemalloc.start()
    try:
        read(content)
        assert tracemalloc.get_traced_memory()[1] < 1 << 22
    finally:
        tracemalloc.stop()


def test_a_stream_that_ends_early_is_refused() -> None:
    with pytest.raises(FeatureError, match="bytes at"):
        read_arrays(io.BytesIO(FILE[:-9]), len(FILE), "Net", ("encoder/a",), "model.bin")


@pytest.mark.parametrize("size", range(len(FILE)))
def test_a_truncated_file_is_refused(size: int) -> None:
    with pytest.raises(FeatureError, match=r"model\.bin: .*install the package anew"):
        read(FILE[:size])


SCALAR = np.array(1, dtype=np.int16)
FAULTS = {
    "bytes behind": (FILE + b"\0", "1 bytes behind the last field"),
    "version": (struct.pack("<I", 5) + FILE[4:], "format 5, expected 6"),
    "architecture": (synthetic_file(ARRAYS, "Other"), "architecture 'Other', expected 'Net'"),
    "arrays": (HEADER + struct.pack("<I", 2**32 - 1), "4294967295 arrays, expected at most 4096"),
    "fewer arrays": (HEADER + struct.pack("<I", 2) + FILE[18:], "model.bin: "),
    "name size": (file_with_field(struct.pack("<H", 2**16 - 1)), "a name of 65535 bytes"),
    "empty name": (file_with_field(struct.pack("<H", 0)), "a name of 0 bytes"),
    "unended name": (file_with_field(struct.pack("<H", 2) + b"ab"), "that is no text"),
    "name in binary": (file_with_field(struct.pack("<H", 2) + b"\x07\0"), "that is no text"),
    "repeated name": (
        HEADER + struct.pack("<I", 2) + 2 * array_field("a", SCALAR) + struct.pack("<I", 0),
        "two arrays 'a'",
    ),
    "dimensions": (file_with_field(text_field("a") + b"\xff"), "255 dimensions, expected at most"),
    "empty dimension": (
        file_with_field(
            text_field("encoder/a") + struct.pack("<B3IBI", 3, 0, *[2**32 - 1] * 2, 0, 0)
        ),
        "expected no empty dimension",
    ),
    "data type": (
        file_with_field(text_field("a") + struct.pack("<BBI", 0, 9, 2) + b"12"),
        "data type 9",
    ),
    "size": (
        file_with_field(text_field("a") + struct.pack("<BIBI", 1, 3, 4, 4) + b"1234"),
        "4 bytes for shape (3,) of float16, expected 6",
    ),
    "overflow": (
        file_with_field(text_field("a") + struct.pack("<B4IBI", 4, *4 * [2**16], 4, 0)),
        "0 bytes for shape",
    ),
    "absent name": (synthetic_file({"encoder/a": SCALAR}), "no array 'encoder/b'"),
    "beyond the file": (
        file_with_field(text_field("a") + struct.pack("<BIBI", 1, 2**30, 1, 2**30)),
        "4 bytes at 32, expected 1073741824",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_faulty_file_is_refused_with_the_reason(fault: str) -> None:
    content, reason = FAULTS[fault]
    tracemalloc.start()
    try:
        with pytest.raises(FeatureError) as error:
            read(content)
        assert tracemalloc.get_traced_memory()[1] < 1 << 20
    finally:
        tracemalloc.stop()
    assert reason in str(error.value)


@given(position=st.integers(0, len(FILE) - 1), byte=st.integers(0, 255))
def test_a_changed_byte_is_read_or_refused(position: int, byte: int) -> None:
    content = bytearray(FILE)
    content[position] = byte
    try:
        arrays = read(bytes(content))
    except FeatureError:
        arrays = {}
    assert sum(values.nbytes for values in arrays.values()) <= len(FILE)
