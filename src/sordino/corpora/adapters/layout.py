"""The recordings of a corpus in its official folder layout."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Final

from sordino.errors import CorpusError
from sordino.progress import track
from sordino.storage import as_storage_error

SUFFIXES: Final = (".wav", ".flac")
"""File types of recordings; both are lossless, so the samples are the same."""


def recordings(
    root: Path, pattern: str, expected: str, key: Callable[[Path], str] = lambda file: file.stem
) -> list[Path]:
    """The WAV or FLAC files under `root` that match a glob pattern, sorted by their path relative
    to it.

    `expected` describes the layout in an error. Hidden files (`._x.wav` of macOS) are skipped.
    `key` identifies the utterance of a file, by default by its name.

    Raises `CorpusError` when `root` is no folder, when nothing matches, and for a duplicate
    utterance (as WAV and as FLAC, or in two folders), which would be counted twice.
    """
    if not root.is_dir():
        raise CorpusError(f"{root}: no such folder, expected {expected}: check the path")
    with as_storage_error(root):
        files = [
            file
            for file in root.glob(pattern)
            if file.suffix.lower() in SUFFIXES and file.name[0] != "."
        ]
    if not files:
        raise CorpusError(
            f"{root}: no recordings in the official layout, expected {expected}: choose that folder"
        )
    utterances: set[str] = set()
    for file in files:
        utterance = key(file)
        if utterance in utterances:
            raise CorpusError(
                f"{root}: {utterance} is there twice, expected one WAV or FLAC of it: remove one"
            )
        utterances.add(utterance)
    return sorted(files, key=lambda file: file.relative_to(root).as_posix())


def fields(name: str, pattern: re.Pattern[str], expected: str) -> dict[str, str]:
    """The named groups of a pattern in a file name without its suffix. Raises `CorpusError` where
    it does not match.

    >>> fields("07b", re.compile(r"(?P<number>[0-9]+)(?P<letter>[a-z])"), "a number and a letter")
    {'number': '07', 'letter': 'b'}
    """
    match = pattern.fullmatch(name)
    if match is None:
        raise CorpusError(
            f"{name}: not a name of this corpus, expected {expected}: rename the file or move it "
            "away"
        )
    return match.groupdict()


def transcripts(root: Path, pattern: str) -> dict[str, str]:
    """Name of an utterance to its words, from the text files that match a glob pattern.

    Each file has one utterance and the name of its recording. Lines and runs of spaces are joined
    by one space.
    """
    words: dict[str, str] = {}
    with as_storage_error(root):
        files = sorted(
            file for file in root.glob(pattern) if file.suffix == ".txt" and file.name[0] != "."
        )
    for file in track(files, "transcripts", len(files)):
        with as_storage_error(file):
            words[file.stem] = " ".join(file.read_text(encoding="utf-8", errors="replace").split())
    return words
