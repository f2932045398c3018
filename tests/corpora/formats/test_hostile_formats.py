"""Any content of a table is read as a corpus or refused with one error."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from hypothesis import given, settings
from hypothesis import strategies as st

from sordino import corpora
from sordino.corpora.formats import audiofolder, plain_yaml
from sordino.corpora.formats.registry import FORMATS
from sordino.errors import CorpusError, SordinoError
from tests.corpora.formats.people import sounds
from tests.corpora.synthetic_trees import table

PLACES: Final[Mapping[str, tuple[str, ...]]] = {
    "audformat": ("db.yaml", "db.files.csv"),
    "emobox": ("label_map.json", "x.jsonl"),
    "kaldi": ("wav.scp", "utt2spk", "spk2gender", "utt2emotion", "segments"),
    "lhotse": ("recordings.jsonl", "supervisions.jsonl"),
    "nkululeko": ("x.ini", "x.csv"),
    "parquet": ("x.parquet",),
}
"""The files of each format."""

WORDS = ("a1.wav", "file", "file_name", "speaker", "[DATA]", "databases", "=", "{", "}", '"', "../")
TEXT = st.lists(st.one_of(st.sampled_from(WORDS), st.text(max_size=5)), max_size=12).map(" ".join)
JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=8),
    lambda part: (
        st.lists(part, max_size=3) | st.dictionaries(st.text(max_size=8), part, max_size=3)
    ),
    max_leaves=8,
)
KEYS = st.sampled_from(
    ("file_name", "speaker", "gender", "emotion", "age", "start", "end", "scale")
)


def is_read_or_refused(name: str, path: Path) -> bool:
    try:
        return len(corpora.load(name, path)) > 0
    except SordinoError as error:
        return "\n" not in str(error)


@settings(max_examples=15)
@given(st.sampled_from(sorted(PLACES)), st.data())
def test_any_text_is_read_or_refused(name: str, data: st.DataObject) -> None:
    with tempfile.TemporaryDirectory() as temporary:
        folder = sounds(Path(temporary) / "data" / "x")
        for file in PLACES[name]:
            content = data.draw(TEXT).encode("utf-8", "replace")
            (folder / file).write_bytes(content)
        path = folder / "x.ini" if name == "nkululeko" else folder
        assert is_read_or_refused(name, path)


@settings(max_examples=15)
@given(st.lists(st.dictionaries(KEYS, JSON, min_size=5), min_size=1, max_size=3))
def test_any_values_are_read_or_refused(rows: list[dict[str, Any]]) -> None:
    with tempfile.TemporaryDirectory() as temporary:
        folder = sounds(Path(temporary))
        lines = [json.dumps({"file_name": "a1.wav"} | row) for row in rows]
        (folder / "metadata.jsonl").write_text("\n".join(lines))
        assert is_read_or_refused("audiofolder", folder)


@settings(max_examples=15)
@given(st.text(max_size=60))
def test_any_yaml_is_data_or_refused(text: str) -> None:
    with tempfile.TemporaryDirectory() as temporary:
        path = Path(temporary) / "x.yaml"
        path.write_text(text, encoding="utf-8", errors="replace")
        try:
            content: object = plain_yaml.read(path, "a header")
        except CorpusError as error:
            content = {"refused": str(error)}
        assert isinstance(content, dict)


@settings(max_examples=8)
@given(st.lists(st.tuples(st.text(min_size=1, max_size=6), st.text(max_size=8)), min_size=2))
def test_any_labels_survive_a_round_trip(people: list[tuple[str, str]]) -> None:
    with tempfile.TemporaryDirectory() as temporary:
        folder = sounds(Path(temporary) / "in")
        header = ("file", "speaker", "gender", "emotion", "transcript")
        files = ("a1.wav", "a2.wav", "b1.wav", "b2.wav")
        rows = [
            (file, speaker, "f", "sad", words)
            for file, (speaker, words) in zip(files, people, strict=False)
        ]
        path = table(folder / "m.csv", [header, *rows])
        try:
            corpus = corpora.load("manifest", path)
        except CorpusError:  # labels that a manifest refuses too
            return
        out = audiofolder.write(corpus, Path(temporary) / "manifest")
        result = corpora.load("audiofolder", out)
        columns = ["speaker", "gender", "emotion", "transcript"]
        assert result.table[columns].equals(corpus.table[columns])


def test_the_places_are_those_of_all_formats() -> None:
    assert {*PLACES, "audiofolder"} == set(FORMATS)
