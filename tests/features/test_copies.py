"""Copies in other conditions: of their speaker alone, seeded by their recording, cached."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from sordino.corpora.table import Corpus
from sordino.errors import AudioError, SplitError
from sordino.features import extract
from sordino.features.copies import copy_vectors, in_conditions
from sordino.features.renderings import NoiseRecording, Rendering
from sordino.features.renderings import noises as read_noises
from sordino.features.sounds import recordings_of
from sordino.signal import audio
from sordino.signal.conditions import CONDITIONS

Noises = Callable[..., Corpus]


def other_sound(corpus: Corpus, row: int) -> None:
    """Write another sound in the place of a recording."""
    sound = np.random.default_rng(99).normal(0, 0.1, 8000)
    audio.write(corpus.table["file"][row], sound)


def test_a_copy_depends_on_files_of_its_speaker_alone(noises: Noises) -> None:
    corpus = noises(4)
    mine = corpus.speaker == corpus.speaker[0]
    before = copy_vectors("mel", corpus, 4, cache=None, jobs=1)
    other_sound(corpus, 1)
    after = copy_vectors("mel", corpus, 4, cache=None, jobs=1)
    np.testing.assert_array_equal(after[:, mine], before[:, mine])
    assert not np.array_equal(after[:, 1], before[:, 1])
    alone = copy_vectors("mel", corpus.select(mine), 4, cache=None, jobs=1)
    np.testing.assert_array_equal(alone, before[:, mine])


def test_a_copy_has_the_babble_of_its_speaker(noises: Noises) -> None:
    """The test before could see a foreign voice."""
    corpus = noises(3).select(np.array([0, 2]))  # of one speaker
    before = copy_vectors("mel", corpus, 8, cache=None, jobs=1)
    other_sound(corpus, 1)
    after = copy_vectors("mel", corpus, 8, cache=None, jobs=1)
    changed = (after[:, 0] != before[:, 0]).any(axis=1)
    assert 0 < changed.sum() < 8


def test_copies_are_cached_and_do_not_depend_on_order(noises: Noises, tmp_path: Path) -> None:
    corpus, cache = noises(4), tmp_path / "cache"
    x = copy_vectors("mel", corpus, 2, cache=cache, jobs=1)
    assert x.shape == (2, 4, 927)
    assert not np.array_equal(x[0], x[1])
    files = {file: file.stat().st_mtime_ns for file in cache.rglob("*.vector")}
    assert len(files) == 8
    order = np.array([2, 0, 3, 1])
    again = copy_vectors("mel", corpus.select(order), 2, cache=cache, jobs=1)
    np.testing.assert_array_equal(again, x[:, order])
    assert {file: file.stat().st_mtime_ns for file in cache.rglob("*.vector")} == files


def test_noise_of_the_user_changes_some_copies(noises: Noises, tmp_path: Path) -> None:
    corpus = noises(2)
    folder = tmp_path / "noise"
    audio.write(folder / "hum.wav", np.sin(np.arange(20000) / 9))
    (folder / "LICENCE.txt").write_text("CC0")
    sounds = read_noises(folder)
    assert len(sounds) == 1
    plain, noisy = (
        copy_vectors("mel", corpus, 8, noises=n, cache=None, jobs=1) for n in ((), sounds)
    )
    assert (plain != noisy).any(axis=2).sum() > 0


def test_a_folder_without_noise_is_refused(tmp_path: Path) -> None:
    with pytest.raises(AudioError, match="0 recordings, expected 1 to 1000"):
        read_noises(tmp_path)


def test_a_damaged_recording_of_noise_is_refused(tmp_path: Path) -> None:
    (tmp_path / "hum.wav").write_bytes(b"RIFF and nothing else")
    with pytest.raises(AudioError, match="hum"):
        read_noises(tmp_path)


def test_a_silent_part_of_noise_is_replaced_by_a_loud_one(tmp_path: Path) -> None:
    bark = np.zeros(80000)
    bark[70000:70800] = 0.5
    audio.write(tmp_path / "noise" / "bark.wav", bark)
    (noise,) = read_noises(tmp_path / "noise")
    for seed in range(8):
        part = noise.part(np.random.default_rng(seed), 16000)
        assert len(part) == 16000
        assert np.mean(part**2) == pytest.approx(1)


def test_a_silent_recording_of_noise_is_refused(tmp_path: Path) -> None:
    audio.write(tmp_path / "noise" / "pause.wav", np.zeros(16000))
    with pytest.raises(AudioError, match=r"pause\.wav: silent, expected noise"):
        read_noises(tmp_path / "noise")
    silence = NoiseRecording(str(tmp_path / "noise" / "pause.wav"), 1.0, "changed since")
    for seconds in (0.2, 5):
        with pytest.raises(AudioError, match=r"pause\.wav: silent, expected noise"):
            silence.part(np.random.default_rng(0), round(seconds * 16000))


def test_voices_and_noises_have_different_keys(noises: Noises) -> None:
    sound, voice = recordings_of(noises(2))
    noise = NoiseRecording(voice.file, 1.0, voice.key)
    keys = {
        Rendering(sound, "standard", 1, voices, sounds).key
        for voices, sounds in [((), ()), ((voice,), ()), ((), (noise,)), ((voice,), (noise,))]
    }
    assert len(keys) == 4


def test_the_noise_of_a_test_does_not_follow_the_rows(noises: Noises, tmp_path: Path) -> None:
    """Genders that alternate from row to row must not have a noise each."""
    corpus, group, order = noises(8), np.zeros(8, np.intp), np.roll(np.arange(8), 1)
    for number in range(2):
        audio.write(tmp_path / "noise" / f"{number}.wav", np.sin(np.arange(9000) / (3 + number)))
    sounds = read_noises(tmp_path / "noise")
    rows, rolled = (
        in_conditions("mel", part, ["noise-10"], group, noises=sounds, cache=None, jobs=1)[0]
        for part in (corpus, corpus.select(order))
    )
    np.testing.assert_array_equal(rolled, rows[order])


def test_a_babble_needs_another_speaker(noises: Noises) -> None:
    corpus, group = noises(4), np.array([0, 1, 0, 1])  # a speaker in each group
    with pytest.raises(SplitError, match=r"babble-10: no other speaker beside .* in group 0"):
        in_conditions("mel", corpus, ["babble-10"], group, cache=None, jobs=1)


def test_every_condition_of_a_test_has_its_vectors(noises: Noises) -> None:
    corpus = noises(4)
    group = np.zeros(4, np.intp)
    x = in_conditions("mel", corpus, CONDITIONS, group, cache=None, jobs=1)
    assert x.shape == (len(CONDITIONS), 4, 927)
    np.testing.assert_array_equal(x[0], extract("mel", corpus, None, jobs=1))
    assert len({vectors.tobytes() for vectors in x}) == len(CONDITIONS)


def test_the_babble_of_a_test_is_of_its_group(noises: Noises) -> None:
    corpus = noises(6)  # two speakers in turn
    group = np.array([0, 0, 1, 1, 1, 1])
    before = in_conditions("mel", corpus, ["babble-10"], group, cache=None, jobs=1)[0]
    other_sound(corpus, 5)
    after = in_conditions("mel", corpus, ["babble-10"], group, cache=None, jobs=1)[0]
    np.testing.assert_array_equal((after != before).any(axis=1), [0, 0, 1, 0, 1, 1])
