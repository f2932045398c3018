"""Data of nkululeko: a CSV table, or the section `[DATA]` of an experiment (INI).

    [DATA]
    databases = ['mine']
    mine = ./mine.csv                 file,speaker,gender,emotion
    mine.type = csv                   or audformat
    mine.absolute_path = False        paths relative to the table, the default here
    mine.audio_path = wav/            folder of the recordings, relative to the table
    mine.mapping = {'anger': 'angry', 'sad, bored': 'quiet'}
    mine.colnames = {'Participant ID': 'speaker'}
    target = emotion
    labels = ['angry', 'quiet']

Paths in an experiment are relative to its folder, or to `sounds`, the folder in which nkululeko is
started. Values are read as literals and never evaluated. As in nkululeko, utterances that `mapping`
or `labels` do not name are left out.
"""

from __future__ import annotations

import ast
import configparser
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np

from sordino import textfile
from sordino.corpora import inside, sheet
from sordino.corpora.formats import audformat
from sordino.corpora.formats.foreign_rows import ForeignRow, Reading, corpus_name
from sordino.corpora.table import Corpus, join
from sordino.errors import CorpusError
from sordino.progress import listed, quoted

LARGEST_LITERAL: Final = 10_000
"""Characters of a list or dictionary in an experiment."""

MOST_DATABASES: Final = 100

_TIME: Final = re.compile(r"(\d{1,3}) days (\d\d):(\d\d):(\d\d(?:\.\d{1,9})?)")


def load(path: Path, reading: Reading) -> Corpus:
    """The corpus of a table (`.csv`) or of the databases of an experiment (`.ini`), joined.

    Raises `CorpusError` for another file, an experiment without a database, a value that is no
    literal, and as `Reading` does.
    """
    if path.suffix.lower() == ".csv":
        return _table(path, _Database(corpus_name(path.with_suffix(""))), reading)
    if path.suffix.lower() != ".ini":
        raise CorpusError(
            f"{path}: suffix {path.suffix or 'missing'}, expected a .csv table or an .ini "
            "experiment of nkululeko: name one of them"
        )
    experiment = _experiment(path)
    names = _literal(path, experiment, "databases", list)
    if not 0 < len(names) <= MOST_DATABASES or not all(isinstance(name, str) for name in names):
        raise CorpusError(
            f"{path}: databases {quoted(names)}, expected 1 to {MOST_DATABASES} names: correct it"
        )
    return join([_read(path, experiment, name.lower(), reading) for name in names])


@dataclass(frozen=True)
class _Database:
    """The settings of a database."""

    name: str
    emotions: Mapping[str, str] | None = None
    """Emotion in the table to its name; others are left out. None keeps all."""
    labels: tuple[str, ...] = ()
    """Emotions to which the utterances are restricted; all where empty."""
    columns: Mapping[str, str] | None = None
    """Standard column to that of the table."""
    folder: str = "."
    """The folder of the recordings, relative to the table."""

    def emotion(self, label: str) -> str | None:
        """The emotion of a label, None for an utterance that is left out."""
        name = label if self.emotions is None else self.emotions.get(label)
        return name if not self.labels or name in self.labels else None


def _experiment(path: Path) -> Mapping[str, str]:
    text = textfile.read(path, "an experiment of nkululeko", CorpusError, 1 << 20)
    parser = configparser.ConfigParser(interpolation=None, strict=False)
    try:
        parser.read_string(text)
        return dict(parser["DATA"])
    except (configparser.Error, KeyError) as error:
        raise CorpusError(
            f"{path}: no readable section [DATA], expected an experiment of nkululeko: correct it"
        ) from error


def _read(path: Path, data: Mapping[str, str], name: str, reading: Reading) -> Corpus:
    if name not in data:
        raise CorpusError(f"{path}: no entry {name}, expected the path of that database: add it")
    place = Path(inside.recording(reading.sounds or path.parent, data[name], f"{path}: {name}"))
    mapping = _literal(path, data, f"{name}.mapping", dict, None)
    database = _Database(
        name,
        _split(mapping) if mapping is not None else None,
        tuple(map(str, _literal(path, data, "labels", list, []))),
        _columns(path, data, name),
        data.get(f"{name}.audio_path", "."),
    )
    if data.get(f"{name}.type", "audformat") == "csv":
        return _table(place, database, reading)
    options = replace(reading, columns={"emotion": _target(data), **reading.columns})
    return _selected(audformat.load(place, options), database)


def _target(data: Mapping[str, str]) -> str:
    return data.get("target", "emotion").strip()


def _columns(path: Path, data: Mapping[str, str], name: str) -> Mapping[str, str]:
    """Standard column to the column of the table. nkululeko's own pages show both directions."""
    pairs = _literal(path, data, f"{name}.colnames", dict, {})
    columns = {"emotion": _target(data)}
    for first, second in pairs.items():
        source, standard = str(first), str(second)
        if standard not in _STANDARD and source in _STANDARD:
            source, standard = standard, source
        columns["gender" if standard == "sex" else standard] = source
    return {standard: source for standard, source in columns.items() if standard in _STANDARD}


_STANDARD: Final = ("speaker", "gender", "sex", "age", "emotion")


def _split(mapping: Mapping[Any, Any]) -> dict[str, str]:
    """Each label that a mapping names, also in a list with commas, to its emotion."""
    return {
        label.strip(): str(emotion)
        for labels, emotion in mapping.items()
        for label in str(labels).split(",")
    }


def _literal(path: Path, data: Mapping[str, str], key: str, kind: type, absent: Any = ()) -> Any:
    """The list or dictionary of an entry. Raises `CorpusError` for anything but a literal."""
    text = data.get(key)
    if text is None and absent != ():
        return absent
    try:
        if text is None or len(text) > LARGEST_LITERAL:
            raise ValueError("missing or too long")
        value = ast.literal_eval(text.strip())
        if not isinstance(value, kind):
            raise ValueError("another kind")
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError) as error:
        raise CorpusError(
            f"{path}: {key} {quoted(text)}, expected a {kind.__name__} of at most "
            f"{LARGEST_LITERAL:,} characters, as Python writes it: correct it"
        ) from error
    return value


def _table(path: Path, database: _Database, reading: Reading) -> Corpus:
    """The corpus of a CSV table."""
    columns = {**(database.columns or {}), **reading.columns}
    used = replace(reading, columns=columns)
    rows = sheet.read(path, ("file",))
    selected = list(_rows(rows, path, database, used))
    if not selected:
        raise CorpusError(
            f"{path}: none of {len(rows)} rows has an emotion that mapping and labels name: "
            "correct them"
        )
    home = reading.sounds or path.parent
    return _noted(used.corpus(str(path), home, selected, database.name), len(rows), database)


def _rows(
    rows: sheet.Sheet, path: Path, database: _Database, reading: Reading
) -> Iterator[ForeignRow]:
    for number, row in rows:
        place = f"row {number}"
        source = reading.source_of(f"{path}, {place}", "emotion", row)
        emotion = database.emotion(row[source])
        if emotion is None:
            continue
        times = {key: _seconds(row[key]) for key in ("start", "end") if key in row}
        file = str(path.parent.absolute() / database.folder / row["file"])
        yield ForeignRow(place, file, row | {source: emotion} | times)


def _seconds(cell: str) -> str:
    """Seconds of a time of pandas (`0 days 00:00:01.5`); other text stays."""
    match = _TIME.fullmatch(cell)
    if cell in ("", "NaT"):
        return ""
    if match is None:
        return cell
    days, hours, minutes, seconds = match.groups()
    return repr(float(seconds) + 60 * (int(minutes) + 60 * (int(hours) + 24 * int(days))))


def _selected(corpus: Corpus, database: _Database) -> Corpus:
    """The utterances of a corpus with an emotion that the experiment names."""
    names = [database.emotion(label) for label in corpus.column("emotion")]
    mask = [name is not None for name in names]
    if not any(mask):
        raise CorpusError(
            f"{database.name}: no utterance has an emotion that mapping and labels name, expected "
            f"some of {listed(sorted(set(corpus.column('emotion'))))}: correct them"
        )
    chosen = corpus.select(np.array(mask))
    table = chosen.table.assign(emotion=[name for name in names if name is not None])
    return _noted(replace(chosen, table=table), len(corpus), database)


def _noted(corpus: Corpus, rows: int, database: _Database) -> Corpus:
    """The corpus with a note on rows that were left out."""
    if len(corpus) == rows:
        return corpus
    note = (
        f"{database.name}: {rows - len(corpus):,} of {rows:,} utterances have an emotion that "
        "mapping or labels do not name, and are left out."
    )
    return replace(corpus, notes=(note, *corpus.notes))
