"""Bounds and an attacker with twenty utterances of one speaker, cross-fitted over all speakers.

Each fold is decided by a release, in a scaled space, that were fitted on the other folds. The
attack is the share of the required bin in a group of utterances of one speaker; below an AUC of 0.5
women pass more often, above it men do. The null is the same attack with gender shuffled over the
speakers of a corpus.

    python benchmarks/drawn/all_speakers.py --corpus ravdess=data/ravdess --corpus emodb=data/emodb
"""

from __future__ import annotations

import argparse
import json
import warnings
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd

from sordino import metrics
from sordino.attack.pooling import groups
from sordino.attack.significance.null_distribution import null_range
from sordino.cli.options import CACHE, corpora_from
from sordino.corpora.split import Part
from sordino.corpora.table import Corpus
from sordino.features import extract
from sordino.release import Drawn, DrawnFitter
from sordino.release.drawn.fit import crossfit_bins
from sordino.release.drawn.secret_bounds import secret_bounds
from sordino.study import POLICIES, protocol
from sordino.study.protocol import BUNDLE_OPTIONS
from sordino.study.units import cached
from sordino.types import Codes, Matrix, Rows, Vectors

SHUFFLES: Final = 399


def main() -> None:
    """Print the attack and the bounds for each required emotion, and the mean of the policies."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n", maxsplit=1)[0])
    parser.add_argument("--corpus", action="append", required=True, metavar="NAME=PATH")
    parser.add_argument("--features", default="mel")
    parser.add_argument("--utterances", type=int, default=20, help="in each group")
    parser.add_argument("--json", type=Path, help="write the rows to this file")
    arguments = parser.parse_args()
    corpus = corpora_from(arguments.corpus).with_emotions(protocol.FOUR_EMOTIONS)
    space = Space(extract(arguments.features, corpus, CACHE), arguments.features)
    shuffled = shuffles(corpus)
    figures, nulls, limits = [], [], []
    for policy in POLICIES:
        rows = np.arange(len(corpus))
        bins, count = crossfit_bins(
            partial(fit_on, DrawnFitter(policy), corpus), space.of, corpus.speaker, rows, 0
        )
        group = groups(corpus.speaker, corpus.speaker, arguments.utterances)
        auc, *null = areas(bins, group, shuffled)
        figures.append(row(policy.required_name, auc, null) | gap(bins, corpus))
        nulls.append([auc, *null])
        secrets = corpus.secrets(policy, rows)
        limits += [
            {"required": policy.required_name, "secret": secret, "known": side}
            | {"AUC": bound.auc, "limit": bound.auc_high, "speakers": bound.speakers}
            for (secret, side), bound in secret_bounds(
                bins, count, secrets, corpus.speaker, 1.0
            ).items()
        ]
    auc, *null = np.mean(nulls, axis=0).tolist()
    figures.append(row("mean of policies", auc, null))
    for table in (figures, limits):
        print(pd.DataFrame(table).round(3).to_string(index=False), "\n")
    if arguments.json:
        record = {"patient": figures, "bounds": limits}
        arguments.json.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


def fit_on(fitter: DrawnFitter, corpus: Corpus, z: Vectors, part: Part) -> Drawn:
    """The release, fitted on a part of vectors in the scaled space."""
    return fitter.fit(z, corpus, part)


class Space:
    """The scaled space of a bundle, computed once for all policies."""

    def __init__(self, x: Vectors, features: str) -> None:
        self.x, self.of = x, cached(self.fit)
        self.fixed = BUNDLE_OPTIONS.fixed_space(features)

    def fit(self, rows: Rows) -> Vectors:
        """All vectors in the fixed space, or in that of these rows."""
        return (self.fixed or BUNDLE_OPTIONS.preprocess.fit(self.x[rows]))(self.x)


def shuffles(corpus: Corpus) -> Matrix:
    """Gender and its shuffles over the speakers of each corpus, `(rows, 1 + shuffles)`."""
    random = np.random.default_rng(0)
    first, speaker = np.unique(corpus.speaker, return_index=True, return_inverse=True)[1:]
    gender, names = corpus.genders()[first], corpus.column("corpus")[first]
    columns = np.repeat(gender[:, None], 1 + SHUFFLES, axis=1).astype(float)
    for column in range(1, 1 + SHUFFLES):
        for name in np.unique(names):
            members = np.flatnonzero(names == name)
            columns[members, column] = random.permutation(gender[members])
    return columns[speaker]


def areas(bins: Codes, group: Rows, shuffled: Matrix) -> list[float]:
    """The AUC of the share of each group for gender and for each shuffle."""
    grouped = group >= 0
    code = group[grouped]
    share = np.bincount(code, bins[grouped] > 0) / np.bincount(code)
    first = np.flatnonzero(grouped)[np.unique(code, return_index=True)[1]]
    return [metrics.auc(column == 1, share) for column in shuffled[first].T]


def row(name: str, auc: float, null: list[float]) -> dict[str, Any]:
    """The AUC beside the range of its null."""
    low, high = null_range(null)
    return {"required": name, "AUC": auc, "null low": low, "null high": high}


def gap(bins: Codes, corpus: Corpus) -> dict[str, float]:
    """The share of the required bin of men minus that of women, and its standard error."""
    table = pd.DataFrame({"share": bins > 0, "speaker": corpus.speaker, "gender": corpus.genders()})
    share = table.groupby(["speaker", "gender"])["share"].mean().reset_index()
    women, men = (share.loc[share["gender"] == code, "share"] for code in (0, 1))
    error = (women.var() / len(women) + men.var() / len(men)) ** 0.5
    return {"men - women": float(men.mean() - women.mean()), "SE": float(error)}


if __name__ == "__main__":
    warnings.filterwarnings("ignore", ".* sound like ")
    main()
