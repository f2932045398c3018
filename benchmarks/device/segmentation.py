"""How well utterances are found in a stream of real speech with pauses and noise, and how fast.

    python benchmarks/device/segmentation.py --corpus emodb
    python benchmarks/device/segmentation.py --corpus ravdess --speakers 13-24
    python benchmarks/device/segmentation.py --corpus emodb --false-only --noise data/noise

Recordings, brought to one level, are joined with pauses of 0.7 to 3 s, and noise is added at so
many dB below it. The truth is where a recording lies within 30 dB of its loudest tenth of a second
before noise is added. An utterance counts as found where one segment alone covers at least 80 % of
it and no other utterance. Settings were chosen on actors 1 to 12 of RAVDESS.

The second table has no speaker near the microphone: utterances per hour that are cut from steady
noise, synthesised music, machines and babble (six of the corpus' voices at once), and from the
recordings in `--noise`, joined.
"""

from __future__ import annotations

import argparse
import functools
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sordino.device.sound.segment import Segmentation, Segmenter
from sordino.signal import audio, filterbank
from sordino.signal.audio import SAMPLING_RATE

Samples = NDArray[np.floating]
Spans = list[tuple[float, float]]

LEVEL = 0.03  # of the speech, full scale at 1
SLOPES = {"white": 0.0, "fan": 1.0, "hum": 0.0}
"""How the amplitude of each noise falls with frequency, as a power."""


def noise(kind: str, count: int, rng: np.random.Generator) -> Samples:
    """Noise of unit power: white, that of a fan (amplitude 1 / f), or mains hum in a little white
    noise.
    """
    spectrum = np.fft.rfft(rng.normal(size=count))
    spectrum /= np.maximum(np.fft.rfftfreq(count, 1 / SAMPLING_RATE), 20.0) ** SLOPES[kind]
    made = np.fft.irfft(spectrum, count)
    if kind == "hum":
        turns = 2 * np.pi * 50 * np.arange(count) / SAMPLING_RATE
        made = 0.1 * made + sum(np.sin(order * turns) / order for order in range(1, 9))
    scaled: Samples = made / np.sqrt(np.mean(made**2))
    return scaled


def spoken(samples: Samples) -> tuple[float, float]:
    """The intervals of speech in a clean recording, in seconds."""
    energy = np.exp(filterbank(samples.astype(np.float32))).sum(axis=1)
    smooth = np.convolve(energy, np.full(10, 0.1), mode="same")
    loud = np.flatnonzero(smooth > smooth.max() / 1000)
    return 0.01 * float(loud[0]), 0.01 * float(loud[-1] + 1)


def stream(
    files: list[Path], kind: str, snr: float, rng: np.random.Generator
) -> tuple[Samples, Spans]:
    """Recordings one after the other in noise, and the intervals of speech."""
    parts: list[Samples] = [np.zeros(round(rng.uniform(1, 3) * SAMPLING_RATE))]
    spans, at = [], len(parts[0])
    for file in files:
        samples = audio.read(file)
        begin, end = spoken(samples)
        samples = samples / np.sqrt(
            np.mean(samples[round(begin * SAMPLING_RATE) : round(end * SAMPLING_RATE)] ** 2)
        )
        pause = np.zeros(round(rng.uniform(0.7, 3) * SAMPLING_RATE))
        spans.append((begin + at / SAMPLING_RATE, end + at / SAMPLING_RATE))
        parts += [samples, pause]
        at += len(samples) + len(pause)
    return LEVEL * (np.concatenate(parts) + 10 ** (-snr / 20) * noise(kind, at, rng)).astype(
        np.float32
    ), spans


def found(segments: Spans, spans: Spans) -> Iterator[tuple[float, float]]:
    """The errors of both boundaries, in seconds, of each utterance that is found."""
    for begin, end in spans:
        over = [one for one in segments if one[0] < end and begin < one[1]]
        if len(over) == 1:
            first, last = over[0]
            alone = sum(first < other[1] and other[0] < last for other in spans) == 1
            if alone and min(end, last) - max(begin, first) >= 0.8 * (end - begin):
                yield first - begin, last - end


def measure(files: list[Path], kind: str, snr: float, seed: int, how: Segmentation) -> str:
    """A line of the table."""
    samples, spans = stream(files, kind, snr, np.random.default_rng(seed))
    segmenter, began = Segmenter(how), time.process_time()
    cut = list(segmenter.push(samples))
    took = time.process_time() - began
    last = segmenter.end()
    cut = [
        one
        for one in [*cut, *([last] if last else [])]
        if one.active_seconds >= how.shortest_seconds
    ]
    segments = [
        (one.start_seconds + how.lead_seconds, one.end_seconds - how.trail_seconds) for one in cut
    ]
    hits = np.array(list(found(segments, spans))).reshape(-1, 2)
    false = sum(
        all(last <= begin or end <= first for begin, end in spans) for first, last in segments
    )
    seconds = len(samples) / SAMPLING_RATE
    error = "  ".join(
        f"{1000 * np.median(one):+5.0f} {1000 * np.quantile(np.abs(one), 0.9):5.0f}"
        for one in hits.T
        if len(one)
    )
    return (
        f"{len(hits) / len(spans):6.3f}  {60 * false / seconds:9.2f}  {error}  {took / seconds:.5f}"
    )


def music(count: int, rng: np.random.Generator) -> Samples:
    """Chords of three decaying notes with harmonics, two a second, over a drum."""
    sound, beat = np.zeros(count), SAMPLING_RATE // 2
    time = np.arange(2 * beat) / SAMPLING_RATE
    for start in range(0, count - 2 * beat, beat):
        for note in rng.choice([0, 2, 4, 5, 7, 9, 11, 12], 3, replace=False):
            pitch = 220 * 2 ** (note / 12)
            tone = sum(np.sin(2 * np.pi * order * pitch * time) / order**2 for order in range(1, 6))
            sound[start : start + 2 * beat] += rng.uniform(0.5, 1) * tone * np.exp(-4 * time)
        sound[start : start + beat] += rng.normal(size=beat) * np.exp(-40 * time[:beat])
    return sound


def machine(count: int, rng: np.random.Generator) -> Samples:
    """A motor that runs for 2 to 10 s and rests for 1 to 5 s, over the noise of a fan."""
    speed, at = np.zeros(count), 0
    while at < count:
        run, rest = (round(rng.uniform(*span) * SAMPLING_RATE) for span in ((2, 10), (1, 5)))
        speed[at : at + run] = rng.uniform(20, 60)
        at += run + rest
    ramp = np.convolve(speed, np.full(1600, 1 / 1600), "same")
    turns = 2 * np.pi * np.cumsum(ramp) / SAMPLING_RATE
    motor = sum(np.sin(order * turns) / order for order in range(1, 30)) * (ramp > 1)
    mixed: Samples = noise("fan", count, rng) + motor
    return mixed


def babble(files: list[Path], count: int, rng: np.random.Generator) -> Samples:
    """Six voices at once, each an endless row of recordings of one level."""
    sound = np.zeros(count)
    for _ in range(6):
        at = 0
        while at < count:
            samples = audio.read(files[rng.integers(len(files))])[: count - at]
            sound[at : at + len(samples)] += samples / np.sqrt(np.mean(samples**2) + 1e-12)
            at += len(samples)
    return sound


def false_utterances(samples: Samples, how: Segmentation) -> str:
    """A line of the second table: utterances per hour, and the share of time in them."""
    level = LEVEL / np.sqrt(np.mean(samples**2))
    segmenter = Segmenter(how)
    cut = [*segmenter.push((level * samples).astype(np.float32)), segmenter.end()]
    kept = [part for part in cut if part and part.active_seconds >= how.shortest_seconds]
    hours = len(samples) / SAMPLING_RATE / 3600
    covered = sum(part.samples.size for part in kept) / len(samples)
    return f"{len(kept) / hours:8.0f}  {covered:6.2f}  {60 * hours:7.1f}"


def _joined(paths: list[Path], rng: np.random.Generator) -> Samples:  # noqa: ARG001
    return np.concatenate([*map(audio.read, paths)])


def print_false(files: list[Path], folder: Path | None, minutes: float, seed: int) -> None:
    """The second table."""
    count = round(60 * minutes * SAMPLING_RATE)
    makers: dict[str, Callable[[np.random.Generator], Samples]] = {
        **{kind: functools.partial(noise, kind, count) for kind in SLOPES},
        "music": functools.partial(music, count),
        "machine": functools.partial(machine, count),
        "babble": functools.partial(babble, files, count),
    }
    sounds = sorted(folder.rglob("*")) if folder else []
    by_kind: dict[str, list[Path]] = {}
    for path in sounds:
        if path.suffix in (".flac", ".wav"):
            kind = path.stem.rstrip("ABCDEFGH-0123456789") or path.stem  # esc-rain-1-26222-A
            by_kind.setdefault(kind, []).append(path)
    for kind, paths in by_kind.items():
        makers[kind] = functools.partial(_joined, paths)
    print("\nnoise             false/h    time  minutes")
    for kind, make in makers.items():
        line = false_utterances(make(np.random.default_rng(seed)), Segmentation())
        print(f"{kind:<18}{line}", flush=True)


def print_found(files: list[Path], corpus: str, seed: int) -> None:
    """The first table."""
    print(f"{len(files)} utterances of {corpus}; boundaries: median and 90 % of the error, in ms")
    print("noise  below    found  false/min  begin        end          processor seconds a second")
    for kind in SLOPES:
        for snr in (40, 30, 20, 10):
            print(
                f"{kind:<6} {snr:2d} dB   {measure(files, kind, snr, seed, Segmentation())}",
                flush=True,
            )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    shared = Path(__file__).parents[3] / "shared" / "data"
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("SORDINO_DATA") or shared))
    parser.add_argument("--corpus", choices=("ravdess", "emodb"), default="ravdess")
    parser.add_argument("--speakers", default="1-24", help="actors of RAVDESS, first-last")
    parser.add_argument("--files", type=int, default=120)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--noise", type=Path, metavar="DIR", help="recordings without speech")
    parser.add_argument("--minutes", type=float, default=10.0, help="of each synthesised noise")
    parser.add_argument("--false-only", action="store_true", help="print the second table only")
    given = parser.parse_args()
    files = sorted((given.data / given.corpus).rglob("*.flac"))
    if given.corpus == "ravdess":
        first, last = map(int, given.speakers.split("-"))
        files = [file for file in files if first <= int(file.stem[-2:]) <= last]
    rng = np.random.default_rng(given.seed)
    files = [files[one] for one in rng.permutation(len(files))[: given.files]]
    if not given.false_only:
        print_found(files, given.corpus, given.seed)
    print_false(files, given.noise, given.minutes, given.seed)


if __name__ == "__main__":
    main()
