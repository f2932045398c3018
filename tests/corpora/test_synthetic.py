"""The corpus that espeak-ng says: the same for a seed, sound throughout, and acted as stated."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from sordino import corpora
from sordino.corpora import espeak, synthetic
from sordino.corpora.table import Corpus
from sordino.errors import CorpusError, DependencyError, StorageError

pytest.importorskip("espeakng_loader", reason="no espeak-ng: install the extra demo")

SPEAKERS = 4


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("synthetic")


@pytest.fixture(scope="module")
def corpus(folder) -> Corpus:
    return synthetic.make(folder, seed=3, speakers=SPEAKERS)


@pytest.fixture(scope="module")
def signals(corpus) -> list[NDArray[np.float64]]:
    return [soundfile.read(file)[0] for file in corpus.table["file"]]


@pytest.fixture(scope="module")
def pitches(signals) -> list[NDArray[np.float64]]:
    return [12 * np.log2(pitch_hz(signal) / 100) for signal in signals]  # semitones over 100 Hz


def contents(corpus: Corpus) -> list[bytes]:
    return [Path(file).read_bytes() for file in corpus.table["file"]]


def level_db(signal: NDArray[np.float64]) -> float:
    return float(10 * np.log10(np.mean(signal**2)))


def pitch_hz(signal: NDArray[np.float64]) -> NDArray[np.float64]:
    """The pitch of each voiced frame of 64 ms: the lag of the highest autocorrelation between 2.5
    and 16 ms.
    """
    result = []
    for frame in np.lib.stride_tricks.sliding_window_view(signal, 1024)[::512]:
        power = np.fft.irfft(np.abs(np.fft.rfft(frame - frame.mean(), 2048)) ** 2)
        lag = 40 + int(np.argmax(power[40:256]))
        if power[lag] > 0.6 * power[0] and np.mean(frame**2) > np.mean(signal**2) / 4:
            result.append(16000 / lag)
    return np.array(result)


def contrast(values: list[float], corpus: Corpus, emotion: str, intensity: str) -> float:
    """How much the median of `values` differs from that of neutral, on average over speakers."""
    table = corpus.table.assign(value=values)
    acted = table[(table["emotion"] == emotion) & (table["intensity"] == intensity)]
    neutral = table[table["emotion"] == "neutral"]
    difference = (
        acted.groupby("speaker")["value"].median() - neutral.groupby("speaker")["value"].median()
    )
    return float(difference.mean())


def test_the_number_of_jobs_does_not_change_the_bytes(corpus, tmp_path):
    again = synthetic.make(tmp_path, seed=3, speakers=SPEAKERS, jobs=1)
    assert contents(again) == contents(corpus)


def test_another_seed_has_another_folder_and_other_sound(corpus, folder):
    before = contents(corpus)
    other = synthetic.make(folder, seed=4, speakers=2)
    assert not set(contents(other)) & set(before)
    assert not set(other.table["file"]) & set(corpus.table["file"])
    assert contents(corpus) == before


@pytest.mark.slow
def test_a_killed_run_resumes_with_identical_bytes(tmp_path):
    complete = synthetic.make(tmp_path, seed=5, speakers=2)
    before = contents(complete)
    files = [Path(file) for file in complete.table["file"]]
    lost = {files[3], files[20], *files[28:]}
    for file in lost:
        file.unlink()
    kept = {file: file.stat().st_mtime_ns for file in files if file not in lost}
    assert contents(synthetic.make(tmp_path, seed=5, speakers=2)) == before
    assert {file: file.stat().st_mtime_ns for file in kept} == kept


def test_a_voice_does_not_depend_on_what_other_voices_said():
    def say(voice: espeak.Voice) -> NDArray[np.int16]:
        return voice.say("A jug of water.", rate=175, pitch=50, pitch_range=50, seed=1)

    alone = say(espeak.Voice("language en-us"))
    first, second = espeak.Voice("language en-us"), espeak.Voice("language en-us\npitch 200 300")
    say(second)
    assert np.array_equal(say(first), alone)
    assert not np.array_equal(say(second)[: len(alone)], alone[: len(alone)])


def test_emotions_and_genders_are_balanced(corpus):
    table = corpus.table
    assert corpus.name == "synthetic"
    assert (table.groupby("speaker")["gender"].first().value_counts() == SPEAKERS // 2).all()
    assert set(table["gender"]) == {"female", "male"}
    assert (table.groupby(["speaker", "emotion"]).size() == 7).all()
    assert set(table["emotion"]) == {"neutral", "happy", "sad", "angry"}
    assert set(table.loc[table["emotion"] == "neutral", "intensity"]) == {"normal"}
    assert set(table.loc[table["emotion"] != "neutral", "intensity"]) == {"normal", "strong"}
    assert table["file"].is_unique


def test_transcripts_are_known_and_their_order_varies(corpus):
    assert set(corpus.table["transcript"]) == set(synthetic.ENGLISH)
    words = corpus.table.groupby("speaker", sort=False)["transcript"].agg(tuple)
    assert words.is_unique


def test_every_recording_is_short_unclipped_mono_at_16_khz(corpus, signals):
    for file, signal in zip(corpus.table["file"], signals, strict=True):
        info = soundfile.info(file)
        assert (info.samplerate, info.channels, info.subtype) == (16000, 1, "PCM_16")
        assert 1.0 < info.duration < 3.5
        assert np.abs(signal).max() <= synthetic.PEAK + 1e-3
        assert level_db(signal) > -45
        assert np.isfinite(signal).all()


def test_every_two_recordings_differ(corpus):
    assert len(set(contents(corpus))) == len(corpus)


def test_loudness_follows_emotion_and_intensity(corpus, signals):
    levels = [level_db(signal) for signal in signals]
    happy, angry, angrier = (
        contrast(levels, corpus, *how)
        for how in (("happy", "strong"), ("angry", "normal"), ("angry", "strong"))
    )
    assert 2 < happy < angrier
    assert 4 < angry < angrier


def test_joy_is_higher_than_neutral_and_sadness_flatter(corpus, pitches):
    middle = [float(np.median(pitch)) for pitch in pitches]
    spread = [float(np.subtract(*np.percentile(pitch, [90, 10]))) for pitch in pitches]
    assert contrast(middle, corpus, "happy", "strong") > 4
    assert abs(contrast(middle, corpus, "sad", "strong")) < 3
    assert (
        contrast(spread, corpus, "sad", "strong") < 0 < contrast(spread, corpus, "happy", "strong")
    )


def test_sadness_is_slower_than_neutral(corpus, signals):
    letters = corpus.table["transcript"].str.len()
    rate = [count / len(signal) for count, signal in zip(letters, signals, strict=True)]
    assert contrast(rate, corpus, "sad", "strong") < 0


def test_women_speak_higher_than_men(corpus, pitches):
    pitch = corpus.table.assign(pitch=[np.median(pitch) for pitch in pitches])
    neutral = pitch[pitch["emotion"] == "neutral"].groupby(["gender", "speaker"])["pitch"].median()
    assert neutral["female"].min() > neutral["male"].max()


def test_fewer_than_two_speakers_are_refused(tmp_path):
    with pytest.raises(CorpusError, match="1 speakers, expected at least 2"):
        synthetic.make(tmp_path, speakers=1)


def test_a_place_that_cannot_be_written_says_so(tmp_path):
    (tmp_path / "taken").write_text("a file, no folder")
    with pytest.raises(StorageError, match="a part of the path is a file"):
        synthetic.make(tmp_path / "taken" / "inside", speakers=2)


def test_without_espeak_ng_the_error_names_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "espeakng_loader", None)
    with pytest.raises(DependencyError, match=r'pip install "\.\[demo\]"'):
        synthetic.make(tmp_path, speakers=2)


def test_another_language_is_other_sound(corpus: Corpus, folder: Path) -> None:
    spanish = synthetic.make(folder, seed=3, speakers=2, language="es")
    assert set(spanish.column("transcript")) <= set(synthetic.SPANISH)
    assert set(contents(spanish)).isdisjoint(contents(corpus))
    sound = soundfile.read(spanish.table["file"][0])[0]
    assert len(pitch_hz(sound)) > 5  # a voice
    spanish.table.assign(corpus="spanish").to_csv(folder / "spanish.csv", index=False)
    read = corpora.load("manifest", folder / "spanish.csv")
    assert sorted(set(read.table["corpus"])) == ["spanish"]
    assert sorted(read.column("emotion")) == sorted(spanish.column("emotion"))
    assert sorted(read.column("gender")) == sorted(spanish.column("gender"))


def test_a_language_that_is_not_known_is_refused(folder: Path) -> None:
    with pytest.raises(CorpusError, match="language 'xx', expected one of en-us, es: choose one"):
        synthetic.make(folder, language="xx")
