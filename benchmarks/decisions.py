"""Decisions of drawn releases on corpora that they were not fitted on: F1 and leaks by policy.

    F1          of the required emotion by the bin
    sensitive   AUC of the bin for sensitive against neutral utterances, max(AUC, 1 − AUC)
    gender      AUC of a speaker's share of utterances in the required bin, max(AUC, 1 − AUC)

The attacks have no training speakers, so the direction is that of the data. Without any leak, the
last AUC has a mean of .65 with five women and five men, and one in twenty is above .88. With twelve
of each the numbers are .60 and .74.

    python benchmarks/decisions.py --fit-on ravdess=data/ravdess --corpus emodb=data/emodb
"""

from __future__ import annotations

import argparse
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sordino import metrics
from sordino.cli.options import CACHE, corpora_from
from sordino.corpora import table
from sordino.corpora.split import every_fourth
from sordino.corpora.table import Corpus
from sordino.define import Role
from sordino.features import Preprocess, PreprocessFitter
from sordino.release import DrawnFitter
from sordino.study import POLICIES, protocol
from sordino.study.adaptation import cross_corpus


def main() -> None:
    """Print one row a condition and policy, and their means."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    for option in ("--fit-on", "--corpus"):
        parser.add_argument(option, action="append", required=True, metavar="NAME=PATH")
    parser.add_argument("--features", default="speech")
    parser.add_argument("--components", type=int, default=protocol.BUNDLE_OPTIONS.components)
    for knob in ("gap", "shrinkage"):
        parser.add_argument(f"--{knob}", type=float)
    options = parser.parse_args()
    source, target = (
        corpora_from(names).with_emotions(protocol.FOUR_EMOTIONS)
        for names in (options.fit_on, options.corpus)
    )
    corpus = table.join([source, target])
    x = protocol.feature_vectors(options.features, corpus, protocol.FOUR_EMOTIONS, CACHE)
    space = PreprocessFitter("zscore", options.components).fit(x[: len(source)])
    chosen = {"gap": options.gap, "shrinkage": options.shrinkage}
    knobs = {name: value for name, value in chosen.items() if value is not None}
    knobs = cross_corpus.unseen_knobs(source) | knobs
    rows = decisions(space, x[: len(source)], source, x[len(source) :], target, knobs)
    figures = pd.DataFrame(rows).set_index(["condition", "required"])
    means = figures.groupby(level="condition").mean()
    print(figures.round(3).to_string(), means.round(3).to_string(), sep="\n\n")


def decisions(
    space: Preprocess,
    x: NDArray[np.float32],
    source: Corpus,
    measured: NDArray[np.float32],
    target: Corpus,
    knobs: Mapping[str, Any],
) -> Iterator[dict[str, Any]]:
    """The figures of each policy as fitted, and in the space centred on the other corpus."""
    part = every_fourth(np.arange(len(source)), source.column("emotion"))
    for policy in POLICIES:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # few prototypes change no decision
            release = replace(DrawnFitter(policy), **knobs).fit(space(x), source, part)
        role = target.roles(policy)
        for condition, use in (("as fitted", space), ("centred", space.centred(measured))):
            passes = release.decide(use(measured)) > 0
            others = role != Role.REQUIRED
            share = pd.Series(passes).groupby(target.speaker).mean()
            gender = pd.Series(target.genders()).groupby(target.speaker).first()
            yield {
                "condition": condition,
                "required": policy.required,
                "F1": metrics.f1((role == Role.REQUIRED) * 1, passes * 1, "required"),
                "sensitive": folded(role[others] == Role.SENSITIVE, passes[others]),
                "gender": folded((gender == 1).to_numpy(), share.to_numpy()),
            }


def folded(positive: NDArray[np.bool_], score: NDArray[Any]) -> float:
    """max(AUC, 1 − AUC)."""
    auc = metrics.auc(positive, score.astype(np.float64))
    return max(auc, 1 - auc)


if __name__ == "__main__":
    main()
