"""Whether what ships remembers recordings or speakers, over more games than `sordino compare` has.

Two games a seed (`sordino.study.shipped_membership`), each with the three policies of Feng and
Narayanan (2021). Figures are means over policies, with Student's interval over games. The ten games
of `sordino compare` are those of the seeds 0 to 4.

    python benchmarks/drawn/membership.py --corpus ravdess=data/ravdess \\
        --corpus emodb=data/emodb --features speech+mel --seeds 15

`--scale zscore` is the scaled space of features without one of synthetic speech: scaling and
principal components of the members. With `--bundle`, the space is fitted as for a bundle, on nine
tenths of the recordings of all speakers and three copies of each, and the other tenth is compared
with them.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from functools import partial
from typing import Any, Final, Literal

import numpy as np
import torch
from scipy import stats
from threadpoolctl import threadpool_limits

from sordino import metrics, parallel
from sordino.cli.options import corpora_from
from sordino.corpora.split import Part
from sordino.study import POLICIES, protocol
from sordino.study.protocol import Fitters, Inputs, Options
from sordino.study.shipped_membership import QUESTIONS, Candidates, shipped_membership, space_parts

FITTED_SHARE: Final = 0.9


def main() -> None:
    """Print one row per part: mean AUC and interval of both questions."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--corpus", action="append", required=True, metavar="NAME=PATH")
    parser.add_argument("--features", default="speech+mel")
    parser.add_argument("--release", action="append", help="a drawn release; again for more")
    parser.add_argument("--scale", choices=("synthetic", "zscore"), default="synthetic")
    parser.add_argument("--components", type=int, default=protocol.BUNDLE_OPTIONS.components)
    parser.add_argument("--seeds", type=int, default=15)
    parser.add_argument("--bundle", action="store_true", help="the scaled space of a bundle alone")
    parser.add_argument("--jobs", type=int, default=0)
    args = parser.parse_args()
    conditions: Literal["none", "standard"] = "standard" if args.bundle else "none"
    options = replace(
        protocol.BUNDLE_OPTIONS,
        scale=args.scale,
        components=args.components,
        conditions=conditions,
    )
    inputs = protocol.prepare(corpora_from(args.corpus), args.features, options, jobs=args.jobs)
    if args.bundle:
        for part, recognised in bundle(inputs, options).items():
            print(f"{part:14} recording {recognised:.3f}", flush=True)
        return
    play = partial(games, inputs, options, args.release or ["drawn"])
    tables = list(parallel.map(play, range(args.seeds), jobs=args.jobs, ordered=True))
    for part in tables[0]:
        cells = []
        for question in QUESTIONS:
            auc = np.concatenate([table[part][question] for table in tables])
            reach = stats.t.ppf(0.975, len(auc) - 1) * auc.std(ddof=1) / np.sqrt(len(auc))
            limits = f"[{auc.mean() - reach:.3f}, {auc.mean() + reach:.3f}]"
            cells.append(f"{question} {auc.mean():.3f} {limits}")
        print(f"{part:14} {'   '.join(cells)}   {len(auc)} games", flush=True)


def games(
    inputs: Inputs, options: Options, releases: list[str], seed: int
) -> dict[str, dict[str, np.ndarray]]:
    """The AUC of each part and question in the two games of a seed, as means over policies."""
    torch.set_num_threads(1)
    fitters: dict[str, Any] = {
        f"{name}|{policy.required_name}": Fitters().release(policy, name, seed)
        for name in releases
        for policy in POLICIES
    }
    with threadpool_limits(1):
        figures = shipped_membership(
            fitters, inputs.x, inputs.corpus, lambda rows: inputs.scaling(rows, options), seed
        )
    parts = dict.fromkeys(name.partition("|")[0] for name in figures)
    return {
        part: {
            question: np.mean(
                [figures[name][question] for name in figures if name.partition("|")[0] == part],
                axis=0,
            )
            for question in QUESTIONS
        }
        for part in parts
    }


def bundle(inputs: Inputs, options: Options) -> dict[str, float]:
    """The AUC of a fitted recording against others of the same speakers, by part of the space; the
    best of all similarities, which is selected here, so that chance is a little above 1/2.
    """
    utterances, x = len(inputs.corpus), inputs.x[: len(inputs.corpus)]
    fitted = np.random.default_rng(0).random(utterances) < FITTED_SHARE
    rows = inputs.with_copies(Part(np.flatnonzero(fitted), np.zeros(0, np.intp))).rows
    public = inputs._replace(x=x).scaling(np.arange(utterances), options)
    parts = space_parts(inputs.scaling(rows, options), public, x, Candidates.of(public(x)))
    return {
        part: max(metrics.auc(fitted, score) for score in scores.values())
        for part, scores in parts.items()
    }


if __name__ == "__main__":
    main()
