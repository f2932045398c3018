"""Frames are those of the filterbank, in the corpus' order, and are computed once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from sordino.corpora import table
from sordino.corpora.table import Corpus
from sordino.errors import AudioError, StorageError
from sordino.features import extract, frames
from sordino.signal import audio, filterbank


@pytest.fixture
def clips(tmp_path: Path) -> Corpus:
    """Six noises, each of another length."""
    files = [tmp_path / "sound" / f"{number}.wav" for number in range(6)]
    for number, file in enumerate(files):
        audio.write(file, np.random.default_rng(number).normal(0, 0.1, 2000 + 1000 * number))
    return table.make(
        "clips", pd.DataFrame({"file": [str(file) for file in files], "speaker": "one"})
    )


def modified_times(cache: Path) -> dict[Path, int]:
    return {
        file: file.stat().st_mtime_ns
        for file in cache.rglob("*.vector")
        if not file.name.startswith(".")
    }


def assert_same(sequences: list[np.ndarray], expected: list[np.ndarray]) -> None:
    assert len(sequences) == len(expected)
    for sequence, reference in zip(sequences, expected, strict=True):
        assert sequence.dtype == np.float32
        np.testing.assert_array_equal(sequence, reference)


@pytest.mark.parametrize("jobs", [1, 2])
def test_values_are_those_of_the_filterbank(clips: Corpus, tmp_path: Path, jobs: int) -> None:
    expected = [filterbank(audio.read(file)) for file in clips.column("file")]
    assert [sequence.shape for sequence in expected] == [
        (11, 40),
        (17, 40),
        (23, 40),
        (29, 40),
        (36, 40),
        (42, 40),
    ]
    assert_same(frames(clips, tmp_path / "cache", jobs), expected)
    assert_same(frames(clips, tmp_path / "cache", jobs), expected)
    assert_same(frames(clips, None, jobs), expected)


def test_rows_come_in_their_order(clips: Corpus, tmp_path: Path) -> None:
    order = np.array([4, 0, 5, 2])
    sequences = frames(clips, tmp_path / "cache", jobs=1)
    assert_same(
        frames(clips.select(order), tmp_path / "cache", jobs=1), [sequences[row] for row in order]
    )
    assert_same(frames(clips.select(order), None, jobs=1), [sequences[row] for row in order])


def test_relative_paths_hold_wherever_earlier_processes_stand(
    clips: Corpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = frames(
        clips, None, jobs=2
    )  # joblib keeps these two processes, and the folder they stand in
    monkeypatch.chdir(tmp_path)
    moved = clips.table.assign(
        file=[str(Path(file).relative_to(tmp_path)) for file in clips.table["file"]]
    )
    assert_same(frames(Corpus("clips", moved), "cache", jobs=2), expected)
    assert len(modified_times(tmp_path / "cache")) == 6


def test_a_second_run_reads_and_what_is_new_is_computed(clips: Corpus, tmp_path: Path) -> None:
    frames(clips.select(np.arange(4)), tmp_path / "cache", jobs=1)
    before = modified_times(tmp_path / "cache")
    assert len(before) == 4
    frames(clips, tmp_path / "cache", jobs=1)
    assert len(modified_times(tmp_path / "cache")) == 6
    assert before.items() <= modified_times(tmp_path / "cache").items()


@pytest.mark.parametrize(
    "damage", [lambda content: content[:-160], lambda content: content + bytes(160), lambda _: b""]
)
def test_a_damaged_entry_is_computed_anew(
    clips: Corpus, tmp_path: Path, damage: Callable[[bytes], bytes]
) -> None:
    expected = frames(clips, tmp_path / "cache", jobs=1)
    path = min(modified_times(tmp_path / "cache"))
    content = path.read_bytes()
    path.write_bytes(damage(content))
    assert_same(frames(clips, tmp_path / "cache", jobs=1), expected)
    assert path.read_bytes() == content


def test_frames_and_vectors_share_a_folder_and_nothing_else(clips: Corpus, tmp_path: Path) -> None:
    expected = frames(clips, tmp_path, jobs=1)
    extract("eGeMAPSv02", clips, tmp_path, jobs=1)
    assert_same(frames(clips, tmp_path, jobs=1), expected)
    folders = sorted(path.name.rpartition("-")[0] for path in (tmp_path / "features").iterdir())
    assert folders == ["eGeMAPSv02", "filterbank"]


def test_identical_recordings_share_one_read_only_array(clips: Corpus, tmp_path: Path) -> None:
    copies = clips.table.loc[[0, 1, 0, 1]].reset_index(drop=True)
    copies["end"] = [np.nan, np.nan, np.nan, 0.1]
    for _ in range(2):  # computed, then read
        sequences = frames(Corpus("copies", copies), tmp_path / "cache", jobs=1)
        assert [len(sequence) for sequence in sequences] == [11, 17, 11, 8]
        assert sequences[0] is sequences[2]
        with pytest.raises(ValueError, match="read-only"):
            sequences[0][0, 0] = 1
    assert len(modified_times(tmp_path / "cache")) == 3


def test_a_bad_recording_is_named_and_the_run_resumes_from_cache(
    clips: Corpus, tmp_path: Path
) -> None:
    bad = Path(clips.column("file")[4])
    content = bad.read_bytes()
    bad.write_text("no sound")
    with pytest.raises(AudioError, match=r"utterance 4: .*4\.wav: not a sound file"):
        frames(clips, tmp_path / "cache", jobs=1)
    before = modified_times(tmp_path / "cache")
    assert len(before) == 5
    bad.write_bytes(content)
    assert len(frames(clips, tmp_path / "cache", jobs=1)) == 6
    assert before.items() <= modified_times(tmp_path / "cache").items()


def test_a_recording_that_is_too_short_or_not_there_is_named(tmp_path: Path) -> None:
    short = audio.write(tmp_path / "short.wav", np.zeros(300))
    rows = pd.DataFrame({"file": [str(short)], "speaker": ["one"]})
    with pytest.raises(AudioError, match=r"utterance 0: .*short\.wav: 18\.8 ms, expected at least"):
        frames(table.make("short", rows), None)
    with pytest.raises(StorageError, match=r"gone\.wav: .*check the path"):
        frames(table.make("gone", rows.assign(file=str(tmp_path / "gone.wav"))), None)


def test_silence_has_finite_frames(tmp_path: Path) -> None:
    file = audio.write(tmp_path / "silence.wav", np.zeros(16000))
    (sequences,) = frames(
        table.make("silence", pd.DataFrame({"file": [str(file)], "speaker": ["one"]})), None, jobs=1
    )
    assert np.isfinite(sequences).all()
    assert sequences.shape == (98, 40)
