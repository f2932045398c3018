"""The utterances of recordings, of standard input and of a microphone, each with its result."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import typer

from sordino.errors import AudioError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from sordino.device import Released, Result, Runtime


def check_input(files: Sequence[str], microphone: bool, raw: int | None) -> None:
    """Raise `AudioError` without any input, and for `--raw` without standard input."""
    if not (files or microphone):
        raise AudioError("no input, expected FILE, - or --microphone: add one")
    if raw is not None and "-" not in files:
        raise AudioError(
            f"--raw {raw} without standard input, expected -: give it in place of a FILE"
        )


def results(
    runtime: Runtime, files: Sequence[str], microphone: bool, raw: int | None
) -> Iterator[tuple[str, Released | str]]:
    """The vector, or the reason why there is none, of each recording and utterance of a stream."""
    from sordino.device.sound.microphone import listen

    for file in files:
        if file == "-":
            yield from _stream(runtime, file, *_standard_input(raw))
        else:
            yield file, _recording(runtime, file)
    if microphone:
        rate, blocks = listen()
        typer.echo("listening: Ctrl-C ends", err=True)
        yield from _stream(runtime, "microphone", rate, blocks)


def _recording(runtime: Runtime, file: str) -> Released | str:
    from sordino.signal import audio

    try:
        samples = audio.read(file, sampling_rate=runtime.sampling_rate)
    except AudioError as error:
        return str(error).removeprefix(f"{file}: ")
    return _vector_or_reason(runtime.utterance(samples, runtime.sampling_rate))


def _stream(
    runtime: Runtime, name: str, rate: int, blocks: Iterator[NDArray[np.float32]]
) -> Iterator[tuple[str, Released | str]]:
    from sordino.device import Stream
    from sordino.device.sound.stream import STREAM_RATES

    lowest, highest = STREAM_RATES
    if not lowest <= rate <= highest:
        raise AudioError(f"{name}: {rate} Hz, expected {lowest} to {highest}: resample it first")
    stream = Stream(runtime, rate)
    for block in blocks:
        yield from ((name, _vector_or_reason(result)) for result in stream.push(block))
    yield from ((name, _vector_or_reason(result)) for result in stream.end())


def _standard_input(raw: int | None) -> tuple[int, Iterator[NDArray[np.float32]]]:
    """The sampling rate of standard input, and its blocks."""
    from sordino.signal import wav

    coded, size = (wav.Format(raw), None) if raw is not None else wav.read_format(sys.stdin.buffer)
    return coded.sampling_rate, wav.read_blocks(sys.stdin.buffer, coded, size)


def _vector_or_reason(result: Result) -> Released | str:
    from sordino.device import Withheld

    return str(result.reason) if isinstance(result, Withheld) else result
