"""Files behind a URL, through fsspec (extra `storage`): the only module that imports it.

`s3://bucket/runs/estimates.csv` is an object: it has no folder, no mode, no lock and no rename. An
object is written in one request, or in parts that become visible together. So a reader sees the old
content or the new content, never a part. Every answer comes from the store and none from a cache of
listings: a file that another machine wrote a moment ago is there.

No credential is part of a URL. fsspec reads them from the environment, such as `AWS_PROFILE`, or
from its own settings. Errors name the URL and the kind of the failure, and never quote a library's
message, which may contain a key.
"""

from __future__ import annotations

import errno
import io
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote

from sordino.errors import DependencyError, SordinoError, StorageError, install_step

WHOLE: Final = ("abfs", "abfss", "az", "gcs", "gs", "memory", "s3", "s3a")
"""The schemes of stores that show an object when it is complete. Other URLs are read alone: a file
that is written there may be cut short.
"""

STORE_SECONDS: Final = 120
"""Seconds that a store may take for a write, beside those for the content."""

SLOWEST_UPLOAD: Final = 100_000
"""Bytes a second of the slowest connection that may write."""

_URL: Final = r"([A-Za-z][A-Za-z0-9+.-]+)://(.*)"
"""A scheme of one letter is a drive of Windows."""

_SINGLE_SLASH: Final = r"\s*([A-Za-z][A-Za-z0-9+.-]+):/([^/].*)"
"""A path, or a URL with a slash too few, which may hold a secret."""

_BUCKET: Final = r"[A-Za-z0-9._$-]+"
"""The first part of an address in a store of `WHOLE`."""

_HOST: Final = r"([\w.$-]+|\[[0-9A-Fa-f:.]+\])(:\d+)?"
"""The first part of another address."""

_AZURE: Final = ("abfs", "abfss")
"""The schemes of `container@account`."""

_ACCOUNT: Final = r"(@[A-Za-z0-9.-]+)?"

_WEB: Final = ("http", "https")
"""The schemes of servers that may ignore the range of a request, and state any size or none."""

REPEAT_COMMAND: Final = "repeat the command: it resumes"
"""The next step after a failure of a store."""


@dataclass(frozen=True)
class Remote:
    """A file or folder behind a URL, with those names of `pathlib.Path` that a URL can have. It is
    text for messages only; the file system of this machine cannot open it.

    - `scheme`: such as `s3`, in lower case.
    - `address`: the rest of the URL, without a `/` at its end.

    >>> path = parse_url("s3://bucket/runs/") / "estimates.csv"
    >>> str(path), path.name, path.suffix, str(path.parent)
    ('s3://bucket/runs/estimates.csv', 'estimates.csv', '.csv', 's3://bucket/runs')
    """

    scheme: str
    address: str

    def __str__(self) -> str:
        return f"{self.scheme}://{self.address}"

    def __repr__(self) -> str:
        return f"Remote('{self}')"

    @property
    def name(self) -> str:
        """The part after the last `/`."""
        return self.address.rpartition("/")[2]

    @property
    def stem(self) -> str:
        """The name without its suffix."""
        return self.name.removesuffix(self.suffix)

    @property
    def suffix(self) -> str:
        """The last dot of the name and the text after it, as of `pathlib.Path`."""
        stem, dot, end = self.name.rpartition(".")
        return dot + end if stem and end else ""

    @property
    def parent(self) -> Remote:
        """The folder of this file."""
        return Remote(self.scheme, self.address.rpartition("/")[0] or self.address)

    def __truediv__(self, name: str, /) -> Remote:
        return Remote(self.scheme, f"{self.address}/{name}")

    def with_name(self, name: str, /) -> Remote:
        """The file of another name in the same folder."""
        return self.parent / name

    def with_suffix(self, suffix: str, /) -> Remote:
        """The file with another suffix."""
        return self.with_name(self.stem + suffix)

    def check_writable(self) -> None:
        """Raise `StorageError` for a store that may show half a file, `DependencyError` where its
        package is absent.
        """
        self._check_whole()
        with self._opened():
            pass

    def _check_whole(self) -> None:
        """Raise `StorageError` for a store that may show half a file."""
        if self.scheme not in WHOLE:
            raise StorageError(
                f"{self}: files are only read from {self.scheme}://, as a write could be cut "
                f"short, expected {', '.join(WHOLE)} or a path: choose one"
            )

    def exists(self) -> bool:
        """Whether a file is there. Raises `StorageError` where the store does not answer."""
        with self._opened() as (system, path):
            try:
                return bool(system.info(path)["type"] == "file")
            except FileNotFoundError:
                return False

    def read(self, limit: int, offset: int = 0) -> bytes:
        """Up to `limit` bytes of a file from `offset` on, of one version. Raises
        `FileNotFoundError`, and `StorageError` where the store does not answer.
        """
        with self._opened() as (system, path):
            if self.scheme in _WEB:
                return _start(system, path, offset + limit)[offset:]
            try:
                content: bytes = system.cat_file(path, start=offset, end=offset + limit)
            except FileNotFoundError:
                raise
            except Exception as error:  # stores refuse a range of an empty file
                if _is_timeout(error) or system.info(path)["size"] != 0:
                    raise
                return b""
            return content[:limit]

    def write(self, content: bytes) -> None:
        """Write a file, complete or not at all. Raises `StorageError`."""
        self._check_whole()
        with self._opened() as (system, path):
            seconds = STORE_SECONDS + len(content) / SLOWEST_UPLOAD
            try:  # s3fs waits for ever where a server does not ask for the content
                system.pipe_file(path, content, timeout=seconds)
            except FileNotFoundError as error:
                raise StorageError(
                    f"{self}: no such bucket or container, expected one: create it"
                ) from error

    def download(self, path: Path, limit: int) -> None:
        """Copy a file of at most `limit` bytes to a path of this machine.

        Raises `FileNotFoundError`, and `StorageError` for a larger file, for one that another
        process replaces meanwhile, and where the store does not answer.
        """
        with self._opened() as (system, source):

            def check(count: int) -> None:
                if count > limit:
                    raise StorageError(
                        f"{self}: {count:,} bytes, expected at most {limit:,}: choose another file"
                    )

            check(int(system.info(source)["size"] or 0))
            version = system.ukey(source)
            _copy(system, source, str(path), check)
            check(path.stat().st_size)
            if system.ukey(source) != version:
                raise StorageError(f"{self}: replaced while it was read: {REPEAT_COMMAND}")

    def files(self) -> list[Remote]:
        """The files in this folder; none where it is absent. Raises `StorageError`."""
        with self._opened() as (system, path):
            try:
                entries = system.ls(path, detail=True)
            except FileNotFoundError:
                return []
            names = (str(entry["name"]) for entry in entries if entry["type"] == "file")
            return [self / name.rpartition("/")[2] for name in names]

    def unlink(self) -> None:
        """Remove a file, if it is there. Raises `StorageError`."""
        with self._opened() as (system, path):
            try:
                system.rm_file(path)
            except FileNotFoundError:
                return

    def _open(self) -> tuple[Any, str]:
        """The file system of fsspec, without its listings, and the path in it."""
        import fsspec

        if self.scheme not in fsspec.available_protocols():
            raise StorageError(
                f"{self}: no store is named {self.scheme}, expected {', '.join(WHOLE)} or a path: "
                "correct it"
            )
        system, path = fsspec.url_to_fs(str(self))
        system.invalidate_cache()
        return system, path

    @contextmanager
    def _opened(self) -> Iterator[tuple[Any, str]]:
        """The file system of fsspec and the path in it. Every failure becomes a `StorageError` or a
        `DependencyError`; an absent file stays a `FileNotFoundError`.
        """
        try:
            yield self._open()
        except SordinoError:
            raise
        except FileNotFoundError:
            raise FileNotFoundError(errno.ENOENT, "no such file", str(self)) from None
        except ImportError as error:
            raise self._missing(error) from None
        except Exception as error:  # each store has its own exceptions
            raise StorageError(f"{self}: {_reason(error)}") from None

    def _missing(self, error: ImportError) -> DependencyError:
        if error.name == "fsspec":
            return DependencyError(
                f"fsspec is not installed, expected it for {self}: {install_step('storage')}"
            )
        from fsspec.registry import known_implementations

        package = known_implementations.get(self.scheme, {}).get("err") or f"install {error.name}"
        return DependencyError(f"{self}: its package is absent, expected it: {package}")


def parse_url(text: str) -> Remote | None:
    """The file of a URL; `None` for text that is none, such as a path.

    Raises `StorageError` for a URL with a user, a password, a query, a fragment or parameters, also
    with one slash (`s3:/key:secret@bucket`), for a chain of URLs, and for other text with `://`. No
    error repeats the text.

    >>> parse_url("runs/first"), parse_url("C:/runs")
    (None, None)
    """
    match = re.fullmatch(_URL, text, flags=re.DOTALL)
    if not match:
        single = re.fullmatch(_SINGLE_SLASH, text, flags=re.DOTALL)
        if single and single[1].lower() in (*WHOLE, *_WEB):
            _check_address(single[1].lower(), single[2])
        if "://" not in text or re.match("[A-Za-z]:", text):
            return None
        if "::" in text:
            raise StorageError("a chain of URLs, expected one URL or a path: choose one")
        raise StorageError(
            "a text with ://, expected a URL such as s3://bucket/run, or a path: correct its "
            "beginning"
        )
    scheme, address = match[1].lower(), match[2]
    if scheme == "file" and address.strip("/"):
        return Remote(scheme, address.rstrip("/"))
    if not address.strip("/"):
        raise StorageError(f"{scheme}://: no bucket and no folder, expected one: add it")
    _check_address(scheme, address)
    return Remote(scheme, address.rstrip("/"))


def _check_address(scheme: str, address: str) -> None:
    """Raise `StorageError` for an address that may hold a secret."""
    # the key of an object may have # and ;
    marks = "?" if scheme in WHOLE else "?#;"
    host = re.split(f"[/{marks}]", address.lstrip("/"), maxsplit=1)[0]
    # a secret may contain a slash: then a part of it looks like a folder
    if scheme in _AZURE:
        user = not re.fullmatch(_BUCKET + _ACCOUNT, host) or unquote(address).count("@") > 1
    elif scheme in WHOLE:
        user = not re.fullmatch(_BUCKET, host)
    else:
        user = not re.fullmatch(_HOST, host) or "@" in unquote(address)
    if user:
        raise StorageError(
            f"{scheme}://...: a URL with a user or a password, which the history of a shell keeps, "
            "expected none: put them into the environment or into the settings of fsspec"
        )
    if any(mark in address for mark in marks):
        raise StorageError(
            f"{scheme}://...: a URL with a query, a fragment or parameters, which may be a "
            "signature, expected none: download the file, or put settings into the environment or "
            "those of fsspec"
        )
    if "::" in address or "://" in address:
        raise StorageError(f"{scheme}://...: a chain of URLs, expected one: choose one")


class _EnoughError(Exception):
    """The first bytes of a file are there."""


def _start(system: Any, path: str, count: int) -> bytes:
    """The first `count` bytes of a file; the rest is not awaited."""
    content = io.BytesIO()

    def check(done: int) -> None:
        if done >= count:
            raise _EnoughError

    with suppress(_EnoughError):
        _copy(system, path, content, check)
    return content.getvalue()[:count]


def _copy(system: Any, path: str, target: str | io.BytesIO, check: Callable[[int], None]) -> None:
    """Copy a file, large ones in several requests; `check` gets the bytes after each part."""
    from fsspec.callbacks import Callback

    system.get_file(
        path, target, callback=Callback(hooks={"check": lambda _, done, **__: check(done)})
    )


def _reason(error: BaseException) -> str:
    """The kind of a failure and the next step, without the message of a library."""
    if isinstance(error, OSError) and error.errno == errno.ENOSPC:
        return "no space for a copy on this machine: free some, or set TMPDIR to another folder"
    if _is_timeout(error):
        return f"no answer in time: check the network, then {REPEAT_COMMAND}"
    if re.search("Credential|Permission|Token", _kinds(error)):
        return f"no permission, or no credentials: check the environment, then {REPEAT_COMMAND}"
    return (
        f"the store failed ({type(error).__name__}): check the address, the network and the "
        f"credentials, then {REPEAT_COMMAND}"
    )


def _is_timeout(error: BaseException) -> bool:
    return "Timeout" in _kinds(error)


def _kinds(error: BaseException | None) -> str:
    """The names of an exception and of its causes."""
    names = []
    while error is not None:
        names.append(type(error).__name__)
        error = error.__cause__ or error.__context__
    return " ".join(names)
