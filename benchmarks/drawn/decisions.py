"""Decisions of drawn releases on speakers that they were not fitted on: F1 and leaks by policy.

    F1          of the required emotion by the bin
    sensitive   AUC of the bin for sensitive against neutral utterances, max(AUC, 1 − AUC)
    gender      AUC of a speaker's share of utterances in the required bin, max(AUC, 1 − AUC)

The attacks have no training speakers, so the direction is that of the data. Without any leak, the
last AUC has a mean of .65 with five women and five men, and one in twenty is above .88. With twelve
of each the numbers are .60 and .74.

    python benchmarks/drawn/decisions.py --fit-on ravdess=data/ravdess --corpus emodb=data/emodb

Without `--corpus`, each third of the speakers is measured by a fit on the other two thirds.
"""

from __future__ import annotations

import argparse
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sordino import metrics
from sordino.attack.splits import deal_speakers
from sordino.cli.options import CACHE, corpora_from
from sordino.corpora import table
from sordino.corpora.copies import part_with_copies, with_copies
from sordino.corpora.split import every_fourth
from sordino.corpora.table import Corpus
from sordino.define import Role
from sordino.features import Preprocess, PreprocessFitter
from sordino.policy import Policy
from sordino.release import Drawn, DrawnFitter
from sordino.study import POLICIES, protocol
from sordino.study.adaptation import cross_corpus
from sordino.study.vectors import feature_vectors
from sordino.types import Rows, Vectors

FOLDS = 3


def main() -> None:
    """Print one row a condition, corpus and policy, and their means."""
    options = arguments()
    source = corpora_from(options.fit_on).with_emotions(protocol.FOUR_EMOTIONS)
    settings = replace(
        protocol.BUNDLE_OPTIONS, conditions=options.conditions, components=options.components
    )
    copies = settings.fitted_copies
    x = feature_vectors(
        options.features, source, protocol.FOUR_EMOTIONS, copies, cache=options.cache
    )
    x = x.reshape(1 + copies, len(source), -1)
    recordings = Recordings(source, x, options.components)
    chosen = {"gap": options.gap, "shrinkage": options.shrinkage}
    knobs = {name: value for name, value in chosen.items() if value is not None}
    if options.corpus:
        target = corpora_from(options.corpus).with_emotions(protocol.FOUR_EMOTIONS)
        table.join([source, target])  # refuses one name for both
        measured = feature_vectors(
            options.features, target, protocol.FOUR_EMOTIONS, cache=options.cache
        )
        rows = elsewhere(recordings, measured, target, cross_corpus.unseen_knobs(source) | knobs)
    else:
        rows = unseen_speakers(recordings, knobs)
    figures = pd.DataFrame(rows).set_index(["condition", "corpus", "required"])
    means = figures.groupby(level=["condition", "corpus"]).mean()
    print(figures.round(3).to_string(), means.round(3).to_string(), sep="\n\n")


def arguments() -> argparse.Namespace:
    """The options of the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--fit-on", action="append", required=True, metavar="NAME=PATH")
    parser.add_argument("--corpus", action="append", default=[], metavar="NAME=PATH")
    parser.add_argument("--features", default="speech")
    parser.add_argument("--conditions", choices=("standard", "none"), default="standard")
    parser.add_argument("--components", type=int, default=protocol.BUNDLE_OPTIONS.components)
    parser.add_argument("--cache", type=Path, default=CACHE)
    for knob in ("gap", "shrinkage"):
        parser.add_argument(f"--{knob}", type=float)
    return parser.parse_args()


@dataclass(frozen=True)
class Recordings:
    """Recordings for fits, with their copies in other conditions."""

    corpus: Corpus
    x: Vectors
    """The vectors of the recordings and of each copy, `(1 + copies, utterances, d)`."""
    components: int

    def select(self, rows: Rows | NDArray[np.bool_]) -> Recordings:
        """These rows and their copies."""
        return replace(self, corpus=self.corpus.select(rows), x=self.x[:, rows])

    def space(self) -> Preprocess:
        """The scaled space of these recordings and copies."""
        return PreprocessFitter("zscore", self.components).fit(np.concatenate(self.x))

    def release(self, policy: Policy, space: Preprocess, knobs: dict[str, Any]) -> Drawn:
        """The drawn release of these recordings and copies."""
        fitting = with_copies(self.corpus, len(self.x) - 1)
        part = every_fourth(np.arange(len(self.corpus)), self.corpus.column("emotion"))
        part = part_with_copies(part, len(self.corpus), len(self.x) - 1)
        fitter = replace(DrawnFitter(policy), **(knobs | policy.settings("drawn")))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # few prototypes change no decision
            return fitter.fit(space(np.concatenate(self.x)), fitting, part)


def elsewhere(
    recordings: Recordings, measured: Vectors, target: Corpus, knobs: dict[str, Any]
) -> Iterator[dict[str, Any]]:
    """The figures of each policy as fitted, and in the space centred on the other corpus."""
    space = recordings.space()
    for policy in POLICIES:
        release = recordings.release(policy, space, knobs)
        for condition, use in (("as fitted", space), ("centred", space.centred(measured))):
            passes = release.decide(use(measured)) > 0
            yield {"condition": condition, **figures_of(policy, target, passes)}


def unseen_speakers(recordings: Recordings, knobs: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The figures of each policy and corpus on speakers that a fit on the others does not have."""
    corpus = recordings.corpus
    fold = deal_speakers(corpus.speaker, corpus.genders(), 0, FOLDS)
    fits = [recordings.select(fold != number) for number in range(FOLDS)]
    spaces = [fit.space() for fit in fits]
    for policy in POLICIES:
        passes = np.zeros(len(corpus), np.bool_)
        for number, (fit, space) in enumerate(zip(fits, spaces, strict=True)):
            test = fold == number
            release = fit.release(policy, space, knobs)
            passes[test] = release.decide(space(recordings.x[0, test])) > 0
        for name in np.unique(corpus.column("corpus")):
            rows = corpus.column("corpus") == name
            figures = figures_of(policy, corpus.select(rows), passes[rows])
            yield {"condition": "unseen speakers", **figures}


def figures_of(policy: Policy, corpus: Corpus, passes: NDArray[np.bool_]) -> dict[str, Any]:
    """F1 and the leaks of the decisions about a corpus."""
    role = corpus.roles(policy)
    others = role != Role.REQUIRED
    share = pd.Series(passes).groupby(corpus.speaker).mean()
    gender = pd.Series(corpus.genders()).groupby(corpus.speaker).first()
    return {
        "corpus": corpus.column("corpus")[0],
        "required": policy.required_name,
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
