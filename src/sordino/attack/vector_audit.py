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
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator
from threadpoolctl import threadpool_limits

from sordino import parallel
from sordino.attack import row_sampling
from sordino.attack.attackers import kernels, scaling
from sordino.attack.attackers.families import QUICK, QUICK_TABLE, available, score_attackers
from sordino.attack.attackers.kernels import Scores
from sordino.attack.attackers.score_table import ScoreTable
from sordino.attack.pooling import POOL_SIZES, patient_guesses
from sordino.attack.secret import MAX_CLASSES, Secret, labels_of
from sordino.attack.selection import predict, predict_speakers
from sordino.attack.significance import permutation_test
from sordino.attack.significance import power as planted_leaks
from sordino.attack.splits import SplitPlan, crossfit
from sordino.attack.vectors.result import AuditResult
from sordino.columns import REFERENCE, RELEASED
from sordino.corpora import labels
from sordino.define import Knowledge
from sordino.errors import AttackError
from sordino.storage import Location
from sordino.types import Matrix, RowReader, Rows, vectors_at

QUICK_SHUFFLES: Final = 199
"""Shuffles by default of quick families, which score a further shuffle at almost no cost."""

FULL_SHUFFLES: Final = 39
"""Shuffles by default of other families, which fit each shuffle."""


@dataclass(eq=False, repr=False)
class Audit(BaseEstimator):  # type: ignore[misc]
    """Settings of an audit of tables, as an estimator of scikit-learn whose groups are speakers.

    `Audit().run(X, secret, groups)` returns the result. `fit` takes the same arguments and keeps it
    as `result_`, so that an audit can end a pipeline: `pipeline.fit(X, secret,
    audit__groups=speakers)`. For a search, see `leakage_scorer`.

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
    estimators: Mapping[str, BaseEstimator] | None = None
    jobs: int = 1
    cache: Location | None = None

    def __post_init__(self) -> None:
        self._check()

    def _check(self) -> None:
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

    @property
    def attackers(self) -> list[str]:
        """The names of families and of further classifiers."""
        return [*self.families, *(self.estimators or ())]

    def fit(
        self,
        X: ArrayLike,
        y: ArrayLike,
        groups: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
    ) -> Audit:
        """Audit the secret `y` on vectors `X`; `result_` is the result.

        A Series `y` gives the secret its name. Raises `AttackError` without `groups`, for
        `sample_weight`, and in the cases of `run`.
        """
        check_unweighted(sample_weight)
        if groups is None:
            raise AttackError(
                "no groups, expected the speaker of each row: pass groups=, in a pipeline "
                "audit__groups="
            )
        name = getattr(y, "name", None)
        self.result_ = self.run(X, y, groups, name=name if isinstance(name, str) else "secret")
        self.n_features_in_ = self.result_.config["dimensions"]
        return self

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
        self._check()
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
            "families": self.attackers,
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
            self.attackers,
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
        best = {release: table[table["best"]] for release, table in semi.items()}
        calls = [
            (vectors, best[release], release, k)
            for release, vectors in sample.items()
            for k in self.pool_sizes
        ]
        patient = parallel.map(
            partial(_patient, self.secret, self.plan, self.audit.seed),
            calls,
            jobs=self.audit.jobs,
            ordered=True,
        )
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


def _patient(
    secret: Secret,
    plan: SplitPlan,
    seed: int,
    call: tuple[Matrix, pd.DataFrame, str, int],
) -> pd.DataFrame:
    """Guesses of patient attackers on one release with k utterances, in a worker."""
    x, best, release, k = call
    with threadpool_limits(1):
        pooled = patient_guesses(x, secret, plan, best, k, QUICK, seed)
    return pooled.assign(release=release, knowledge=str(Knowledge.PATIENT))


def check_unweighted(sample_weight: ArrayLike | None) -> None:
    """Raise `AttackError` for weights of rows, which no audit uses."""
    if sample_weight is not None:
        raise AttackError(
            "sample_weight was passed, expected none: an audit weighs all speakers alike. Leave it "
            "out, or select the rows to audit"
        )


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
