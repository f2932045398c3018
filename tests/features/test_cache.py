"""A vector in the cache is the one that was kept, or it is not there."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from sordino.errors import StorageError
from sordino.features.cache import Cache

VECTOR = np.random.default_rng(0).normal(size=100).astype(np.float32)


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    cache = Cache.of(tmp_path, "set", {"sampling_rate": 16000})
    cache.keep("key", VECTOR)
    return cache


def test_what_is_kept_is_found_bit_for_bit(cache: Cache) -> None:
    values = cache.find("key", 100)
    assert values is not None
    assert values.tobytes() == VECTOR.tobytes()
    assert cache.find("other", 100) is None


def flipped(content: bytes) -> bytes:
    return content[:200] + bytes([content[200] ^ 1]) + content[201:]


DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda _: b"",
    "cut short": lambda content: content[: len(content) // 2],
    "one value short": lambda content: content[:-4],
    "longer": lambda content: content + b"\0\0\0\0",
    "one bit flipped": flipped,
    "zeros, as after a power cut": lambda content: bytes(len(content)),
}


def path_of(cache: Cache, key: str) -> Path:
    return Path(str(cache.path(key)))


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_entry_is_removed_and_can_be_made_again(cache: Cache, damage: str) -> None:
    path = path_of(cache, "key")
    path.write_bytes(DAMAGES[damage](path.read_bytes()))
    assert cache.find("key", 100) is None
    assert not path.exists()
    cache.keep("key", VECTOR)
    np.testing.assert_array_equal(cache.find("key", 100), VECTOR)


def test_a_half_written_file_of_a_killed_process_is_ignored(cache: Cache) -> None:
    path = path_of(cache, "new")
    (path.parent / f".{path.stem}-abc.vector").write_bytes(b"half")
    assert cache.find("new", 100) is None


def test_another_width_or_configuration_never_sees_it(cache: Cache, tmp_path: Path) -> None:
    assert Cache.of(tmp_path, "set", {"sampling_rate": 8000}).find("key", 100) is None
    assert Cache.of(tmp_path, "other", {"sampling_rate": 16000}).find("key", 100) is None
    assert Cache.of(tmp_path, "set", {"sampling_rate": 16000}).find("key", 100) is not None
    assert cache.find("key", 99) is None


def test_keys_may_hold_what_no_file_name_may(cache: Cache) -> None:
    cache.keep("sum[0.5:1/2]", 2 * VECTOR)
    np.testing.assert_array_equal(cache.find("sum[0.5:1/2]", 100), 2 * VECTOR)
    np.testing.assert_array_equal(cache.find("key", 100), VECTOR)


def test_a_folder_that_is_a_file_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    cache = Cache.of(tmp_path / "file", "set", {})
    with pytest.raises(
        StorageError, match="a part of the path is a file, expected a folder: choose another place"
    ):
        cache.find("key", 100)
    with pytest.raises(StorageError, match="expected a folder: choose another place"):
        cache.keep("key", VECTOR)
    assert (tmp_path / "file").read_text() == "mine"


def test_the_values_of_another_recording_are_not_taken(cache: Cache) -> None:
    cache.keep("other", 2 * VECTOR)
    path_of(cache, "other").replace(path_of(cache, "key"))
    assert cache.find("key", 100) is None


def test_a_link_is_not_followed(cache: Cache) -> None:
    path = path_of(cache, "key")
    path.rename(path.with_name("elsewhere"))
    path.symlink_to(path.with_name("elsewhere"))
    assert cache.find("key", 100) is None


def test_a_folder_in_place_of_a_vector_is_renamed(cache: Cache) -> None:
    path = path_of(cache, "key")
    for name in (f"{path.name}.unusable", f"{path.name}.unusable-2"):
        path.unlink(missing_ok=True)
        path.mkdir()
        with pytest.warns(UserWarning, match=f"renamed to {name}$"):
            assert cache.find("key", 100) is None
        assert path.with_name(name).is_dir()
        cache.keep("key", VECTOR)
        np.testing.assert_array_equal(cache.find("key", 100), VECTOR)
