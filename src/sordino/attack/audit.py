"""The audit of a table of vectors, made with whatever tool: what an attacker who retrains learns of a secret.

    vectors, secret, speakers -> folds of speakers -> every attacker's scores of speakers it never saw
                                                   -> the same on shuffles of the secret -> a verdict
                                                   -> guesses, single and pooled         -> figures (`sordino.report`)

Scores are cross-fitted over all speakers, so that none is wasted. Of the attackers the best is chosen for each fold on
the *other* folds: what it says of a speaker never decided that it was chosen.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from sordino import metrics
from sordino.attack import guesses, machines, verdict
from sordino.attack.attackers import known_families
from sordino.attack.machines import FAMILIES, Scores
from sordino.attack.secrets import Secret
from sordino.define import Knowledge
from sordino.errors import AttackError

RELEASED: Final = "released"
REFERENCE: Final = "none"
"""The release that changes nothing: the unprotected vectors."""

BEST: Final = "best"
VOUCHES: Final = 0.1
"""A family whose AUC on the unprotected vectors is so much below the best one's cannot vouch for a release."""

Rows = NDArray[np.intp]


@dataclass(frozen=True)
class Audited:
    """What an audit of one secret found."""

    secret: Secret
    decision: verdict.Decision
    guesses: pd.DataFrame
    """One row an utterance and attacker (`attack.guesses.COLUMNS`), of the table and of its reference (`release`), by
    who saw releases and, where a reference of the same width was given, by who did not (`knowledge`)."""
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
        """The area under the ROC curve of an attacker's scores of single utterances; NaN for more than two classes."""
        semi = self.guesses["knowledge"] == str(Knowledge.SEMI_INFORMED)
        table = self.guesses[semi & (self.guesses["release"] == release)]
        table = table[table["best"]] if attacker == BEST else table[table["attacker"] == attacker]
        if len(self.secret.classes) != 2 or not len(table):
            return float("nan")
        return metrics.auc(table["truth"].to_numpy() == 1, table["score"].to_numpy())

    @property
    def unable(self) -> tuple[str, ...]:
        """Families that do much worse than the best on the reference: that they find nothing here means nothing."""
        families = list(dict.fromkeys(self.guesses["attacker"]))
        found = {family: self.auc(family, REFERENCE) for family in families}
        top = max(found.values(), default=float("nan"))
        return tuple(family for family, auc in found.items() if auc < top - VOUCHES)


@dataclass(frozen=True)
class Audit:
    """How tables are audited, for users of scikit-learn: `Audit().run(X, secret, groups)`.

    - `families`: of `attack.machines`.
    - `shuffles`: of the secret; 199 tell a p of 0.005. At least 19 are needed for a verdict.
    - `rows`: at most so many rows, evenly from all speakers; time grows with the square of their number.

    >>> random = np.random.default_rng(0)
    >>> groups = np.repeat([f"speaker {one}" for one in range(20)], 10)
    >>> gender = np.repeat(["female", "male"] * 10, 10)
    >>> X = random.normal(size=(200, 8)) + 2 * (gender == "male")[:, None]
    >>> found = Audit(shuffles=39).run(X, gender, groups, name="gender")
    >>> found.decision.answer, round(found.auc(), 2)
    ('leak', 1.0)
    """

    families: tuple[str, ...] = FAMILIES
    shuffles: int = 199
    rows: int = 4000
    seed: int = 0

    def __post_init__(self) -> None:
        known_families(self.families, FAMILIES)
        if self.shuffles < 1 or self.rows < 1:
            raise AttackError(f"{self.shuffles} shuffles of {self.rows} rows, expected 1 or more of each")

    def run(
        self, X: ArrayLike, secret: ArrayLike, groups: ArrayLike, *, name: str = "secret",
        reference: ArrayLike | None = None,
    ) -> Audited:  # fmt: skip
        """What attackers learn of a secret from vectors `X` `(n, d)`; `secret` and `groups`, the speakers, `(n,)`.

        A secret of numbers with more than ten values is continuous. `reference` `(n, any)` are the unprotected vectors
        of the same rows. Raises `AttackError` for vectors that are missing or not finite, and what `Secret.of` refuses.
        """
        x = machines.vectors(X)
        given, people = np.asarray(secret), np.asarray(groups)
        if not len(x) == len(given) == len(people):
            raise AttackError(
                f"{len(x)} vectors, {len(given)} secrets, {len(people)} speakers, expected one each a row: align them"
            )
        original = None if reference is None else machines.vectors(reference, "reference vectors")
        if original is not None and len(original) != len(x):
            raise AttackError(f"{len(original)} reference vectors for {len(x)} rows, expected as many: align them")
        rows = _sample(people, self.rows, self.seed)
        of = Secret.of(name, given[rows], people[rows])
        fold = of.folds(self.seed)
        shuffled = of.shuffles(fold, self.shuffles, self.seed)
        tested: list[verdict.Reached] = []
        kept = list(self._heard(x[rows], of, fold, shuffled, tested))
        tables = [_guesses(of, fold, kept, RELEASED)]
        if original is not None:
            before = list(self._heard(original[rows], of, fold, shuffled[:, :1], []))
            tables.append(_guesses(of, fold, before, REFERENCE))
            tables += self._ignorant(x[rows], original[rows], of, fold)
        table = pd.concat(tables, ignore_index=True)
        table["row"] = rows[table["row"]]
        config = {"families": list(self.families), "shuffles": self.shuffles, "rows": len(rows),
                  "dimensions": x.shape[1], "seed": self.seed}  # fmt: skip
        decision = verdict.decide(of, fold, tested)
        return Audited(of, decision, table, _whole(of, fold, kept), rows, len(x), config)

    def _heard(
        self, x: NDArray[np.float64], secret: Secret, fold: Rows, shuffled: NDArray[np.float64],
        tested: list[verdict.Reached],
    ) -> Iterator[Scores]:  # fmt: skip
        """Every attacker's scores of the secret itself; what it reaches on all shuffles is added to `tested`."""
        labels = verdict.labels(secret, shuffled)
        who = None if secret.within else secret.speaker
        columns = shuffled.shape[1]
        for said in machines.scores(x, labels, fold, who, self.families):
            tested += verdict.reach(secret, shuffled, said)
            yield Scores(said.family, said.setting, said.values[:, ::columns], said.whole)

    def _ignorant(
        self, x: NDArray[np.float64], original: NDArray[np.float64], secret: Secret, fold: Rows
    ) -> list[pd.DataFrame]:
        """The guesses of who learnt from original vectors alone; none where released ones have another width."""
        if x.shape[1] != original.shape[1]:
            return []
        labels = verdict.labels(secret, secret.values[:, None])
        pairs = list(machines.applied(x, original, labels, fold, self.families))
        if not pairs:
            return []
        learnt, said = ([pair[place] for pair in pairs] for place in (0, 1))
        return [_guesses(secret, fold, learnt, RELEASED, said, Knowledge.IGNORANT)]


def _sample(speaker: NDArray[Any], most: int, seed: int) -> Rows:
    """Row positions, ascending: all, or `most` at random, the same number of each speaker as far as there are."""
    if len(speaker) <= most:
        return np.arange(len(speaker))
    random = np.random.default_rng(seed)
    order = random.permutation(len(speaker))
    turn = pd.Series(speaker[order]).groupby(speaker[order]).cumcount().to_numpy()
    return np.sort(order[np.argsort(turn, kind="stable")[:most]])


def _guesses(
    secret: Secret, fold: Rows, heard: Sequence[Scores], release: str, applied: Sequence[Scores] | None = None,
    knowledge: Knowledge = Knowledge.SEMI_INFORMED,
) -> pd.DataFrame:  # fmt: skip
    """Each family's guesses, by the setting that did best on the other folds; `applied` are its scores of other
    vectors, which it is not chosen by."""
    single = [said for said in heard if not said.whole]
    quality = np.array([[_quality(secret, said.values, fold != one) for one in np.unique(fold)] for said in single])
    tables = []
    for family in dict.fromkeys(said.family for said in single):
        own = [place for place, said in enumerate(single) if said.family == family]
        for side, one in enumerate(np.unique(fold)):
            place = max(own, key=lambda at: quality[at, side])
            rows, other = np.flatnonzero(fold == one), np.flatnonzero(fold != one)
            said = _say(secret, single[place].values, rows, other, applied[place].values if applied else None)
            best = place == int(np.argmax(quality[:, side]))
            of = {"row": rows, "speaker": secret.speaker[rows], "truth": _truth(secret)[rows], "k": 1, "side": side}
            tables.append(pd.DataFrame({**of, **said, "attacker": family, "best": best}))
    table = pd.concat(tables, ignore_index=True)[list(guesses.COLUMNS)]
    return table.assign(release=release, knowledge=str(knowledge))


def _whole(secret: Secret, fold: Rows, heard: Sequence[Scores]) -> pd.DataFrame:
    """What the best attacker who sees whole speakers says of each; empty for a secret within speakers."""
    whole = [said for said in heard if said.whole]
    first = secret.first
    people = Secret(secret.name, secret.values[first], secret.classes, np.arange(len(first)), within=False)
    if not whole:
        return pd.DataFrame(columns=[*guesses.COLUMNS])
    sides, tables = fold[first], []
    for side, one in enumerate(np.unique(sides)):
        best = max(whole, key=lambda said: _quality(people, said.values, sides != one))
        rows, other = np.flatnonzero(sides == one), np.flatnonzero(sides != one)
        of = {"row": first[rows], "speaker": rows, "truth": _truth(people)[rows], "side": side, "best": True}
        counts = np.bincount(secret.speaker)[rows]
        tables.append(
            pd.DataFrame({**of, **_say(people, best.values, rows, other), "k": counts, "attacker": best.family})
        )
    return pd.concat(tables, ignore_index=True)[list(guesses.COLUMNS)]


def _quality(secret: Secret, values: NDArray[np.float64], rows: NDArray[np.bool_]) -> float:
    return float(verdict.areas(secret, secret.values[rows, None], values[rows])[0])


def _truth(secret: Secret) -> NDArray[Any]:
    return secret.values.astype(np.intp) if secret.classes else secret.values


def _say(
    secret: Secret, values: NDArray[np.float64], rows: Rows, other: Rows, applied: NDArray[np.float64] | None = None
) -> dict[str, Any]:
    """Prediction and score of `rows`; of two classes the threshold is where guesses of the `other` rows are best.

    `applied` are the scores that are guessed by where they are not those the threshold is chosen by.
    """
    own = (values if applied is None else applied)[rows]
    if not secret.classes:
        return {"prediction": np.nan, "score": own[:, 0]}
    if len(secret.classes) > 2:
        return {"prediction": own.argmax(axis=1), "score": np.nan}
    margin = own[:, 0] - _threshold(secret.values[other] == 1, values[other, 0])
    margin = margin / max(float(values[other, 0].std()), 1e-12)  # attackers of other folds have other scales
    return {"prediction": (margin > 0).astype(np.intp), "score": margin}


def _threshold(positive: NDArray[np.bool_], score: NDArray[np.float64]) -> float:
    """The score above which guessing yes has the highest unweighted average recall."""
    order = np.argsort(score, kind="stable")
    yes, ordered = positive[order], score[order]
    recall = (yes.sum() - np.cumsum(yes)) / yes.sum() + np.cumsum(~yes) / (~yes).sum()
    best = int(np.argmax(recall[:-1])) if len(recall) > 1 else 0
    return float((ordered[best] + ordered[min(best + 1, len(ordered) - 1)]) / 2)
