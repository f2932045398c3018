"""Manifests of Lhotse: `*recordings*.jsonl` and `*supervisions*.jsonl`, also packed (`.jsonl.gz`).

Each supervision is an utterance: recording, start, duration, speaker, gender, text. Emotion and age
are in its `custom` fields. A source that is no single file (a command, a URL) is refused.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

from sordino import storage
from sordino.corpora.formats import json_lines
from sordino.corpora.formats.foreign_rows import (
    ForeignRow,
    Reading,
    corpus_name,
    require_folder,
    text_of,
)
from sordino.corpora.labels import quote
from sordino.corpora.table import Corpus
from sordino.errors import CorpusError

SAME_SECONDS: Final = 0.005
"""Difference up to which a supervision ends at the end of its recording."""

_SUFFIXES: Final = (".jsonl", ".jsonl.gz")


class _Recording(NamedTuple):
    """A recording of a manifest."""

    path: str
    seconds: float
    channels: int


def load(folder: Path, reading: Reading) -> Corpus:
    """The corpus of the two manifests in a folder.

    Raises `CorpusError` for a folder without one of each, an entry without its fields, a source
    that is no file, a supervision of one of several channels, and as `Reading` does.
    """
    recordings = {
        name: _recording(f"{path}, {place}", entry)
        for path in [_manifest(folder, "recordings")]
        for place, entry in json_lines.objects(path, "a recording of Lhotse")
        for name in [text_of(f"{path}, {place}", "id", entry.get("id"))]
    }
    path = _manifest(folder, "supervisions")
    return reading.corpus(str(path), folder, _rows(path, recordings), corpus_name(folder))


def _manifest(folder: Path, kind: str) -> Path:
    """The one manifest of a kind."""
    with storage.as_storage_error(require_folder(folder, "manifests of Lhotse")):
        paths = sorted(path for path in folder.glob(f"*{kind}*") if path.name.endswith(_SUFFIXES))
    if len(paths) != 1:
        raise CorpusError(
            f"{folder}: {len(paths)} manifests *{kind}*.jsonl or .jsonl.gz, expected one: choose a "
            "folder with one, or join them"
        )
    return paths[0]


def _recording(where: str, entry: Mapping[str, Any]) -> _Recording:
    sources = entry.get("sources")
    source = sources[0] if isinstance(sources, list) and len(sources) == 1 else None
    if not isinstance(source, dict) or source.get("type") != "file":
        raise CorpusError(
            f"{where}: no single source of type file, expected one (commands are never run, and "
            "nothing is downloaded): store the sound as a file"
        )
    channels = source.get("channels", [0])
    return _Recording(
        text_of(where, "source", source.get("source")),
        _seconds(where, "duration", entry),
        len(channels) if isinstance(channels, list) else 1,
    )


def _rows(path: Path, recordings: Mapping[str, _Recording]) -> Iterator[ForeignRow]:
    for place, entry in json_lines.objects(path, "a supervision of Lhotse"):
        where = f"{path}, {place}"
        name = text_of(where, "recording_id", entry.get("recording_id"))
        if name not in recordings:
            raise CorpusError(
                f"{where}: recording {quote(name)} is in no manifest, expected one of the "
                f"{len(recordings):,} recordings: correct it"
            )
        recording = recordings[name]
        if recording.channels > 1:
            raise CorpusError(
                f"{where}: a recording of {recording.channels} channels, expected one "
                "(sordino mixes channels, and so speakers): store the channel as a file"
            )
        start, seconds = _seconds(where, "start", entry), _seconds(where, "duration", entry)
        times: dict[str, float] = {"start": start}
        if start > 0 or abs(seconds - recording.seconds) > SAME_SECONDS:
            times["end"] = start + seconds
        custom = entry.get("custom")
        labels = custom if isinstance(custom, dict) else {}
        cells = {key: value for key, value in (labels | entry).items() if key not in _TECHNICAL}
        yield ForeignRow(place, recording.path, {**_UNKNOWN, **cells, **times})


_UNKNOWN: Final[Mapping[str, Any]] = {"speaker": None, "gender": None}
"""Lhotse leaves out fields without a value."""

_TECHNICAL: Final = ("custom", "alignment", "channel", "start", "duration")


def _seconds(where: str, name: str, entry: Mapping[str, Any]) -> float:
    value = entry.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1e9:
        raise CorpusError(f"{where}: {name} missing or no seconds, expected a number: correct it")
    return float(value)
