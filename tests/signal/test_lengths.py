"""A recording is decoded to its end, whatever length its header promises, and a cut one is told."""

from __future__ import annotations

import io
import struct
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from sordino.errors import AudioError
from sordino.signal import audio, wav
from tests.signal import synthetic_sounds
from tests.signal.synthetic_sounds import RATE, noise

LOUD_FIRST = np.concatenate([noise(3), np.zeros(4 * RATE)])
QUIET_FIRST = LOUD_FIRST[::-1]


def saved(folder: Path, name: str, content: bytes) -> Path:
    (folder / name).write_bytes(content)
    return folder / name


@pytest.mark.parametrize("samples", [LOUD_FIRST, QUIET_FIRST], ids=["loud first", "quiet first"])
def test_an_mp3_without_index_is_read_to_its_end(
    tmp_path: Path, samples: NDArray[np.float64]
) -> None:
    path = saved(tmp_path, "x.mp3", synthetic_sounds.mp3(samples, index=False))
    assert audio.read(path).size == pytest.approx(samples.size, abs=3000)
    assert audio.duration(path) == pytest.approx(7, abs=0.2)
    assert audio.header(path).frames is None


def test_an_mp3_with_index_has_its_exact_length(tmp_path: Path) -> None:
    assert (
        audio.read(saved(tmp_path, "x.mp3", synthetic_sounds.mp3(LOUD_FIRST))).size
        == LOUD_FIRST.size
    )


@pytest.mark.parametrize("index", [True, False], ids=["index", "no index"])
def test_a_cut_of_an_mp3_is_that_piece_of_the_whole(tmp_path: Path, index: bool) -> None:
    path = saved(tmp_path, "x.mp3", synthetic_sounds.mp3(noise(5), index))
    np.testing.assert_array_equal(
        audio.read(path, 2.0, 3.5), audio.read(path)[2 * RATE : round(3.5 * RATE)]
    )
    np.testing.assert_array_equal(audio.read(path, 2.0), audio.read(path)[2 * RATE :])


APE = struct.pack("<8sIIII8x", b"APETAGEX", 2000, 9032, 1, 2**31)
"""The footer of a title of 9000 bytes that has a header, too."""


@pytest.mark.parametrize(
    "tail", [b"TAG" + bytes(125), APE + b"x" * 9000 + APE], ids=["ID3v1", "APE"]
)
@pytest.mark.parametrize("index", [True, False], ids=["index", "no index"])
def test_titles_around_an_mp3_are_no_sound(tmp_path: Path, tail: bytes, index: bool) -> None:
    content = synthetic_sounds.mp3(noise(2), index)
    title = b"ID3\x04\0\0" + bytes([0, 0, 7, 104]) + b"\xff" * 1000
    plain, titled = (
        saved(tmp_path, "a.mp3", content),
        saved(tmp_path, "b.mp3", title + content + tail),
    )
    np.testing.assert_array_equal(audio.read(titled), audio.read(plain))


def test_an_index_that_promises_too_little_is_refused(tmp_path: Path) -> None:
    content = bytearray(synthetic_sounds.mp3(noise(7)))
    at = content.index(b"Xing") + 8
    content[at : at + 4] = (20).to_bytes(4, "big")
    with pytest.raises(AudioError, match="bytes of another sound follow its end"):
        audio.read(saved(tmp_path, "x.mp3", bytes(content)))


def test_an_index_that_promises_too_much_is_refused(tmp_path: Path) -> None:
    content = bytearray(synthetic_sounds.mp3(noise(7)))
    at = content.index(b"Xing") + 8
    content[at : at + 4] = (2000).to_bytes(4, "big")
    with pytest.raises(AudioError, match="the file is cut short"):
        audio.read(saved(tmp_path, "x.mp3", bytes(content)))


def test_joined_mp3_are_read_to_the_end(tmp_path: Path) -> None:
    joined = saved(
        tmp_path, "x.mp3", synthetic_sounds.mp3(noise(2)) + synthetic_sounds.mp3(noise(3, seed=1))
    )
    assert audio.duration(joined) == pytest.approx(5, abs=0.3)


@pytest.mark.parametrize("kind", ["MP3", "FLAC", "OGG"])
def test_a_second_sound_of_another_rate_is_refused(tmp_path: Path, kind: str) -> None:
    content = synthetic_sounds.encoded(noise(2), kind) + synthetic_sounds.encoded(
        noise(2, rate=44100), kind, 44100
    )
    with pytest.raises(AudioError, match=r"another sound|damaged"):
        audio.read(saved(tmp_path, "x", content))


@pytest.mark.parametrize("frames", [0, 40000])
def test_a_flac_of_unknown_or_short_length_is_read_whole(tmp_path: Path, frames: int) -> None:
    samples = noise(5)
    expected = audio.read(saved(tmp_path, "a.flac", synthetic_sounds.flac(samples)))
    np.testing.assert_array_equal(
        audio.read(saved(tmp_path, "b.flac", synthetic_sounds.flac(samples, frames))), expected
    )


def test_a_title_after_a_flac_is_no_sound(tmp_path: Path) -> None:
    path = saved(tmp_path, "x.flac", synthetic_sounds.flac(noise(5)) + b"TAG" + bytes(125))
    assert audio.read(path).size == 5 * RATE


def test_cuts_of_a_flac_of_unknown_length_are_exact(tmp_path: Path) -> None:
    path = saved(tmp_path, "x.flac", synthetic_sounds.flac(noise(5), 0))
    np.testing.assert_array_equal(audio.read(path, 1.5, 4.0), audio.read(path)[24000:64000])
    np.testing.assert_array_equal(audio.read(path, 1.5), audio.read(path)[24000:])
    with pytest.raises(AudioError, match=r"cut from 4 to 6 s, expected 0 <= start < end <= 5 s"):
        audio.read(path, 4.0, 6.0)


@pytest.mark.parametrize("kind", ["FLAC", "OGG", "MP3"])
def test_half_a_file_is_told(tmp_path: Path, kind: str) -> None:
    content = synthetic_sounds.encoded(noise(7), kind)
    with pytest.raises(AudioError, match="cut short"):
        audio.read(saved(tmp_path, "x", content[: len(content) // 2]))


@pytest.mark.parametrize("size", [0, 2**31 - 4096, 2**31, 2**32 - 1, 20000], ids=str)
def test_a_wav_of_wrong_size_reads_alike_from_file_and_pipe(tmp_path: Path, size: int) -> None:
    content = synthetic_sounds.wav(noise(2), size)
    samples = audio.read(saved(tmp_path, "x.wav", content))
    assert samples.size == 2 * RATE
    stream = io.BytesIO(content)
    np.testing.assert_array_equal(
        np.concatenate([*wav.read_blocks(stream, *wav.read_format(stream))])[:, 0], samples
    )


@pytest.mark.parametrize(
    "tail", [b"LIST\x1a\0\0\0INFOISFT" + bytes(18), bytes(5000), b"TAG" + bytes(125)]
)
def test_what_follows_the_samples_of_a_wav_is_no_sound(tmp_path: Path, tail: bytes) -> None:
    content = synthetic_sounds.wav(noise(2)) + tail
    assert audio.read(saved(tmp_path, "x.wav", content)).size == 2 * RATE
    stream = io.BytesIO(content)
    assert sum(map(len, wav.read_blocks(stream, *wav.read_format(stream)))) == 2 * RATE


def test_an_rf64_whose_recorder_died_is_read_to_its_end(tmp_path: Path) -> None:
    content = bytearray(synthetic_sounds.encoded(noise(2), "RF64"))
    at = content.index(b"ds64") + 16
    content[at : at + 8] = bytes(8)
    assert audio.read(saved(tmp_path, "x.wav", bytes(content))).size == 2 * RATE


@pytest.mark.parametrize(("start", "end"), [(0.0, np.nan), (0.5, 1.5)], ids=["all", "a cut"])
def test_a_wav_that_was_cut_short_is_refused(tmp_path: Path, start: float, end: float) -> None:
    path = saved(tmp_path, "x.wav", synthetic_sounds.wav(noise(2), size=10 * RATE))
    with pytest.raises(AudioError, match="96000 bytes of its samples are missing"):
        audio.read(path, start, end)


def test_the_header_of_a_cut_wav_is_refused(tmp_path: Path) -> None:
    path = saved(tmp_path, "x.wav", synthetic_sounds.wav(noise(2), size=10 * RATE))
    with pytest.raises(AudioError, match="96000 bytes of its samples are missing, the file is cut"):
        audio.header(path)


def test_a_flac_longer_than_its_header_has_its_true_length(tmp_path: Path) -> None:
    path = saved(tmp_path, "x.flac", synthetic_sounds.flac(noise(5), 40000))
    assert audio.header(path).frames is None
    assert audio.duration(path) == 5


def test_a_cut_after_the_length_in_a_flac_header_is_read(tmp_path: Path) -> None:
    path = saved(tmp_path, "x.flac", synthetic_sounds.flac(noise(5), 40000))
    signal = audio.read(path)
    np.testing.assert_array_equal(audio.read(path, 1.0, 4.0), signal[RATE : 4 * RATE])
    np.testing.assert_array_equal(audio.read(path, 3.0, 4.0), signal[3 * RATE : 4 * RATE])
    np.testing.assert_array_equal(audio.read(path, 3.0), signal[3 * RATE :])


def test_blocks_are_resampled_as_the_whole_is(tmp_path: Path) -> None:
    import soxr

    samples = noise(9, rate=44100).astype(np.float32)
    path = saved(
        tmp_path, "x.wav", synthetic_sounds.encoded(samples, "WAV", 44100, subtype="FLOAT")
    )
    np.testing.assert_array_equal(audio.read(path), soxr.resample(samples, 44100, 16000))
