"""A corpus of EmoBox: `data/CORPUS/CORPUS.jsonl` (or its folds) and `label_map.json`.

Ma et al. 2024, Interspeech, 1580-1584. An entry has `key`, `dataset`, `wav` (relative to the folder
above `data`), `length`, `emo`, and for a part of a recording `start_time` and `end_time`. It has
no speaker and no gender. They follow from the name of the recording, by the naming scheme of each
corpus (`RULES`), and otherwise from a table `speakers.csv` (`key,speaker,gender`) beside the
entries. They are never guessed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path, PurePosixPath
from typing import Any, Final

from sordino.corpora import sheet
from sordino.corpora.adapters import cremad, emodb, iemocap, ravdess
from sordino.corpora.adapters.file_names import speaker_sheet
from sordino.corpora.adapters.file_names.registry import FILE_NAMES
from sordino.corpora.formats import json_lines
from sordino.corpora.formats.foreign_rows import ForeignRow, Reading, require_folder, text_of
from sordino.corpora.labels import quote
from sordino.corpora.table import Corpus
from sordino.errors import CorpusError
from sordino.progress import listed

NameRule = Callable[[str], Mapping[str, str | float]]
"""From the path of a recording without suffix to its labels; raises `CorpusError`."""


def _of_name(parse: Callable[[str], Mapping[str, str | float]]) -> NameRule:
    return lambda path: parse(PurePosixPath(path).name)


RULES: Final[Mapping[str, NameRule]] = {
    "ravdess": _of_name(ravdess.parse),
    "emodb": _of_name(emodb.parse),
    "cremad": _of_name(cremad.parse),
    "iemocap": _of_name(iemocap.parse),
    **{
        emobox: FILE_NAMES[name].parse
        for emobox, name in {
            **{name: name for name in ("savee", "tess", "cafe", "emovo", "shemo")},
            **{name: name for name in ("aesdd", "subesco", "esd")},
            **{"jlcorpus": "jl", "emovdb": "emov_db", "asvpesd": "asvp_esd"},
        }.items()
    },
}
"""Name in EmoBox to the rule for speaker and gender. CREMA-D's names have no gender."""

TAKEN: Final = ("speaker", "gender", "age", "intensity", "transcript", "session")
"""Labels that follow from a name; the emotion is that of EmoBox."""

_EXPECTED: Final = "entries of EmoBox (key, dataset, wav, emo)"


def load(folder: Path, reading: Reading) -> Corpus:
    """The corpus in a folder `data/CORPUS` of EmoBox.

    Raises `CorpusError` for a folder without entries or label map, an emotion that is not in the
    map, a corpus without rule and table, and as `Reading` does.
    """
    require_folder(folder, _EXPECTED)
    names = json_lines.read_object(folder / "label_map.json", "a map of emotions of EmoBox")
    entries = _entries(folder)
    datasets = sorted({text_of(where, "dataset", entry.get("dataset")) for where, entry in entries})
    if len(datasets) != 1:
        raise CorpusError(
            f"{folder}: entries of {listed(datasets)}, expected those of one corpus: choose its "
            "folder"
        )
    labels = _labels_of(folder, datasets[0])
    rows = (_row(folder, where, entry, names, labels) for where, entry in entries)
    return reading.corpus(str(folder), folder.absolute().parent.parent, rows, datasets[0])


def _entries(folder: Path) -> list[tuple[str, dict[str, Any]]]:
    """The entries of the whole corpus, each key once, with their places."""
    files = sorted(folder.glob("*.jsonl")) or sorted(folder.glob("fold_1/*_fold_1.jsonl"))
    if not files:
        raise CorpusError(
            f"{folder}: no *.jsonl and no fold_1/*_fold_1.jsonl, expected {_EXPECTED}: choose "
            "data/CORPUS of EmoBox"
        )
    entries: dict[str, tuple[str, dict[str, Any]]] = {}
    for file in files:
        for place, entry in json_lines.objects(file, _EXPECTED):
            where = f"{file.relative_to(folder)}, {place}"
            key = text_of(f"{folder}/{where}", "key", entry.get("key"))
            if key in entries:
                raise CorpusError(
                    f"{folder}/{where}: a second entry {quote(key)}, expected one: remove one"
                )
            entries[key] = (where, entry)
    return list(entries.values())


def _labels_of(folder: Path, dataset: str) -> Callable[[str, str], Mapping[str, Any]]:
    """From key and path to speaker, gender and the like. The table takes precedence."""
    path = folder / speaker_sheet.NAME
    rule = RULES.get(dataset)
    if path.is_file() and rule is not None and "key" not in _header(path):
        genders = speaker_sheet.read(path)
        return lambda _, wav: _merged(path, rule(wav), genders)
    if path.is_file():
        table = _by_key(path)
        return lambda key, _: _required(path, key, table)
    if rule is None:
        raise CorpusError(
            f"{folder}: EmoBox has no speakers and genders, and there is no rule for the names of "
            f"{quote(dataset)}, expected one of {', '.join(RULES)}: add {speaker_sheet.NAME} with "
            "the columns key, speaker and gender"
        )
    return lambda _, wav: rule(wav)


def _header(path: Path) -> list[str]:
    rows = sheet.read(path, ("speaker", "gender"))
    return list(rows[0][1]) if rows else []


def _by_key(path: Path) -> dict[str, Mapping[str, Any]]:
    """The rows of a table by their key. Raises `CorpusError` for two rows of one key."""
    table: dict[str, Mapping[str, Any]] = {}
    for number, row in sheet.read(path, ("key", "speaker", "gender")):
        if row["key"] in table:
            raise CorpusError(
                f"{path}, row {number}: a second row of {quote(row['key'])}, expected one: remove "
                "one"
            )
        table[row["key"]] = row
    return table


def _merged(
    path: Path, labels: Mapping[str, Any], genders: Mapping[str, Mapping[str, Any]]
) -> Mapping[str, Any]:
    return {**labels, **_required(path, str(labels["speaker"]), genders)}


def _required(path: Path, key: str, table: Mapping[str, Mapping[str, Any]]) -> Mapping[str, Any]:
    if key not in table:
        raise CorpusError(f"{path}: no row for {quote(key)}, expected one: add it")
    return table[key]


def _row(
    folder: Path,
    where: str,
    entry: Mapping[str, Any],
    names: Mapping[str, Any],
    labels_of: Callable[[str, str], Mapping[str, Any]],
) -> ForeignRow:
    place = f"{folder}/{where}"
    key, wav, emotion = (text_of(place, name, entry.get(name)) for name in ("key", "wav", "emo"))
    if emotion not in names:
        raise CorpusError(
            f"{place}: emotion {quote(emotion)} is not in label_map.json, expected one of "
            f"{listed(list(names))}: add it there"
        )
    found = labels_of(key, str(PurePosixPath(wav).with_suffix("")) if wav else wav)
    cells: dict[str, Any] = {name: found[name] for name in TAKEN if name in found}
    cells = {"gender": ""} | cells | {"emotion": names[emotion]}
    times = {
        name: entry[source]
        for name, source in (("start", "start_time"), ("end", "end_time"))
        if entry.get(source) is not None
    }
    return ForeignRow(where, wav, cells | times)
