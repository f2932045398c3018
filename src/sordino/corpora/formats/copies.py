"""Copies of the recordings of a corpus in one folder, for a writer of another format."""

from __future__ import annotations

import math
import os
import shutil
from pathlib import Path
from typing import Final

from sordino import storage
from sordino.corpora.table import Corpus, require_sound
from sordino.errors import CorpusError
from sordino.progress import track
from sordino.signal import audio

SOUNDS: Final = "sounds"
"""The folder of the copies."""


def write(corpus: Corpus, folder: Path) -> list[str]:
    """Copy the recording of each row into a new or empty folder; the paths relative to it.

    A whole file is copied as it is, once. A part of a file is cut out and written as 16-bit WAV
    with one channel, at the rate of the file.

    Raises `CorpusError` for a folder that has a file and for rows of text; `AudioError` and
    `StorageError` for recordings that cannot be read.
    """
    require_sound(corpus)
    with storage.as_storage_error(folder):
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise CorpusError(f"{folder}: not an empty folder, expected a new one: choose another")
    storage.folder(folder / SOUNDS)
    rows = corpus.table[["file", "start", "end"]]
    width = len(str(len(rows)))
    copied: dict[tuple[str, float, float], str] = {}
    names = []
    for number, (file, start, end) in enumerate(
        track(rows.itertuples(index=False), "copies", len(rows))
    ):
        cut = (str(file), float(start), -1.0 if math.isnan(end) else float(end))
        if cut not in copied:
            copied[cut] = _copy(folder, f"{number:0{width}d}", cut)
        names.append(copied[cut])
    return names


def _copy(folder: Path, number: str, cut: tuple[str, float, float]) -> str:
    file, start, end = cut
    if start == 0 and end < 0:
        name = f"{SOUNDS}/{number}{os.path.splitext(file)[1].lower()}"  # noqa: PTH122
        with storage.as_storage_error(file):
            shutil.copyfile(file, folder / name)
        return name
    name = f"{SOUNDS}/{number}.wav"
    rate = audio.header(file).sampling_rate
    samples = audio.read(file, start, math.nan if end < 0 else end, rate)
    audio.write(folder / name, samples, rate)
    return name
