"""Paths in tables from other sources: accepted inside one folder only."""

from __future__ import annotations

import os
from pathlib import Path

from sordino.corpora.labels import quote
from sordino.errors import CorpusError
from sordino.storage import LONGEST_PATH


def within(folder: Path, file: str, where: str) -> str:
    """The path `file`, which may be a link; where it leads is inside the folder.

    Raises `CorpusError`, with `where` in front, for a path out of the folder.
    """
    real, root = os.path.realpath(file), os.path.realpath(folder)
    if os.path.commonpath([real, root]) != root:
        raise CorpusError(
            f"{where}: leads out of {folder}, expected a recording inside it: copy the recording "
            "into the folder, or name the folder of the recordings (`sounds`)"
        )
    return file


def recording(folder: Path, cell: str, where: str) -> str:
    """The path of a recording that a table names, relative to a folder or absolute.

    Backslashes stand for slashes where no such file exists. The recording may be absent.

    Raises `CorpusError`, with `where` in front, for a URL, a path out of the folder (also by a
    link), and text that cannot be a path.

    >>> recording(Path("/corpus"), "a/../b.wav", "row 2")
    '/corpus/b.wav'
    """
    if not cell.strip() or "\0" in cell or len(cell) >= LONGEST_PATH:
        raise CorpusError(
            f"{where}: {quote(cell)} is no path, expected that of a recording: correct it"
        )
    if "://" in cell:
        raise CorpusError(
            f"{where}: {quote(cell)} is a URL, expected a path: download the recording and name "
            "its file"
        )
    path = os.path.normpath(folder / cell)
    if "\\" in cell and not os.path.lexists(path):
        path = os.path.normpath(folder / cell.replace("\\", "/"))
    return within(folder, path, f"{where}: {quote(cell)}")
