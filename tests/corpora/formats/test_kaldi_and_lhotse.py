"""Data folders of Kaldi and manifests of Lhotse; commands in them are refused."""

from __future__ import annotations

import gzip
import json
import tracemalloc
from pathlib import Path
from typing import Any

import pytest

from sordino import corpora
from sordino.corpora.formats import json_lines
from sordino.errors import CorpusError
from tests.corpora.formats.people import ROWS, labels, sounds
from tests.corpora.synthetic_trees import text


def kaldi(folder: Path, **changes: str) -> Path:
    """A data folder; `changes` replace the content of a file, empty for none."""
    files = {
        "wav.scp": "\n".join(f"u{n} {row[0]}" for n, row in enumerate(ROWS)),
        "utt2spk": "\n".join(f"u{n} {row[1]}" for n, row in enumerate(ROWS)),
        "spk2gender": "anna f\nben m\n",
        "utt2emotion": "\n".join(f"u{n}\t{row[3]}" for n, row in enumerate(ROWS)),
        "text": "u0 Hello there",
    }
    sounds(folder)
    for name, content in (files | changes).items():
        if content:
            text(folder / name, content)
    return folder


def lhotse(folder: Path, recording: dict[str, Any], supervision: dict[str, Any]) -> Path:
    """Manifests with these changes in the first entries, the second one packed."""
    sounds(folder)
    recordings, supervisions = [], []
    for number, (file, speaker, gender, emotion) in enumerate(ROWS):
        source = {"type": "file", "channels": [0], "source": file}
        recordings.append({"id": f"r{number}", "sources": [source], "duration": 0.1})
        supervisions.append(
            {
                "id": f"s{number}",
                "recording_id": f"r{number}",
                "start": 0.0,
                "duration": 0.1,
                "speaker": speaker,
                "gender": gender,
                "custom": {"emotion": emotion},
            }
        )
    recordings[0] |= recording
    supervisions[0] |= supervision
    text(folder / "x_recordings_all.jsonl", "\n".join(map(json.dumps, recordings)))
    packed = gzip.compress("\n".join(map(json.dumps, supervisions)).encode())
    (folder / "x_supervisions_all.jsonl.gz").write_bytes(packed)
    return folder


def test_a_data_folder_gives_the_labels(tmp_path: Path) -> None:
    corpus = corpora.load("kaldi", kaldi(tmp_path))
    assert labels(corpus) == ROWS
    assert corpus.table["transcript"].tolist() == ["Hello there", "", "", ""]


def test_segments_are_parts_of_recordings(tmp_path: Path) -> None:
    segments = "u0 rec 0 0.05\nu1 rec 0.05 -1\nu2 rec 0.01 0.02\nu3 rec 0.02 0.03"
    rows = corpora.load("kaldi", kaldi(tmp_path, **{"wav.scp": "rec a1.wav", "segments": segments}))
    assert rows.table["start"].tolist() == [0, 0.01, 0.02, 0.05]
    assert rows.table["end"].isna().tolist() == [False, False, False, True]


def test_another_file_of_a_label_is_named(tmp_path: Path) -> None:
    emotions = "\n".join(f"u{n} {row[3]}" for n, row in enumerate(ROWS))
    folder = kaldi(tmp_path, utt2emotion="", utt2emo=emotions, spk2gender="")
    columns = {"emotion": "utt2emo", "gender": ""}
    corpus = corpora.load("kaldi", folder, columns=columns)
    assert [row[3] for row in labels(corpus)] == [row[3] for row in ROWS]


def test_any_label_may_have_a_file_or_be_left_out(tmp_path: Path) -> None:
    folder = kaldi(tmp_path, utt2session="u0 s1\nu1 s1\nu2 s2\nu3 s2")
    columns = {"session": "utt2session", "transcript": ""}
    table = corpora.load("kaldi", folder, columns=columns).table
    assert [name.rpartition("/")[2] for name in table["session"]] == ["s1", "s1", "s2", "s2"]
    assert set(table["transcript"]) == {""}
    with pytest.raises(CorpusError, match="utt2age: no such file"):
        corpora.load("kaldi", folder, columns={"age": "utt2age"})


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"wav.scp": "u0 touch pwned |"}, "is a command, expected a path .commands are never run"),
        ({"wav.scp": "u0 | touch pwned"}, "is a command"),
        ({"wav.scp": "u0 ../a.wav"}, "leads out of"),
        ({"wav.scp": "u9 a1.wav"}, "utt2spk: no line for 'u9'"),
        ({"wav.scp": "u0 a1.wav\nu0 a2.wav"}, "line 2: a second line of 'u0'"),
        (
            {"utt2emotion": ""},
            r"utt2emotion: no such file, expected emotion .*--map emotion=FILE",
        ),
        ({"spk2gender": "anna f"}, "spk2gender: no line for 'ben'"),
        ({"spk2gender": ""}, "--map gender=. where it is unknown"),
        ({"segments": "u0 rec"}, "segments: the line of 'u0', expected a recording of wav.scp"),
    ],
)
def test_a_wrong_data_folder_is_refused(
    changes: dict[str, str], match: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(CorpusError, match=match):
        corpora.load("kaldi", kaldi(tmp_path / "data", **changes))
    assert not (tmp_path / "pwned").exists()


def test_a_label_file_outside_of_the_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="expected the name of a file in"):
        corpora.load("kaldi", kaldi(tmp_path), columns={"emotion": "../utt2emotion"})


def test_manifests_of_lhotse_give_the_labels(tmp_path: Path) -> None:
    corpus = corpora.load("lhotse", lhotse(tmp_path, {}, {}))
    assert labels(corpus) == ROWS
    assert corpus.table["end"].isna().all()


def test_a_supervision_may_be_a_part(tmp_path: Path) -> None:
    part = {"start": 0.02, "duration": 0.03, "text": "Hi", "gender": None}
    first = corpora.load("lhotse", lhotse(tmp_path, {}, part)).table.iloc[0]
    assert (first["start"], round(first["end"], 6), first["transcript"]) == (0.02, 0.05, "Hi")
    assert first["gender"] == ""


@pytest.mark.parametrize(
    ("recording", "supervision", "match"),
    [
        (
            {"sources": [{"type": "command", "source": "touch pwned"}]},
            {},
            "no single source of type",
        ),
        ({"sources": [{"type": "url", "source": "https://x/a"}]}, {}, "nothing is downloaded"),
        ({"sources": "a1.wav"}, {}, "no single source"),
        ({"sources": [{"type": "file", "source": "/etc/passwd"}]}, {}, "leads out of"),
        (
            {"sources": [{"type": "file", "channels": [0, 1], "source": "a1.wav"}]},
            {},
            "a recording of 2 channels",
        ),
        ({}, {"recording_id": "r9"}, "recording 'r9' is in no manifest"),
        ({}, {"duration": "long"}, "duration missing or no seconds"),
        ({}, {"start": -1}, "start missing or no seconds"),
        ({}, {"custom": {}}, "no column emotion or emo or label for emotion"),
        ({}, {"speaker": None}, "no speaker, expected one in every row"),
    ],
)
def test_a_wrong_manifest_is_refused(
    recording: dict[str, Any], supervision: dict[str, Any], match: str, tmp_path: Path
) -> None:
    with pytest.raises(CorpusError, match=match):
        corpora.load("lhotse", lhotse(tmp_path, recording, supervision))


def test_a_manifest_that_is_no_gzip_is_refused(tmp_path: Path) -> None:
    folder = lhotse(tmp_path, {}, {})
    for content in (b"\x1f\x8bx", b'{"id": "u0"}\n'):
        (folder / "x_supervisions_all.jsonl.gz").write_bytes(content)
        with pytest.raises(CorpusError, match="no gzip of text"):
            corpora.load("lhotse", folder)


def test_a_packed_bomb_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = lhotse(tmp_path, {}, {})
    monkeypatch.setattr("sordino.corpora.formats.json_lines._LARGEST", 10_000)
    (folder / "x_supervisions_all.jsonl.gz").write_bytes(gzip.compress(b" " * 1_000_000))
    with pytest.raises(CorpusError, match="over 10,000 characters"):
        corpora.load("lhotse", folder)


@pytest.mark.parametrize("packed", [True, False])
def test_a_manifest_of_many_lines_is_refused(
    packed: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sordino.corpora.formats.json_lines.MOST_FOREIGN_ROWS", 1000)
    monkeypatch.setattr("sordino.corpora.formats.json_lines._LARGEST", 3_000_000)
    content, path = b"{}\n" * 1_000_000, tmp_path / f"x.jsonl{'.gz' * packed}"
    path.write_bytes(gzip.compress(content) if packed else content)
    tracemalloc.start()
    with pytest.raises(CorpusError, match="over 1,000 lines"):
        list(json_lines.objects(path, "a manifest"))
    assert tracemalloc.get_traced_memory()[1] < 4 * len(content)
    tracemalloc.stop()


def test_two_manifests_of_a_kind_are_refused(tmp_path: Path) -> None:
    text(lhotse(tmp_path, {}, {}) / "y_recordings.jsonl", "")
    with pytest.raises(CorpusError, match=r"2 manifests \*recordings\*.jsonl"):
        corpora.load("lhotse", tmp_path)
