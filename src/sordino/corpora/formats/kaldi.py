"""A data folder of Kaldi: one table a label.

    wav.scp       utterance or recording, path   segments       utterance recording start end
    utt2spk       utterance speaker              utt2emotion    utterance emotion
    spk2gender    speaker m|f                    text           utterance words (optional)

A value of `columns` is the file of a label: `--map emotion=utt2emo`. A file whose name starts
with `spk2` has a line for each speaker, any other for each utterance. A command in `wav.scp`
(`sox ... |`) is refused and never run.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from sordino import textfile
from sordino.corpora.formats.foreign_rows import (
    MOST_FOREIGN_ROWS,
    ForeignRow,
    Reading,
    corpus_name,
    require_folder,
)
from sordino.corpora.labels import quote
from sordino.corpora.table import Corpus
from sordino.errors import CorpusError

LABEL_FILES: Final[Mapping[str, str]] = {
    "speaker": "utt2spk",
    "gender": "spk2gender",
    "emotion": "utt2emotion",
    "transcript": "text",
    "age": "spk2age",
}
"""Standard column to its file; the last two are optional."""

_LARGEST: Final = 1 << 28
"""Bytes of a file."""


def load(folder: Path, reading: Reading) -> Corpus:
    """The corpus in a data folder.

    Raises `CorpusError` for a missing file, an utterance without a line in one of them, a command
    in place of a path, and as `Reading` does.
    """
    require_folder(folder, "wav.scp and utt2spk of Kaldi")
    files = {**LABEL_FILES, **reading.columns}  # the speaker is the first
    labels = {name: _labels(folder, name, file, reading) for name, file in files.items()}
    present = {name: table for name, table in labels.items() if table is not None}
    plain = Reading(
        {"gender": ""} if "gender" not in present else {}, reading.sounds, reading.keep_absent
    )
    rows = (
        ForeignRow(f"utterance {quote(key)}", path, cells | times)
        for key, path, times in _recordings(folder)
        for cells in [_cells(folder, key, present, files)]
    )
    return plain.corpus(str(folder), folder, rows, corpus_name(folder))


def _labels(folder: Path, column: str, file: str, reading: Reading) -> dict[str, str] | None:
    """The lines of the file of a label by key, None where there is none."""
    if file == "" and column not in ("speaker", "emotion"):
        return None
    if not file or Path(file).name != file:
        raise CorpusError(
            f"columns {column}={file}: expected the name of a file in {folder}: correct it"
        )
    path = folder / file
    if not path.is_file() and column in ("transcript", "age") and column not in reading.columns:
        return None
    if not path.is_file():
        unknown = ", or `--map gender=` where it is unknown" if column == "gender" else ""
        raise CorpusError(
            f"{path}: no such file, expected {column} of each line: add it, or name another "
            f"(`--map {column}=FILE`){unknown}"
        )
    return dict(_lines(path))


def _cells(
    folder: Path, key: str, labels: Mapping[str, Mapping[str, str]], files: Mapping[str, str]
) -> dict[str, str]:
    """The labels of an utterance."""
    cells: dict[str, str] = {}
    for column, table in labels.items():
        file = files[column]
        by = cells["speaker"] if file.startswith("spk2") else key
        if by not in table and column in ("speaker", "gender", "emotion"):
            raise CorpusError(f"{folder / file}: no line for {quote(by)}, expected one: add it")
        cells[column] = table.get(by, "")
    return cells


def _recordings(folder: Path) -> Iterator[tuple[str, str, dict[str, str]]]:
    """Each utterance with the path of its recording and, in `segments`, its start and end."""
    scp = folder / "wav.scp"
    paths = dict(_lines(scp))
    for key, value in paths.items():
        if value.endswith("|") or value.startswith("|"):
            raise CorpusError(
                f"{scp}: the line of {quote(key)} is a command, expected a path (commands are "
                "never run): store its output as a file and name that"
            )
    if not (folder / "segments").is_file():
        yield from ((key, path, {}) for key, path in paths.items())
        return
    for key, value in _lines(folder / "segments"):
        parts = value.split()
        if len(parts) != 3 or parts[0] not in paths:
            raise CorpusError(
                f"{folder / 'segments'}: the line of {quote(key)}, expected a recording of "
                "wav.scp, start and end in seconds: correct it"
            )
        end = {} if parts[2] == "-1" else {"end": parts[2]}
        yield key, paths[parts[0]], {"start": parts[1], **end}


def _lines(path: Path) -> Iterator[tuple[str, str]]:
    """Key and value of each line. Raises `CorpusError` for two lines of one key."""
    expected = "lines of a name, a space and a value"
    seen: set[str] = set()
    for number, line in enumerate(textfile.read(path, expected, CorpusError, _LARGEST).split("\n")):
        if number > MOST_FOREIGN_ROWS:
            raise CorpusError(
                f"{path}: over {MOST_FOREIGN_ROWS:,} lines, expected fewer: split the corpus"
            )
        key, _, value = line.strip().replace("\t", " ").partition(" ")
        if key in seen:
            raise CorpusError(
                f"{path}, line {number + 1}: a second line of {quote(key)}, expected one: "
                "remove one"
            )
        if key:
            seen.add(key)
            yield key, value.strip()
