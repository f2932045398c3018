"""Exports in temporary files, so that a slow client holds no transaction of the database.

A file lies in the folder of the server with mode 600, and has no name there: it is gone when the
download ends, and when the server does. Few exports are written or read at once.
"""

from __future__ import annotations

import asyncio
import tempfile
import threading
from collections.abc import AsyncIterator, Generator, Iterator
from contextlib import AbstractContextManager, closing, contextmanager, suppress
from pathlib import Path
from typing import IO, Final

from starlette.concurrency import run_in_threadpool
from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from sordino.server.errors import Problem

MOST_DOWNLOADS: Final = 16
"""The limit of exports at once, one for each user."""

MOST_WRITERS: Final = 2
"""The limit of exports that are read from the database at once."""

LARGEST_EXPORT: Final = 2 << 30  # bytes
DOWNLOAD_SECONDS: Final = 60.0
"""The time of a download of any size; each `SLOWEST` bytes add a second."""

SLOWEST: Final = 64 << 10  # bytes a second
RETRY_SECONDS: Final = 30
_PART: Final = 256 << 10  # bytes


class Downloads:
    """The exports in progress of a server, in files of a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._users = folder, set[int]()
        self._lock, self._writers = threading.Lock(), threading.Semaphore(MOST_WRITERS)

    @contextmanager
    def place(self, participant_id: int) -> Iterator[None]:
        """A place for the export of a user.

        Raises the problem 429 `rate` for a second export of a user at once, and 503 `unavailable`
        where all places are taken.
        """
        with self._lock:
            if participant_id in self._users:
                raise _later("rate", 429, "a second export at once, expected one")
            if len(self._users) >= MOST_DOWNLOADS:
                raise _full()
            self._users.add(participant_id)
        try:
            yield
        finally:
            with self._lock:
                self._users.discard(participant_id)

    @contextmanager
    def file(self, parts: Generator[bytes]) -> Iterator[IO[bytes]]:
        """A temporary file with an export, at its start.

        Raises the problem 503 `unavailable` while others are written or the disk is full, and 507
        `too-large` for an export above `LARGEST_EXPORT` bytes.
        """
        with tempfile.TemporaryFile(dir=self._folder) as file, closing(parts):
            if not self._writers.acquire(blocking=False):
                raise _full()
            try:
                for part in parts:
                    if file.tell() + len(part) > LARGEST_EXPORT:
                        raise Problem(
                            "too-large",
                            507,
                            f"an export of more than {LARGEST_EXPORT >> 30} GiB, expected less: "
                            "ask the operator for it",
                        )
                    file.write(part)
                file.seek(0)
            except OSError as error:
                raise _later("unavailable", 503, "no space for the export") from error
            finally:
                self._writers.release()
            yield file


class Download(StreamingResponse):
    """A download of a file. Its end closes `held`, also where the client hangs up or is slow."""

    def __init__(
        self,
        file: IO[bytes],
        held: AbstractContextManager[object],
        *,
        media_type: str,
        name: str,
    ) -> None:
        size = file.seek(0, 2)
        file.seek(0)
        self._seconds, self._held = DOWNLOAD_SECONDS + size / SLOWEST, held
        headers = {
            "Content-Disposition": f'attachment; filename="{name}"',
            "Content-Length": str(size),
            "Cache-Control": "no-store",
        }
        super().__init__(_parts(file), media_type=media_type, headers=headers)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the file. A download that takes too long is cut off."""
        with self._held, suppress(TimeoutError):
            async with asyncio.timeout(self._seconds):
                await super().__call__(scope, receive, send)


async def _parts(file: IO[bytes]) -> AsyncIterator[bytes]:
    while part := await run_in_threadpool(file.read, _PART):
        yield part


def _full() -> Problem:
    return _later("unavailable", 503, "as many exports at once as this server writes")


def _later(code: str, status: int, what: str) -> Problem:
    detail = f"{what}: repeat the request when the download has ended"
    return Problem(code, status, detail, headers={"Retry-After": str(RETRY_SECONDS)})
