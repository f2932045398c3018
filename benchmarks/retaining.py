"""How the recipe of `rae-grl+` was chosen: each knob turned, measured on validation speakers only.

In each draw the transform party gives its validation speakers up, releases are fitted on the rest
of it, and the risk model of the risk party judges what becomes of the validation speakers. No test
speaker of the draw is looked at.

    python benchmarks/retaining.py --corpus ravdess=data/ravdess --corpus emodb=data/emodb
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from sordino import metrics, parallel
from sordino.attack import RiskAttacker, RiskFitter
from sordino.cli.options import CACHE, corpora_from
from sordino.corpora.split import Parts
from sordino.corpora.table import Corpus
from sordino.define import ROLES
from sordino.features import PreprocessFitter, extract
from sordino.policy import Policy
from sordino.release import ReplacementFitter, RetainingFitter
from sordino.study import POLICIES, Options, protocol

DEFAULT = RetainingFitter(POLICIES[0])
VARIANTS: dict[str, dict[str, Any]] = {
    "as chosen": {},
    "epochs 5": {"epochs": 5},
    "epochs 10": {"epochs": 10},
    "epochs 30": {"epochs": 30},
    "epochs 60": {"epochs": 60},
    "required weight 1": {"required_weight": 1.0},
    "required weight 4": {"required_weight": 4.0},
    "surrogate 0": {"surrogate_weight": 0.0},
    "surrogate 1": {"surrogate_weight": 1.0},
    "no reversal": {"reversal": 0.0},
    "noise 0": {"noise": 0.0},
    "noise 0.3": {"noise": 0.3},
    "noise 2": {"noise": 2.0},
}


def main() -> None:
    """Print one row a variant: means over draws and policies, then U of the required emotion for
    each policy.
    """
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--corpus", action="append", required=True, metavar="NAME=PATH")
    given = parser.parse_args()
    options = Options(measured_on="validation")
    corpus = corpora_from(given.corpus).with_emotions(protocol.FOUR_EMOTIONS)
    x = extract("IS13", corpus, CACHE)
    draws = protocol.draws(corpus, options, corpus.checksums())
    units = [(parts, policy) for parts in draws for policy in POLICIES]
    rows = parallel.map(lambda one: unit(corpus, x, *one), units, ordered=True)
    table = pd.DataFrame([row for some in rows for row in some])
    shown = table.drop(columns="required").groupby("variant", sort=False).mean()
    single = table.pivot_table(
        index="variant", columns="required", values="U required", sort=False
    ).add_prefix("U ")
    print(shown.join(single).round(3).to_string())


def unit(
    corpus: Corpus, x: NDArray[np.float32], parts: Parts, policy: Policy
) -> list[dict[str, Any]]:
    """The figures of every variant in one draw under one policy."""
    torch.set_num_threads(1)
    z = PreprocessFitter().fit(x[parts.transform.rows])(x)
    judge = RiskFitter(policy, seed=parts.draw).fit(z, corpus, parts.risk)
    fitters: dict[str, Any] = {
        name: replace(DEFAULT, policy=policy, seed=parts.draw, **knobs)
        for name, knobs in VARIANTS.items()
    }
    fitters["rae-grl (paper)"] = ReplacementFitter(policy, reversal=0.5, seed=parts.draw)
    truth = corpus.roles(policy)[parts.test]
    before = judge(z[parts.test]).role.argmax(axis=1)
    found = [{"variant": "none", **figures(truth, before, before)}]
    for name, fitter in fitters.items():
        after = guesses(judge, fitter.fit(z, corpus, parts.transform)(z[parts.test]))
        found.append({"variant": name, **figures(truth, before, after)})
    return [{"required": policy.required_name, **row} for row in found]


def guesses(judge: RiskAttacker, z: NDArray[np.float32]) -> NDArray[np.intp]:
    role: NDArray[np.intp] = judge(z).role.argmax(axis=1)
    return role


def figures(
    truth: NDArray[np.intp], before: NDArray[np.intp], after: NDArray[np.intp]
) -> dict[str, float]:
    neutral, required, sensitive = (str(role) for role in ROLES)
    kept: Sequence[str] = (neutral, required)
    return {
        f"F1 {required}": metrics.f1(truth, after, required),
        f"F1 {sensitive}": metrics.f1(truth, after, sensitive),
        **{f"U {role}": metrics.unchanged(before, after, role) for role in kept},
        **{
            f"Ut {role}": metrics.unchanged(before, after, role, truth, among="true_positives")
            for role in kept
        },
    }


if __name__ == "__main__":
    main()
