"""Every reader of arrays refuses a forged header: numpy evaluates it, and raises any error."""

from __future__ import annotations

import io
import resource
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Final

import numpy as np
import pytest

from sordino import release
from sordino.device import Bundle
from sordino.errors import BundleError, FeatureError, ReleaseError, SordinoError
from sordino.features import Preprocess
from sordino.features.table_size import check_memory
from sordino.features.tables import read_table

HEADERS: Final = {
    "a size beyond 64 bits": f"{{'descr': '<f4', 'fortran_order': False, 'shape': ({10**30},)}}",
    "keys that have no order": "{1: 2, 'a': 3}",
    "a key that is a list": "{[]: 1}",
    "an open bracket": "{'descr': '<f4',\n (",
    "lines that do not align": "if 1:\n    x\n  y",
    "half a type": "{'descr': 'f4,,', 'fortran_order': False, 'shape': (1,)}",
    "a deep expression": "-" * 9000 + "1",
}

READERS: Final[dict[str, tuple[Callable[[Path], object], type[SordinoError]]]] = {
    "bundle": (
        lambda path: Bundle({"a.npz": path.read_bytes()}, {}, {}).arrays("a.npz"),
        BundleError,
    ),
    "preprocessing": (Preprocess.load, FeatureError),
    "release": (release.load, ReleaseError),
    "table": (read_table, FeatureError),
}


def forged(header: str) -> bytes:
    """An array file whose arrays have this header."""
    text = header.encode() + b"\n"
    array = b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text + bytes(64)
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for name in ("x", "config", "sordino"):
            archive.writestr(f"{name}.npy", array)
    return content.getvalue()


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("header", HEADERS)
def test_a_forged_header_is_refused(header: str, reader: str, tmp_path: Path) -> None:
    read, error = READERS[reader]
    path = tmp_path / "a.npz"
    path.write_bytes(forged(HEADERS[header]))
    with pytest.raises(error, match=r"a\.npz: not a"):
        read(path)


def test_a_damaged_packed_table_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    np.savez_compressed(path, x=np.arange(400.0).reshape(100, 4))
    content = bytearray(path.read_bytes())
    content[60:90] = b"\xff" * 30
    path.write_bytes(content)
    with pytest.raises(FeatureError, match=r"a\.npz: not a readable \.npz table"):
        read_table(path)


def test_a_zip_of_a_later_version_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    np.savez(path, x=np.zeros((3, 2)))
    content = bytearray(path.read_bytes())
    content[content.index(b"PK\x01\x02") + 6] = 99  # the version that a reader needs
    path.write_bytes(content)
    check_memory(path)
    with pytest.raises(FeatureError, match=r"a\.npz: not a readable \.npz table"):
        read_table(path)


@pytest.mark.parametrize("reader", ["bundle", "preprocessing", "release"])
def test_a_packed_archive_of_arrays_is_refused(reader: str, tmp_path: Path) -> None:
    read, error = READERS[reader]
    path = tmp_path / "a.npz"
    arrays = {name: np.zeros(1 << 21) for name in ("mean", "x")}  # 32 MB
    np.savez_compressed(path, allow_pickle=False, **arrays)
    assert path.stat().st_size < 1 << 20
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(error, match=r"a\.npz: not a") as caught:
        read(path)
    assert "compressed parts" in str(caught.value.__cause__)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 1 << 14
