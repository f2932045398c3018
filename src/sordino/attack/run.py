"""An audit: every attacker's guess on every test utterance."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sordino.attack import attackers, detail
from sordino.attack.ignorant import RiskAttacker, RiskFitter
from sordino.corpora.split import Parts
from sordino.corpora.table import Corpus
from sordino.define import GENDERS, ROLES, Knowledge, Role
from sordino.errors import AttackError
from sordino.policy import Policy
from sordino.release.protocol import Release

QUICK: Final = ("logistic", "svm-rbf", "mlp")
"""The families that studies use."""

COLUMNS: Final = {
    "release": "name of the release",
    "required": "the policy's required emotion",
    "knowledge": "what the attacker knows",
    "attacker": "family of the attacker; risk-model for the ignorant one; empty for detail",
    "best": "whether it had the highest AUC in cross-validation on its own speakers, never on test speakers",
    "target": "emotion, gender, sensitive-vs-neutral, intensity or reconstruction",
    "draw": "which three-party split",
    "row": "place of the utterance in the corpus",
    "corpus": "its corpus",
    "speaker": "its speaker",
    "gender": "its speaker's gender: 0 female, 1 male, -1 unknown",
    "role": "its true role: 0 neutral, 1 required, 2 sensitive",
    "truth": "the secret: the role, the gender, 1 for sensitive, the intensity; for reconstruction see `attack.detail`",
    "before": "for emotion: what the attacker says of the original utterance",
    "prediction": "what it says of the released one",
    "score": "how sure it is of the second value of a secret with two",
}
"""The columns of an audit's predictions, from which every figure is computed."""


@dataclass(frozen=True)
class Attacked:
    """One row an utterance, attacker and target (`COLUMNS`), and how they came about."""

    predictions: pd.DataFrame
    config: Mapping[str, Any]


def run(
    release: Release,
    z: NDArray[np.float32],
    corpus: Corpus,
    parts: Parts,
    policy: Policy,
    *,
    ignorant: RiskAttacker | None = None,
    families: Sequence[str] = QUICK,
    seed: int = 0,
) -> Attacked:
    """What attackers of the risk party learn from released test utterances.

    The *ignorant* one is the risk model (fitted here where none is given). The *semi-informed* ones run the release on
    their own speakers, the risk party, and retrain, tuned by speaker-grouped cross-validation.

    `z` is `(utterances, d)` in the scaled space, in the corpus' row order. Raises `AttackError` when the test part
    lacks a role or a gender, the risk party has too few speakers for a value of a secret, or vectors are missing.
    """
    _check(z, corpus, parts, policy, families)
    ignorant = ignorant or RiskFitter(policy, seed=seed).fit(z, corpus, parts.risk)
    scene = _Scene(release, z, corpus, parts, policy, families, seed)
    blocks = [*scene.ignorant(ignorant), *scene.semi_informed("gender"), *scene.semi_informed("sensitive-vs-neutral")]
    table = pd.concat([*blocks, *scene.detail()], ignore_index=True)
    table.insert(0, "release", release.name)
    table.insert(1, "required", policy.required)
    table["draw"] = parts.draw
    config = {"release": release.name, "hash": release.hash, "config": dict(release.config), "policy": policy.hash,
              "families": list(families), "seed": seed, "chosen": scene.chosen}  # fmt: skip
    return Attacked(table[list(COLUMNS)], config)


def _check(z: NDArray[np.float32], corpus: Corpus, parts: Parts, policy: Policy, families: Sequence[str]) -> None:
    attackers.known_families(families)
    if len(z) != len(corpus):
        raise AttackError(f"{len(z)} vectors for {len(corpus)} utterances, expected one for each: extract them anew")
    for names, codes in ((ROLES, corpus.roles(policy)), (GENDERS, corpus.genders())):
        missing = [name for place, name in enumerate(names) if place not in codes[parts.test]]
        if missing:
            raise AttackError(
                f"no {', '.join(missing)} utterance in the test part, expected {', '.join(names)}: "
                "add speakers, or change the policy or the seed"
            )


class _Scene:
    """One release before one test part."""

    def __init__(
        self,
        release: Release,
        z: NDArray[np.float32],
        corpus: Corpus,
        parts: Parts,
        policy: Policy,
        families: Sequence[str],
        seed: int,
    ) -> None:
        self.z, self.parts, self.families, self.seed = z, parts, families, seed
        self.role, self.gender = corpus.roles(policy), corpus.genders()
        self.intensity, self.speaker, self.corpus = corpus.column("intensity"), corpus.speaker, corpus.column("corpus")
        self.chosen: dict[str, Any] = {}
        """Of each secret: the best semi-informed attacker, and the AUC of each on its own speakers."""
        self.out = np.full_like(z, np.nan)
        rows = np.concatenate([parts.risk.rows, parts.test])
        self.out[rows] = release(z[rows])

    def block(self, rows: NDArray[np.intp], target: str, knowledge: Knowledge, **columns: Any) -> pd.DataFrame:
        given = {"attacker": "", "best": True, "before": np.nan, "prediction": np.nan, "score": np.nan, **columns}
        known = {"gender": self.gender, "role": self.role, "speaker": self.speaker, "corpus": self.corpus}
        labels = {name: values[rows] for name, values in known.items()}
        return pd.DataFrame({"target": target, "knowledge": str(knowledge), "row": rows, **labels, **given})

    def secret(self, target: str, rows: NDArray[np.intp]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """The rows that have a value of the secret, and that value: 0 or 1."""
        if target == "gender":
            rows = rows[self.gender[rows] >= 0]
            return rows, self.gender[rows]
        rows = rows[self.role[rows] != ROLES.index(Role.REQUIRED)]
        return rows, (self.role[rows] == ROLES.index(Role.SENSITIVE)).astype(np.intp)

    def ignorant(self, attacker: RiskAttacker) -> Iterator[pd.DataFrame]:
        test, knowledge = self.parts.test, Knowledge.IGNORANT
        before, after = attacker(self.z[test]), attacker(self.out[test])
        yield self.block(test, "emotion", knowledge, attacker="risk-model", truth=self.role[test],
                         before=before.role.argmax(axis=1), prediction=after.role.argmax(axis=1))  # fmt: skip
        scores = {"gender": after.gender[:, 1], "sensitive-vs-neutral": after.sensitive}
        guesses = {"gender": after.gender.argmax(axis=1), "sensitive-vs-neutral": (after.sensitive > 0).astype(int)}
        for target in scores:
            rows, truth = self.secret(target, test)
            kept = np.isin(test, rows)
            yield self.block(rows, target, knowledge, attacker="risk-model", truth=truth,
                             prediction=guesses[target][kept], score=scores[target][kept])  # fmt: skip

    def semi_informed(self, target: str) -> Iterator[pd.DataFrame]:
        own, secret = self.secret(target, self.parts.risk.rows)
        test, truth = self.secret(target, self.parts.test)
        folds = attackers.grouped_folds(self.speaker[own], secret, self.seed)
        fitted = [attackers.fit(family, self.out[own], secret, folds, self.seed) for family in self.families]
        best = max(fitted, key=lambda one: one.validation_auc).family
        self.chosen[target] = {"best": best, "validation_auc": {one.family: one.validation_auc for one in fitted}}
        knowledge, out = Knowledge.SEMI_INFORMED, self.out[test]
        for one in fitted:
            yield self.block(test, target, knowledge, attacker=one.family, best=one.family == best, truth=truth,
                             prediction=one.predict(out), score=one.score(out))  # fmt: skip

    def detail(self) -> Iterator[pd.DataFrame]:
        required = self.role == ROLES.index(Role.REQUIRED)
        train, test = (rows[required[rows]] for rows in (self.parts.risk.rows, self.parts.test))
        parts = (
            detail.intensity(self.out, self.intensity, train, test),
            detail.reconstruction(self.out, self.z, train, test),
        )
        for part in parts:
            if part is not None:
                yield self.block(part.rows, part.kind, Knowledge.IGNORANT, truth=part.truth, prediction=part.prediction)
