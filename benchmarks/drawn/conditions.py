"""How many copies and components suit `drawn` in other conditions: choices on fitting speakers.

Three outer folds of speakers are those of `sordino study conditions`. The test speakers of each are
left out. Among the others, three inner folds are fitted and decided on in every test condition. The
table has the F1 of decisions, the mean of three policies and of the outer folds.

    python benchmarks/drawn/conditions.py --corpus ravdess=data/ravdess --corpus emodb=data/emodb \\
        --features speech+mel --noise noise
"""

from __future__ import annotations

import argparse
import warnings
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
import pandas as pd

from sordino import metrics
from sordino.cli.options import CACHE, corpora_from
from sordino.corpora import split
from sordino.corpora.copies import part_with_copies, with_copies
from sordino.corpora.split import Part
from sordino.corpora.table import Corpus
from sordino.define import Role
from sordino.features import PreprocessFitter, extract
from sordino.features.copies import copy_vectors, in_conditions
from sordino.features.renderings import noises
from sordino.release import DrawnFitter
from sordino.signal.conditions import CONDITIONS
from sordino.study.protocol import FOUR_EMOTIONS, POLICIES
from sordino.types import Rows, Vectors

FOLDS_OF_STUDY: Final = 3
CHOICES: Final[tuple[Mapping[str, Any], ...]] = (
    {},
    {"copies": 2},
    {"copies": 1},
    {"copies": 0},
    {"components": 128},
    {"components": 512},
    {"shrinkage": 0.15},
    {"components": 512, "shrinkage": 0.15},
)
"""Differences from three copies, 256 components and the default shrinkage."""


class Speech(NamedTuple):
    """The utterances and their vectors."""

    corpus: Corpus
    """The recordings."""
    x: Vectors
    """Vectors of recordings and copies, `(1 + copies, utterances, d)`."""
    tests: Vectors
    """Vectors in the test conditions, `(conditions, utterances, d)`."""


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--corpus", action="append", required=True, metavar="NAME=PATH")
    parser.add_argument("--features", default="speech+mel")
    parser.add_argument("--noise", type=Path)
    parser.add_argument("--cache", type=Path, default=CACHE)
    options = parser.parse_args()
    corpus = corpora_from(options.corpus).with_emotions(FOUR_EMOTIONS)
    fold = split.folds(corpus, FOLDS_OF_STUDY, 0, corpus.checksums())
    x = extract(options.features, corpus, options.cache)
    copies = copy_vectors(options.features, corpus, cache=options.cache)
    tests = in_conditions(
        options.features,
        corpus,
        CONDITIONS,
        fold,
        noises=noises(options.noise),
        cache=options.cache,
    )
    speech = Speech(corpus, np.stack([x, *copies]), tests)
    for choice in CHOICES:
        name = ", ".join(f"{knob} {value}" for knob, value in choice.items()) or "default"
        print(f"{name}\n{figures(speech, fold, **choice).to_string()}\n", flush=True)


def figures(speech: Speech, fold: Rows, **choice: Any) -> pd.Series[float]:
    """The F1 of decisions in each condition, and their mean."""
    outer = [
        decide(speech, np.flatnonzero(fold != number), **choice) for number in range(FOLDS_OF_STUDY)
    ]
    mean = pd.DataFrame(outer).mean()
    mean["mean"] = mean.mean()
    return mean.round(3)


def decide(
    speech: Speech, rows: Rows, copies: int = 3, components: int = 256, **knobs: Any
) -> dict[str, float]:
    """The F1 of each condition over inner folds of these rows, the mean of the policies."""
    corpus = speech.corpus.select(rows)
    inner = split.folds(corpus, FOLDS_OF_STUDY, 1, corpus.checksums())
    fitting = with_copies(speech.corpus, copies) if copies else speech.corpus
    x = np.concatenate(speech.x[: copies + 1])
    bins = np.zeros((len(POLICIES), len(CONDITIONS), len(rows)), np.intp)
    for number in range(FOLDS_OF_STUDY):
        test = inner == number
        part = Part(rows[~test], rows[:0])
        part = part_with_copies(part, len(speech.corpus), copies)
        space = PreprocessFitter("zscore", components).fit(x[part.rows])
        z, tests = space(x), [space(vectors[rows[test]]) for vectors in speech.tests]
        for index, policy in enumerate(POLICIES):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", UserWarning)  # few prototypes change no decision
                fitter = replace(DrawnFitter(policy), **knobs)
                release = fitter.fit(z, fitting, part)
            bins[index, :, test] = np.stack([release.decide(v) for v in tests], axis=1)
    roles = [corpus.roles(policy) for policy in POLICIES]
    return {
        condition: float(
            np.mean(
                [
                    metrics.f1(role, bins[index, place], str(Role.REQUIRED))
                    for index, role in enumerate(roles)
                ]
            )
        )
        for place, condition in enumerate(CONDITIONS)
    }


if __name__ == "__main__":
    main()
