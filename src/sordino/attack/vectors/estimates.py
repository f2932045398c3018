"""The estimates of audits of vectors, with chance, reference and an interval over speakers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import expit
from scipy.stats import kendalltau
from sklearn.linear_model import LogisticRegression

from sordino import metrics
from sordino.attack.identity import Identification
from sordino.attack.secret import Secret
from sordino.attack.selection import BEST
from sordino.attack.utility_probes import Detail
from sordino.columns import ESTIMATE_COLUMNS, REFERENCE, RELEASED
from sordino.define import Knowledge
from sordino.types import Rows, Statistic

if TYPE_CHECKING:
    from sordino.attack.vectors.result import AuditResult

FALSE_POSITIVE_RATES: Final = (0.01, 0.001)
"""False-positive rates of the metric `tpr@fpr`."""

ALL_UTTERANCES: Final = "all utterances"
"""The condition of an attacker with all utterances of a speaker."""

COSINE: Final = "cosine"
"""The attacker that compares vectors by cosine similarity."""

PAIRS: Final = "pairs of utterances"
"""The condition of a verification with one known utterance."""

CANDIDATES: Final = (2, 10, 100)
"""Numbers of candidates of linkability, beside all speakers."""


@dataclass(frozen=True)
class SpeakerAttacks:
    """Re-identification by release, and reconstruction of the original vectors."""

    identification: Mapping[str, Identification] = field(default_factory=dict)
    """By the best trained attacker."""
    comparison: Mapping[str, Identification] = field(default_factory=dict)
    """By cosine similarity, without training."""
    pairs: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    """Trials of pairs of utterances by cosine similarity (`sordino.attack.similarity`)."""
    reconstruction: Detail | None = None
    speaker: Rows = field(default_factory=lambda: np.zeros(0, np.intp))
    """Speaker of each reconstructed row, codes from 0, shape (n,)."""


def measure_vectors(
    audits: Sequence[AuditResult],
    table: str = "",
    seed: int = 0,
    speaker_attacks: SpeakerAttacks | None = None,
) -> pd.DataFrame:
    """The estimates of audits, as `columns.ESTIMATE_COLUMNS`; `table` is the name of the vectors.

    Each secret has rows for the best attacker with one utterance, with several and with all
    utterances of a speaker, and rows for each attacker family. Re-identification and reconstruction
    follow. The release `none` is the reference.
    """
    lines = [line for audited in audits for line in _secret(audited)]
    lines += [*_speaker_attacks(speaker_attacks)] if speaker_attacks else []
    result = pd.DataFrame(lines).assign(
        study="", corpus=table, features=table, seed=seed, split="all", required=""
    )
    counts = result.get("k", pd.Series("", index=result.index))
    result["k"] = [int(k) if k and k == k else "" for k in counts]
    words = {"group": "", "attacker": "", "k": "", "condition": ""}
    result = result.reindex(columns=list(ESTIMATE_COLUMNS)).astype(dict.fromkeys(words, object))
    return result.fillna(words)


def headline_value(secret: Secret, guesses: pd.DataFrame) -> float:
    """The headline metric of guesses on single utterances; NaN without guesses."""
    if not len(guesses):
        return float("nan")
    truth, score = guesses["truth"].to_numpy(), guesses["score"].to_numpy(dtype=float)
    if not secret.classes:
        return _concordance(truth, score)
    if len(secret.classes) == 2:
        return metrics.auc(truth == 1, score)
    return metrics.uar(truth.astype(np.intp), guesses["prediction"].to_numpy().astype(np.intp))


def above_chance(value: float, chance: float) -> float:
    """The part of the way from chance to 1: (value − chance) / (1 − chance).

    >>> above_chance(0.75, 0.5)
    0.5
    """
    return (value - chance) / (1 - chance)


GRADES: Final = ((0.4, "weak"), (0.6, "moderate"), (0.8, "strong"))
"""The part of the way from chance to 1 below which a leak has this grade: an AUC of 0.7, 0.8 and
0.9 (Hosmer, Lemeshow and Sturdivant 2013, section 5.2.4).
"""


def grade(value: float, low: float, chance: float, answer: str) -> str:
    """The size of a leak in words, from a value, the lower limit of its interval, chance, and the
    answer of the test (`Decision.answer`), which corrects for the selection of the best attacker.

    >>> [grade(value, value - 0.04, 0.5, "leak") for value in (0.57, 0.53, 0.92)]
    ['weak', 'not above chance', 'very strong']
    >>> grade(0.92, 0.88, 0.5, "no leak found"), grade(0.92, 0.88, 0.5, "cannot tell")
    ('not above chance', 'cannot tell')
    >>> grade(0.9, float("nan"), 0.5, "leak")
    'cannot tell'
    """
    if np.isnan(low) or answer == "cannot tell":
        return "cannot tell"
    if low <= chance or answer == "no leak found":
        return "not above chance"
    part = above_chance(value, chance)
    return next((words for limit, words in GRADES if part < limit), "very strong")


def headline_estimate(frame: pd.DataFrame, secret: Secret, answer: str) -> dict[str, Any]:
    """The headline estimate of a secret in `frame`, its grade and its reference, as plain values.

    The attacker is the best retrained one with one utterance; `answer` is that of the test.
    """
    rows = frame[
        (frame["target"] == secret.name)
        & (frame["metric"] == secret.metric)
        & (frame["attacker"] == BEST)
        & (frame["knowledge"] == Knowledge.SEMI_INFORMED)
        & (frame["condition"] == "")
    ]
    figures = {
        str(row["release"]): {
            **{name: _plain(row[name]) for name in ("value", "low", "high")},
            "n": int(row["n"]),
            "speakers": int(row["speakers"]),
        }
        for row in rows.to_dict("records")
    }
    released = rows[rows["release"] == RELEASED].iloc[0]
    return {
        "metric": secret.metric,
        **figures[RELEASED],
        "chance": secret.chance,
        "grade": grade(released["value"], released["low"], secret.chance, answer),
        "reference": figures.get(REFERENCE),
    }


def _plain(value: float) -> float | None:
    """A number of JSON, which has no NaN."""
    return float(value) if np.isfinite(value) else None


def _speaker_attacks(attacks: SpeakerAttacks) -> Iterator[dict[str, Any]]:
    attacker = {"knowledge": Knowledge.SEMI_INFORMED, "attacker": BEST}
    for release, identified in attacks.identification.items():
        labels = {"release": release, "target": "speaker", **attacker}
        yield from _identity(identified, labels)
        trials = identified.trials()
        trials["speaker"] = identified.speaker[trials["row"]]
        yield _verification(trials, labels)
    cosine = {"knowledge": Knowledge.IGNORANT, "attacker": COSINE}
    for release, identified in attacks.comparison.items():
        yield from _identity(identified, {"release": release, "target": "speaker", **cosine})
    for release, trials in attacks.pairs.items():
        labels = {"release": release, "target": "speaker", **cosine, "condition": PAIRS}
        yield _verification(trials, labels)
    detail = attacks.reconstruction
    if detail is not None:
        labels = {"release": RELEASED, "target": "reconstruction", **attacker}
        table = pd.DataFrame({"speaker": attacks.speaker[detail.rows]})
        yield _line(
            table,
            lambda rows: 1 - float(detail.prediction[rows].sum() / detail.truth[rows].sum()),
            labels,
            "reconstruction",
            0.0,
            None,
            (-np.inf, 1.0),
        )


def _identity(identified: Identification, labels: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Identification, linkability, singling out and rank disclosure."""
    table = pd.DataFrame({"speaker": identified.speaker})
    recall = _uar(identified.speaker, identified.prediction)
    yield _line(table, recall, labels, "uar", identified.chance, None)
    speakers = identified.speakers
    better = metrics.better_scores(identified.scores, identified.speaker)
    for size in (*(count for count in CANDIDATES if count < speakers), speakers):
        condition = {"condition": f"{size} candidates"} if size < speakers else {}
        statistic = _linkability(better, speakers, size)
        yield _line(table, statistic, labels | condition, "linkability", 1 / size, None)
    attempts = identified.isolations()
    single, chance = attempts["single"].to_numpy(), metrics.SINGLING_OUT_CHANCE
    yield _line(
        attempts, lambda rows: float(single[rows].mean()), labels, "singling_out", chance, None
    )
    bounds = (-np.inf, float(np.log2(speakers)))

    def bits(rows: Rows) -> float:
        return metrics.rank_bits(better[rows], speakers)

    yield _line(table, bits, labels, "rank_bits", 0.0, None, bounds)


def _verification(trials: pd.DataFrame, labels: dict[str, Any]) -> dict[str, Any]:
    """The equal error rate of trials (`speaker`, `positive`, `score`)."""
    positive, score = trials["positive"].to_numpy(), trials["score"].to_numpy()
    return _line(trials, _eer(positive, score), labels, "eer", 0.5, None)


def _linkability(better: NDArray[np.int64], speakers: int, candidates: int) -> Statistic:
    return lambda rows: metrics.linkability(better[rows], speakers, candidates)


def _uar(truth: Rows, prediction: Rows) -> Statistic:
    return lambda rows: metrics.uar(truth[rows], prediction[rows])


def _eer(positive: NDArray[np.bool_], score: NDArray[np.float64]) -> Statistic:
    return lambda rows: metrics.eer(positive[rows], score[rows])


def _secret(audited: AuditResult) -> Iterator[dict[str, Any]]:
    secret, guesses = audited.secret, audited.guesses
    knowledge = guesses["knowledge"]
    target = {"release": RELEASED, "target": secret.name}
    ignorant = guesses[(knowledge == str(Knowledge.IGNORANT)) & guesses["best"]]
    if len(ignorant):
        labels = {**target, "knowledge": Knowledge.IGNORANT, "attacker": BEST}
        yield from _lines(secret, ignorant, labels)
    for release in (RELEASED, REFERENCE):
        rows = guesses["release"] == release
        table = guesses[(knowledge == str(Knowledge.SEMI_INFORMED)) & rows]
        if not len(table):
            continue
        labels = {**target, "release": release, "knowledge": Knowledge.SEMI_INFORMED}
        yield from _attackers(secret, table, labels, details=True)
        patient = guesses[(knowledge == str(Knowledge.PATIENT)) & rows]
        for k, pooled in patient.groupby("k"):
            labels = {**target, "release": release, "knowledge": Knowledge.PATIENT}
            yield from _attackers(secret, pooled, labels | {"k": k})
    if len(audited.speaker_guesses) and secret.classes:
        labels = {
            **target,
            "knowledge": Knowledge.PATIENT,
            "condition": ALL_UTTERANCES,
            "attacker": BEST,
        }
        yield from _lines(secret, audited.speaker_guesses, labels)


def _attackers(
    secret: Secret, table: pd.DataFrame, labels: dict[str, Any], details: bool = False
) -> Iterator[dict[str, Any]]:
    """The best attacker, with `details`; then each attacker."""
    yield from _lines(secret, table[table["best"]], labels | {"attacker": BEST}, details)
    for name in dict.fromkeys(table["attacker"]):
        yield from _lines(secret, table[table["attacker"] == name], labels | {"attacker": name})


def _lines(
    secret: Secret, table: pd.DataFrame, labels: dict[str, Any], details: bool = False
) -> Iterator[dict[str, Any]]:
    """UAR and AUC; with `details`, also P, advantage, `tpr@fpr` and bits."""
    table = table.reset_index(drop=True)
    values, score = table["truth"].to_numpy(), table["score"].to_numpy(dtype=float)
    if not secret.classes:
        yield _line(
            table,
            lambda rows: _concordance(values[rows], score[rows]),
            labels,
            "auc",
            0.5,
            None,
        )
        return
    truth, prediction = values.astype(np.intp), table["prediction"].to_numpy().astype(np.intp)
    classes = len(secret.classes)

    def auc(rows: Rows) -> float:
        return metrics.auc(truth[rows] == 1, score[rows])

    def privacy(rows: Rows) -> float:
        return metrics.privacy(truth[rows], prediction[rows])

    def advantage(rows: Rows) -> float:
        return metrics.advantage(truth[rows], prediction[rows], classes)

    yield _line(table, _uar(truth, prediction), labels, "uar", secret.chance, truth)
    if classes == 2:
        yield _line(table, auc, labels, "auc", 0.5, truth)
    if not details:
        return
    yield _line(table, privacy, labels, "privacy", 1 - secret.chance, truth)
    yield _line(table, advantage, labels, "advantage", 0.0, truth, (-1.0, 1.0))
    if classes == 2:
        for rate in FALSE_POSITIVE_RATES:
            if (truth == 0).sum() * rate >= 1:
                tpr = _tpr_at_fpr(truth, score, rate)
                yield _line(table, tpr, labels, f"tpr@fpr={rate:g}", rate, truth)
        likelihood = _calibrated(table, truth, score)
        yield _line(
            table,
            lambda rows: metrics.bits(truth[rows], likelihood[rows], 2),
            labels,
            "bits",
            0.0,
            truth,
            (-np.inf, 1.0),
        )


def _tpr_at_fpr(truth: Rows, score: NDArray[np.float64], rate: float) -> Statistic:
    return lambda rows: metrics.tpr_at_fpr(truth[rows] == 1, score[rows], rate)


def _line(
    table: pd.DataFrame,
    statistic: Statistic,
    labels: dict[str, Any],
    metric: str,
    chance: float,
    truth: Rows | None,
    bounds: tuple[float, float] = (0.0, 1.0),
) -> dict[str, Any]:
    interval = metrics.interval(
        statistic,
        table["speaker"],
        stratum=None if truth is None else _stratum(table, truth),
        group=truth,
        bounds=bounds,
    )
    return {
        **labels,
        "metric": metric,
        **asdict(interval),
        "chance": chance,
    }


def _stratum(table: pd.DataFrame, truth: Rows) -> Rows | None:
    """The secret if it is constant within speakers: folds are balanced by it."""
    within = pd.Series(truth).groupby(table["speaker"].to_numpy()).nunique().max() > 1
    return None if within else truth


def _concordance(truth: NDArray[np.float64], score: NDArray[np.float64]) -> float:
    """The probability that, of two rows with different values, the larger value has the higher
    score (Harrell 1982). Ties of scores count 1/2.

    It follows from Kendall's τ-b, which takes n log n steps:

        (concordant − discordant) = τ-b · √((pairs − ties of truth) (pairs − ties of score))
    """
    by_truth, by_score = _different_pairs(truth), _different_pairs(score)
    if not by_truth:
        return float("nan")
    if not by_score:
        return 0.5
    tau = kendalltau(truth, score).statistic
    return float(0.5 + 0.5 * tau * np.sqrt(by_score / by_truth))


def _different_pairs(values: NDArray[np.float64]) -> int:
    """The number of pairs with different values."""
    counts = np.unique(values, return_counts=True)[1].astype(np.int64)
    return int((counts.sum() ** 2 - (counts**2).sum()) // 2)


def _calibrated(
    table: pd.DataFrame, truth: Rows, score: NDArray[np.float64]
) -> NDArray[np.float64]:
    """The probability of the true value, from scores calibrated on the other folds (Platt 1999)."""
    likelihood = np.full(len(table), 0.5)
    folds = table["side"].to_numpy()
    for fold in np.unique(folds):
        test, train = folds == fold, folds != fold
        if len(np.unique(truth[train])) == 2:
            model = LogisticRegression(C=1.0).fit(score[train, None], truth[train])
            positive = expit(model.decision_function(score[test, None]))
            likelihood[test] = np.where(truth[test] == 1, positive, 1 - positive)
    return likelihood
