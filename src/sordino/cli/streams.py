"""The standard streams of the process: closed, full, of a small encoding, or without a reader.

After `open_streams`, printing never raises. A character that the encoding lacks is escaped. The
first error of standard output is stored, the text after it is dropped, and `Streams.failure`
reports it after the verb.
"""

from __future__ import annotations

import errno
import io
import os
import select
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final, TextIO

from sordino import storage
from sordino.errors import StorageError

STDIN: Final = 0
STDOUT: Final = 1
STDERR: Final = 2

READER_LEFT: Final = frozenset({errno.EPIPE, errno.ECONNRESET, errno.ESHUTDOWN})
"""Errors of a pipe or socket without a reader. They are no failure of the verb."""


class Outlet(io.RawIOBase):
    """Writes to a file descriptor. The first error is stored in `error` instead of raised; later
    text is dropped.
    """

    def __init__(self, descriptor: int) -> None:
        super().__init__()
        self.descriptor = descriptor
        self.error: OSError | None = None

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self.descriptor

    def isatty(self) -> bool:
        return os.isatty(self.descriptor)

    def write(self, data: Any, /) -> int:
        block = memoryview(data).cast("B")
        unwritten = block
        while self.error is None and len(unwritten):
            try:
                unwritten = unwritten[os.write(self.descriptor, unwritten) :]
            except BlockingIOError:  # the other end made the pipe non-blocking
                select.select([], [self.descriptor], [])
            except OSError as error:
                self.error = error
        return len(block)


@dataclass(frozen=True)
class Streams:
    """Standard output after `open_streams`, and the standard streams that were closed before."""

    output: Outlet
    closed: frozenset[int]

    def check(self, arguments: Sequence[str]) -> None:
        """Raise `StorageError` before any work if the verb needs a closed stream."""
        pairs = pairwise(arguments)
        if STDOUT in self.closed and (("--json", "-") in pairs or "--json=-" in arguments):
            raise StorageError(
                "standard output is closed, expected an open one for --json -: name a file instead"
            )
        if STDIN in self.closed and "-" in _inputs(arguments):
            raise StorageError(
                "standard input is closed, expected an open one for -: name a file instead"
            )

    def failure(self) -> tuple[str, bool] | None:
        """The line that reports lost text, and True if this is a failure; `None` if there is
        nothing to report.

        It is no failure if the reader ended, or if the stream was closed from the start.
        """
        with suppress(ValueError, AttributeError):  # a verb may have closed it
            sys.stdout.flush()
        error = self.output.error
        if error is None or error.errno in READER_LEFT:
            return None
        if STDOUT in self.closed:
            return (
                "standard output is closed and the text is lost: redirect it to a file or to "
                "/dev/null",
                False,
            )
        try:
            with storage.as_storage_error("standard output"):
                raise error
        except StorageError as storage_error:
            return str(storage_error), True


def open_streams() -> Streams:
    """Open closed streams, and make `sys.stdout` and `sys.stderr` accept any text.

    Otherwise the next file would get a closed descriptor, and a library that prints would write
    into that file.
    """
    closed = frozenset(filter(_is_closed, (STDIN, STDOUT, STDERR)))
    for descriptor in sorted(closed):
        _occupy(descriptor)
    output, errors = Outlet(STDOUT), Outlet(STDERR)
    if sys.stdin is None:
        sys.stdin = open(os.devnull, encoding="utf-8")  # noqa: SIM115, PTH123 (never closed)
    sys.stdout = _text(output, sys.stdout)
    sys.stderr = _text(errors, sys.stderr, line_buffering=True)
    return Streams(output, closed)


def _inputs(arguments: Sequence[str]) -> list[str]:
    """The arguments except values of `--json`."""
    before = ["", *arguments]
    return [value for option, value in zip(before, arguments, strict=False) if option != "--json"]


def _is_closed(descriptor: int) -> bool:
    try:
        os.fstat(descriptor)
    except OSError:
        return True
    return False


def _occupy(descriptor: int) -> None:
    """Open the null device at a descriptor. Standard output is opened for reading, so that a write
    fails and is reported.
    """
    opened = os.open(os.devnull, os.O_RDONLY if descriptor == STDOUT else os.O_WRONLY)
    if opened != descriptor:
        os.dup2(opened, descriptor)
        os.close(opened)
    os.set_inheritable(descriptor, True)


def _text(outlet: Outlet, stream: TextIO | None, line_buffering: bool = False) -> TextIO:
    """A text stream into `outlet` with the encoding of `stream`; it escapes other characters."""
    errors = getattr(stream, "errors", None) or "strict"
    return io.TextIOWrapper(
        io.BufferedWriter(outlet),
        encoding=getattr(stream, "encoding", None) or "utf-8",
        errors="backslashreplace" if errors == "strict" else errors,
        line_buffering=line_buffering or outlet.isatty(),
        write_through=getattr(stream, "write_through", False),
    )
