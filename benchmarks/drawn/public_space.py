"""Decisions of `drawn` in three scaled spaces: of its speakers, of others, of synthetic speech.

Each eighth of the speakers is decided by a release that was fitted on the others, in their scaled
space, in that of `--public` (`sordino fit --public`) or in that of synthetic speech, the default.
Means of the three policies of Feng and Narayanan (2021).

    python benchmarks/drawn/public_space.py --corpus ravdess=data/ravdess \\
        --corpus emodb=data/emodb --public manifest=data/nemo/manifest.csv --features speech+mel
"""

from __future__ import annotations

import argparse
import warnings
from functools import partial

import numpy as np

from sordino import metrics
from sordino.cli.options import corpora_from
from sordino.corpora.split import Part
from sordino.corpora.table import Corpus
from sordino.define import Role
from sordino.release import Drawn, DrawnFitter
from sordino.release.drawn.fit import crossfit_bins
from sordino.study import POLICIES, protocol
from sordino.study.protocol import Inputs, Options
from sordino.study.units import cached
from sordino.types import Rows, Vectors


def main() -> None:
    """Print one row per scaled space."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--corpus", action="append", required=True, metavar="NAME=PATH")
    parser.add_argument("--public", action="append", default=[], metavar="NAME=PATH")
    parser.add_argument("--features", default="speech+mel")
    parser.add_argument("--seeds", type=int, default=1, help="divisions of the speakers")
    parser.add_argument("--jobs", type=int, default=-1)
    args = parser.parse_args()
    options = protocol.BUNDLE_OPTIONS
    inputs = protocol.prepare(
        corpora_from(args.corpus),
        args.features,
        options,
        public=corpora_from(args.public) if args.public else None,
        jobs=args.jobs,
    )
    spaces = {"its speakers": None, "synthetic": options.fixed_space(args.features)}
    if args.public:
        spaces["other people"] = inputs.space
    for name, fixed in spaces.items():
        source = inputs._replace(space=fixed)
        space = cached(partial(vectors, source, options))
        rows = []
        for seed in range(args.seeds):
            for policy in POLICIES:
                bins, _ = crossfit_bins(
                    partial(fit, inputs.corpus, DrawnFitter(policy, seed=seed)),
                    space,
                    inputs.corpus.speaker,
                    np.arange(len(inputs.corpus)),
                    seed,
                )
                role = inputs.corpus.roles(policy)
                rows.append(
                    [
                        metrics.f1(
                            role, np.where(bins > 0, Role.REQUIRED, Role.NEUTRAL), "required"
                        ),
                        (bins[role == Role.REQUIRED] > 0).mean(),
                        (bins[role == Role.NEUTRAL] > 0).mean(),
                        (bins[role == Role.SENSITIVE] > 0).mean(),
                    ]
                )
        mean = np.mean(rows, axis=0)
        print(
            f"{name:14} F1 required {mean[0]:.3f}   classified as required: "
            f"required {mean[1]:.3f}, neutral {mean[2]:.3f}, sensitive {mean[3]:.3f}",
            flush=True,
        )


def vectors(inputs: Inputs, options: Options, rows: Rows) -> Vectors:
    """All vectors in the scaled space that is public, or that of some rows."""
    return inputs.scaling(rows, options)(inputs.x)


def fit(corpus: Corpus, fitter: DrawnFitter, z: Vectors, part: Part) -> Drawn:
    """The release of a part."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        return fitter.fit(z, corpus, part)


if __name__ == "__main__":
    main()
