"""An audit: every attacker's guess on every test utterance."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sordino.attack import detail
from sordino.attack.attackers import FULL, QUICK
from sordino.attack.ignorant import RiskAttacker, RiskFitter
from sordino.attack.machines import known_families
from sordino.attack.patience import PATIENCE
from sordino.attack.retraining import Retrained, by_plan, either, own_folds, retrain
from sordino.attack.sides import crossfit
from sordino.corpora.split import Parts
from sordino.corpora.table import Corpus
from sordino.define import GENDERS, ROLES, Knowledge, Role
from sordino.errors import AttackError
from sordino.policy import Policy
from sordino.release.protocol import Readable, Release

READER: Final = "bin"
"""The attacker who reads which of a few things a released vector says, instead of learning from its numbers."""

KEPT: Final = "required-vs-rest"
"""What is to be kept, asked of somebody who retrains on released vectors: the same attackers on the user's side."""

COLUMNS: Final = {
    "release": "name of the release",
    "required": "the policy's required emotion",
    "knowledge": "what the attacker knows",
    "attacker": "family of the attacker; risk-model for the ignorant one; of patient ones how they pool; empty for "
    "detail",
    "best": "whether it had the highest AUC in cross-validation on its own speakers, never on test speakers",
    "target": "emotion, gender, sensitive-vs-neutral, required-vs-rest, membership, intensity or reconstruction",
    "k": "how many utterances of one speaker a patient attacker sees, else 1",
    "draw": "which three-party split",
    "row": "place of the utterance in the corpus",
    "corpus": "its corpus",
    "speaker": "its speaker",
    "gender": "its speaker's gender: 0 female, 1 male, -1 unknown",
    "role": "its true role: 0 neutral, 1 required, 2 sensitive",
    "truth": "the secret: the role, the gender, 1 for sensitive, 1 for a speaker that the release was fitted on, the "
    "intensity; for reconstruction see `attack.detail`",
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

    - *ignorant*: the risk model (fitted here where none is given), which never saw a release;
    - *semi-informed*: those who run the release on their own speakers, the risk party, and retrain; of a release that
      says one of a few things, one of them reads which (`bin`);
    - *informed*: those who also have the labelled speakers that the release was fitted on;
    - *patient*: semi-informed ones who see 5, 20 or 100 utterances of one test speaker, as far as there are so many.

    Whoever may use it retrains as well: the same attackers tell the required emotion from the rest. And membership is
    asked: whether a speaker was in the transform party. It is cross-fitted over all speakers; of the release `none` it
    tells what the scaled space itself remembers of them.

    `z` is `(utterances, d)` in the scaled space, in the corpus' row order. Raises `AttackError` when the test part
    lacks a role or a gender, the risk party has too few speakers for a value of a secret, or vectors are missing.
    """
    _check(z, corpus, parts, policy, families)
    ignorant = ignorant or RiskFitter(policy, seed=seed).fit(z, corpus, parts.risk)
    scene = _Scene(release, z, corpus, parts, policy, families, seed)
    retraining = [block for target in ("gender", "sensitive-vs-neutral") for block in scene.retraining(target)]
    blocks = [*scene.ignorant(ignorant), *retraining, scene.kept(), scene.membership()]
    table = pd.concat([*blocks, *scene.detail()], ignore_index=True)
    table.insert(0, "release", release.name)
    table.insert(1, "required", policy.required)
    table["draw"] = parts.draw
    config = {"release": release.name, "hash": release.hash, "config": dict(release.config), "policy": policy.hash,
              "families": list(families), "seed": seed, "chosen": scene.chosen}  # fmt: skip
    return Attacked(table[list(COLUMNS)], config)


def _check(z: NDArray[np.float32], corpus: Corpus, parts: Parts, policy: Policy, families: Sequence[str]) -> None:
    known_families(families, FULL)
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
        self.rows = np.concatenate([parts.risk.rows, parts.transform.rows, parts.test])
        self.out[self.rows] = release(z[self.rows])
        self.said: NDArray[np.float32] | None = None
        """What the released vectors say, one column a bin, where the release can be read."""
        if isinstance(release, Readable):
            self.said = np.full((len(z), release.bins), np.nan, np.float32)
            self.said[self.rows] = np.eye(release.bins)[release.read(self.out[self.rows])]

    def block(self, rows: NDArray[np.intp], target: str, knowledge: Knowledge, **columns: Any) -> pd.DataFrame:
        given = {"attacker": "", "best": True, "before": np.nan, "prediction": np.nan, "score": np.nan, "k": 1}
        known = {"gender": self.gender, "role": self.role, "speaker": self.speaker, "corpus": self.corpus}
        labels = {name: values[rows] for name, values in known.items()}
        return pd.DataFrame({"target": target, "knowledge": str(knowledge), "row": rows, **labels, **(given | columns)})

    def secret(self, target: str, rows: NDArray[np.intp]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """The rows that have a value of the secret, and that value: 0 or 1."""
        if target == "gender":
            rows = rows[self.gender[rows] >= 0]
            return rows, self.gender[rows]
        if target == KEPT:
            return rows, (self.role[rows] == ROLES.index(Role.REQUIRED)).astype(np.intp)
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

    def retraining(self, target: str) -> Iterator[pd.DataFrame]:
        """Semi-informed attackers, patient ones where the secret is constant within speakers, and informed ones."""
        risk, fitting = self.parts.risk.rows, self.parts.transform.rows
        own, secret = self.secret(target, np.arange(len(self.z)))
        codes = np.full(len(self.z), -1, np.intp)
        codes[own] = secret
        most = max(np.unique(self.speaker[self.parts.test], return_counts=True)[1])
        ks = [k for k in PATIENCE if k <= most] if target == "gender" else []
        found = self.retrain(codes, risk, ks)
        self.chosen[target] = {"best": found.chosen, "validation_auc": found.quality}
        yield self.guessed(found.guesses, target, Knowledge.SEMI_INFORMED)
        if ks:
            yield self.guessed(found.patient, target, Knowledge.PATIENT)
        yield self.guessed(self.retrain(codes, np.concatenate([risk, fitting])).guesses, target, Knowledge.INFORMED)

    def kept(self) -> pd.DataFrame:
        """Whoever may use what is released, and trains a model of their own on it: the required emotion against all."""
        everything = np.arange(len(self.z))
        return self.guessed(self.retrain(self.secret(KEPT, everything)[1], self.parts.risk.rows).guesses, KEPT,
                            Knowledge.SEMI_INFORMED)  # fmt: skip

    def retrain(self, codes: NDArray[np.intp], own: NDArray[np.intp], ks: Sequence[int] = ()) -> Retrained:
        """Attackers who learn from `own` rows."""
        of = (codes, self.speaker, own, self.parts.test)
        return self.either(lambda x, families: retrain(x, *of, families=families, ks=ks, seed=self.seed))

    def either(self, ask: Callable[[NDArray[np.float32], Sequence[str]], Retrained]) -> Retrained:
        """Those who learn from what is released, and where it can be read, one who reads what it says."""
        found = ask(self.out, self.families)
        if self.said is None:
            return found
        reader = ask(self.said, ["linear"])
        tables = [reader.guesses.assign(attacker=READER), reader.patient.assign(attacker=f"{READER}, pooled")]
        patient = tables[1][reader.patient["best"].to_numpy(dtype=bool)]
        return either(found, replace(reader, guesses=tables[0], patient=patient,
                                     quality={READER: max(reader.quality.values())}))  # fmt: skip

    def guessed(self, found: pd.DataFrame, target: str, knowledge: Knowledge) -> pd.DataFrame:
        columns = {name: found[name].to_numpy() for name in ("attacker", "best", "truth", "prediction", "score", "k")}
        return self.block(found["row"].to_numpy(), target, knowledge, **columns)

    def membership(self) -> pd.DataFrame:
        """Who was in the transform party: of every speaker by attackers who never saw that speaker."""
        member, fold = (np.full(len(self.z), -1, np.intp) for _ in range(2))
        member[self.rows] = np.isin(self.rows, self.parts.transform.rows)
        fold[self.rows] = own_folds(self.speaker[self.rows], member[self.rows], self.seed)
        of = (member, self.speaker, crossfit(fold))
        found = self.either(lambda x, families: by_plan(x, *of, families=families, seed=self.seed))
        return self.guessed(found.guesses, "membership", Knowledge.SEMI_INFORMED)

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
