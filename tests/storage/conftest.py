"""Empty stores: a folder that machines share, the memory, and a bucket of S3."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.storage import s3_server

fsspec = pytest.importorskip("fsspec", reason="fsspec is not installed: extra storage")
_NUMBERS = itertools.count()


@pytest.fixture(scope="session")
def s3_port() -> Iterator[int]:
    pytest.importorskip("moto", reason="moto is not installed: extra dev")
    pytest.importorskip("s3fs", reason="s3fs is not installed: extra s3")
    with s3_server.running() as port:
        yield port


def _connect(monkeypatch: pytest.MonkeyPatch, endpoint: str) -> None:
    """Settings as a user has them: credentials and address in the environment."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", s3_server.ACCESS_KEY)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", s3_server.SECRET_KEY)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")


@pytest.fixture
def s3(s3_port: int, monkeypatch: pytest.MonkeyPatch) -> str:
    """The URL of an empty folder on S3."""
    _connect(monkeypatch, f"http://127.0.0.1:{s3_port}")
    system = fsspec.filesystem("s3")
    if not system.exists(s3_server.BUCKET):
        system.mkdir(s3_server.BUCKET)
    return f"s3://{s3_server.BUCKET}/test-{next(_NUMBERS)}"


@pytest.fixture
def proxy(s3_port: int, monkeypatch: pytest.MonkeyPatch) -> Iterator[s3_server.Proxy]:
    """S3 behind a proxy, with one short attempt for each request; `s3` comes first."""
    proxy = s3_server.Proxy(s3_port)
    _connect(monkeypatch, proxy.url)  # a client keeps the address that it began with
    kind = fsspec.get_filesystem_class("s3")
    kind.clear_instance_cache()
    attempts = {"connect_timeout": 1, "read_timeout": 0.3, "retries": {"max_attempts": 0}}
    monkeypatch.setitem(fsspec.config.conf, "s3", {"config_kwargs": attempts})
    monkeypatch.setattr(kind, "retries", 1)
    yield proxy
    proxy.close()
    kind.clear_instance_cache()


@pytest.fixture
def memory() -> Iterator[str]:
    """The URL of an empty folder in the memory."""
    yield f"memory://test-{next(_NUMBERS)}"
    fsspec.get_filesystem_class("memory").store.clear()


@pytest.fixture(params=["folder", "memory", "s3"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty folder in each kind of store."""
    if request.param == "folder":
        return tmp_path.as_uri()
    url: str = request.getfixturevalue(request.param)
    return url
