"""How `private+` and `drawn` are chosen: dimensions, noise, and whose network decides, on
validation speakers only.

In each fold the network is trained on folds k, k+1, k+2 and stopped by one half of fold k+3; U and
P are read on the other half of it, by attackers who learnt from the three training folds. With
`--validation fold` it is trained on folds k and k+1, stopped by fold k+2, and read on fold k+3: few
speakers stop a training early. No speaker of the tested fold is looked at, but those who are read
are tested in another fold of the study: what was chosen by them flatters its figures there a
little. Of what is drawn, `TV` is the
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
from sordino.types import Rows

PLUS = EmbeddingFitter("private+")
NARROW = replace(PLUS, gru_width=32)
VARIANTS: dict[str, EmbeddingFitter] = {
    "general": EmbeddingFitter("general"),
    "private (paper)": EmbeddingFitter("private"),
    "8 dimensions, noise 0.5, layers of 64 (as chosen)": PLUS,
    "8 dimensions, noise 0.5": NARROW,
    "8 dimensions, no noise": replace(NARROW, noise=0.0),
    "8 dimensions, noise 0.25": replace(NARROW, noise=0.25),
    "8 dimensions, noise 1": replace(NARROW, noise=1.0),
    "4 dimensions, noise 0.5": replace(NARROW, bottleneck=4),
    "16 dimensions, noise 0.5": replace(NARROW, bottleneck=16),
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
    parser.add_argument("--validation", choices=("half", "fold"), default="half")
    parser.add_argument("--seeds", type=int, default=1, help="networks a fold")
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
    folds, parts = range(len(scene.draws)), validation_parts(scene, given.validation)
    units = [
        (name, fold, fold + len(folds) * seed)
        for name in given.only or VARIANTS
        for fold in folds
        for seed in range(given.seeds)
    ]
    task = given.task
    rows = [
        *parallel.map(
            lambda one: unit(material, scene, task, parts[one[1]], *one), units, ordered=True
        )
    ]
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


def validation_parts(scene: StudyLabels, validation: str) -> list[tuple[Rows, Rows, Rows]]:
    """The rows of each fold that train, stop and are read."""
    tests = [draw.test for draw in scene.draws]
    parts = []
    for fold, draw in enumerate(scene.draws):
        if validation == "fold":
            one, two, stops, read = (tests[(fold + step) % len(tests)] for step in range(1, 5))
            parts.append((np.union1d(one, two), stops, read))
            continue
        people, first = np.unique(scene.speaker[draw.stop], return_index=True)
        people = people[
            np.argsort(scene.labels["gender"][draw.stop[first]], kind="stable")
        ]  # both genders on either side
        stops = draw.stop[np.isin(scene.speaker[draw.stop], people[::2])]
        parts.append((draw.train, stops, np.setdiff1d(draw.stop, stops)))
    return parts


def unit(
    material: Material,
    scene: StudyLabels,
    task: str,
    part: tuple[Rows, Rows, Rows],
    name: str,
    fold: int,
    seed: int,
) -> tuple[dict[str, Any], pd.DataFrame]:
    """The figures of one variant in one fold, and the bins of what is drawn."""
    torch.set_num_threads(1)
    train, stops, read = part
    with threadpool_limits(1):
        rows = material.sequences(("audio",), train)
        fitter = replace(VARIANTS[name], shape=Shape(primary={task: 3}), seed=seed)
        learnt, held = (
            {key: codes[some] for key, codes in scene.labels.items()} for some in (train, stops)
        )
        embedding, _ = fitter.fit(rows.select(train), learnt, rows.select(stops), held)
        e = embedding(rows, key=seed)
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
