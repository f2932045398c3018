"""The audit of a table of vectors from any tool: which secrets a retrained attacker recovers.

    vectors, secret, speakers
        -> folds of speakers
        -> every attacker's scores of speakers that it never saw
        -> the same on shuffles of the secret     -> a verdict
        -> guesses, single and pooled             -> figures (`sordino.report`)

Scores are cross-fitted over all speakers, so that every speaker is tested. The best attacker is
selected for each fold on the *other* folds: its scores of a speaker have no part in its selection.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator
from threadpoolctl import threadpool_limits

from sordino import metrics, parallel
from sordino.attack import row_sampling
from sordino.attack.attackers import kernels, scaling
from sordino.attack.attackers.families import QUICK, QUICK_TABLE, available, score_attackers
from sordino.attack.attackers.kernels import Scores
from sordino.attack.attackers.score_table import ScoreTable
from sordino.attack.pooling import POOL_SIZES, patient_guesses
from sordino.attack.secret import MAX_CLASSES, Secret, labels_of
from sordino.attack.selection import BEST, predict, predict_speakers
from sordino.attack.significance import permutation_test
from sordino.attack.significance import power as planted_leaks
from sordino.attack.splits import SplitPlan, crossfit
from sordino.corpora import labels
from sordino.define import Knowledge
from sordino.errors import AttackError
from sordino.storage import Location
from sordino.types import Matrix, RowReader, Rows, vectors_at

RELEASED: Final = "released"
REFERENCE: Final = "none"
"""The release that changes nothing: the unprotected vectors."""

QUICK_SHUFFLES: Final = 199
"""Shuffles by default of quick families, which score a further shuffle at almost no cost."""

FULL_SHUFFLES: Final = 39
"""Shuffles by default of other families, which fit each shuffle."""

MAX_AUC_DEFICIT: Final = 0.1
"""A family with an AUC so much below the best one on the unprotected vectors gives no evidence for
a release.
"""


@dataclass(frozen=True)
class AuditResult:
    """The result of an audit of one secret."""

    secret: Secret
    decision: permutation_test.Decision
    guesses: pd.DataFrame
    """One row per utterance and attacker (`columns.GUESS_COLUMNS`), on the table and on its
    reference (`release`). The attacker (`knowledge`) is semi-informed or patient, or, with a
    reference of the same width, ignorant.
    """
    speaker_guesses: pd.DataFrame
    """The same for the best attacker on whole speakers: one row per speaker."""
    rows: Rows
    """The audited rows."""
    available: int
    """The number of rows of the table."""
    config: dict[str, Any] = field(default_factory=dict)
    power: Mapping[float, float] = field(default_factory=dict)
    """From the AUC of a planted leak to the share of tables of this size in which it would be
    reported (`significance.power`); empty if the test is `too_small` to report any.
    """

    @property
    def speakers(self) -> int:
        """The number of speakers of the audited rows."""
        return len(np.unique(self.secret.speaker))

    @property
    def available_speakers(self) -> int:
        """The number of speakers of the table."""
        return int(self.config["speakers_of"])

    @property
    def sensitivity(self) -> dict[str, Any]:
        """The AUC that an attacker must reach to be reported, and the power by planted AUC; `None`
        for both if the test is too small to report a leak.
        """
        if self.decision.too_small:
            return {"reached_auc_reported": None, "power": None}
        power = {f"{auc:g}": share for auc, share in self.power.items()}
        return {"reached_auc_reported": self.decision.needed, "power": power}

    def auc(self, attacker: str = BEST, release: str = RELEASED) -> float:
        """The area under the ROC curve of an attacker's scores of single utterances; NaN for more
        than two classes.
        """
        semi = self.guesses["knowledge"] == str(Knowledge.SEMI_INFORMED)
        table = self.guesses[semi & (self.guesses["release"] == release)]
        table = table[table["best"]] if attacker == BEST else table[table["attacker"] == attacker]
        if len(self.secret.classes) != 2 or not len(table):
            return float("nan")
        return metrics.auc(table["truth"].to_numpy() == 1, table["score"].to_numpy())

    @property
    def unable(self) -> tuple[str, ...]:
        """Families that are much worse than the best on the reference: a low AUC of theirs is no
        evidence for the release.
        """
        families = list(dict.fromkeys(self.guesses["attacker"]))
        areas = {family: self.auc(family, REFERENCE) for family in families}
        top = max(areas.values(), default=float("nan"))
        return tuple(family for family, auc in areas.items() if auc < top - MAX_AUC_DEFICIT)


@dataclass(frozen=True)
class Audit:
    """Settings of an audit of tables, for users of scikit-learn: `Audit().run(X, secret, groups)`.

    - `families`: `attack.QUICK_TABLE`, `attack.FULL`, or some of them.
    - `shuffles`: of the secret. 199, the default of quick families, reach a p of 0.005. The default
      of other families is 39. A verdict needs 19 or more.
    - `rows`: the largest number of rows, evenly from all speakers. By default a small table is
      audited completely. A larger one is sampled to take about two minutes on two cores and to fit
      the memory (`sordino.attack.row_sampling`); `audits` is the number of audits that share that
      time.
    - `estimators`: further scikit-learn classifiers by name: `estimators={"tree":
      DecisionTreeClassifier(random_state=0)}`.
    - `jobs`: processes, 0 for one per core; `cache`: a folder for completed units.

    >>> random = np.random.default_rng(0)
    >>> groups = np.repeat([f"speaker {number}" for number in range(20)], 10)
    >>> gender = np.repeat(["female", "male"] * 10, 10)
    >>> X = random.normal(size=(200, 8)) + 2 * (gender == "male")[:, None]
    >>> result = Audit(shuffles=39).run(X, gender, groups, name="gender")
    >>> result.decision.answer, round(result.auc(), 2)
    ('leak', 1.0)
    """

    families: tuple[str, ...] = QUICK_TABLE
    shuffles: int | None = None
    rows: int | None = None
    audits: int = 1
    seed: int = 0
    estimators: Mapping[str, BaseEstimator] = field(default_factory=dict)
    jobs: int = 1
    cache: Location | None = None

    def __post_init__(self) -> None:
        if self.families or not self.estimators:
            kernels.check_families(self.families, available())
        if self.count < 1 or (self.rows is not None and self.rows < 1) or self.audits < 1:
            rows = row_sampling.MAX_ROWS if self.rows is None else self.rows
            raise AttackError(f"{self.count} shuffles of {rows} rows, expected 1 or more of each")

    @property
    def count(self) -> int:
        """The number of shuffles."""
        if self.shuffles is not None:
            return self.shuffles
        quick = set(self.families) <= set(QUICK_TABLE) and not self.estimators
        return QUICK_SHUFFLES if quick else FULL_SHUFFLES

    def run(
        self,
        X: ArrayLike | RowReader,
        secret: ArrayLike,
        groups: ArrayLike,
        *,
        name: str = "secret",
        reference: ArrayLike | RowReader | None = None,
    ) -> AuditResult:
        """The audit of a secret on vectors `X` `(n, d)`; `secret` and `groups`, the speakers, are
        `(n,)`.

        A numeric secret with more than ten values is continuous. `reference` `(n, any)` are the
        unprotected vectors of the same rows. Of vectors in a file (`RowReader`) only the audited
        rows are read. Raises `AttackError` for missing vectors and vectors
        that are not finite, and in the cases of `Secret.of`.
        """
        x = _checked(X, "vectors")
        values = labels_of(name, secret)
        speakers = labels.require_texts("speakers", groups, AttackError)
        count = x.shape[0]
        if not count == len(values) == len(speakers):
            raise AttackError(
                f"{count} vectors, {len(values)} secrets, {len(speakers)} speakers, expected one "
                "each a row: align them"
            )
        tables = {RELEASED: x}
        if reference is not None:
            original = _checked(reference, "reference vectors")
            if original.shape[0] != count:
                raise AttackError(
                    f"{original.shape[0]} reference vectors for {count} rows, expected as many: "
                    "align them"
                )
            tables[REFERENCE] = original
        rows = self._sample(x.shape[1], values.ravel(), speakers.ravel())
        setting = _AuditSetting.of(self, Secret.of(name, values[rows], speakers[rows]))
        sample = {
            release: scaling.in_range(vectors_at(vectors, rows))
            for release, vectors in tables.items()
        }
        scores = {release: setting.score(sample, release) for release in sample}
        guesses = setting.guesses(sample, scores)
        guesses["row"] = rows[guesses["row"]]
        config = {
            "families": [*self.families, *self.estimators],
            "shuffles": self.count,
            "rows": len(rows),
            "of": count,
            "speakers_of": len(np.unique(speakers.astype(str))),
            "dimensions": x.shape[1],
            "seed": self.seed,
        }
        attackers = scores[RELEASED]
        decision = permutation_test.conclude(setting.secret, setting.fold, attackers.statistics)
        speaker_guesses = predict_speakers(setting.secret, setting.plan, attackers.scores)
        power: Mapping[float, float] = {}
        if not decision.too_small:
            power = planted_leaks.power(
                sample[RELEASED],
                setting.secret,
                setting.fold,
                decision.critical,
                self.seed,
                jobs=self.jobs,
            )
        return AuditResult(
            setting.secret, decision, guesses, speaker_guesses, rows, count, config, power
        )

    def _sample(self, dimensions: int, secret: NDArray[Any], speaker: NDArray[Any]) -> Rows:
        """The rows to audit."""
        size = row_sampling.count_rows(
            len(secret),
            dimensions,
            [*self.families, *self.estimators],
            (1 + self.count) * _labellings(secret),
            audits=self.audits,
            processes=parallel.count_workers(self.jobs),
            limit=self.rows,
        )
        return row_sampling.sample_rows(speaker, secret, size, self.seed)


@dataclass(frozen=True)
class _AuditSetting:
    """One secret, its folds and its shuffles."""

    audit: Audit
    secret: Secret
    fold: Rows
    plan: SplitPlan
    shuffled: Matrix

    @classmethod
    def of(cls, audit: Audit, secret: Secret) -> _AuditSetting:
        fold = secret.folds(audit.seed)
        shuffled = secret.shuffles(fold, audit.count, audit.seed)
        return cls(audit, secret, fold, crossfit(fold), shuffled)

    def score(self, sample: Mapping[str, Matrix], release: str) -> ScoreTable:
        """Every attacker's scores of the secret; for the audited release also its statistics on all
        shuffles, and for the reference scores of released vectors of the same width.
        """
        audit, x, others = self.audit, sample[release], None
        if release == REFERENCE and sample[RELEASED].shape[1] == x.shape[1]:
            others = sample[RELEASED]
        shuffled = self.shuffled if release == RELEASED else self.shuffled[:, :1]
        return score_attackers(
            x,
            self.secret,
            shuffled,
            self.plan,
            audit.families,
            custom=audit.estimators,
            others=others,
            seed=audit.seed,
            jobs=audit.jobs,
            cache=audit.cache,
            title=f"{self.secret.name}, {release}",
        )

    def guesses(
        self, sample: Mapping[str, Matrix], scores: Mapping[str, ScoreTable]
    ) -> pd.DataFrame:
        """Guesses of semi-informed, ignorant and patient attackers, in this order."""
        semi = {
            release: predict(self.secret, self.plan, table.scores).assign(
                release=release, knowledge=str(Knowledge.SEMI_INFORMED)
            )
            for release, table in scores.items()
        }
        ignorant = self.ignorant(scores[REFERENCE].scores) if REFERENCE in scores else []
        calls = [
            (vectors, semi[release], release, k)
            for release, vectors in sample.items()
            for k in self.pool_sizes
        ]
        patient = parallel.map(self.patient, calls, jobs=self.audit.jobs, ordered=True)
        return pd.concat([*semi.values(), *ignorant, *patient], ignore_index=True)

    @property
    def pool_sizes(self) -> list[int]:
        """Utterances of patient attackers: for a binary secret that is constant within speakers, as
        far as a speaker has so many.
        """
        if self.secret.within or len(self.secret.classes) != 2:
            return []
        largest = int(np.bincount(self.secret.speaker).max())
        return [k for k in POOL_SIZES if k <= largest]

    def patient(self, call: tuple[Matrix, pd.DataFrame, str, int]) -> pd.DataFrame:
        """Guesses of patient attackers on one release with k utterances."""
        x, guesses, release, k = call
        best = guesses[guesses["best"]]
        with threadpool_limits(1):
            pooled = patient_guesses(x, self.secret, self.plan, best, k, QUICK, self.audit.seed)
        return pooled.assign(release=release, knowledge=str(Knowledge.PATIENT))

    def ignorant(self, attackers: Sequence[Scores]) -> list[pd.DataFrame]:
        """Guesses of attackers that were trained on original vectors alone; none if released
        vectors have another width.
        """
        before, after = [], []
        for attacker in attackers:
            if attacker.transferred is not None:
                before.append(attacker)
                after.append(replace(attacker, values=attacker.transferred))
        if not before:
            return []
        table = predict(self.secret, self.plan, before, after)
        return [table.assign(release=RELEASED, knowledge=str(Knowledge.IGNORANT))]


def _checked(data: ArrayLike | RowReader, noun: str) -> NDArray[np.floating[Any]] | RowReader:
    """Vectors in memory after a check; those in a file are checked when they are read."""
    return data if isinstance(data, RowReader) else kernels.check_vectors(data, noun)


def _labellings(secret: NDArray[Any]) -> int:
    """The number of binary labellings of a secret: one per value, or one if it is binary or
    continuous.
    """
    values = pd.unique(secret.ravel())
    continuous = np.issubdtype(secret.dtype, np.number) and len(values) > MAX_CLASSES
    return 1 if continuous or len(values) < 3 else len(values)
