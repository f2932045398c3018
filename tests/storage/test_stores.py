"""The laws of storage hold in a shared folder, in the memory and on a server of S3."""

from __future__ import annotations

import hashlib
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from sordino import storage
from sordino.checkpoints import Checkpoints, Finished
from sordino.corpora import table
from sordino.corpora.table import Corpus
from sordino.errors import FeatureError, StorageError
from sordino.features import read_vectors, write_vectors
from sordino.features.cache import Cache
from sordino.features.labelled import read_labelled
from sordino.storage import location


@pytest.fixture
def corpus() -> Corpus:
    rows = {"file": ["a.wav", "b.wav"], "speaker": ["1", "2"], "gender": ["female", "male"]}
    return table.make("two", pd.DataFrame(rows))


@pytest.mark.parametrize("content", ["µ", b"\xc2\xb5", lambda path: path.write_bytes(b"\xc2\xb5")])
def test_a_file_is_read_as_it_was_written(store: str, content: str | bytes) -> None:
    file = storage.write(location(store) / "run" / "x.json", content)
    assert storage.read_regular(file, 100) == b"\xc2\xb5"
    assert storage.read_regular(file, 1) == b"\xc2"


def test_a_new_file_is_listed_and_a_removed_one_is_not(store: str) -> None:
    folder = location(store) / "run"
    assert storage.files(folder) == []
    storage.write(folder / "deeper" / "x", "")
    file = storage.write(folder / "x", "")
    assert storage.read_regular(file, 1) == b""
    assert storage.exists(file)
    assert storage.files(folder) == [file]
    storage.remove(file)
    storage.remove(file)
    assert not storage.exists(file)
    assert storage.files(folder) == []


def test_an_absent_file_is_an_error_with_its_name(store: str) -> None:
    file = location(store) / "x.json"
    with pytest.raises(StorageError, match=r"x\.json: no such file|No such file"):
        storage.read_regular(file, 1)


def test_a_reader_sees_an_old_or_a_new_file(store: str) -> None:
    file, size, done = location(store) / "x", 1 << 20, threading.Event()
    storage.write(file, b"a" * size)

    def rewrite() -> None:
        for turn in range(12):
            storage.write(file, (b"b", b"a")[turn % 2] * size)
        done.set()

    writer = threading.Thread(target=rewrite)
    writer.start()
    contents = {storage.read_regular(file, 2 * size)}
    while not done.is_set():
        contents.add(storage.read_regular(file, 2 * size))
    writer.join()
    assert contents <= {b"a" * size, b"b" * size}


def test_units_are_computed_once(store: str) -> None:
    units = Checkpoints({"a": "key", "b": "key"}, location(store) / "units", "units")
    computed: list[str] = []

    def compute(names: list[str]) -> list[Finished]:
        computed.extend(names)
        return [(name, pd.DataFrame({"row": [1, 2]}), {"seed": 3}) for name in names]

    first = units.gather(compute)  # type: ignore[arg-type]
    again = units.gather(compute)  # type: ignore[arg-type]
    assert computed == ["a", "b"]
    pd.testing.assert_frame_equal(first["a"][0], again["a"][0])
    assert again["a"][1] == {"seed": 3}


def test_a_unit_that_was_cut_is_computed_again(store: str) -> None:
    units = Checkpoints({"a": "key"}, location(store) / "units", "units")
    units.keep("a", pd.DataFrame({"row": [1, 2]}), {})
    content = storage.read_regular(units.path("a"), 1 << 20)
    storage.write(units.path("a"), content[:-10])
    with pytest.warns(UserWarning, match="does not match the checksum.*computed anew"):
        assert units.find("a") is None
    units.keep("a", pd.DataFrame({"row": [1, 2]}), {})
    assert units.find("a") is not None


@pytest.mark.parametrize("damage", [b"", b"short", b"x" * 44])
def test_cached_vectors_are_whole_or_absent(store: str, damage: bytes) -> None:
    cache = Cache.of(store, "mel", {"sampling_rate": 16000})
    assert cache.find("a", 3) is None
    cache.keep("a", np.array([1, 2, 3], np.float32))
    np.testing.assert_array_equal(cache.find("a", 3), [1, 2, 3])
    storage.write(cache.path("a"), damage)
    assert cache.find("a", 3) is None
    assert not storage.exists(cache.path("a"))


@pytest.mark.parametrize("suffix", [".csv", ".npz", ".parquet"])
def test_a_table_of_vectors_is_read_as_it_was_written(
    store: str, corpus: Corpus, suffix: str
) -> None:
    x = np.array([[0.5, 1.25], [1.5, 2.25]], np.float32)
    url, names = f"{store}/x{suffix}", ["loudness", "pitch"]
    write_vectors(url, x, corpus, names)
    np.testing.assert_array_equal(read_vectors(url, corpus), x)
    write_vectors(url, x, corpus, names, ["gender"])
    assert list(read_labelled(url, ["gender"]).labels["gender"]) == ["female", "male"]


def test_a_damaged_table_is_an_error_with_its_name(store: str, corpus: Corpus) -> None:
    file = storage.write(location(store) / "x.parquet", b"PAR1 and no table")
    with pytest.raises(FeatureError, match="not a readable") as caught:
        read_vectors(str(file), corpus)
    assert str(caught.value).startswith(f"{file}: ")


def test_a_table_over_the_limit_is_not_copied(memory: str) -> None:
    file = storage.write(location(memory) / "x.csv", "x" * 100)
    with (
        pytest.raises(StorageError, match=r"x\.csv: 100 bytes, expected at most 99"),
        storage.local_copy(file, 99),
    ):
        pass


def test_a_file_has_one_hash_here_and_behind_a_url(memory: str, tmp_path: Path) -> None:
    places = (tmp_path / "x.csv", location(memory) / "x.csv")
    digests = {storage.file_sha256(storage.write(place, "0.5\n"), 4) for place in places}
    assert digests == {hashlib.sha256(b"0.5\n").hexdigest()}


def test_a_bucket_that_is_absent_is_an_error(s3: str) -> None:
    assert s3
    with pytest.raises(StorageError, match="no such bucket or container"):
        storage.write("s3://absent/run.json", "{}")


def test_a_table_of_the_web_is_read(tmp_path: Path, corpus: Corpus) -> None:
    pytest.importorskip("aiohttp", reason="aiohttp is not installed: s3fs brings it")
    x = np.array([[0.5], [1.5]], np.float32)
    write_vectors(tmp_path / "x.csv", x, corpus, ["loudness"])
    handler = partial(SimpleHTTPRequestHandler, directory=str(tmp_path))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}/x.csv"
        np.testing.assert_array_equal(read_vectors(url, corpus), x)
        server.shutdown()


def test_a_link_in_a_folder_is_not_listed(tmp_path: Path) -> None:
    (tmp_path / "x").write_text("")
    (tmp_path / "link").symlink_to(tmp_path / "x")
    assert storage.files(tmp_path) == [tmp_path / "x"]
