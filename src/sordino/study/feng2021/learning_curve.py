"""The learning curve of Feng and Narayanan (2021): utility against the number of utterances.

    one draw ─┬─ test speakers ─ the same at every size
              └─ fitting speakers ─ nested random subsets of their utterances: 1/16 ⊂ 1/8 ⊂ ... ⊂ 1

Each subset fits the scaled space, the risk model and the releases anew.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from typing import Any, Final, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.optimize import least_squares

from sordino import metrics, storage
from sordino.corpora.split import DRAWS, Part, Parts
from sordino.corpora.table import Corpus
from sordino.define import Role
from sordino.errors import SplitError
from sordino.features import CACHE
from sordino.metrics import Interval
from sordino.policy import Policy
from sordino.record import settled
from sordino.report.estimate_table import Estimate, Estimates
from sordino.report.estimates import pooled
from sordino.storage import Location
from sordino.study.feng2021.tables import FengTables
from sordino.study.protocol import POLICIES, Fitters, Inputs, Options, prepare
from sordino.study.units import predictions
from sordino.types import Rows

FITTING_SHARES: Final = (1 / 16, 1 / 8, 1 / 4, 1 / 2, 1.0)
"""Shares of the utterances of the fitting speakers."""

PAPER_UTTERANCES: Final = 4025
"""Utterances of one party in the paper: 40 % of 10,062 (IEMOCAP 4,490, RAVDESS 672, CREMA-D
4,900).
"""

METRICS: Final = {"unchanged": "U of the required emotion", "f1": "F1 of the required emotion"}
"""Measures of the curve in words."""

LARGEST_EXPONENT: Final = 2.0


class LearningCurve(NamedTuple):
    """One measure of one release by the number of utterances."""

    points: list[tuple[float, Estimate]]
    """Utterances with which the release is fitted (mean over draws), and the estimate."""
    doubling: Interval
    """What twice as many utterances add: the slope of a line over the logarithm of their number."""
    at_paper: Interval
    """The power law at `PAPER_UTTERANCES`; NaN if no extrapolation is justified."""
    paper: float
    """The paper's value, the mean of its three models; NaN if it has none."""


LearningCurves = dict[tuple[str, str], LearningCurve]
"""By metric and release."""


def subset(parts: Parts, label: NDArray[np.str_], share: float, seed: int) -> Parts:
    """The draw with a random share of the utterances of each fitting party.

    Each value of `label` (emotion and gender, `(utterances,)`) keeps its share, one row at least,
    of training and validation. Subsets of one seed are nested. The test is unchanged.

    Raises `SplitError` for a share that is not in (0, 1].
    """
    if not 0 < share <= 1:
        raise SplitError(
            f"share {share:g} of the utterances, expected more than 0 and at most 1: choose 0.5"
        )
    random = np.random.default_rng([seed, parts.draw])

    def reduce(rows: Rows) -> Rows:
        order = random.permutation(rows)
        groups = [order[label[order] == value] for value in np.unique(label[rows])]
        chosen = [group[: max(1, round(share * len(group)))] for group in groups]
        return np.sort(np.concatenate(chosen)) if chosen else rows

    risk, transform = (
        Part(reduce(part.train), reduce(part.validation)) for part in (parts.risk, parts.transform)
    )
    return Parts(risk, transform, parts.test, parts.draw)


def learning_curve(
    corpus: Corpus,
    out: str | Location,
    *,
    features: str = "IS13",
    options: Options | None = None,
    policies: Sequence[Policy] = POLICIES,
    fitters: Fitters | None = None,
    shares: Sequence[float] = FITTING_SHARES,
    max_draws: int = DRAWS,
    cache: str | Location | None = CACHE,
    jobs: int = 0,
) -> tuple[LearningCurves, dict[str, Any]]:
    """The curves of one feature set, and a record: the options, and the units by share, draw and
    policy. Finished units are in `out/units`: a killed run resumes.

    `shares` are shares of the utterances of the fitting speakers. The other arguments
    and errors are those of `reproduce`. Attackers are not part of a curve, since their data would
    shrink with it: the units have a linear attacker only.
    """
    options, out = replace(options or Options(), families=("linear",)), storage.folder(out)
    inputs = prepare(corpus, features, options, max_draws=max_draws, cache=cache, jobs=jobs)
    table = inputs.corpus.table
    label = (table["emotion"] + " " + table["gender"]).to_numpy(dtype=str)
    guesses, sizes = [], []
    units: dict[str, Any] = {}
    for share in sorted(set(shares)):
        draws = tuple(subset(parts, label, share, options.seed) for parts in inputs.draws)
        smaller = inputs._replace(draws=draws)
        rows, record = predictions(
            smaller,
            out / "units" / f"{share:g}",
            options,
            policies=policies,
            fitters=fitters,
            informed=False,
            jobs=jobs,
        )
        guesses.append(rows[rows["target"] == "emotion"].assign(share=share))
        sizes.append(_utterances(smaller))
        units |= {f"{share:g} {name}": unit for name, unit in record.items()}
    is_paper = features == "IS13" and options.conditions == "none"
    found = measure_curves(pd.concat(guesses, ignore_index=True), sizes, is_paper)
    config = {
        "options": asdict(options),
        "shares": sorted(set(shares)),
        "conditions": inputs.conditions,
    }
    return found, {**settled(config), "units": units}


def _utterances(inputs: Inputs) -> float:
    """Utterances of the transform party, the mean over draws."""
    return float(np.mean([len(parts.transform.rows) for parts in inputs.draws]))


def measure_curves(
    guesses: pd.DataFrame, utterances: Sequence[float], is_paper: bool = True
) -> LearningCurves:
    """The curves of the predictions of emotions on the test speakers, with the column `share`.

    `utterances` are those of each share, ascending. `is_paper` puts the paper's values beside them.
    """
    paper, found = FengTables(), {}
    looks = [
        Estimates(pooled(rows.drop(columns="share"), breakdown=False))
        for _, rows in guesses.groupby("share")
    ]
    for release, rows in guesses.groupby("release", sort=False):
        name = str(release)
        for metric in METRICS:
            if metric == "unchanged" and name == "none":
                continue  # 1 by definition
            estimates = [look(metric, name, "", Role.REQUIRED) for look in looks]
            doubling, at_paper = _trends(rows, metric, utterances)
            justified = doubling.low > 0
            found[metric, name] = LearningCurve(
                list(zip(utterances, estimates, strict=True)),
                doubling,
                at_paper if justified else Interval(math.nan, math.nan, math.nan, 0, 0),
                paper(metric, name, "", str(Role.REQUIRED)) if is_paper else math.nan,
            )
    return found


def _trends(
    guesses: pd.DataFrame, metric: str, utterances: Sequence[float]
) -> tuple[Interval, Interval]:
    """The gain of twice as many utterances and the power law at the paper's number, each with its
    interval over speakers. A speaker takes part at every size, under all policies and in all draws.
    """
    groups = guesses.groupby(["share", "draw", "required"])
    cell, cells = groups.ngroup().to_numpy(), groups.size().index
    share = np.unique(cells.get_level_values("share"), return_inverse=True)[1]
    truth, before, after = (
        guesses[name].to_numpy(dtype=int) == Role.REQUIRED
        for name in ("truth", "before", "prediction")
    )

    def curve(rows: Rows) -> NDArray[np.float64]:
        """The mean over draws and policies at each size; NaN without a prediction."""

        def count(mask: NDArray[np.bool_]) -> NDArray[np.intp]:
            return np.bincount(cell[rows], mask[rows], minlength=len(cells))

        if metric == "unchanged":
            hits, total = count(before & after), count(before)
        else:
            hits, total = 2 * count(truth & after), count(truth) + count(after)
        values = np.divide(hits, total, out=np.full(len(cells), np.nan), where=total > 0)
        sizes = (values[(share == size) & (total > 0)] for size in range(share.max() + 1))
        return np.array([cell.mean() if len(cell) else np.nan for cell in sizes])

    def interval(
        of_curve: Callable[[NDArray[np.float64]], float], bounds: tuple[float, float]
    ) -> Interval:
        def statistic(rows: Rows) -> float:
            values = curve(rows)
            return of_curve(values) if np.isfinite(values).all() else math.nan

        return metrics.interval(
            statistic, guesses["speaker"], stratum=guesses["gender"], bounds=bounds
        )

    doublings = np.log2(utterances)
    slope = interval(
        lambda values: float(np.polyfit(doublings, values, 1)[0]), (-math.inf, math.inf)
    )
    return slope, interval(
        lambda values: power_law(utterances, values, PAPER_UTTERANCES), (0.0, 1.0)
    )


def power_law(utterances: Sequence[float], values: NDArray[np.float64], at: float) -> float:
    """The value at `at` utterances of the power law through a learning curve.

    The law is top - a n^(-b), with 0 <= top <= 1, a >= 0 and 0.01 <= b <= 2, by least squares.

    >>> sizes = [50, 100, 200, 400, 800]
    >>> round(power_law(sizes, 0.9 - 2.0 * np.array(sizes) ** -0.5, 3200), 3)
    0.865
    """
    n = np.asarray(utterances) / max(utterances)

    def residual(law: NDArray[np.float64]) -> NDArray[np.float64]:
        top, a, b = law
        difference: NDArray[np.float64] = top - a * n**-b - values
        return difference

    start = (min(float(values[-1]) + 0.05, 0.99), 0.05, 0.5)
    top, a, b = least_squares(
        residual, start, bounds=((0, 0, 0.01), (1, np.inf, LARGEST_EXPONENT)), xtol=1e-12
    ).x
    return float(np.clip(top - a * (at / max(utterances)) ** -b, 0, 1))
