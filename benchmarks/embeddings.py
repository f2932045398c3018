"""How `private+` and `drawn` are chosen: dimensions, noise, and whose network decides, on
validation speakers only.

In each fold the network is trained on folds k, k+1, k+2 and stopped by one half of fold k+3; U and
P are read on the other half of it, by attackers who learnt from the three training folds. No
speaker of the tested fold is looked at, but those who are read are tested in another fold of the
study: what was chosen by them flatters its figures there a little. Of what is drawn, `TV` is the
total variation of its bins between women and men over all folds, `TV given` that of those of one
class, the mean over classes.

    python benchmarks/embeddings.py --corpus ravdess=data/ravdess --task activation --normalise
    corpus
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import torch
from threadpoolctl import threadpool_limits

from sordino import metrics, parallel
from sordino.attack import retrain
from sordino.cli.options import CACHE, corpora_from
from sordino.corpora.dimensions import levels
from sordino.metrics.bound import bound
from sordino.nn.multimodal import Shape
from sordino.release import EmbeddingFitter
from sordino.release.embedding.fit import PLAIN
from sordino.study.jaiswal2020.inputs import Material
from sordino.study.jaiswal2020.protocol import StudyLabels, draws

PLUS = EmbeddingFitter("private+")
VARIANTS: dict[str, EmbeddingFitter] = {
    "general": EmbeddingFitter("general"),
    "private (paper)": EmbeddingFitter("private"),
    "8 dimensions, noise 0.5 (as chosen)": PLUS,
    "8 dimensions, no noise": replace(PLUS, noise=0.0),
    "8 dimensions, noise 0.25": replace(PLUS, noise=0.25),
    "8 dimensions, noise 1": replace(PLUS, noise=1.0),
    "4 dimensions, noise 0.5": replace(PLUS, bottleneck=4),
    "16 dimensions, noise 0.5": replace(PLUS, bottleneck=16),
    **{f"drawn of {one}": EmbeddingFitter("drawn", base=one) for one in PLAIN},
}


def main() -> None:
    """Print one row a variant: means over folds of U, P and min(P, 1 - P); and how unlike bins
    fall.
    """
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--corpus", action="append", required=True, metavar="NAME=PATH")
    parser.add_argument("--task", choices=("activation", "valence"), default="activation")
    parser.add_argument(
        "--normalise", choices=("speaker", "utterance", "corpus", "running"), default="corpus"
    )
    parser.add_argument("--only", action="append", help="a variant; again for more (default: all)")
    given = parser.parse_args()
    corpus = corpora_from(given.corpus)
    who = np.unique(corpus.speaker, return_inverse=True)[1]
    labels = {
        given.task: levels(corpus, given.task).codes,
        "gender": corpus.genders(),
        "speaker": who,
    }
    scene = StudyLabels(labels, corpus.speaker, draws(corpus, 0, corpus.checksums()))
    material = Material.of(corpus, ("audio",), normalise=given.normalise, cache=CACHE)
    units = [(name, fold) for name in given.only or VARIANTS for fold in range(len(scene.draws))]
    task = given.task
    rows = [*parallel.map(lambda one: unit(material, scene, task, *one), units, ordered=True)]
    table = pd.DataFrame([figures for figures, _ in rows]).groupby("variant", sort=False).mean()
    told = pd.concat([bins for _, bins in rows])
    table[["TV", "TV given"]] = [apart(told[told["variant"] == name]) for name in table.index]
    print(table.round(3).to_string())


def apart(told: pd.DataFrame) -> tuple[float, float]:
    """Total variation of bins between genders: of all, and given the class; NaN where nothing was
    drawn.
    """
    if told.empty:
        return float("nan"), float("nan")
    parts = [told, *(rows for _, rows in told[told["class"] >= 0].groupby("class"))]
    arrays = ([rows[name].to_numpy() for name in ("bin", "gender", "speaker")] for rows in parts)
    found = [bound(bins, gender, speaker, 3).tv for bins, gender, speaker in arrays]
    return found[0], float(np.mean(found[1:]))


def unit(
    material: Material, scene: StudyLabels, task: str, name: str, fold: int
) -> tuple[dict[str, Any], pd.DataFrame]:
    """The figures of one variant in one fold, and the bins of what is drawn."""
    torch.set_num_threads(1)
    with threadpool_limits(1):
        train, fourth = scene.draws[fold].train, scene.draws[fold].stop
        people, first = np.unique(scene.speaker[fourth], return_index=True)
        people = people[
            np.argsort(scene.labels["gender"][fourth[first]], kind="stable")
        ]  # both genders on either side
        stops = fourth[np.isin(scene.speaker[fourth], people[::2])]
        read = np.setdiff1d(fourth, stops)
        rows = material.sequences(("audio",), train)
        fitter = replace(VARIANTS[name], shape=Shape(primary={task: 3}), seed=fold)
        learnt, held = (
            {key: codes[some] for key, codes in scene.labels.items()} for some in (train, stops)
        )
        embedding, _ = fitter.fit(rows.select(train), learnt, rows.select(stops), held)
        e = embedding(rows, key=fold)
        known = read[scene.labels[task][read] >= 0]
        said = embedding.primary(e[known])[task].argmax(axis=1)
        found = retrain(e, scene.labels["gender"], scene.speaker, train, read, seed=fold).best
        p = metrics.privacy(found["truth"].to_numpy(), found["prediction"].to_numpy())
        codes = {key: scene.labels[key][read] for key in ("gender", "speaker")} | {
            "class": scene.labels[task][read]
        }
        told = pd.DataFrame(
            {"bin": embedding.decide(rows.select(read)), **codes} if embedding.bins else {}
        )
    figures = {
        "variant": name,
        "U": metrics.uar(scene.labels[task][known], said),
        "P": p,
        "folded": min(p, 1 - p),
    }
    return figures, told.assign(variant=name)


if __name__ == "__main__":
    main()
