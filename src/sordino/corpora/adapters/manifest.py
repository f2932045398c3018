"""Any other recordings: a CSV table with one row per utterance.

    file,speaker,gender,emotion
    recordings/a.wav,anna,f,anger
    recordings/b.wav,ben,m,neutral

Required columns: `file` (relative to the table), `speaker`, `gender`, `emotion`. Optional columns:
`start` and `end` (seconds), `corpus`, `transcript`, `intensity`, `age` (years), `activation`
and `valence` with `scale` (means over listeners, and the points of their Likert scale: 5, 7 or 9;
without it they have no level), `sentiment` of the words (negative, neutral or positive, a stand-in
for valence without ratings), and `session` for speakers who are audible in each other's recordings.
Up to 64 other columns are kept as labels that a policy may hide, such as `accent`.
"""

from __future__ import annotations

import functools
import os
import unicodedata
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Final

from sordino import storage, textfile
from sordino.corpora import sheet, utterances
from sordino.corpora.table import Corpus, plain_labels, require_sound
from sordino.storage import LONGEST_PATH

NAME: Final = "manifest"
REQUIRED: Final = ("file", "speaker", "gender", "emotion")


def load(path: Path, name: str = NAME, keep_absent: bool = False) -> Corpus:
    """The corpus of a CSV table, with rows sorted by file and start.

    Labels are read by `define.emotion` and `define.gender`: `anger`, `Angry` and `W` are one
    emotion. An empty or other gender becomes an empty text, with a note in `Corpus.notes`. The
    column `corpus` names the corpus (several names are joined by `+` in alphabetical order);
    without it the name is `name`. With `keep_absent`, rows of absent recordings stay.

    Raises `CorpusError`, with the number of the row where there is one, for a missing column, a row
    without file or speaker, absent recordings (one error counts them all), an invalid number, an
    end before its start, a rating outside of its scale, an unknown sentiment, a duplicate part of a
    recording, a label with two spellings (`s03`, `S03`), and a speaker with two genders.
    """
    _names.cache_clear()
    table_rows = sheet.read(path, REQUIRED)
    where = f"{path}{table_rows.separated}"
    rows = {
        f"row {number}": utterances.utterance(
            f"{where}, row {number}",
            _recording(path.parent, row["file"]) if row["file"] else "",
            row,
            name,
        )
        for number, row in table_rows
    }
    corpus = utterances.corpus_of(where, path.parent, rows, keep_absent)
    if not table_rows.separated:
        return corpus
    separated = table_rows.separated.replace("(", "").replace(")", "")
    note = f"{path.name} is{separated}, not by commas, and was read so"
    return replace(corpus, notes=(note, *corpus.notes))


def write(corpus: Corpus, path: Path) -> Path:
    """Write a corpus as a manifest with the paths of its recordings; the path.

    Paths are relative where a recording lies below the folder of the manifest, and absolute
    otherwise. Cells that a spreadsheet would run as formulas get an apostrophe in front. Raises
    `CorpusError` for rows of text, which have no recording.
    """
    require_sound(corpus)
    folder = f"{path.parent.absolute()}{os.sep}"
    rows = plain_labels(corpus.table)
    files = [os.path.abspath(file).removeprefix(folder) for file in rows["file"]]  # noqa: PTH100
    texts = rows.select_dtypes(exclude="number").columns
    rows[texts] = rows[texts].map(storage.cell)
    rows["file"] = [file if storage.cell(file) == file else f"./{file}" for file in files]
    storage.write(path, rows.to_csv(index=False))
    return path


def _is_file(file: str) -> bool:
    # Path.is_file raises where the text cannot be a path.
    return os.path.isfile(file)  # noqa: PTH113


def _recording(folder: Path, cell: str) -> str:
    """The path of a recording; in the spelling of the disk where the file exists."""
    for spelling in dict.fromkeys((cell, cell.replace("\\", "/"))):
        # one spelling per path, so that duplicates are found
        file = os.path.normpath(folder / textfile.home(spelling))
        if _is_file(file):
            return file
    file = os.path.normpath(folder / textfile.home(cell.replace("\\", "/")))
    existing = _composed(file) if "\0" not in file and len(file) < LONGEST_PATH else None
    return existing or file


def _composed(file: str) -> str | None:
    """The file with the same path apart from the Unicode form of accents (composed or not)."""
    path = Path(file)
    current = Path(path.anchor)
    for part in path.relative_to(path.anchor).parts:
        exact = current / part
        spelling = (
            str(exact)
            if os.path.exists(exact)  # noqa: PTH110
            else _names(str(current)).get(unicodedata.normalize("NFC", part))
        )
        if spelling is None:
            return None
        current = Path(spelling)
    return str(current) if current.is_file() else None


@functools.lru_cache(maxsize=64)
def _names(folder: str) -> dict[str, str]:
    """Composed name to path of the files in a folder; a name of two files is left out."""
    try:
        paths = [str(path) for path in Path(folder or ".").iterdir()]
    except OSError:
        return {}
    names = [os.path.basename(path) for path in paths]  # noqa: PTH119
    composed = [unicodedata.normalize("NFC", name) for name in names]
    counts = Counter(composed)
    return {name: path for name, path in zip(composed, paths, strict=True) if counts[name] == 1}
