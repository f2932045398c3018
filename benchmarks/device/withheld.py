"""What a receiver learns from the fact that a vector came, at four gains of the microphone.

    python benchmarks/device/withheld.py --corpus ravdess=data/ravdess

Each recording is amplified, clipped at full scale and rounded to 16 bits, then passed to the device
whole and as a stream with quiet noise around it. A receiver sees nothing of a withheld utterance.
The AUC is that of an attacker who tells angry (or another emotion) from neutral by the number of
vectors that came: 0 or 1 of a recording, any number of a stream. `before` is the earlier rule, over
1 % of samples at ±0.999.
"""

from __future__ import annotations

import argparse
from functools import partial

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

from sordino import parallel
from sordino.cli.options import corpora_from
from sordino.device.runtime import _unusable
from sordino.device.sound.segment import DEFAULT_SEGMENTATION, Segmenter
from sordino.signal import audio
from sordino.signal.audio import SAMPLING_RATE
from sordino.study import protocol
from sordino.types import Vectors

GAINS_DB = (0, 6, 12, 20)
QUIET_SECONDS = 2.0
QUIET_DB = -60.0
EARLIER_SHARE, EARLIER_SCALE = 0.01, 0.999


def amplified(samples: NDArray[np.floating], gain_db: float) -> Vectors:
    """The samples as a microphone with this gain records them in 16 bits."""
    loud = np.clip(samples * 10 ** (gain_db / 20), -1, 1 - 2.0**-15)
    return np.asarray(np.round(loud * 2**15) / 2**15, np.float32)


def passes(samples: Vectors) -> tuple[bool, bool]:
    """Whether the device releases a vector, and whether it did so by the earlier rule."""
    usable = _unusable(samples) is None
    return usable, bool(usable and (np.abs(samples) >= EARLIER_SCALE).mean() <= EARLIER_SHARE)


def counts(gain_db: float, recording: tuple[int, str]) -> dict[str, int]:
    """The number of vectors of a recording, whole and as a stream, by both rules."""
    seed, file = recording
    speech = audio.read(file)
    whole = passes(amplified(speech, gain_db))
    quiet = np.zeros(round(QUIET_SECONDS * SAMPLING_RATE))
    noise = np.random.default_rng(seed).normal(
        0, 10 ** (QUIET_DB / 20), 2 * quiet.size + len(speech)
    )
    segmenter = Segmenter()
    stream = amplified(np.concatenate([quiet, speech, quiet]) + noise, gain_db)
    cut = [
        passes(part.samples)
        for part in [*segmenter.push(stream), segmenter.end()]
        if part and part.active_seconds >= DEFAULT_SEGMENTATION.shortest_seconds
    ]
    now, before = (sum(rule) for rule in zip(*cut, strict=True)) if cut else (0, 0)
    return {
        "whole": int(whole[0]),
        "whole, before": int(whole[1]),
        "stream": now,
        "stream, before": before,
    }


def main() -> None:
    """Print the AUC of each emotion against neutral, and the shares without a vector."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--corpus", action="append", required=True, metavar="NAME=PATH")
    parser.add_argument("--jobs", type=int, default=parallel.count_workers())
    options = parser.parse_args()
    corpus = corpora_from(options.corpus).with_emotions(protocol.FOUR_EMOTIONS)
    emotion, files = corpus.column("emotion"), corpus.column("file")
    lines = []
    for gain in GAINS_DB:
        count = partial(counts, gain)
        table = pd.DataFrame(parallel.map(count, enumerate(files), jobs=options.jobs, ordered=True))
        for case in table:
            line = {"gain": gain, "case": case, "nothing came": (table[case] == 0).mean()}
            for name in protocol.FOUR_EMOTIONS:
                if name != "neutral":
                    rows = np.isin(emotion, [name, "neutral"])
                    auc = float(roc_auc_score(emotion[rows] == name, table[case][rows]))
                    line[f"{name} AUC"] = max(auc, 1 - auc)
            lines.append(line)
    print(pd.DataFrame(lines).to_string(index=False, float_format="{:.3f}".format))


if __name__ == "__main__":
    main()
