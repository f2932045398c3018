"""How many decisions of a drawn release change when a stream cuts an utterance, and when there is
noise around it.

    python benchmarks/device/cutting.py --corpus ravdess=data/ravdess

Each recording stands between two seconds of its own noise, white and so many dB below full scale,
and is released whole and as `Segmenter` cuts it. Releases are fitted on recordings without noise,
of two thirds of the speakers; the others are measured: the share of decisions that differ from
those of the recording as it is, and how often each role passes for the required emotion.
"""

from __future__ import annotations

import argparse
import warnings

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sordino import parallel
from sordino.cli.options import CACHE, corpora_from
from sordino.corpora.split import Part
from sordino.corpora.table import Corpus
from sordino.define import ROLES
from sordino.device.sound.segment import Segmenter
from sordino.features import PreprocessFitter, extract
from sordino.policy import Policy
from sordino.release import DrawnFitter
from sordino.signal import audio, functionals
from sordino.study import POLICIES, protocol

FOLDS = 3
Vectors = NDArray[np.float32]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--corpus", action="append", required=True, metavar="NAME=PATH")
    parser.add_argument(
        "--noise", action="append", type=int, metavar="DB", help="by default -120, -100, -80, -60"
    )
    parser.add_argument("--jobs", type=int, default=parallel.count_workers())
    given = parser.parse_args()
    corpus = corpora_from(given.corpus).with_emotions(protocol.FOUR_EMOTIONS)
    clean = extract("mel", corpus, CACHE, given.jobs)
    print(f"{len(corpus)} utterances of {len(set(corpus.speaker))} speakers")
    lines = [
        line
        for noise in given.noise or (-120, -100, -80, -60)
        for line in lines_of(clean, corpus, noise, given.jobs)
    ]
    print(pd.DataFrame(lines).to_string(index=False, float_format="{:.3f}".format))


def lines_of(clean: Vectors, corpus: Corpus, noise: int, jobs: int) -> list[dict[str, object]]:
    """A line of the table for each policy and way."""
    vectors = parallel.map(
        lambda one: heard(one[1], noise, one[0]),
        enumerate(corpus.column("file")),
        jobs=jobs,
        ordered=True,
    )
    ways = zip(*vectors, strict=True)
    made = dict(zip(("whole", "cut"), map(np.stack, ways), strict=True))
    return [
        {
            "noise, dB": noise,
            "policy": policy.required_name,
            "way": way,
            **changed(clean, x, corpus, policy),
        }
        for policy in POLICIES
        for way, x in made.items()
    ]


def heard(file: str, noise: int, seed: int) -> tuple[Vectors, Vectors]:
    """The vector of a recording in noise, and of the longest utterance that a stream cuts out of
    it.
    """
    samples = audio.read(file)
    quiet = np.zeros(audio.SAMPLING_RATE)
    stream = np.concatenate([quiet, samples, quiet])
    stream += np.random.default_rng(seed).normal(0, 10 ** (noise / 20), stream.size)
    segmenter = Segmenter()
    cut = [*segmenter.push(stream), segmenter.end()]
    longest = max((one.samples for one in cut if one), key=len, default=samples)
    whole = stream[quiet.size : quiet.size + samples.size]
    return functionals(whole), functionals(longest)


def changed(clean: Vectors, x: Vectors, corpus: Corpus, policy: Policy) -> dict[str, float]:
    """What changes of the decisions on speakers whom the release never saw."""
    people = np.unique(corpus.speaker, return_inverse=True)[1]
    before, after = np.zeros(len(x), np.intp), np.zeros(len(x), np.intp)
    for fold in range(FOLDS):
        own, held = np.flatnonzero(people % FOLDS != fold), np.flatnonzero(people % FOLDS == fold)
        preprocess = PreprocessFitter("zscore").fit(clean[own])
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", ".* sound like ")
            muted = DrawnFitter(policy).fit(preprocess(clean), corpus, Part(own, own[:0]))
        before[held], after[held] = (muted.decide(preprocess(of[held])) for of in (clean, x))
    return {
        "changed": float(np.mean(before != after)),
        **passing("", before, corpus, policy),
        **passing("now ", after, corpus, policy),
    }


def passing(words: str, bins: NDArray[np.intp], corpus: Corpus, policy: Policy) -> dict[str, float]:
    """How often each role passes for the required emotion."""
    role = corpus.roles(policy)
    return {
        words + str(name): float(np.mean(bins[np.equal(role, place)]))
        for place, name in enumerate(ROLES)
    }


if __name__ == "__main__":
    main()
