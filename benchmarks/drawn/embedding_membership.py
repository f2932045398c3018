"""Whether the prototypes of a drawn embedding remember recordings or speakers.

The games are those of `sordino.study.shipped_membership`: half of the speakers are members, and the
network and its prototypes are fitted on half of the recordings of each. The attacker has network
and prototypes and compares the embeddings of candidate recordings with the prototypes. Frames are
normalised by all recordings, so that network and prototypes are measured alone. Networks of 45
epochs, as many as early stopping takes in the study; about a minute of a core each.

    python benchmarks/drawn/embedding_membership.py --corpus ravdess=data/ravdess --seeds 5
"""

from __future__ import annotations

import argparse
from functools import partial
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import stats

from sordino import parallel
from sordino.cli.options import CACHE, corpora_from
from sordino.corpora.dimensions import levels
from sordino.nn.fit_multimodal import Training
from sordino.nn.multimodal import Shape, apply
from sordino.nn.sequences import Sequences
from sordino.release import EmbeddingFitter
from sordino.release.embedding.fit_bins import class_prototypes
from sordino.study.jaiswal2020.inputs import Material
from sordino.study.shipped_membership import (
    QUESTIONS,
    Candidates,
    cross_selected,
    draw_games,
    similarities,
)

CLASSES: Final = 3
EPOCHS: Final = 45


def main() -> None:
    """Print the mean AUC of both questions, its interval over games, and that of each game."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--corpus", action="append", required=True, metavar="NAME=PATH")
    parser.add_argument("--task", default="activation", choices=["activation", "valence"])
    parser.add_argument("--seeds", type=int, default=5, help="two games each")
    parser.add_argument("--epochs", type=int, default=EPOCHS)
    parser.add_argument("--jobs", type=int, default=0)
    args = parser.parse_args()
    corpus = corpora_from(args.corpus)
    label = levels(corpus, args.task).codes
    corpus, label = corpus.select(label >= 0), label[label >= 0]
    material = Material.of(corpus, ["audio"], normalise="corpus", cache=CACHE, jobs=args.jobs)
    rows = material.sequences(["audio"], np.arange(len(corpus)))
    labels = (label, corpus.genders(), corpus.speaker)
    play = partial(pair_of_games, rows, *labels, args.epochs)
    figures = list(parallel.map(play, range(args.seeds), jobs=args.jobs, ordered=True))
    for question in QUESTIONS:
        auc = np.concatenate([figure[question] for figure in figures])
        reach = stats.t.ppf(0.975, len(auc) - 1) * auc.std(ddof=1) / np.sqrt(len(auc))
        print(
            f"{question:10} {auc.mean():.3f} [{auc.mean() - reach:.3f}, {auc.mean() + reach:.3f}]"
            f"  games {np.round(auc, 2).tolist()}",
            flush=True,
        )


def pair_of_games(
    rows: Sequences,
    label: NDArray[np.intp],
    gender: NDArray[np.intp],
    speaker: NDArray[np.str_],
    epochs: int,
    seed: int,
) -> dict[str, list[float]]:
    """The AUC of both questions in the two games of a seed."""
    torch.set_num_threads(1)
    games, scores = list(draw_games(speaker, gender, seed)), []
    for number, game in enumerate(games):
        fitted = np.flatnonzero(game.fitted)
        names = np.unique(speaker[fitted], return_inverse=True)[1].astype(np.intp)
        shape = Shape(audio=rows.widths["audio"], primary={"task": CLASSES})
        fitter = EmbeddingFitter(
            "private+", shape, Training(epochs=epochs), seed=1000 * seed + number
        )
        labels = {"task": label[fitted], "gender": gender[fitted], "speaker": names}
        embedding, _ = fitter.fit(rows.select(fitted), labels, None, {})
        z = apply(embedding.network, rows).embedding.numpy()
        random = np.random.default_rng(1000 * seed + number)
        output = class_prototypes(z[fitted], label[fitted], names, CLASSES, random)
        scores.append(similarities(Candidates.of(z), output))
    return cross_selected(games, scores)


if __name__ == "__main__":
    main()
