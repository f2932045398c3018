"""Which utterances a device withholds in noise, by emotion and gender, and what a noise gate adds.

    python benchmarks/device/gate.py --corpus ravdess=data/ravdess --corpus emodb=data/emodb

Each speaker is brought to one median level, so that quiet utterances stay quieter than loud ones.
White noise or that of a fan is so many dB below that level. An utterance is withheld where the
stream finds none (`Segmenter`), where the runtime has a reason (clipped, silent, too short), or
where its loudest tenth of a second is less than `gate` dB above the noise before it; the row
without a gate is the device as it is. The AUC is that of an attacker who learns only whether an
utterance was withheld: 0.5 + half of the difference of two rates.
"""

from __future__ import annotations

import argparse
from functools import partial

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sordino import parallel
from sordino.cli.options import corpora_from
from sordino.corpora.table import Corpus
from sordino.device.runtime import _unusable
from sordino.device.sound.segment import DEFAULT_SEGMENTATION, Segmenter
from sordino.signal import audio
from sordino.signal.audio import SAMPLING_RATE
from sordino.study import protocol

Samples = NDArray[np.float64]
GATES = (0.0, 10.0, 15.0, 20.0)
LEVEL_DB = -30.0
TENTH = SAMPLING_RATE // 10


def loudest_db(samples: NDArray[np.floating]) -> float:
    """The level of the loudest tenth of a second, in dB of full scale."""
    power = np.convolve(samples.astype(float) ** 2, np.full(TENTH, 1 / TENTH), "valid")
    return float(10 * np.log10(power.max(initial=0) + 1e-12))


def noise(count: int, colour: str, random: np.random.Generator) -> Samples:
    """White noise, or that of a fan (amplitude 1 / f), of unit power."""
    spectrum = np.fft.rfft(random.normal(size=count))
    if colour == "fan":
        spectrum /= np.maximum(np.fft.rfftfreq(count, 1 / SAMPLING_RATE), 20.0)
    sound = np.fft.irfft(spectrum, count)
    return np.asarray(sound / np.sqrt(np.mean(sound**2)))


def margin_db(colour: str, snr: float, recording: tuple[str, float, int]) -> float:
    """The distance of an utterance from the noise before it, as a device hears it in a stream; NaN
    where the device withholds it. `recording` is a file, its gain in dB and the seed of its noise.
    """
    file, gain_db, seed = recording
    random = np.random.default_rng(seed)
    speech = 10 ** (gain_db / 20) * audio.read(file)
    quiet = np.zeros(2 * SAMPLING_RATE)
    stream = np.concatenate([quiet, speech, quiet])
    stream = stream + 10 ** ((LEVEL_DB - snr) / 20) * noise(stream.size, colour, random)
    segmenter = Segmenter()
    cut = [*segmenter.push(stream.astype(np.float32)), segmenter.end()]
    usable = [
        part.samples
        for part in cut
        if part
        and part.active_seconds >= DEFAULT_SEGMENTATION.shortest_seconds
        and _unusable(part.samples) is None
    ]
    if not usable:
        return float("nan")
    longest = max(usable, key=len)
    before = longest[: 3 * TENTH].astype(float)
    return loudest_db(longest) - float(10 * np.log10(np.mean(before**2) + 1e-12))


def rates(withheld: NDArray[np.bool_], corpus: Corpus) -> dict[str, float]:
    """The share of withheld utterances by emotion and gender, and the largest AUCs."""
    emotion, gender = corpus.column("emotion"), corpus.genders()
    by_emotion = {name: float(withheld[emotion == name].mean()) for name in protocol.FOUR_EMOTIONS}
    by_gender = [float(withheld[gender == code].mean()) for code in (0, 1)]
    apart = max(abs(rate - by_emotion["neutral"]) for rate in by_emotion.values())
    return {
        "withheld": float(withheld.mean()),
        **by_emotion,
        "gender 0": by_gender[0],
        "gender 1": by_gender[1],
        "AUC emotion": 0.5 + apart / 2,
        "AUC gender": 0.5 + abs(by_gender[0] - by_gender[1]) / 2,
    }


def main() -> None:
    """Print a table for each noise, with one row for each gate."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--corpus", action="append", required=True, metavar="NAME=PATH")
    parser.add_argument(
        "--files", type=int, default=400, help="utterances, evenly over the corpora"
    )
    parser.add_argument("--jobs", type=int, default=parallel.count_workers())
    options = parser.parse_args()
    corpus = corpora_from(options.corpus).with_emotions(protocol.FOUR_EMOTIONS)
    corpus = corpus.select(np.arange(0, len(corpus), max(1, len(corpus) // options.files)))
    files = corpus.column("file")
    compute = partial(parallel.map, jobs=options.jobs, ordered=True)
    levels = [*compute(_level, files)]
    medians = pd.Series(levels).groupby(corpus.speaker).transform("median").to_numpy()
    for colour, snr in (("white", 40), ("white", 20), ("white", 10), ("fan", 10)):
        margin = partial(margin_db, colour, snr)
        recordings = zip(files, LEVEL_DB - medians, range(len(files)), strict=True)
        margins = np.array([*compute(margin, recordings)])
        lines = [
            {"noise": colour, "below": snr, "gate": gate, **rates(~(margins >= gate), corpus)}
            for gate in GATES
        ]
        table = pd.DataFrame(lines).to_string(index=False, float_format="{:.3f}".format)
        print(table, flush=True)


def _level(file: str) -> float:
    return loudest_db(audio.read(file))


if __name__ == "__main__":
    main()
