"""Databases of audformat (audEERING): a header `db.yaml` and tables as CSV or Parquet.

The emotion is a column of a table of files or segments. Speaker, gender and age are columns of that
or of another table, or labels of the scheme of the speaker:

    schemes: speaker: labels: {anna: {gender: female, age: 31}}

The package `audformat` reads tables and writes databases (extra `audformat`). Its own loader of
headers can execute code from the header, and its loader of tables code from `.pkl` files. So the
header is parsed here as plain data, and tables are read from a copy without `.pkl`.
"""

from __future__ import annotations

import io
import math
import re
import tempfile
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

import pandas as pd

from sordino import storage
from sordino.corpora import inside
from sordino.corpora.checks.licences import licences
from sordino.corpora.formats import copies, plain_yaml, sound_tables
from sordino.corpora.formats.foreign_rows import (
    ALIASES,
    MOST_FOREIGN_ROWS,
    ForeignRow,
    Reading,
    corpus_name,
    require_folder,
)
from sordino.corpora.labels import quote
from sordino.corpora.table import NUMBERS, Corpus, plain_labels
from sordino.errors import CorpusError
from sordino.progress import listed, printable, shorten

_HEADER: Final = "db.yaml"
LARGEST_TABLE: Final = 1 << 30
"""Bytes of a table, in its file and in memory."""
_MOST_TABLES: Final = 1000
_CELL: Final = 64  # bytes of a small Python object

_EXPECTED: Final = "a database of audformat (db.yaml)"
_IDENTIFIER: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,199}")
_SUFFIXES: Final = (".parquet", ".csv")


def load(folder: Path, reading: Reading) -> Corpus:
    """The corpus in the folder of a database.

    A value of `columns` may name the table too: `emotion=emotion.train/emotion`.

    Raises `CorpusError` without the package or the database, for a header that is no plain data, a
    label that is in no table or in several, and as `Reading` does.
    """
    database = _database(folder)
    with tempfile.TemporaryDirectory() as copy:
        corpus = _corpus(_Tables(folder, database, Path(copy), reading.columns), reading)
    stated = database.license
    note = (f"licence in the header: {printable(shorten(str(stated), 200))}",) if stated else ()
    return replace(corpus, notes=(*note, *corpus.notes))


def _package() -> Any:
    try:
        import audformat
    except ImportError as error:
        raise CorpusError(
            "audformat: the package is not installed, expected it for this format: install "
            "sordino with the extra `audformat`"
        ) from error
    return audformat


def _database(folder: Path) -> Any:
    """The database with the header of a folder, without tables."""
    package = _package()
    path = require_folder(folder, _EXPECTED) / _HEADER
    if not path.is_file():
        raise CorpusError(f"{folder}: no {_HEADER}, expected {_EXPECTED}: choose its folder")
    header = plain_yaml.read(Path(inside.within(folder, str(path), str(path))), _EXPECTED)
    for kind in ("tables", "misc_tables"):
        names = header.get(kind) or {}
        if not isinstance(names, dict) or len(names) > _MOST_TABLES:
            raise CorpusError(f"{path}: {kind} is no list of tables, expected {_EXPECTED}")
        wrong = [
            name for name in names if not _IDENTIFIER.fullmatch(str(name)) or ".." in str(name)
        ]
        if wrong:
            raise CorpusError(
                f"{path}: table {quote(str(wrong[0]))}, expected a name of letters, digits, . _ + "
                "and -: rename it"
            )
    try:
        return package.Database.load_header_from_yaml(header)
    except Exception as error:  # a header of another form raises any exception
        raise CorpusError(
            f"{path}: not readable as a header, expected {_EXPECTED}: save it with audformat"
        ) from error


def _corpus(tables: _Tables, reading: Reading) -> Corpus:
    folder, database = tables.folder, tables.database
    emotions = tables.column("emotion")
    for scheme in database.schemes.values():
        if scheme.uses_table:  # the tables of labels come first, as other tables refer to them
            tables.frame(scheme.labels)
    frame = tables.frame(emotions[0])
    labels = {"emotion": frame[emotions[1]]}
    for standard in ALIASES:
        if standard not in ("emotion", "start", "end"):
            values = tables.values(standard, emotions, frame.index)
            if values is not None:
                labels[standard] = values
    columns = {"gender": ""} if "gender" not in labels else {}
    plain = Reading(columns, reading.sounds, reading.keep_absent)
    name = str(database.name) if _IDENTIFIER.fullmatch(str(database.name)) else corpus_name(folder)
    return plain.corpus(str(folder), folder, _rows(frame.index, labels), name)


def _rows(index: pd.Index, labels: Mapping[str, pd.Series]) -> Iterator[ForeignRow]:
    segmented = index.nlevels == 3
    lists = {name: list(values) for name, values in labels.items()}
    for number, key in enumerate(index):
        file, *times = key if segmented else (key,)
        cells = {name: values[number] for name, values in lists.items()}
        for name, time in zip(("start", "end"), times, strict=False):
            if not pd.isna(time) and not (name == "start" and not time.value):
                cells[name] = time.total_seconds()
        yield ForeignRow(f"row {number + 1}", str(file), cells)


@dataclass
class _Tables:
    """The tables of a database, each read once, and the labels in them."""

    folder: Path
    database: Any
    copy: Path
    """A folder in which the package finds the files that it may read."""
    columns: Mapping[str, str]
    """The chosen column of each label (`Reading.columns`)."""
    _frames: dict[str, pd.DataFrame] = field(default_factory=dict)

    def _names(self, standard: str) -> Sequence[str]:
        """The names that a column of a label may have."""
        name = self.columns.get(standard, "").rpartition("/")[2]
        return [name] if name else ALIASES[standard]

    def column(self, standard: str) -> tuple[str, str]:
        """Table and column of a label. Raises `CorpusError` for none and for several."""
        chosen = self.columns.get(standard, "")
        table, slash, _ = chosen.rpartition("/")
        names = self._names(standard)
        found = [
            (table_id, column)
            for column in names
            for table_id, content in self.database.tables.items()
            if column in content.columns and (not slash or table_id == table)
        ]
        if len(found) == 1:
            return found[0]
        tables = [f"{table_id}/{column}" for table_id, column in found]
        problem = (
            f"{standard} is in the tables {listed(tables)}" if found else f"no column {standard}"
        )
        available = [
            f"{key}/{column}"
            for key, item in self.database.tables.items()
            for column in item.columns
        ]
        unused = (
            "" if standard in ("speaker", "emotion") else f", or leave it out (`--map {standard}=`)"
        )
        raise CorpusError(
            f"{self.folder}: {problem}, expected one of {listed(available) or 'none'}: name it "
            f"(`--map {standard}=TABLE/COLUMN`){unused}"
        )

    def values(self, standard: str, emotions: tuple[str, str], index: pd.Index) -> pd.Series | None:
        """A label of each utterance: from a table, or from the scheme of the speaker; None for
        none. `emotions` are the table and column of the emotion, `index` its utterances.
        """
        chosen = self.columns.get(standard)
        if chosen == "":
            return None
        in_tables = any(
            column in table.columns
            for table in self.database.tables.values()
            for column in self._names(standard)
        )
        if in_tables:
            same = [
                name
                for name in ALIASES[standard]
                if name in self.database.tables[emotions[0]].columns
            ]
            place = (emotions[0], same[0]) if same and not chosen else self.column(standard)
            return _aligned(self.folder, self.frame(place[0])[place[1]], index)
        if standard == "speaker" or chosen:
            self.column(standard)
        values = self._of_speaker(standard, emotions, index)
        if values is None and standard == "gender":
            raise CorpusError(
                f"{self.folder}: no gender in a table or in the scheme of the speaker, expected "
                "one: add it, or leave it out (`--map gender=`)"
            )
        return values

    def _of_speaker(
        self, standard: str, emotions: tuple[str, str], index: pd.Index
    ) -> pd.Series | None:
        """A label of each utterance from the scheme of its speaker."""
        speakers = self.values("speaker", emotions, index)
        schemes = {
            table.columns[name].scheme_id
            for table in self.database.tables.values()
            for name in self._names("speaker")
            if name in table.columns and table.columns[name].scheme_id
        }
        for scheme in sorted(schemes):
            labels = self.database.schemes[scheme].labels
            if isinstance(labels, str):  # the name of a table of the speakers
                labels = self.frame(labels).to_dict("index")
            if not isinstance(labels, dict):
                continue
            for name in ALIASES[standard]:
                known = {
                    str(speaker): fields[name]
                    for speaker, fields in labels.items()
                    if isinstance(fields, dict) and name in fields
                }
                if known and speakers is not None:
                    return speakers.map(lambda speaker, known=known: known.get(str(speaker)))
        return None

    def frame(self, table_id: str) -> pd.DataFrame:
        """The content of a table, read from a copy of its CSV or Parquet file."""
        if table_id not in self._frames:
            self._frames[table_id] = self._read(table_id)
        return self._frames[table_id]

    def _read(self, table_id: str) -> pd.DataFrame:
        for suffix in _SUFFIXES:
            source = self.folder / f"db.{table_id}{suffix}"
            if source.is_file():
                inside.within(self.folder, str(source), str(source))
                content = storage.read_regular(source, LARGEST_TABLE + 1)
                if len(content) > LARGEST_TABLE:
                    raise CorpusError(
                        f"{source}: over {LARGEST_TABLE:,} bytes, expected fewer: split it"
                    )
                if suffix == ".parquet":
                    _check_size(source, content)
                storage.write(self.copy / source.name, content)
                break
        else:
            raise CorpusError(
                f"{self.folder}: no db.{table_id}.csv or .parquet (.pkl is never opened), "
                "expected the table: save the database as CSV or Parquet"
            )
        try:
            table = self.database[table_id]
            with warnings.catch_warnings():  # the package uses parts of pandas that will change
                warnings.simplefilter("ignore")
                table.load(str(self.copy / f"db.{table_id}"))
                frame: pd.DataFrame = table.df
            unique = frame.index.is_unique
        except Exception as error:  # parsers of damaged files raise any exception
            raise CorpusError(
                f"{source}: not readable, expected the table {table_id} of its header: save it anew"
            ) from error
        if not unique:
            raise CorpusError(f"{source}: an utterance twice, expected once: remove one")
        return frame


def _aligned(folder: Path, values: pd.Series, index: pd.Index) -> pd.Series:
    """Labels of files or segments in the order of the utterances."""
    if values.index.nlevels == 1 and index.nlevels == 3:
        aligned = values.reindex(index.get_level_values("file"))
        aligned.index = index
    elif values.index.nlevels == index.nlevels:
        aligned = values.reindex(index)
    else:
        raise CorpusError(
            f"{folder}: column {values.name} has labels of segments and the emotion has labels of "
            "files, expected both of one kind: choose other columns"
        )
    return aligned


def _check_size(source: Path, content: bytes) -> None:
    """Raise `CorpusError` for a Parquet table of many rows or of many bytes after it is decoded.

    Text that repeats is stored once, so its bytes follow from its dictionary and indices.
    """
    try:
        table = sound_tables.open_table(io.BytesIO(content))
        head = table.metadata
        groups = [head.row_group(number) for number in range(head.num_row_groups)]
        rows = max(head.num_rows, sum(max(0, group.num_rows) for group in groups))
        values = [
            sum(group.column(place).num_values for group in groups)
            for place in range(head.num_columns)
        ]
        size = sum(group.total_byte_size for group in groups) + _CELL * sum(values)
        if max([rows, *values]) <= MOST_FOREIGN_ROWS and size <= LARGEST_TABLE:
            size += sound_tables.stored_text_bytes(content)
    except Exception as error:  # parsers of damaged files raise any exception
        raise CorpusError(
            f"{source}: not readable, expected a table of its header: save it anew"
        ) from error
    if max([rows, *values]) > MOST_FOREIGN_ROWS or size > LARGEST_TABLE:
        raise CorpusError(
            f"{source}: {rows:,} rows of {size:,} bytes in memory, expected at most "
            f"{MOST_FOREIGN_ROWS:,} of {LARGEST_TABLE:,}: split it"
        )


def write(corpus: Corpus, folder: Path) -> Path:
    """Write a corpus as a database of audformat with copies of its recordings; the folder.

    Gender and age are labels of the scheme of the speaker. Parts of a longer recording are stored
    as files of their own. The header has the licence that sordino knows of the corpus. `load` reads
    the same labels and sounds.

    Raises `CorpusError` without the package, for a folder that has a file, and for rows of text.
    """
    package = _package()
    table = plain_labels(corpus.table)
    names = sorted(set(table["corpus"]))
    if len(names) > 1:
        raise CorpusError(
            f"{corpus.name}: utterances of {listed(names)}, expected one corpus in a database: "
            "write each by itself"
        )
    sounds = copies.write(corpus, folder)
    name = re.sub(r"[^A-Za-z0-9._+-]", "_", corpus.name)
    (licence,) = licences(names).values()
    database = package.Database(name=name, source="sordino", usage="other", license=licence)
    speakers: dict[str, dict[str, Any]] = {}
    for row in table.to_dict("records"):
        person = speakers.setdefault(row["speaker"], {"gender": ""})
        person["gender"] = person["gender"] or row["gender"]
        if "age" in row and not math.isnan(row["age"]):
            person["age"] = float(row["age"])
    database.schemes["speaker"] = package.Scheme("str", labels=speakers)
    database.schemes["emotion"] = package.Scheme("str", labels=sorted(set(table["emotion"])))
    for column in ("transcript", "intensity", "session"):
        database.schemes[column] = package.Scheme("str")
    numbers = [name for name in NUMBERS if name in table.columns and name != "age"]
    for column in numbers:
        database.schemes[column] = package.Scheme("float")
    content = package.Table(package.filewise_index(sounds))
    database["utterances"] = content
    for column in ("speaker", "emotion", "transcript", "intensity", "session", *numbers):
        content[column] = package.Column(scheme_id=column)
        content[column].set(table[column].tolist())
    database.save(str(folder), storage_format="csv", verbose=False)
    return folder
