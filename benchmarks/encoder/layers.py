"""Which layer and which pooling of the encoder of `speech` predict four emotions best.

The recordings are those of the validation speakers: every second speaker of each corpus and gender.
A ridge classifier on z-scores is fitted with one speaker left out at a time; its penalty is chosen
on the other speakers. UAR over all utterances and in each corpus, with 95 % intervals over
speakers. Chance is 0.25.

    python benchmarks/encoder/layers.py --corpus ravdess=data/ravdess --corpus emodb=data/emodb

Pooling, from outputs every 20 ms to one vector:

    mean      their mean, as in `speech`
    spread    mean and standard deviation
    loud      the mean over outputs at most 30 dB below the loudest speech
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.linear_model import RidgeClassifierCV
from sklearn.model_selection import LeaveOneGroupOut, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sordino import metrics, parallel
from sordino.cli.options import corpora_from
from sordino.corpora.table import Corpus
from sordino.progress import track
from sordino.signal import audio
from sordino.signal.encoder import BASE, EncoderShape, load_encoder
from sordino.signal.encoder.encoder import LONGEST_WINDOW
from sordino.signal.encoder.log_mel import speech_log_mel
from sordino.signal.encoder.shape import Weights
from sordino.signal.functionals import loudness
from sordino.study import protocol

LAYERS: Final = (2, 3, 4, 5, 6)
PENALTIES: Final = np.logspace(1, 5, 9)

Floats = NDArray[np.float32]
Pooling = Callable[[Floats, NDArray[np.bool_]], Floats]

POOLINGS: Final[dict[str, Pooling]] = {
    "mean": lambda outputs, _: outputs.mean(axis=0),
    "spread": lambda outputs, _: np.concatenate([outputs.mean(axis=0), outputs.std(axis=0)]),
    "loud": lambda outputs, loud: outputs[loud].mean(axis=0),
}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--corpus", action="append", required=True, metavar="NAME=PATH")
    parser.add_argument("--utterances", type=int, default=400, help="the most utterances")
    parser.add_argument("--jobs", type=int, default=1)
    options = parser.parse_args()
    corpus = validation(corpora_from(options.corpus), options.utterances)
    print(f"{len(corpus)} utterances, {len(set(corpus.speaker))} speakers; chance is 0.25")
    encoded = parallel.map(vectors, corpus.column("file"), jobs=options.jobs, ordered=True)
    rows = [*track(encoded, "encode", len(corpus))]
    predictions = {key: predict(np.stack([row[key] for row in rows]), corpus) for key in rows[0]}
    print(pd.DataFrame([row_of(key, predictions, corpus) for key in predictions]).to_string())


def validation(corpus: Corpus, most: int) -> Corpus:
    """At most so many utterances of the validation speakers, evenly spaced in their order."""
    corpus = corpus.with_emotions(protocol.FOUR_EMOTIONS)
    speakers = corpus.table[["speaker", "corpus", "gender"]].drop_duplicates()
    half = speakers.sort_values(["corpus", "gender", "speaker"])["speaker"].iloc[::2]
    rows = np.flatnonzero(np.isin(corpus.speaker, half))
    step = max(1.0, len(rows) / most)
    return corpus.select(rows[np.arange(0, len(rows), step).astype(int)])


def vectors(file: str) -> dict[tuple[int, str], Floats]:
    """The vector of a recording for each layer and pooling."""
    frames = speech_log_mel(audio.read(file))[:LONGEST_WINDOW]
    energies = 10.0 ** (4 * frames[::2] - 4)  # an output covers two frames
    loud = loudness(np.log(energies.sum(axis=1)))[1]
    outputs = {layers: encoder(layers)(frames) for layers in LAYERS}
    return {
        (layers, name): pool(outputs[layers], loud)
        for layers in LAYERS
        for name, pool in POOLINGS.items()
    }


@dataclass(frozen=True)
class Layers:
    """The first layers of the encoder, more than those of a bundle too."""

    layers: int
    title: str = BASE.title
    licence: str = BASE.licence
    sha256: str = BASE.sha256

    @property
    def shape(self) -> EncoderShape:
        """The shape with this number of layers."""
        return replace(BASE.shape, layers=self.layers)

    def read(self) -> Weights:
        """The weights of the packages."""
        return replace(BASE, shape=self.shape).read()


def encoder(layers: int) -> Callable[[Floats], Floats]:
    return load_encoder(Layers(layers))


def predict(x: Floats, corpus: Corpus) -> NDArray[np.intp]:
    """The predicted emotion of each utterance, by a classifier of the other speakers."""
    model = make_pipeline(StandardScaler(), RidgeClassifierCV(PENALTIES, class_weight="balanced"))
    prediction: NDArray[np.intp] = cross_val_predict(
        model, x, emotions(corpus), groups=corpus.speaker, cv=LeaveOneGroupOut()
    )
    return prediction


def emotions(corpus: Corpus) -> NDArray[np.intp]:
    return np.array([protocol.FOUR_EMOTIONS.index(emotion) for emotion in corpus.table["emotion"]])


def row_of(
    key: tuple[int, str], predictions: dict[tuple[int, str], NDArray[np.intp]], corpus: Corpus
) -> dict[str, object]:
    """UAR over all utterances, in each corpus, and the difference from layer 3 and mean."""
    y, corpora = emotions(corpus), corpus.column("corpus")
    prediction, reference = predictions[key], predictions[3, "mean"]
    parts = {"all": np.arange(len(y))}
    parts |= {name: np.flatnonzero(corpora == name) for name in dict.fromkeys(corpora)}
    cells: dict[str, object] = {"layer": key[0], "pooling": key[1]}
    for name, rows in parts.items():
        cells[name] = cell(lambda r: metrics.uar(y[r], prediction[r]), corpus, rows, (0, 1))
    cells["minus layer 3, mean"] = (
        "–"
        if key == (3, "mean")
        else cell(
            lambda r: metrics.uar(y[r], prediction[r]) - metrics.uar(y[r], reference[r]),
            corpus,
            parts["all"],
            (-1, 1),
        )
    )
    return cells


def cell(
    statistic: Callable[[NDArray[np.intp]], float],
    corpus: Corpus,
    rows: NDArray[np.intp],
    bounds: tuple[float, float],
) -> str:
    estimate = metrics.interval(
        lambda draw: statistic(rows[draw]),
        corpus.speaker[rows],
        stratum=corpus.column("corpus")[rows],
        bounds=bounds,
    )
    return f"{estimate.value:.3f} [{estimate.low:.3f}, {estimate.high:.3f}]"


if __name__ == "__main__":
    main()
