"""How the recipe of `drawn` was chosen: each knob turned, measured on validation speakers only; and
how long it takes.

In each draw a quarter of the transform party's speakers is held out, each quarter in turn; releases
are fitted on the other three, and the risk model of the risk party judges what becomes of the
quarter. No test speaker of the draw is looked at. Utterances of all quarters and draws are counted
together, then the policies' means are taken.

    python benchmarks/drawn/choices.py --corpus ravdess=data/ravdess --corpus emodb=data/emodb

`--features` names another feature set than IS13.

With `--test` releases are fitted on the whole party and measured on the test speakers instead: for
once, at the end.
"""

from __future__ import annotations

import argparse
import time
import warnings
from collections.abc import Iterator
from typing import Any, Final

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from sordino import metrics, parallel
from sordino.attack import RiskFitter
from sordino.attack.pooling import groups
from sordino.cli.options import CACHE, corpora_from
from sordino.corpora.split import Part, Parts
from sordino.corpora.table import Corpus
from sordino.define import ROLES, Role
from sordino.features import PreprocessFitter, extract
from sordino.release import DrawnFitter, bounds
from sordino.study import POLICIES, Options, protocol

QUARTERS: Final = 4
CHOSEN: Final = "as chosen"
VARIANTS: Final[dict[str, dict[str, Any]]] = {
    CHOSEN: {},
    **{f"rate {rate}": {"rate": rate} for rate in (0.05, 0.1, 0.15, 0.2, 0.25, 0.3)},
    **{f"shrinkage {shrinkage}": {"shrinkage": shrinkage} for shrinkage in (0.1, 0.5, 0.8)},
    "detail": {"detail": True},
}


def main() -> None:
    """Print one row a variant, then how the chosen release's bins fall, then seconds."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--corpus", action="append", required=True, metavar="NAME=PATH")
    parser.add_argument("--features", default="IS13")
    parser.add_argument("--only", action="append", help="a variant; again for more (default: all)")
    parser.add_argument(
        "--test", action="store_true", help="measure on test speakers: to confirm, not to choose"
    )
    parser.add_argument("--jobs", type=int, default=-1)
    given = parser.parse_args()
    corpus = corpora_from(given.corpus).with_emotions(protocol.FOUR_EMOTIONS)
    x = extract(given.features, corpus, CACHE)
    draws = protocol.draws(corpus, Options(), corpus.checksums())
    sides = {
        parts.draw: [(parts.transform.rows, parts.test)] if given.test else quarters(corpus, parts)
        for parts in draws
    }
    units = [(parts, *one) for parts in draws for one in sides[parts.draw]]
    names = given.only or list(VARIANTS)
    made = parallel.map(
        lambda one: unit(corpus, x, *one, names), units, jobs=given.jobs, ordered=True
    )
    table = pd.concat(made, ignore_index=True)
    each = table.groupby(["variant", "required"], sort=False)
    found = pd.DataFrame(
        [{"variant": name, "required": of, **figures(rows)} for (name, of), rows in each]
    )
    print(
        found.drop(columns="required").groupby("variant", sort=False).mean().round(3).to_string(),
        "\n",
    )
    chosen = (
        found[found["variant"] == found["variant"].iloc[0]]
        .drop(columns="variant")
        .set_index("required")
    )
    print(chosen.round(3).to_string(), "\n")
    print(falls(table[table["variant"] == found["variant"].iloc[0]]).round(3).to_string(), "\n")
    print(seconds(corpus, x, draws[0]).round(3).to_string())


def quarters(corpus: Corpus, parts: Parts) -> Iterator[tuple[NDArray[np.intp], NDArray[np.intp]]]:
    """The transform party's rows without each quarter of its speakers, and those of it."""
    rows = parts.transform.rows
    people = (
        corpus.table.iloc[rows].drop_duplicates("speaker").sample(frac=1, random_state=parts.draw)
    )
    order = people.sort_values(["corpus", "gender"], kind="stable")["speaker"].to_numpy(dtype=str)
    quarter = np.argsort(order)[np.searchsorted(np.sort(order), corpus.speaker[rows])] % QUARTERS
    for one in range(QUARTERS):
        yield rows[quarter != one], rows[quarter == one]


def unit(
    corpus: Corpus,
    x: NDArray[np.float32],
    parts: Parts,
    own: NDArray[np.intp],
    held: NDArray[np.intp],
    only: list[str],
) -> pd.DataFrame:
    """What becomes of each held-out utterance, under every policy and variant."""
    torch.set_num_threads(1)
    z = PreprocessFitter().fit(x[own])(x)
    tables = []
    for policy in POLICIES:
        judge = RiskFitter(policy, seed=parts.draw).fit(z, corpus, parts.risk)
        known = {
            "speaker": corpus.speaker[held],
            "gender": corpus.genders()[held],
            "draw": parts.draw,
            "role": corpus.roles(policy)[held],
            "emotion": corpus.column("emotion")[held],
            "intensity": corpus.column("intensity")[held],
            "before": judge(z[held]).role.argmax(axis=1),
        }
        for name in only:
            with warnings.catch_warnings():
                warnings.filterwarnings("ignore", ".* sound like ")
                release = DrawnFitter(policy, seed=parts.draw, **VARIANTS[name]).fit(
                    z, corpus, Part(own, own[:0])
                )
            after = judge(release(z[held])).role.argmax(axis=1)
            told = {"bin": release.decide(z[held]), "after": after}
            tables.append(
                pd.DataFrame({"variant": name, "required": policy.required_name, **known, **told})
            )
    return pd.concat(tables)


def figures(of: pd.DataFrame) -> dict[str, float]:
    """What is kept, and the AUC of who reads the bin: 0.5 is nothing, below it women or neutral
    ones pass more.
    """
    truth, before, after, bins, gender = (
        of[name].to_numpy() for name in ("role", "before", "after", "bin", "gender")
    )
    neutral, required, sensitive = (str(role) for role in ROLES)
    several = groups((of["speaker"] + of["draw"].astype(str)).to_numpy(), gender, 20)
    pooled = (
        of.assign(group=several)[several >= 0]
        .groupby("group")
        .agg({"bin": "mean", "gender": "first"})
    )
    strong = (of["intensity"] == "strong").to_numpy()
    labelled = (of["intensity"] != "").to_numpy() & (truth == Role.REQUIRED)
    rest = truth != Role.REQUIRED
    return {
        f"F1 {required}": metrics.f1(truth, after, required),
        **{f"U {role}": metrics.unchanged(before, after, role) for role in (neutral, required)},
        **{
            f"Ut {role}": metrics.unchanged(before, after, role, truth, among="true_positives")
            for role in (neutral, required)
        },
        sensitive: metrics.auc(truth[rest] == Role.SENSITIVE, bins[rest].astype(float)),
        **_emotions(of, bins.astype(float)),
        "gender": metrics.auc(gender == 1, bins.astype(float)),
        "gender, 20": metrics.auc(
            pooled["gender"].to_numpy() == 1, pooled["bin"].to_numpy(dtype=float)
        ),
        "intensity": metrics.auc(strong[labelled], bins[labelled].astype(float)),
    }


def _emotions(of: pd.DataFrame, bins: NDArray[np.float64]) -> dict[str, float]:
    """The AUC of each sensitive emotion against neutral, and the largest distance from 0.5 among
    women and men.
    """
    emotion, truth, gender = (of[name].to_numpy() for name in ("emotion", "role", "gender"))

    def auc(label: str, rows: NDArray[np.bool_]) -> float:
        rows = rows & ((emotion == label) | (truth == Role.NEUTRAL))
        return metrics.auc(emotion[rows] == label, bins[rows])

    labels = np.unique(emotion[truth == Role.SENSITIVE]).tolist()
    everyone = np.ones(len(of), np.bool_)
    cells = [auc(label, gender == code) for label in labels for code in (0, 1)]
    return {label: auc(label, everyone) for label in labels} | {
        "largest distance, by gender": max(abs(cell - 0.5) for cell in cells)
    }


def falls(of: pd.DataFrame) -> pd.DataFrame:
    """How often bins are high, by how much speakers differ (sd, chance of few utterances taken
    off), and the gap.
    """
    of = of.assign(high=of["bin"] > 0, person=of["speaker"] + of["draw"].astype(str))
    rows = {"gender": _by_gender(of)}
    rows |= {
        f"gender, {role}": _by_gender(of[of["role"] == place]) for place, role in enumerate(ROLES)
    }
    both = of[of["role"] != Role.REQUIRED]
    means = []
    for _, one in both.groupby("required"):
        counts: Any = one.groupby(["person", "role"])["high"].agg(["mean", "size"]).unstack()
        share, size = counts["mean"], counts["size"]
        change = share[Role.SENSITIVE] - share[Role.NEUTRAL]
        chance = (share * (1 - share) / (size - 1).clip(lower=1)).sum(axis=1).mean()
        spread = np.sqrt(max(change.var() - chance, 0) / 2)
        means.append([one["high"].mean(), spread, change.mean(), size.sum(axis=1).mean()])
    rows["sensitive against neutral"] = np.mean(means, axis=0)
    return pd.DataFrame(rows, ["share", "spread", "gap", "utterances"]).T


def _by_gender(of: pd.DataFrame) -> NDArray[np.float64]:
    means = []
    for _, one in of.groupby("required"):
        people = one.groupby("person").agg(
            share=("high", "mean"), size=("high", "size"), gender=("gender", "first")
        )
        chance = (
            people["share"] * (1 - people["share"]) / (people["size"] - 1).clip(lower=1)
        ).mean()
        apart = people.groupby("gender")["share"]
        spread = np.sqrt(max(apart.var().mean() - chance, 0))
        means.append(
            [one["high"].mean(), spread, apart.mean()[1] - apart.mean()[0], people["size"].mean()]
        )
    found: NDArray[np.float64] = np.mean(means, axis=0)
    return found


def seconds(corpus: Corpus, x: NDArray[np.float32], parts: Parts) -> pd.Series[float]:
    """Seconds to fit one release, to bound it, and to release 1,000 vectors, on one core."""
    z = PreprocessFitter().fit(x[parts.transform.rows])(x)
    fitter = DrawnFitter(POLICIES[0])
    times = [time.perf_counter()]
    release = fitter.fit(z, corpus, parts.transform)
    times.append(time.perf_counter())
    bounds(fitter, lambda rows: PreprocessFitter().fit(x[rows])(x), corpus, parts.transform)
    times.append(time.perf_counter())
    release(np.resize(z, (1000, z.shape[1])))
    times.append(time.perf_counter())
    return pd.Series(np.diff(times), ["fit", "bounds", "release 1,000 vectors"], name="seconds")


if __name__ == "__main__":
    main()
