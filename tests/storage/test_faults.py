"""A store that fails, does not answer or lists late costs time and never a wrong result."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partialmethod
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import fsspec
import numpy as np
import pandas as pd
import pytest
from fsspec.implementations.memory import MemoryFileSystem

from sordino import storage
from sordino.checkpoints import Checkpoints, Finished, Unit
from sordino.corpora import table
from sordino.errors import StorageError
from sordino.features import read_vectors
from sordino.features.cache import Cache
from sordino.storage import location, remote
from tests.storage.s3_server import SECRET_KEY, Proxy

PART = 5 << 20
"""The smallest part of a large object on S3, in bytes."""


Register = Callable[[type[MemoryFileSystem]], None]
"""Puts another file system behind `memory://`."""


@pytest.fixture
def register() -> Iterator[Register]:
    """Stores with a fault; the usual one returns at the end of the test."""
    usual = fsspec.get_filesystem_class("memory")

    def replace(kind: type[MemoryFileSystem]) -> None:
        fsspec.register_implementation("memory", kind, clobber=True)

    yield replace
    replace(usual)


def units(store: str) -> Checkpoints:
    return Checkpoints({"a": "key", "b": "key"}, location(store) / "units", "units")


def computation(computed: list[str], before: Callable[[str], object]) -> Any:
    """A computation that appends the names of its units, after `before` was called with each."""

    def compute(names: Sequence[str]) -> Iterator[Finished]:
        for name in names:
            before(name)
            computed.append(name)
            yield name, pd.DataFrame({"name": [name]}), {"name": name}

    return compute


def assert_right(results: dict[str, Unit]) -> None:
    assert {name: record for name, (_, record) in results.items()} == {
        name: {"name": name} for name in "ab"
    }
    assert [list(table["name"]) for table, _ in results.values()] == [["a"], ["b"]]


@pytest.mark.slow
def test_a_write_that_is_cut_leaves_nothing_and_resumes(s3: str, proxy: Proxy) -> None:
    computed: list[str] = []

    def cut(name: str) -> None:
        if name == "b":
            proxy.switch("cut", 900)  # some bytes of a body

    with pytest.raises(StorageError, match=r"the store failed .* repeat the command: it resumes"):
        units(s3).gather(computation(computed, cut))
    proxy.switch("pass")
    files = storage.files(location(s3) / "units")
    assert {file.name[0] for file in files} == {"a"}
    assert_right(units(s3).gather(computation(computed, str)))
    assert computed == ["a", "b", "b"]


@pytest.mark.slow
def test_a_large_write_that_is_cut_leaves_the_old_file(
    s3: str, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    kind = fsspec.get_filesystem_class("s3")
    in_parts = partialmethod(kind._pipe_file, chunksize=PART)
    monkeypatch.setattr(kind, "_pipe_file", in_parts)
    file = storage.write(location(s3) / "x", "old")
    proxy.switch("cut", PART // 2)
    with pytest.raises(StorageError, match=r"the store failed .* repeat the command"):
        storage.write(file, b"x" * (2 * PART + 1))
    proxy.switch("pass")
    assert storage.read_regular(file, 3 * PART) == b"old"
    storage.write(file, b"x" * (2 * PART + 1))
    assert storage.read_regular(file, 3 * PART) == b"x" * (2 * PART + 1)


def read_units(store: str) -> object:
    return units(store).gather(computation([], pytest.fail))


def read_cache(store: str) -> object:
    return Cache.of(store, "mel", {}).find("a", 3)


def read_table(store: str) -> object:
    rows = pd.DataFrame({"file": ["a.wav"], "speaker": ["1"]})
    return read_vectors(f"{store}/x.csv", table.make("a", rows))


def list_files(store: str) -> object:
    return storage.files(location(store))


def write_file(store: str) -> object:
    return storage.write(f"{store}/x.json", "{}")


@pytest.mark.parametrize("act", [read_units, read_cache, read_table, list_files, write_file])
def test_a_store_without_an_answer_is_an_error(
    s3: str, proxy: Proxy, monkeypatch: pytest.MonkeyPatch, act: Callable[[str], object]
) -> None:
    monkeypatch.setattr(remote, "STORE_SECONDS", 0)
    proxy.switch("hang")
    with pytest.raises(StorageError, match=r"no answer in time: check the network, .*resumes"):
        act(s3)


@pytest.mark.slow
def test_a_read_that_times_out_does_not_lose_a_unit(s3: str, proxy: Proxy) -> None:
    computed: list[str] = []
    units(s3).gather(computation(computed, str))
    proxy.switch("hang")
    with pytest.raises(StorageError, match="no answer in time"):
        units(s3).gather(computation(computed, str))
    proxy.switch("pass")
    assert_right(units(s3).gather(computation(computed, str)))
    assert computed == ["a", "b"]


def test_a_wrong_key_is_an_error_without_the_key(register: Register) -> None:
    class Refusing(MemoryFileSystem):  # type: ignore[misc] # moto accepts every key
        def pipe_file(self, *_: Any, **__: Any) -> None:
            raise PermissionError(f"SignatureDoesNotMatch {SECRET_KEY}")

    register(Refusing)
    with pytest.raises(StorageError, match="no permission, or no credentials") as caught:
        storage.write("memory://x", "")
    assert SECRET_KEY not in str(caught.value)
    assert caught.value.__suppress_context__


LATE: set[str] = set()
"""The paths that a listing lacks."""


class LateListing(MemoryFileSystem):  # type: ignore[misc]
    """A store that knows a new file, and lists it late."""

    def ls(self, path: str, detail: bool = True, **options: Any) -> Any:
        entries = super().ls(path, detail=True, **options)
        seen = [entry for entry in entries if entry["name"] not in LATE]
        return seen if detail else [entry["name"] for entry in seen]

    def info(self, path: str, **options: Any) -> Any:
        if self._strip_protocol(path) in LATE:
            raise FileNotFoundError(path)
        return super().info(path, **options)


class LateFile(LateListing):
    """A store that does not know a new file for a while."""

    def cat_file(self, path: str, *arguments: Any, **options: Any) -> Any:
        if self._strip_protocol(path) in LATE:
            raise FileNotFoundError(path)
        return super().cat_file(path, *arguments, **options)


@pytest.fixture(params=[LateListing, LateFile])
def late(request: pytest.FixtureRequest, memory: str, register: Register) -> Iterator[str]:
    """The URL of a folder in a store that is late for the paths in `LATE`."""
    register(request.param)
    yield memory
    LATE.clear()


@pytest.mark.parametrize("suffix", [".json", ".parquet", ""])
def test_a_unit_that_is_listed_late_is_never_wrong(late: str, suffix: str) -> None:
    computed: list[str] = []
    units(late).gather(computation(computed, str))
    LATE.update(path for path in MemoryFileSystem.store if path.endswith(suffix) and "/b-" in path)
    assert LATE
    try:
        assert_right(units(late).gather(computation(computed, str)))
    except UserWarning as warning:
        assert "no record beside it" in str(warning)  # noqa: PT017
    assert computed[:2] == ["a", "b"]
    LATE.clear()
    assert_right(units(late).gather(computation([], pytest.fail)))


def test_cached_vectors_that_are_listed_late_are_right(late: str) -> None:
    cache, vector = Cache.of(late, "mel", {}), np.array([1, 2, 3], np.float32)
    cache.keep("a", vector)
    LATE.update(MemoryFileSystem.store)
    found = cache.find("a", 3)
    assert found is None or np.array_equal(found, vector)
    cache.keep("a", vector)
    LATE.clear()
    np.testing.assert_array_equal(cache.find("a", 3), vector)


def test_a_file_that_is_replaced_while_it_is_read_is_refused(
    memory: str, register: Register, tmp_path: Path
) -> None:
    class Changing(MemoryFileSystem):  # type: ignore[misc]
        def get_file(self, path: str, *arguments: Any, **options: Any) -> None:
            super().get_file(path, *arguments, **options)
            self.pipe_file(path, b"new version")

    file = storage.write(location(memory) / "x.csv", "old")
    register(Changing)
    with (
        pytest.raises(StorageError, match=r"x\.csv: replaced while it was read: repeat"),
        storage.local_copy(file, 100) as copy,
    ):
        assert copy.parent != tmp_path


class Endless(BaseHTTPRequestHandler):
    """A server of the web that states no size, ignores ranges, and sends 256 MB."""

    protocol_version = "HTTP/1.1"

    def do_HEAD(self) -> None:
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()

    def do_GET(self) -> None:
        self.do_HEAD()
        part = b"x" * (1 << 20)
        try:
            for _ in range(256):
                self.wfile.write(b"%x\r\n%s\r\n" % (len(part), part))
                self.server.sent += len(part)  # type: ignore[attr-defined]
        except OSError:
            self.close_connection = True

    def log_message(self, *_: Any) -> None:
        pass


def test_no_server_sends_more_than_the_limit() -> None:
    pytest.importorskip("aiohttp", reason="aiohttp is not installed: s3fs brings it")
    with ThreadingHTTPServer(("127.0.0.1", 0), Endless) as server:
        server.sent = 0  # type: ignore[attr-defined]
        Thread(target=server.serve_forever, daemon=True).start()
        url = location(f"http://127.0.0.1:{server.server_port}/x.csv")
        with (
            pytest.raises(StorageError, match=r"bytes, expected at most 1,000: choose another"),
            storage.local_copy(url, 1000),
        ):
            pass
        assert storage.read_regular(url, 1000, 5) == b"x" * 1000
        assert server.sent < 128 << 20  # type: ignore[attr-defined]
        server.shutdown()
