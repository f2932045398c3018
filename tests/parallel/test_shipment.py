"""Large arrays and tables travel apart from the bytes of a unit."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from sordino.parallel.shipment import LARGE_BYTES, deserialise, from_sent, serialise, to_send

LARGE = np.arange(LARGE_BYTES // 8, dtype=float)


def test_a_large_array_travels_once() -> None:
    content, parts = serialise([{"x": LARGE}, {"x": LARGE}])
    assert len(parts) == 1
    assert len(content) < 1000


def test_a_small_array_stays_in_the_bytes() -> None:
    content, parts = serialise(LARGE[:-1])
    assert parts == []
    np.testing.assert_array_equal(deserialise(content, []), LARGE[:-1])


@pytest.mark.parametrize("item", [LARGE, pd.DataFrame({"x": LARGE, "name": "anna"})])
def test_an_object_arrives_as_it_was(item: np.ndarray | pd.DataFrame) -> None:
    content, parts = serialise({"key": item})
    arrived = deserialise(content, [from_sent(to_send(part)) for part in parts])["key"]
    assert type(arrived) is type(item)
    assert (
        (arrived == item).to_numpy().all() if hasattr(item, "columns") else (arrived == item).all()
    )


def test_an_array_arrives_read_only() -> None:
    with pytest.raises(ValueError, match="read-only"):
        from_sent(to_send(LARGE))[0] = 1


def test_each_group_has_a_table_of_its_own() -> None:
    content = to_send(pd.DataFrame({"x": LARGE}))
    assert from_sent(content) is not from_sent(content)
    assert isinstance(content, bytes)


def test_a_mapped_file_travels_as_an_array(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", LARGE)
    _, (part,) = serialise(np.load(tmp_path / "x.npy", mmap_mode="r"))
    assert type(to_send(part)) is np.ndarray
