"""Extraction gives what openSMILE gives, in the corpus' order, and computes nothing twice."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import opensmile
import pandas as pd
import pytest
import soundfile
from numpy.typing import NDArray

from sordino.corpora import table
from sordino.corpora.table import Corpus
from sordino.errors import AudioError, FeatureError, StorageError
from sordino.features import FEATURE_SETS, extract, write_vectors
from sordino.signal import audio, functionals
from sordino.signal.smile import Functionals

SMALL = "eGeMAPSv02"
OPENSMILE = [name for name, features in FEATURE_SETS.items() if isinstance(features, Functionals)]


def reference(features: str, files: list[str]) -> NDArray[np.float32]:
    """openSMILE's own values, by its own documented call."""
    smile = opensmile.Smile(opensmile.FeatureSet[features], opensmile.FeatureLevel.Functionals)
    rows = []
    for file in files:
        samples, rate = soundfile.read(file, dtype="float32")
        rows.append(
            smile.process_signal(samples.clip(-32767 / 32768, 32767 / 32768), rate).to_numpy()[0]
        )
    return np.array(rows)


def modified_times(cache: Path) -> dict[Path, float]:
    return {
        file: file.stat().st_mtime_ns
        for file in cache.rglob("*.vector")
        if not file.name.startswith(".")
    }


@pytest.mark.slow
@pytest.mark.parametrize("features", OPENSMILE)
def test_values_are_exactly_those_of_opensmile(
    noises: Callable[..., Corpus], tmp_path: Path, features: str
) -> None:
    corpus = noises(3)
    x = extract(features, corpus, tmp_path / "cache", jobs=2)
    assert x.dtype == np.float32
    assert x.shape == (3, FEATURE_SETS[features].dims)
    np.testing.assert_array_equal(x, reference(features, list(corpus.table["file"])))
    np.testing.assert_array_equal(extract(features, corpus, tmp_path / "cache", jobs=2), x)
    assert len(set(FEATURE_SETS[features].names)) == FEATURE_SETS[features].dims


def test_mel_is_the_function_that_a_device_runs(
    noises: Callable[..., Corpus], tmp_path: Path
) -> None:
    corpus = noises(3)
    expected = [functionals(audio.read(file)) for file in corpus.column("file")]
    for _ in range(2):  # computed, then read
        np.testing.assert_array_equal(extract("mel", corpus, tmp_path / "cache", jobs=2), expected)
    assert len(modified_times(tmp_path / "cache")) == 3
    assert FEATURE_SETS["mel"].config.keys() >= {
        "recipe",
        "kaldi-native-fbank",
        "soxr",
        "libsndfile",
    }


@pytest.mark.slow
def test_values_on_real_speech_are_exactly_those_of_opensmile(data: Path) -> None:
    files = [str(file) for file in sorted((data / "ravdess").rglob("*.flac"))[::400]]
    corpus = table.make("ravdess", pd.DataFrame({"file": files, "speaker": "anyone"}))
    np.testing.assert_array_equal(extract("IS13", corpus, None, jobs=1), reference("IS13", files))


def test_row_order_and_number_of_processes_change_no_value(noises: Callable[..., Corpus]) -> None:
    corpus = noises(5)
    order = np.array([3, 0, 4, 1, 2])
    x = extract(SMALL, corpus, None, jobs=1)
    np.testing.assert_array_equal(extract(SMALL, corpus.select(order), None, jobs=2), x[order])


def test_relative_paths_hold_wherever_earlier_processes_stand(
    noises: Callable[..., Corpus], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    corpus = noises(4)
    x = extract(
        SMALL, corpus, None, jobs=2
    )  # joblib keeps these two processes, and the folder they stand in
    monkeypatch.chdir(tmp_path)
    moved = corpus.table.assign(
        file=[str(Path(file).relative_to(tmp_path)) for file in corpus.table["file"]]
    )
    np.testing.assert_array_equal(extract(SMALL, Corpus("noise", moved), "cache", jobs=2), x)
    assert len(modified_times(tmp_path / "cache")) == 4


def test_identical_recordings_and_cuts_are_computed_once(
    noises: Callable[..., Corpus], tmp_path: Path
) -> None:
    corpus = noises(2)
    copies = corpus.table.loc[[0, 1, 0, 0, 1]].reset_index(drop=True)
    copies["end"] = [np.nan, np.nan, np.nan, 0.25, 0.25]
    copies.loc[2, "file"] = str(
        audio.write(tmp_path / "copy.wav", audio.read(corpus.column("file")[0]))
    )
    x = extract(SMALL, Corpus("copies", copies), tmp_path / "cache", jobs=1)
    assert len(modified_times(tmp_path / "cache")) == 4
    np.testing.assert_array_equal(x[0], x[2])
    assert (x[0] != x[3]).any()
    assert (x[3] != x[4]).any()


def test_a_second_run_reads_and_computes_nothing(
    noises: Callable[..., Corpus], tmp_path: Path
) -> None:
    x = extract(SMALL, noises(4), tmp_path / "cache", jobs=1)
    before = modified_times(tmp_path / "cache")
    np.testing.assert_array_equal(extract(SMALL, noises(4), tmp_path / "cache", jobs=1), x)
    assert modified_times(tmp_path / "cache") == before
    extract(SMALL, noises(5), tmp_path / "cache", jobs=1)
    assert len(modified_times(tmp_path / "cache")) == 5
    assert before.items() <= modified_times(tmp_path / "cache").items()


def test_without_a_cache_nothing_is_written(noises: Callable[..., Corpus], tmp_path: Path) -> None:
    extract(SMALL, noises(2), None, jobs=1)
    assert {path.name for path in tmp_path.iterdir()} == {"sound"}


SOUNDS = {
    "silence": np.zeros(16000),
    "constant": np.full(16000, 0.5),
    "click": np.eye(1, 16000, 8000)[0],
    "full scale": np.sign(np.random.default_rng(0).normal(size=16000)),
    "beyond full scale": np.random.default_rng(0).normal(0, 10, 16000),
    "sixty milliseconds": np.random.default_rng(0).normal(0, 0.1, 960),
}


@pytest.mark.parametrize("features", ["mel", *OPENSMILE])
def test_odd_sounds_have_finite_values(features: str) -> None:
    for samples in SOUNDS.values():
        assert np.isfinite(FEATURE_SETS[features](samples.astype(np.float32))).all()


def test_full_scale_is_clipped_before_opensmile_turns_it_over(tmp_path: Path) -> None:
    loud = np.sign(np.random.default_rng(0).normal(size=16000)).astype(np.float32)
    soundfile.write(tmp_path / "loud.wav", loud, 16000, subtype="FLOAT")
    corpus = table.make(
        "loud", pd.DataFrame({"file": [str(tmp_path / "loud.wav")], "speaker": ["one"]})
    )
    smile = opensmile.Smile(opensmile.FeatureSet[SMALL], opensmile.FeatureLevel.Functionals)
    with np.errstate(invalid="ignore"):
        turned = smile(loud, 16000)[0, :, 0]  # +1.0 has become -1.0: a constant, hardly a sound
    x = extract(SMALL, corpus, None, jobs=1)[0]
    np.testing.assert_array_equal(x, smile(loud * np.float32(32767 / 32768), 16000)[0, :, 0])
    assert (x != turned).any()


def test_a_sound_without_functionals_is_an_error_and_not_nan() -> None:
    with pytest.raises(
        FeatureError, match=r"88 of 88 values of a sound of 0\.05 s are NaN or infinite"
    ):
        FEATURE_SETS[SMALL](np.ones(800, dtype=np.float32))


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_bad_recording_is_named_and_costs_no_other_vector(
    noises: Callable[..., Corpus], tmp_path: Path, jobs: int
) -> None:
    bad = tmp_path / "bad.wav"
    bad.write_text("no sound")
    with pytest.raises(AudioError, match=r"utterance 3: .*bad\.wav: not a sound file"):
        extract(SMALL, noises(3, [bad]), tmp_path / "cache", jobs)
    before = modified_times(tmp_path / "cache")
    assert jobs > 1 or len(before) == 3
    audio.write(bad, np.random.default_rng(9).normal(0, 0.1, 8000))
    assert extract(SMALL, noises(3, [bad]), tmp_path / "cache", jobs).shape == (4, 88)
    assert before.items() <= modified_times(tmp_path / "cache").items()


def test_a_recording_that_does_not_exist_is_named(tmp_path: Path) -> None:
    rows = pd.DataFrame({"file": [str(tmp_path / "gone.wav")], "speaker": ["one"]})
    with pytest.raises(StorageError, match=r"gone\.wav: .*check the path"):
        extract(SMALL, table.make("gone", rows), None)


def test_an_unknown_set_is_an_error_and_a_table_is_read(
    noises: Callable[..., Corpus], tmp_path: Path
) -> None:
    corpus = noises(2)
    path = write_vectors(tmp_path / "made.npz", np.eye(2, dtype=np.float32), corpus, ["a", "b"])
    np.testing.assert_array_equal(extract(str(path), corpus), np.eye(2))
    with pytest.raises(
        FeatureError,
        match=r"features IS14: expected one of auto, mel, .* \(\.parquet, \.csv, \.npz, \.shards\)",
    ):
        extract("IS14", corpus)


RUN = """
import sys, pandas
from sordino.corpora.table import Corpus
from sordino.features import extract
corpus = Corpus("noise", pandas.read_pickle(sys.argv[1]))
try:
    extract(sys.argv[3], corpus, sys.argv[2], jobs=int(sys.argv[4]))
except Exception as error:
    sys.exit(f"{type(error).__name__}: {error}")
"""


def started(
    corpus: Corpus, cache: Path, features: str = SMALL, jobs: int = 1
) -> subprocess.Popen[str]:
    """The same extraction in processes of its own."""
    rows = cache.parent / "rows.pickle"
    corpus.table.to_pickle(rows)
    command = [sys.executable, "-c", RUN, str(rows), str(cache), features, str(jobs)]
    return subprocess.Popen(command, stderr=subprocess.PIPE, text=True, start_new_session=True)


@pytest.mark.slow
def test_two_processes_share_a_cache(noises: Callable[..., Corpus], tmp_path: Path) -> None:
    corpus = noises(20)
    running = [started(corpus, tmp_path / "cache") for _ in range(2)]
    assert [process.communicate()[1] for process in running] == ["", ""]
    assert len(modified_times(tmp_path / "cache")) == 20
    x = extract(SMALL, corpus, tmp_path / "cache", jobs=1)
    np.testing.assert_array_equal(x, reference(SMALL, list(corpus.table["file"])))


@pytest.mark.slow
@pytest.mark.parametrize("jobs", [1, 2])
def test_a_run_that_is_killed_goes_on_from_what_it_kept(
    noises: Callable[..., Corpus], tmp_path: Path, jobs: int
) -> None:
    corpus, cache = noises(400), tmp_path / "cache"
    process = started(corpus, cache, "IS13", jobs)
    while len(modified_times(cache)) < 5 and process.poll() is None:
        time.sleep(0.01)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    before = modified_times(cache)
    assert 5 <= len(before) < 400
    first_rows = corpus.select(np.arange(8))
    x = extract("IS13", first_rows, cache, jobs=1)
    np.testing.assert_array_equal(x, reference("IS13", list(first_rows.table["file"])))
    assert before.items() <= modified_times(cache).items()


@pytest.fixture
def disk(tmp_path: Path):
    """A disk of 64 KiB: room for two vectors of IS13 of 25 kB each."""
    mount_point = tmp_path / "disk"
    mount_point.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64k", "sordino", mount_point],
        capture_output=True,
        check=False,
    )
    if mounted.returncode:
        pytest.skip("no right to mount a small disk here")
    yield mount_point
    subprocess.run(["umount", mount_point], check=True)


@pytest.mark.slow
@pytest.mark.parametrize("jobs", [1, 2])
def test_a_full_disk_says_so_and_keeps_what_was_computed(
    noises: Callable[..., Corpus], disk: Path, jobs: int
) -> None:
    corpus = noises(6)
    with pytest.raises(
        StorageError, match="the disk is full: free some space, or choose another place"
    ):
        extract("IS13", corpus, disk, jobs)
    before = modified_times(disk)
    assert 1 <= len(before) <= 2
    assert jobs > 1 or not [path for path in disk.rglob(".*") if path.is_file()], (
        "half a vector was left"
    )
    subprocess.run(["mount", "-o", "remount,size=1m", disk], check=True)
    x = extract("IS13", corpus, disk, jobs)
    np.testing.assert_array_equal(x, reference("IS13", list(corpus.table["file"])))
    assert before.items() <= modified_times(disk).items()


def test_a_disk_that_becomes_read_only_is_still_read(
    noises: Callable[..., Corpus], disk: Path
) -> None:
    corpus = noises(2)
    x = extract(SMALL, corpus, disk, jobs=1)
    subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
    np.testing.assert_array_equal(extract(SMALL, corpus, disk, jobs=1), x)
    with pytest.raises(StorageError, match="the place is read-only: choose another one"):
        extract(SMALL, noises(3), disk, jobs=1)


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="no /proc here")
def test_a_place_where_nothing_can_be_written_says_so(
    noises: Callable[..., Corpus], tmp_path: Path
) -> None:
    with pytest.raises(StorageError, match=r"/proc/.*: .*(check the path|choose another)"):
        extract(SMALL, noises(1), "/proc/sordino", jobs=1)
    (tmp_path / "file").write_text("mine")
    with pytest.raises(StorageError, match="choose another place"):
        extract(SMALL, noises(1), tmp_path / "file", jobs=1)


ABSENT = """
import sys
from pathlib import Path
import pandas
from sordino.corpora import table
from sordino.features import extract
corpus = table.make("noise", pandas.DataFrame({"file": [sys.argv[1]], "speaker": ["one"]}))
print(*extract("mel", corpus, None).shape)
try:
    extract("IS13", corpus, None)
except Exception as error:
    sys.exit(f"{type(error).__name__}: {error}")
"""


@pytest.mark.slow
def test_without_opensmile_mel_works_and_errors_name_the_package(
    noises: Callable[..., Corpus], tmp_path: Path
) -> None:
    """The same environment, seen through a folder that links to all of it but openSMILE."""
    site, seen = Path(opensmile.__file__).parents[1], tmp_path / "site"
    seen.mkdir()
    for package in site.iterdir():
        if not package.name.startswith("opensmile"):
            (seen / package.name).symlink_to(package)
    source = Path(__file__).parents[2] / "src"
    result = subprocess.run(
        [sys.executable, "-S", "-c", ABSENT, noises(1).column("file")[0]],
        env=os.environ | {"PYTHONPATH": f"{source}{os.pathsep}{seen}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.stdout.split() == ["1", str(FEATURE_SETS["mel"].dims)]
    assert result.stderr.startswith("DependencyError: openSMILE is not installed")
    assert 'pip install ".[opensmile]" in a clone' in result.stderr
