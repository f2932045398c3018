"""The audit of a table of vectors, made with whatever tool: what an attacker who retrains learns of
a secret.

    vectors, secret, speakers -> folds of speakers -> every attacker's scores of speakers it never saw
                                                   -> the same on shuffles of the secret -> a verdict
                                                   -> guesses, single and pooled         -> figures (`sordino.report`)

Scores are cross-fitted over all speakers, so that none is wasted. Of the attackers the best is
chosen for each fold on the *other* folds: what it says of a speaker never decided that it was
chosen.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import joblib
import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator

from sordino import metrics
from sordino.attack import row_sampling
from sordino.attack.attackers import kernels, scaling
from sordino.attack.attackers.families import FULL, QUICK, hear
from sordino.attack.attackers.score_table import Heard
from sordino.attack.pooling import PATIENCE, patient_guesses
from sordino.attack.secret import FEW_VALUES, Secret, labels_of
from sordino.attack.selection import BEST, guess, guess_whole
from sordino.attack.significance import permutation_test
from sordino.attack.splits import Plan, crossfit
from sordino.corpora import labels
from sordino.define import Knowledge
from sordino.errors import AttackError
from sordino.types import Matrix, Rows

RELEASED: Final = "released"
REFERENCE: Final = "none"
"""The release that changes nothing: the unprotected vectors."""

MANY: Final = 199
"""Shuffles where one costs next to nothing."""

FEW: Final = 39
"""Shuffles where each is a fit."""

VOUCHES: Final = 0.1
"""A family whose AUC on the unprotected vectors is so much below the best one's cannot vouch for a
release.
"""


@dataclass(frozen=True)
class Audited:
    """What an audit of one secret found."""

    secret: Secret
    decision: permutation_test.Decision
    guesses: pd.DataFrame
    """One row an utterance and attacker (`columns.VECTOR_PREDICTIONS`), of the table and of its
    reference (`release`), by who saw releases, by who sees several utterances of a speaker, and
    where a reference of the same width was given, by who never saw a release (`knowledge`).
    """
    whole: pd.DataFrame
    """The same of the best attacker who sees whole speakers: one row a speaker."""
    rows: Rows
    """The rows that were audited."""
    of: int
    """How many there were."""
    config: dict[str, Any] = field(default_factory=dict)

    @property
    def speakers(self) -> int:
        """How many people the rows are of."""
        return len(np.unique(self.secret.speaker))

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
        """Families that do much worse than the best on the reference: that they find nothing here
        means nothing.
        """
        families = list(dict.fromkeys(self.guesses["attacker"]))
        found = {family: self.auc(family, REFERENCE) for family in families}
        top = max(found.values(), default=float("nan"))
        return tuple(family for family, auc in found.items() if auc < top - VOUCHES)


@dataclass(frozen=True)
class Audit:
    """How tables are audited, for users of scikit-learn: `Audit().run(X, secret, groups)`.

    - `families`: `attack.QUICK`, `attack.FULL`, or some of them.
    - `shuffles`: of the secret; 199 tell a p of 0.005, and are the default of quick families, 39
      that of others. At least 19 are needed for a verdict.
    - `rows`: at most so many rows, evenly from all speakers. By default all of a small table, and
      of a larger one as many as take two minutes on two cores, about, and fit the memory
      (`sordino.attack.row_sampling`); `audits` is how many such audits share that time.
    - `own`: scikit-learn classifiers of your own, by name: `own={"tree":
      DecisionTreeClassifier(random_state=0)}`.
    - `jobs`: processes, 0 for one a core; `cache`: a folder where finished units are kept.

    >>> random = np.random.default_rng(0)
    >>> groups = np.repeat([f"speaker {one}" for one in range(20)], 10)
    >>> gender = np.repeat(["female", "male"] * 10, 10)
    >>> X = random.normal(size=(200, 8)) + 2 * (gender == "male")[:, None]
    >>> found = Audit(shuffles=39).run(X, gender, groups, name="gender")
    >>> found.decision.answer, round(found.auc(), 2)
    ('leak', 1.0)
    """

    families: tuple[str, ...] = QUICK
    shuffles: int | None = None
    rows: int | None = None
    audits: int = 1
    seed: int = 0
    own: Mapping[str, BaseEstimator] = field(default_factory=dict)
    jobs: int = 1
    cache: Path | None = None

    def __post_init__(self) -> None:
        if self.families or not self.own:
            kernels.known_families(self.families, FULL)
        if self.count < 1 or (self.rows is not None and self.rows < 1) or self.audits < 1:
            rows = row_sampling.LARGE if self.rows is None else self.rows
            raise AttackError(f"{self.count} shuffles of {rows} rows, expected 1 or more of each")

    @property
    def count(self) -> int:
        """How many shuffles."""
        if self.shuffles is not None:
            return self.shuffles
        return MANY if set(self.families) <= set(QUICK) and not self.own else FEW

    def run(
        self,
        X: ArrayLike,
        secret: ArrayLike,
        groups: ArrayLike,
        *,
        name: str = "secret",
        reference: ArrayLike | None = None,
    ) -> Audited:
        """What attackers learn of a secret from vectors `X` `(n, d)`; `secret` and `groups`, the
        speakers, `(n,)`.

        A secret of numbers with more than ten values is continuous. `reference` `(n, any)` are the
        unprotected vectors of the same rows. Raises `AttackError` for vectors that are missing or
        not finite, and what `Secret.of` refuses.
        """
        x = kernels.vectors(X)
        given, people = labels_of(name, secret), labels.checked("speakers", groups, AttackError)
        if not len(x) == len(given) == len(people):
            raise AttackError(
                f"{len(x)} vectors, {len(given)} secrets, {len(people)} speakers, expected one "
                "each a row: align them"
            )
        original = None if reference is None else kernels.vectors(reference, "reference vectors")
        if original is not None and len(original) != len(x):
            raise AttackError(
                f"{len(original)} reference vectors for {len(x)} rows, expected as many: align them"
            )
        columns = (1 + self.count) * _classes(given)
        size = row_sampling.count(
            len(x),
            x.shape[1],
            [*self.families, *self.own],
            columns,
            audits=self.audits,
            processes=self.jobs if self.jobs > 0 else joblib.cpu_count(),
            asked=self.rows,
        )
        rows = row_sampling.drawn(people.ravel(), given.ravel(), size, self.seed)
        scene = _Scene.of(self, Secret.of(name, given[rows], people[rows]))
        given_vectors = {RELEASED: x} if original is None else {RELEASED: x, REFERENCE: original}
        tables = {release: scaling.finite(one[rows]) for release, one in given_vectors.items()}
        found = {release: scene.asked(vectors, release) for release, vectors in tables.items()}
        semi = {release: scene.guesses(heard, release) for release, heard in found.items()}
        waited = [
            one
            for release, vectors in tables.items()
            for one in scene.patient(vectors, semi[release], release)
        ]
        unseen = [] if original is None else scene.ignorant(tables[RELEASED], tables[REFERENCE])
        table = pd.concat([*semi.values(), *unseen, *waited], ignore_index=True)
        table["row"] = rows[table["row"]]
        config = {
            "families": [*self.families, *self.own],
            "shuffles": self.count,
            "rows": len(rows),
            "of": len(x),
            "dimensions": x.shape[1],
            "seed": self.seed,
        }
        decision = permutation_test.decide(scene.secret, scene.fold, found[RELEASED].reached)
        whole = guess_whole(scene.secret, scene.plan, found[RELEASED].scores)
        return Audited(scene.secret, decision, table, whole, rows, len(x), config)


@dataclass(frozen=True)
class _Scene:
    """One secret, its folds and its shuffles."""

    audit: Audit
    secret: Secret
    fold: Rows
    plan: Plan
    shuffled: Matrix

    @classmethod
    def of(cls, audit: Audit, secret: Secret) -> _Scene:
        fold = secret.folds(audit.seed)
        return cls(
            audit, secret, fold, crossfit(fold), secret.shuffles(fold, audit.count, audit.seed)
        )

    def asked(self, x: Matrix, release: str) -> Heard:
        """Every attacker's scores of the secret; of the release under audit also what it reaches on
        all shuffles.
        """
        audit = self.audit
        shuffled = self.shuffled if release == RELEASED else self.shuffled[:, :1]
        return hear(
            x,
            self.secret,
            shuffled,
            self.plan,
            audit.families,
            own=audit.own,
            seed=audit.seed,
            jobs=audit.jobs,
            cache=audit.cache,
            what=f"{self.secret.name}, {release}",
        )

    def guesses(self, heard: Heard, release: str) -> pd.DataFrame:
        """What each family says."""
        said = guess(self.secret, self.plan, heard.scores)
        return said.assign(release=release, knowledge=str(Knowledge.SEMI_INFORMED))

    def patient(self, x: Matrix, said: pd.DataFrame, release: str) -> Iterator[pd.DataFrame]:
        """What who sees several utterances of a speaker says of a secret of two values that is
        constant within them.
        """
        most = int(np.bincount(self.secret.speaker).max())
        if self.secret.within or len(self.secret.classes) != 2:
            return
        best = said[said["best"]]
        for k in PATIENCE:
            if k <= most:
                pooled = patient_guesses(x, self.secret, self.plan, best, k, QUICK, self.audit.seed)
                yield pooled.assign(release=release, knowledge=str(Knowledge.PATIENT))

    def ignorant(self, x: Matrix, original: Matrix) -> list[pd.DataFrame]:
        """The guesses of who learnt from original vectors alone; none where released ones have
        another width.
        """
        if x.shape[1] != original.shape[1]:
            return []
        truth = permutation_test.labels(self.secret, self.secret.values[:, None])
        pairs = list(kernels.applied(x, original, truth, self.plan, self.audit.families))
        if not pairs:
            return []
        learnt, said = ([pair[place] for pair in pairs] for place in (0, 1))
        table = guess(self.secret, self.plan, learnt, said)
        return [table.assign(release=RELEASED, knowledge=str(Knowledge.IGNORANT))]


def _classes(secret: NDArray[Any]) -> int:
    """How many labellings of its own a secret has: its values, or one where there are two or it is
    continuous.
    """
    values = pd.unique(secret.ravel())
    continuous = np.issubdtype(secret.dtype, np.number) and len(values) > FEW_VALUES
    return 1 if continuous or len(values) < 3 else len(values)
