"""How well each feature set tells four emotions, and what it costs to compute: all of them side by
side in one run.

A linear support vector machine on z-scores, one speaker left out at a time; its C is chosen by
cross-validation over the other speakers. UAR over all utterances and in each corpus, with 95 %
intervals over speakers, the last column over the speakers that were not looked at while `mel` was
designed. Then processor seconds on one core for a second of sound.

    python benchmarks/features.py --corpus ravdess=data/ravdess --corpus emodb=data/emodb
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from functools import partial

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.model_selection import GridSearchCV, GroupKFold
from sklearn.svm import SVC

from sordino import metrics, parallel
from sordino.cli.options import CACHE, corpora_from
from sordino.corpora.table import Corpus
from sordino.features import FEATURE_SETS, extract
from sordino.signal import audio
from sordino.study import protocol

GRID = {"C": (0.03, 0.1, 0.3, 1.0, 3.0, 10.0)}
REFERENCE = "ComParE_2016"
Statistic = Callable[[NDArray[np.intp]], float]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--corpus", action="append", required=True, metavar="NAME=PATH")
    parser.add_argument("--features", action="append", choices=FEATURE_SETS)
    parser.add_argument(
        "--files", type=int, default=60, help="recordings that speed is measured on"
    )
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--jobs", type=int, default=parallel.count_workers())
    given = parser.parse_args()
    names = given.features or [*FEATURE_SETS]
    corpus = corpora_from(given.corpus).with_emotions(protocol.FOUR_EMOTIONS)
    print(f"{len(corpus)} utterances, {len(set(corpus.speaker))} speakers; chance is 0.25")
    guesses = {
        name: predictions(extract(name, corpus, CACHE, given.jobs), corpus, given.jobs)
        for name in names
    }
    print(
        pd.DataFrame({name: figures(guesses, name, corpus) for name in names})
        .T.fillna("")
        .to_string()
    )
    print(speeds(names, corpus, given.files, given.rounds).to_string())


def predictions(x: NDArray[np.float32], corpus: Corpus, jobs: int) -> NDArray[np.intp]:
    """The emotion that a machine fitted on all other speakers takes each utterance for, shape
    `(utterances,)`.
    """
    found = np.empty(len(corpus), dtype=np.intp)
    tests = [np.flatnonzero(corpus.speaker == speaker) for speaker in sorted(set(corpus.speaker))]
    predict = partial(predicted, x, emotions(corpus), corpus)
    parts = parallel.map(predict, tests, jobs=jobs, ordered=True)
    for test, part in zip(tests, parts, strict=True):
        found[test] = part
    return found


def predicted(
    x: NDArray[np.float32], y: NDArray[np.intp], corpus: Corpus, test: NDArray[np.intp]
) -> NDArray[np.intp]:
    train = np.setdiff1d(np.arange(len(corpus)), test)
    mean, deviation = x[train].mean(axis=0, dtype=float), x[train].std(axis=0, dtype=float)
    z = ((x - mean) / np.where(deviation > 0, deviation, np.inf)).clip(-10, 10).astype(np.float32)
    z /= np.sqrt(x.shape[1])  # so that C means the same in every set
    machine = SVC(kernel="precomputed", class_weight="balanced")
    search = GridSearchCV(machine, GRID, cv=GroupKFold(4), scoring="balanced_accuracy")
    search.fit(z[train] @ z[train].T, y[train], groups=corpus.speaker[train])
    guessed: NDArray[np.intp] = search.predict(z[test] @ z[train].T)
    return guessed


def emotions(corpus: Corpus) -> NDArray[np.intp]:
    return np.array([protocol.FOUR_EMOTIONS.index(emotion) for emotion in corpus.table["emotion"]])


def figures(guesses: dict[str, NDArray[np.intp]], name: str, corpus: Corpus) -> dict[str, str]:
    """One row of the table."""
    y, whose = emotions(corpus), corpus.column("corpus")
    rows = {
        "all": np.arange(len(y)),
        **{part: np.flatnonzero(whose == part) for part in dict.fromkeys(whose)},
    }
    rows["not looked at"] = np.flatnonzero(~np.isin(corpus.speaker, looked_at(corpus)))
    guess = guesses[name]
    told = {"values": str(FEATURE_SETS[name].dims)}
    told |= {
        part: limits(lambda r: metrics.uar(y[r], guess[r]), corpus, some, (0, 1))
        for part, some in rows.items()
    }
    if REFERENCE in guesses and name != REFERENCE:
        other = guesses[REFERENCE]
        for part in ("all", "not looked at"):
            told[f"less {REFERENCE}, {part}"] = limits(
                lambda r: metrics.uar(y[r], guess[r]) - metrics.uar(y[r], other[r]),
                corpus,
                rows[part],
                (-1, 1),
            )
    return told


def limits(
    statistic: Statistic, corpus: Corpus, rows: NDArray[np.intp], bounds: tuple[float, float]
) -> str:
    found = metrics.interval(
        lambda some: statistic(rows[some]),
        corpus.speaker[rows],
        stratum=corpus.column("corpus")[rows],
        bounds=bounds,
    )
    return f"{found.value:.3f} [{found.low:.3f}, {found.high:.3f}]"


def looked_at(corpus: Corpus) -> list[str]:
    """The half of the speakers that `mel` was designed on: every second of a corpus and gender."""
    people = corpus.table[["speaker", "corpus", "gender"]].drop_duplicates()
    return people.sort_values(["corpus", "gender", "speaker"])["speaker"].iloc[::2].tolist()


def speeds(names: list[str], corpus: Corpus, files: int, rounds: int) -> pd.DataFrame:
    """Median over rounds of the processor seconds for a second of sound, and how many times as fast
    `mel` is.
    """
    chosen = corpus.column("file")[:: max(1, len(corpus) // files)]
    sounds = [audio.read(file) for file in chosen]
    duration = sum(map(len, sounds)) / audio.SAMPLING_RATE
    took: dict[str, list[float]] = {name: [] for name in names}
    for _ in range(rounds):
        for name in names:
            FEATURE_SETS[name](sounds[0])  # what is loaded once is not counted
            begin = time.process_time()
            for samples in sounds:
                FEATURE_SETS[name](samples)
            took[name].append((time.process_time() - begin) / duration)
    median = {name: statistics.median(values) for name, values in took.items()}
    table = pd.DataFrame({"processor seconds a second": pd.Series(median).map("{:.5f}".format)})
    if "mel" in names:
        table["times mel"] = [f"{value / median['mel']:.1f}" for value in median.values()]
    return table


if __name__ == "__main__":
    main()
