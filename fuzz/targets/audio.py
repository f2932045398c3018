"""Sound: WAV streams, recordings, and blocks of samples."""

from __future__ import annotations

import io
from typing import Final

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from sordino.device import Released, Result, Stream
from sordino.errors import SordinoError
from sordino.signal import audio, wav
from targets.inputs import HERE, RATE, RUNTIME, SOUND, changed, changes, drawn_only, numbers


def _wav(bits: int, code: int) -> bytes:
    samples = np.tile(SOUND[: RATE // 4], 2)
    coded = (
        (samples * 32767).astype("<i2").tobytes() if code == 1 else samples.astype("<f4").tobytes()
    )
    fmt = np.array([16, 0], "<u4").tobytes()[:4] + np.array([code, 1], "<u2").tobytes()
    fmt += (
        np.array([RATE, RATE * bits // 8], "<u4").tobytes()
        + np.array([bits // 8, bits], "<u2").tobytes()
    )
    return b"RIFF\xff\xff\xff\xffWAVEfmt " + fmt + b"data\xff\xff\xff\xff" + coded


@given(
    kind=st.sampled_from([(16, 1), (32, 3)]),
    how=changes,
    near=st.booleans(),
    tail=st.binary(max_size=200),
)
def wav_stream(
    kind: tuple[int, int], how: list[tuple[str, int, bytes]], near: bool, tail: bytes
) -> None:
    if near:  # the header, where it matters most
        how = [(name, place % 60, some) for name, place, some in how]
    content = io.BytesIO(changed(_wav(*kind), how) + tail)
    try:
        coded, size = wav.read_format(content)
        stream = Stream(RUNTIME, coded.sampling_rate)
        for block in wav.read_blocks(content, coded, size):
            for result in stream.push(block):
                drawn_only(result)
    except SordinoError:
        return
    for result in stream.end():
        drawn_only(result)


def _recordings() -> dict[str, bytes]:
    """A second of sound in each format, two of them with a header that knows no length."""
    import soundfile

    wholes = {}
    for kind in ("WAV", "FLAC", "OGG", "MP3", "AIFF", "RF64"):
        content = io.BytesIO()
        soundfile.write(content, SOUND, RATE, format=kind)
        wholes[kind.lower()] = content.getvalue()
    flac = bytearray(wholes["flac"])
    flac[21:26] = bytes([flac[21] & 0xF0]) + bytes(4)
    index = next(name for name in (b"Info", b"Xing") if name in wholes["mp3"])
    return wholes | {
        "endless flac": bytes(flac),
        "endless mp3": wholes["mp3"].replace(index, bytes(4), 1),
    }


RECORDINGS: Final = _recordings()


@given(kind=st.sampled_from(sorted(RECORDINGS)), how=changes, near=st.booleans(), cut=st.booleans())
def recording(kind: str, how: list[tuple[str, int, bytes]], near: bool, cut: bool) -> None:
    if near:  # the header, where it matters most
        how = [(name, place % 80, some) for name, place, some in how]
    path = HERE / "recording"
    path.write_bytes(changed(RECORDINGS[kind], how))
    try:
        samples = audio.read(path, 0.1, 0.25) if cut else audio.read(path)
    except SordinoError:
        return
    assert samples.dtype == np.float32, samples.dtype
    assert np.isfinite(samples).all(), "a sample that is no number"
    assert 900 <= samples.size <= audio.LONGEST_SECONDS * RATE + 1, samples.size


@given(data=st.data())
def samples(data: st.DataObject) -> None:
    rate = data.draw(st.sampled_from([RATE, RATE, 8000, 44100, 48000, 7999, 0]))
    dtype = data.draw(st.sampled_from([np.float32, np.float64, np.float16]))
    sound = np.concatenate([np.zeros(RATE // 2), np.tile(SOUND, 2), np.zeros(RATE)]).astype(
        np.float64
    )
    for _ in range(data.draw(st.integers(0, 4))):  # a stretch of something else
        at, length = data.draw(st.integers(0, sound.size)), data.draw(st.integers(1, 4000))
        sound[at : at + length] = data.draw(numbers)
    with np.errstate(over="ignore"):
        sound = sound.astype(dtype)
    cuts = sorted(data.draw(st.lists(st.integers(0, sound.size), max_size=6)))
    whole, parts = Stream(RUNTIME, rate), Stream(RUNTIME, rate)
    once = [*whole.push(sound), *whole.end()]
    blocks = [part for part in np.split(sound, cuts) if part.size]
    if data.draw(st.booleans()):
        blocks = [np.column_stack([block, block]) for block in blocks]
    cut = [result for block in blocks for result in parts.push(block)] + parts.end()
    for result in [*once, *cut]:
        drawn_only(result)
    if rate >= 8000 and dtype != np.float16:  # half precision rounds the mean of channels
        assert list(map(_told, once)) == list(map(_told, cut)), "another block size, another result"


def _told(result: Result) -> object:
    return result.vector.tobytes() if isinstance(result, Released) else result
