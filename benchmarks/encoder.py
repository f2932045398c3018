"""How well the pretrained encoders predict four emotions, beside `mel`, on unseen speakers.

A ridge classifier on z-scores, three folds of speakers; its penalty is chosen by cross-validation
over the speakers of the other two folds. UAR over all utterances and in each corpus, with 95 %
intervals over speakers. Then processor seconds on one core per second of sound.

    python benchmarks/encoder.py --corpus ravdess=data/ravdess --corpus emodb=data/emodb
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import RidgeClassifier
from sklearn.model_selection import GridSearchCV, GroupKFold, StratifiedGroupKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sordino import metrics
from sordino.cli.options import CACHE, corpora_from
from sordino.corpora.table import Corpus
from sordino.features import FEATURE_SETS, extract
from sordino.signal import audio
from sordino.study import protocol

SETS = ("mel", "speech-tiny", "speech", "speech+mel")
PENALTIES = np.geomspace(1, 1e5, 11)
TIMED = 20
"""Recordings on which speed is measured."""


def main() -> None:
    """Print one row a feature set."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--corpus", action="append", required=True, metavar="NAME=PATH")
    parser.add_argument("--features", action="append", choices=FEATURE_SETS)
    parser.add_argument("--cache", type=Path, default=CACHE)
    parser.add_argument("--jobs", type=int, default=1)
    options = parser.parse_args()
    corpus = corpora_from(options.corpus).with_emotions(protocol.EMOTIONS)
    print(f"{len(corpus)} utterances, {len(set(corpus.speaker))} speakers; chance is 0.25")
    emotions = np.array([protocol.EMOTIONS.index(emotion) for emotion in corpus.table["emotion"]])
    for name in options.features or SETS:
        x = extract(name, corpus, options.cache, options.jobs)
        predictions = cross_validated(x, emotions, corpus)
        figures = [
            f"{corpus_name} {uar_text(emotions, predictions, corpus, rows)}"
            for corpus_name, rows in rows_by_corpus(corpus).items()
        ]
        print(f"{name}: {x.shape[1]} values, {', '.join(figures)}; {speed(name, corpus):.4f} s/s")


def rows_by_corpus(corpus: Corpus) -> dict[str, NDArray[np.intp]]:
    """The rows of all corpora and of each."""
    names = corpus.column("corpus")
    return {
        "UAR": np.arange(len(names)),
        **{name: np.flatnonzero(names == name) for name in dict.fromkeys(names)},
    }


def cross_validated(
    x: NDArray[np.float32], emotions: NDArray[np.intp], corpus: Corpus
) -> NDArray[np.intp]:
    """The predicted emotion of each utterance by a classifier of other speakers."""
    predictions = np.empty(len(x), dtype=np.intp)
    strata = corpus.table["corpus"].astype(str) + " " + corpus.table["gender"].astype(str)
    folds = StratifiedGroupKFold(3, shuffle=True, random_state=0)
    for train, test in folds.split(x, strata, corpus.speaker):
        classifier = make_pipeline(StandardScaler(), RidgeClassifier(class_weight="balanced"))
        search = GridSearchCV(
            classifier,
            {"ridgeclassifier__alpha": PENALTIES},
            cv=GroupKFold(4),
            scoring="balanced_accuracy",
        )
        search.fit(x[train], emotions[train], groups=corpus.speaker[train])
        predictions[test] = search.predict(x[test])
    return predictions


def uar_text(
    truth: NDArray[np.intp],
    predictions: NDArray[np.intp],
    corpus: Corpus,
    rows: NDArray[np.intp],
) -> str:
    """UAR of some rows and its interval over speakers."""
    interval = metrics.interval(
        lambda selected: metrics.uar(truth[rows[selected]], predictions[rows[selected]]),
        corpus.speaker[rows],
        stratum=corpus.column("corpus")[rows],
        bounds=(0, 1),
    )
    return f"{interval.value:.3f} [{interval.low:.3f}, {interval.high:.3f}]"


def speed(name: str, corpus: Corpus) -> float:
    """Processor seconds per second of sound."""
    files = corpus.column("file")[:: max(1, len(corpus) // TIMED)]
    sounds = [audio.read(file) for file in files]
    FEATURE_SETS[name](sounds[0])  # loading weights is not counted
    begin = time.process_time()
    for samples in sounds:
        FEATURE_SETS[name](samples)
    return (time.process_time() - begin) * audio.SAMPLING_RATE / sum(map(len, sounds))


if __name__ == "__main__":
    main()
