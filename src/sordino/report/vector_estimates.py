"""The estimates of audits of a table: one row a figure, with chance, its reference and an interval
over speakers.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import expit
from scipy.stats import kendalltau
from sklearn.linear_model import LogisticRegression

from sordino import metrics
from sordino.attack.identity import Identified
from sordino.attack.secret import Secret
from sordino.attack.selection import BEST
from sordino.attack.utility_probes import Detail
from sordino.attack.vector_audit import REFERENCE, RELEASED, Audited
from sordino.columns import ESTIMATES
from sordino.define import Knowledge
from sordino.types import Statistic

RATES: Final = (0.01, 0.001)
"""False-positive rates at which true positives are counted."""

WHOLE: Final = "all utterances"
"""The condition of an attacker who sees all utterances of a speaker together."""


@dataclass(frozen=True)
class People:
    """What attackers tell of who speaks, and of the original vectors: who it is, by release, and
    the residuals.
    """

    identified: Mapping[str, Identified] = field(default_factory=dict)
    reconstructed: Detail | None = None
    speaker: NDArray[np.intp] = field(default_factory=lambda: np.zeros(0, np.intp))
    """Of each row that was reconstructed."""


def estimates(
    audits: Sequence[Audited], table: str = "", seed: int = 0, people: People | None = None
) -> pd.DataFrame:
    """The estimates of some audits in the columns of the contract; `table` names the vectors.

    For each secret: what the best attacker gets of one utterance, of several, and of all of a
    speaker; then each family alone. Then who speaks, and how much of the original comes back. The
    release `none` is the reference.
    """
    lines = [line for audited in audits for line in _of(audited)]
    lines += [*_people(people)] if people else []
    made = pd.DataFrame(lines).assign(
        study="", corpus=table, features=table, seed=seed, split="all", required=""
    )
    made["k"] = [
        int(k) if k and k == k else "" for k in made.get("k", pd.Series("", index=made.index))
    ]
    words = {"group": "", "attacker": "", "k": "", "condition": ""}
    return made.reindex(columns=list(ESTIMATES)).astype(dict.fromkeys(words, object)).fillna(words)


def _people(people: People) -> Iterator[dict[str, Any]]:
    for release, found in people.identified.items():
        where = {
            "release": release,
            "target": "speaker",
            "knowledge": Knowledge.SEMI_INFORMED,
            "attacker": BEST,
        }
        table = pd.DataFrame({"speaker": found.speaker})
        yield _line(table, _recall(found.speaker, found.said), where, "uar", found.chance, None)
        trials = found.trials()
        positive, score = trials["positive"].to_numpy(), trials["score"].to_numpy()
        claims = pd.DataFrame({"speaker": found.speaker[trials["row"]]})
        yield _line(claims, _equal_errors(positive, score), where, "eer", 0.5, None)
    part = people.reconstructed
    if part is not None:
        where = {
            "release": RELEASED,
            "target": "reconstruction",
            "knowledge": Knowledge.SEMI_INFORMED,
            "attacker": BEST,
        }
        table = pd.DataFrame({"speaker": people.speaker[part.rows]})
        yield _line(
            table,
            lambda rows: 1 - float(part.prediction[rows].sum() / part.truth[rows].sum()),
            where,
            "reconstruction",
            0.0,
            None,
            (-np.inf, 1.0),
        )


def _recall(speaker: NDArray[np.intp], said: NDArray[np.intp]) -> Statistic:
    return lambda rows: metrics.uar(speaker[rows], said[rows])


def _equal_errors(positive: NDArray[np.bool_], score: NDArray[np.float64]) -> Statistic:
    return lambda rows: metrics.eer(positive[rows], score[rows])


def _of(audited: Audited) -> Iterator[dict[str, Any]]:
    secret = audited.secret
    knowledge = audited.guesses["knowledge"]
    semi = knowledge == str(Knowledge.SEMI_INFORMED)
    ignorant = audited.guesses[
        (knowledge == str(Knowledge.IGNORANT)) & audited.guesses["best"]
    ].reset_index(drop=True)
    if len(ignorant):
        where = {
            "release": RELEASED,
            "target": secret.name,
            "knowledge": Knowledge.IGNORANT,
            "attacker": BEST,
        }
        yield from _lines(secret, ignorant, where)
    for release in (RELEASED, REFERENCE):
        table = audited.guesses[semi & (audited.guesses["release"] == release)].reset_index(
            drop=True
        )
        if not len(table):
            continue
        fixed = {"release": release, "target": secret.name}
        alone = {**fixed, "knowledge": Knowledge.SEMI_INFORMED}
        best = table[table["best"]].reset_index(drop=True)
        yield from _lines(secret, best, alone | {"attacker": BEST}, every=True)
        for family in dict.fromkeys(table["attacker"]):
            own = table[table["attacker"] == family].reset_index(drop=True)
            yield from _lines(secret, own, alone | {"attacker": family})
        waited = audited.guesses[
            (knowledge == str(Knowledge.PATIENT)) & (audited.guesses["release"] == release)
        ]
        for k, pooled in waited.groupby("k"):
            several = {**fixed, "knowledge": Knowledge.PATIENT, "k": k}
            yield from _lines(
                secret, pooled[pooled["best"]].reset_index(drop=True), several | {"attacker": BEST}
            )
            for way in dict.fromkeys(pooled["attacker"]):
                own = pooled[pooled["attacker"] == way].reset_index(drop=True)
                yield from _lines(secret, own, several | {"attacker": way})
    if len(audited.whole) and secret.classes:
        together = {
            "release": RELEASED,
            "target": secret.name,
            "knowledge": Knowledge.PATIENT,
            "condition": WHOLE,
        }
        yield from _lines(secret, audited.whole, together | {"attacker": BEST})


def _lines(
    secret: Secret, table: pd.DataFrame, where: dict[str, Any], every: bool = False
) -> Iterator[dict[str, Any]]:
    truth, score = table["truth"].to_numpy(), table["score"].to_numpy(dtype=float)
    if not secret.classes:
        yield _line(
            table, lambda rows: _concordance(truth[rows], score[rows]), where, "auc", 0.5, None
        )
        return
    truth, said = truth.astype(np.intp), table["prediction"].to_numpy().astype(np.intp)
    classes = len(secret.classes)
    yield _line(
        table, lambda rows: metrics.uar(truth[rows], said[rows]), where, "uar", secret.chance, truth
    )
    if classes == 2:
        yield _line(
            table, lambda rows: metrics.auc(truth[rows] == 1, score[rows]), where, "auc", 0.5, truth
        )
    if not every:
        return
    yield _line(
        table,
        lambda rows: metrics.privacy(truth[rows], said[rows]),
        where,
        "privacy",
        1 - secret.chance,
        truth,
    )
    yield _line(
        table,
        lambda rows: metrics.advantage(truth[rows], said[rows], classes),
        where,
        "advantage",
        0.0,
        truth,
        (-1.0, 1.0),
    )
    if classes == 2:
        for rate in RATES:
            if (truth == 0).sum() * rate >= 1:
                yield _line(
                    table, _sure(truth, score, rate), where, f"tpr@fpr={rate:g}", rate, truth
                )
        likely = _calibrated(table, truth, score)
        yield _line(
            table,
            lambda rows: metrics.bits(truth[rows], likely[rows], 2),
            where,
            "bits",
            0.0,
            truth,
            (-np.inf, 1.0),
        )


def _sure(truth: NDArray[np.intp], score: NDArray[np.float64], rate: float) -> Statistic:
    return lambda rows: metrics.tpr_at_fpr(truth[rows] == 1, score[rows], rate)


def _line(
    table: pd.DataFrame,
    statistic: Statistic,
    where: dict[str, Any],
    metric: str,
    chance: float,
    truth: NDArray[np.intp] | None,
    bounds: tuple[float, float] = (0.0, 1.0),
) -> dict[str, Any]:
    found = metrics.interval(
        statistic,
        table["speaker"],
        stratum=None if truth is None else _stratum(table, truth),
        group=truth,
        bounds=bounds,
    )
    return {
        **where,
        "metric": metric,
        "value": found.value,
        "low": found.low,
        "high": found.high,
        "n": found.n,
        "speakers": found.speakers,
        "chance": chance,
    }


def _stratum(table: pd.DataFrame, truth: NDArray[np.intp]) -> NDArray[np.intp] | None:
    """The secret where it is constant within speakers: folds balance it."""
    within = pd.Series(truth).groupby(table["speaker"].to_numpy()).nunique().max() > 1
    return None if within else truth


def _concordance(truth: NDArray[np.float64], score: NDArray[np.float64]) -> float:
    """Of two rows with unlike values, how often the larger one has the higher score (Harrell 1982),
    ties 1/2.

    From Kendall's τ-b, which is counted in n log n steps:

        (agreeing - opposed) = τ-b · √((pairs - ties of truth) (pairs - ties of score))
    """
    unlike, apart = _unlike(truth), _unlike(score)
    if not unlike:
        return float("nan")
    if not apart:
        return 0.5
    return float(0.5 + 0.5 * kendalltau(truth, score).statistic * np.sqrt(apart / unlike))


def _unlike(values: NDArray[np.float64]) -> int:
    """How many pairs differ."""
    counts = np.unique(values, return_counts=True)[1].astype(np.int64)
    return int((counts.sum() ** 2 - (counts**2).sum()) // 2)


def _calibrated(
    table: pd.DataFrame, truth: NDArray[np.intp], score: NDArray[np.float64]
) -> NDArray[np.float64]:
    """How likely the attacker finds the true value, its scores calibrated on the other folds (Platt
    1999).
    """
    likely = np.full(len(table), 0.5)
    side = table["side"].to_numpy()
    for one in np.unique(side):
        own, other = side == one, side != one
        if len(np.unique(truth[other])) == 2:
            model = LogisticRegression(C=1.0).fit(score[other, None], truth[other])
            of_one = expit(model.decision_function(score[own, None]))
            likely[own] = np.where(truth[own] == 1, of_one, 1 - of_one)
    return likely
