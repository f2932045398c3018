"""Shards hold what `extract` computes; a run goes on where it stopped, with the same bytes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from sordino.corpora.table import Corpus
from sordino.errors import FeatureError
from sordino.features import extract, extract_shards, read_shards, read_vectors
from sordino.features.labelled import read_labelled
from sordino.features.shards import CorpusRows, ParquetRows, RowSource, TarRows, folder
from sordino.features.shards.rows import Needed, SoundRow
from sordino.features.tables import read_table
from tests.features.shards.stored_sounds import samples, wav, write_table, write_tar

Corpora = Callable[..., Corpus]


def files_of(path: Path) -> dict[str, bytes]:
    """The content of every file of a folder."""
    return {entry.name: entry.read_bytes() for entry in sorted(path.iterdir())}


@dataclass(frozen=True)
class Crash:
    """A sound that ends the process that decodes it."""

    file: str = "crash.wav"
    key: str = ""

    def read(self, sampling_rate: int) -> np.ndarray:  # noqa: ARG002
        os.kill(os.getpid(), signal.SIGKILL)
        raise AssertionError("the process lives")


@dataclass(frozen=True)
class Watched:
    """A source that counts the rows that were read, fails at one, and has sounds that crash."""

    source: RowSource
    fatal: int = -1
    crashing: tuple[int, ...] = ()
    read: tuple[list[int], ...] = ()

    @property
    def identity(self) -> dict[str, object]:
        return self.source.identity

    def check_labels(self, labels) -> None:
        self.source.check_labels(labels)

    def rows(self, labels, needed: Needed) -> Iterator[SoundRow | None]:
        for position, row in enumerate(self.source.rows(labels, needed)):
            if position == self.fatal:
                raise OSError("the network is away")
            if row is not None and self.read:
                self.read[0].append(position)
            yield replace(row, sound=Crash()) if row and position in self.crashing else row


def test_shards_have_the_vectors_of_extract(noises: Corpora, tmp_path: Path) -> None:
    corpus, out = noises(5), tmp_path / "x.shards"
    summary = extract_shards("mel", [CorpusRows(corpus)], out, ["speaker"], jobs=1, size=2)
    assert summary[1:5] == (5, 5, 3, 3)
    expected = extract("mel", corpus, None, jobs=1)
    with pytest.warns(UserWarning, match="speaker: labels of the corpus with equal values"):
        np.testing.assert_array_equal(read_vectors(out, corpus), expected)
    shards = list(read_shards(out))
    assert [len(shard) for shard in shards] == [2, 2, 1]
    assert list(shards[0].columns[:4]) == ["file", "start", "end", "speaker"]
    labelled = read_labelled(out, ["speaker"])
    assert isinstance(labelled.x, np.ndarray)
    np.testing.assert_array_equal(labelled.x.astype(np.float32), expected)
    assert labelled.labels["speaker"].tolist() == corpus.speaker.tolist()
    assert (out / "failures.jsonl").read_bytes() == b""


@pytest.mark.slow
def test_processes_and_sources_change_no_byte_of_vectors(tmp_path: Path) -> None:
    members = samples(6)
    sounds = [members[f"{number:04d}.wav"] for number in range(6)]
    tar = write_tar(tmp_path / "a.tar", members)
    table = write_table(tmp_path / "a.parquet", sounds)
    for number, content in enumerate(sounds):
        (tmp_path / f"{number}.wav").write_bytes(content)
    outs = [tmp_path / f"{name}.shards" for name in ("one", "two", "tables")]
    extract_shards("mel", [TarRows((tar,))], outs[0], ["emotion"], jobs=1, size=4)
    extract_shards("mel", [TarRows((tar,))], outs[1], ["emotion"], jobs=2, size=4)
    extract_shards("mel", [ParquetRows((table,))], outs[2], ["emotion"], jobs=1, size=4)
    assert files_of(outs[0]) == files_of(outs[1])
    vectors = [read_table(out).drop(columns=["file", "emotion"]) for out in outs]
    pd.testing.assert_frame_equal(vectors[0], vectors[2])


@pytest.mark.parametrize("fatal", [0, 3, 5, 6])
def test_a_run_goes_on_with_the_same_bytes(tmp_path: Path, fatal: int) -> None:
    members = samples(7) | {"0003.wav": b"no sound"}
    source = TarRows((write_tar(tmp_path / "a.tar", members),))
    whole, out = tmp_path / "whole.shards", tmp_path / "x.shards"
    extract_shards("mel", [source], whole, jobs=1, size=2)
    with pytest.raises(OSError, match="the network is away"):
        extract_shards("mel", [Watched(source, fatal)], out, jobs=1, size=2)
    assert not (out / "failures.jsonl").exists()
    read: list[int] = []
    summary = extract_shards("mel", [Watched(source, read=(read,))], out, jobs=1, size=2)
    assert read == list(range(fatal // 2 * 2, 7))
    assert (summary.utterances, summary.failures) == (7, 1)
    assert files_of(out) == files_of(whole)


def test_only_damaged_and_absent_shards_are_computed(tmp_path: Path) -> None:
    source = TarRows((write_tar(tmp_path / "a.tar", samples(7)),))
    out = tmp_path / "x.shards"
    extract_shards("mel", [source], out, jobs=1, size=2)
    whole = files_of(out)
    damaged = folder.shard_path(out, 1)
    damaged.write_bytes(damaged.read_bytes()[:-1] + b"x")
    folder.shard_path(out, 3).unlink()
    with pytest.raises(FeatureError, match=r"shard-000001\.parquet: absent, or changed"):
        read_table(out)
    read: list[int] = []
    summary = extract_shards("mel", [Watched(source, read=(read,))], out, jobs=1, size=2)
    assert (read, summary.computed) == ([2, 3, 6], 2)
    assert files_of(out) == whole
    assert extract_shards("mel", [Watched(source, 0)], out, jobs=1, size=2).computed == 0


def test_a_shard_that_no_manifest_lists_is_computed(tmp_path: Path) -> None:
    source = TarRows((write_tar(tmp_path / "a.tar", samples(4)),))
    out = tmp_path / "x.shards"
    extract_shards("mel", [source], out, jobs=1, size=2)
    whole = files_of(out)
    (out / "manifest.json").unlink()
    with pytest.raises(FeatureError, match="no manifest of shards, expected all shards"):
        next(read_shards(out))
    assert extract_shards("mel", [source], out, jobs=1, size=2).computed == 2
    assert files_of(out) == whole


def test_bad_recordings_are_listed_with_reasons(noises: Corpora, tmp_path: Path) -> None:
    (tmp_path / "bad.wav").write_bytes(b"no sound")
    corpus = noises(2, [tmp_path / "bad.wav", tmp_path / "absent.wav"])
    out = tmp_path / "x.shards"
    sounds = ParquetRows((write_table(tmp_path / "a.parquet", [None, wav(0)]),))
    summary = extract_shards("mel", [CorpusRows(corpus), sounds], out, jobs=1, size=3)
    rows = [json.loads(line) for line in (out / "failures.jsonl").read_text().splitlines()]
    assert [row["utterance"] for row in rows] == [2, 3, 4]
    assert rows[0]["file"] == str(tmp_path / "bad.wav")
    assert "not a sound file" in rows[0]["reason"]
    assert [failure._asdict() for failure in summary.first_failures] == rows
    assert [len(shard) for shard in read_shards(out)] == [2, 1]


def test_a_shard_without_a_vector_is_left_out(tmp_path: Path) -> None:
    members = samples(2) | {"0000.wav": b"", "0001.wav": b"no sound"}
    source = TarRows((write_tar(tmp_path / "a.tar", members),))
    summary = extract_shards("mel", [source], tmp_path / "x.shards", ["emotion"], jobs=1, size=2)
    assert (summary.vectors, summary.failures, summary.shards) == (0, 2, 1)
    assert list(read_shards(tmp_path / "x.shards")) == []
    with pytest.raises(FeatureError, match="no rows, expected one an utterance"):
        read_table(tmp_path / "x.shards")


def test_other_settings_are_refused(noises: Corpora, tmp_path: Path) -> None:
    out = tmp_path / "x.shards"
    extract_shards("mel", [CorpusRows(noises(2))], out, jobs=1)
    with pytest.raises(FeatureError, match="shards of a run with other sources, expected the same"):
        extract_shards("mel", [CorpusRows(noises(3))], out, jobs=1)
    with pytest.raises(FeatureError, match="run with other labels, shard_utterances, expected"):
        extract_shards("mel", [CorpusRows(noises(2))], out, ["speaker"], jobs=1, size=5)
    with pytest.raises(FeatureError, match=r"suffix missing, expected \.shards of a folder"):
        extract_shards("mel", [CorpusRows(noises(2))], tmp_path / "x", jobs=1)
    with pytest.raises(FeatureError, match="'file' is a column already"):
        extract_shards("mel", [CorpusRows(noises(2))], out, ["file"], jobs=1)


RUN = """
import sys
from pathlib import Path
from sordino.features.shards import TarRows, extract_shards
extract_shards("mel", [TarRows((Path(sys.argv[1]),))], sys.argv[2], ["age"], jobs=1, size=3)
"""


@pytest.mark.slow
def test_a_killed_process_leaves_whole_shards_alone(tmp_path: Path) -> None:
    tar = write_tar(tmp_path / "a.tar", samples(60))
    whole, out = tmp_path / "whole.shards", tmp_path / "x.shards"
    extract_shards("mel", [TarRows((tar,))], whole, ["age"], jobs=1, size=3)
    expected = files_of(whole)
    for count in (1, 8):
        process = subprocess.Popen([sys.executable, "-c", RUN, str(tar), str(out)])
        while len(list(out.glob("shard-*"))) < count and process.poll() is None:
            time.sleep(0.002)
        process.send_signal(signal.SIGKILL)
        process.wait()
        shards = {name: text for name, text in files_of(out).items() if name.startswith("shard")}
        assert count <= len(shards) < 20
        assert shards.items() <= expected.items()
    subprocess.run([sys.executable, "-c", RUN, str(tar), str(out)], check=True)
    hidden = [name for name in files_of(out) if name.startswith(".")]
    assert {name: text for name, text in files_of(out).items() if name not in hidden} == expected


@pytest.mark.parametrize(
    "content", ["", "[]", "{}", '{"format": 1, "shards": [{"bytes": -1}]}', "[" * 100_000]
)
def test_another_manifest_is_refused(noises: Corpora, tmp_path: Path, content: str) -> None:
    out = tmp_path / "x.shards"
    out.mkdir()
    (out / "manifest.json").write_text(content)
    with pytest.raises(FeatureError, match="no manifest of shards, expected one of"):
        extract_shards("mel", [CorpusRows(noises(1))], out, jobs=1)


@pytest.mark.slow
def test_a_crash_of_the_decoder_is_listed(noises: Corpora, tmp_path: Path) -> None:
    corpus = noises(6)
    whole = extract_shards("mel", [CorpusRows(corpus)], tmp_path / "a.shards", jobs=1)
    source = Watched(CorpusRows(corpus), crashing=(1, 4))
    summary = extract_shards("mel", [source], tmp_path / "b.shards", jobs=2)
    assert (whole.failures, summary.failures) == (0, 2)
    assert [failure.utterance for failure in summary.first_failures] == [1, 4]
    before, after = (read_table(tmp_path / name) for name in ("a.shards", "b.shards"))
    expected = before.iloc[[0, 2, 3, 5]].reset_index(drop=True)
    pd.testing.assert_frame_equal(after.reset_index(drop=True), expected)
