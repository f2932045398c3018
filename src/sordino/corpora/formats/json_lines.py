"""JSON of other tools, plain or packed with gzip, as hostile input: bounded and parsed."""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, NoReturn

from sordino import storage, textfile
from sordino.corpora.formats.foreign_rows import MOST_FOREIGN_ROWS
from sordino.errors import CorpusError

_LARGEST: Final = 1 << 28
"""Bytes of a file, unpacked."""

_LONGEST_LINE: Final = 1 << 20
"""Characters of a line."""

PACKED: Final = ".gz"


def objects(path: Path, expected: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each object of a file with one JSON object a line, and its place (`line 3`).

    Empty lines are skipped. Raises `CorpusError`, with the number of the line, for a file that is
    no text or too large, has too many lines, and for a line that is too long or no JSON object.
    """
    for number, line in enumerate(_lines(path, expected), 1):
        if number > MOST_FOREIGN_ROWS:
            raise CorpusError(
                f"{path}: over {MOST_FOREIGN_ROWS:,} lines, expected {expected}: split it"
            )
        if line.strip():
            if len(line) > _LONGEST_LINE:
                raise CorpusError(
                    f"{path}, line {number}: over {_LONGEST_LINE:,} characters, expected "
                    f"{expected}: correct it"
                )
            yield f"line {number}", _object(f"{path}, line {number}", line, expected)


def read_object(path: Path, expected: str) -> dict[str, Any]:
    """The one JSON object of a plain file. Raises `CorpusError` as `objects` does."""
    return _object(str(path), textfile.read(path, expected, CorpusError, _LARGEST), expected)


def _lines(path: Path, expected: str) -> Iterator[str]:
    """Each line of a file, at most one character longer than the longest; one at a time, as a list
    of short lines takes far more memory than their text.
    """
    if path.suffix != PACKED:
        text = textfile.read(path, expected, CorpusError, _LARGEST)
        start, end = 0, 0
        while end >= 0:
            end = text.find("\n", start)
            yield text[start : end if end >= 0 else None]
            start = end + 1
        return
    textfile.regular(path, expected, CorpusError)
    left = _LARGEST
    with storage.as_storage_error(path):
        try:
            with gzip.open(path, "rt", encoding="utf-8-sig", newline="\n") as stream:
                while line := stream.readline(_LONGEST_LINE + 1):
                    left -= len(line)
                    if left < 0:
                        raise CorpusError(
                            f"{path}: over {_LARGEST:,} characters, expected {expected}: split it"
                        )
                    yield line.removesuffix("\n")
        except (gzip.BadGzipFile, EOFError, zlib.error, UnicodeDecodeError) as error:
            raise CorpusError(
                f"{path}: no gzip of text, expected {expected}: copy it anew"
            ) from error


def _object(where: str, text: str, expected: str) -> dict[str, Any]:
    try:
        value = json.loads(text, parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        raise CorpusError(f"{where}: no JSON, expected {expected}: correct it") from error
    if not isinstance(value, dict):
        raise CorpusError(
            f"{where}: a JSON {type(value).__name__}, expected an object of {expected}: correct it"
        )
    return value


def _refuse(constant: str) -> NoReturn:
    raise ValueError(constant)
