"""One release before one test part: every attacker's guesses, block by block."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sordino.attack import utility_probes
from sordino.attack.attackers.ignorant import RiskAttacker
from sordino.attack.attackers.kernels import FAMILIES
from sordino.attack.identity import identify
from sordino.attack.pooling import PATIENCE
from sordino.attack.retraining import Retrained, by_plan, either, own_folds, reading, retrain
from sordino.attack.splits import crossfit
from sordino.corpora.split import Parts
from sordino.corpora.table import Corpus
from sordino.define import Knowledge, Role
from sordino.policy import Policy
from sordino.release.protocol import Readable, Release

CLAIM: Final = "one against the rest"
"""The attacker who knows the tested people themselves, and is told of utterances whose they are
said to be.
"""

KEPT: Final = "required-vs-rest"
"""What is to be kept, asked of somebody who retrains on released vectors: the same attackers on the
user's side.
"""


class Scene:
    """One release before one test part; what is released may be of any width."""

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
        self.release, self.z, self.parts, self.families, self.seed = (
            release,
            z,
            parts,
            families,
            seed,
        )
        self.role, self.gender = corpus.roles(policy), corpus.genders()
        self.older = corpus.older(parts.risk.rows)
        self.intensity, self.speaker, self.corpus = (
            corpus.column("intensity"),
            corpus.speaker,
            corpus.column("corpus"),
        )
        self.chosen: dict[str, Any] = {}
        """Of each secret: the best semi-informed attacker, and the AUC of each on its own speakers.
        """
        self.rows = np.concatenate([parts.risk.rows, parts.transform.rows, parts.test])
        released = release(z[self.rows])
        self.out = np.full((len(z), released.shape[1]), np.nan, np.float32)
        self.out[self.rows] = released
        self.said: NDArray[np.float32] | None = None
        """What the released vectors say, one column a bin, where the release can be read."""
        if isinstance(release, Readable):
            self.said = np.full((len(z), release.bins), np.nan, np.float32)
            self.said[self.rows] = np.eye(release.bins)[release.read(self.out[self.rows])]

    def block(
        self, rows: NDArray[np.intp], target: str, knowledge: Knowledge, **columns: Any
    ) -> pd.DataFrame:
        given = {
            "attacker": "",
            "best": True,
            "before": np.nan,
            "prediction": np.nan,
            "score": np.nan,
            "k": 1,
        }
        known = {
            "gender": self.gender,
            "role": self.role,
            "speaker": self.speaker,
            "corpus": self.corpus,
        }
        labels = {name: values[rows] for name, values in known.items()}
        return pd.DataFrame(
            {
                "target": target,
                "knowledge": str(knowledge),
                "row": rows,
                **labels,
                **(given | columns),
            }
        )

    def secret(
        self, target: str, rows: NDArray[np.intp]
    ) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """The rows that have a value of the secret, and that value: 0 or 1."""
        if target in ("gender", "age"):
            values = self.gender if target == "gender" else self.older
            rows = rows[values[rows] >= 0]
            return rows, values[rows]
        if target == KEPT:
            return rows, (self.role[rows] == Role.REQUIRED).astype(np.intp)
        rows = rows[self.role[rows] != Role.REQUIRED]
        return rows, (self.role[rows] == Role.SENSITIVE).astype(np.intp)

    def labelled(self, target: str) -> bool:
        """Whether the attackers' own speakers have two of each value, and the tested ones both
        values.
        """
        sides = [self.secret(target, rows) for rows in (self.parts.risk.rows, self.parts.test)]
        counts = [
            [len(np.unique(self.speaker[rows[values == value]])) for value in (0, 1)]
            for rows, values in sides
        ]
        return min(counts[0]) >= 2 and min(counts[1]) >= 1

    def ignorant(self, attacker: RiskAttacker) -> Iterator[pd.DataFrame]:
        test, knowledge = self.parts.test, Knowledge.IGNORANT
        before, after = attacker(self.z[test]), attacker(self.out[test])
        yield self.block(
            test,
            "emotion",
            knowledge,
            attacker="risk-model",
            truth=self.role[test],
            before=before.role.argmax(axis=1),
            prediction=after.role.argmax(axis=1),
        )
        scores = {"gender": after.gender[:, 1], "sensitive-vs-neutral": after.sensitive}
        guesses = {
            "gender": after.gender.argmax(axis=1),
            "sensitive-vs-neutral": (after.sensitive > 0).astype(int),
        }
        for target in scores:
            rows, truth = self.secret(target, test)
            kept = np.isin(test, rows)
            yield self.block(
                rows,
                target,
                knowledge,
                attacker="risk-model",
                truth=truth,
                prediction=guesses[target][kept],
                score=scores[target][kept],
            )

    def retraining(self, target: str) -> Iterator[pd.DataFrame]:
        """Semi-informed attackers, patient ones where the secret is constant within speakers, and
        informed ones.
        """
        risk, fitting = self.parts.risk.rows, self.parts.transform.rows
        own, secret = self.secret(target, np.arange(len(self.z)))
        codes = np.full(len(self.z), -1, np.intp)
        codes[own] = secret
        most = max(np.unique(self.speaker[self.parts.test], return_counts=True)[1])
        ks = [k for k in PATIENCE if k <= most] if target != "sensitive-vs-neutral" else []
        found = self.retrain(codes, risk, ks)
        self.chosen[target] = {"best": found.chosen, "validation_auc": found.quality}
        yield self.guessed(found.guesses, target, Knowledge.SEMI_INFORMED)
        if ks:
            yield self.guessed(found.patient, target, Knowledge.PATIENT)
        yield self.guessed(
            self.retrain(codes, np.concatenate([risk, fitting])).guesses, target, Knowledge.INFORMED
        )

    def kept(self) -> pd.DataFrame:
        """Whoever may use what is released, and trains a model of their own on it: the required
        emotion against all.
        """
        everything = np.arange(len(self.z))
        return self.guessed(
            self.retrain(self.secret(KEPT, everything)[1], self.parts.risk.rows).guesses,
            KEPT,
            Knowledge.SEMI_INFORMED,
        )

    def retrain(
        self, codes: NDArray[np.intp], own: NDArray[np.intp], ks: Sequence[int] = ()
    ) -> Retrained:
        """Attackers who learn from `own` rows."""
        of = (codes, self.speaker, own, self.parts.test)
        return self.either(
            lambda x, families: retrain(x, *of, families=families, ks=ks, seed=self.seed)
        )

    def either(self, ask: Callable[[NDArray[np.float32], Sequence[str]], Retrained]) -> Retrained:
        """Those who learn from what is released, and where it can be read, one who reads what it
        says.
        """
        found = ask(self.out, self.families)
        return found if self.said is None else either(found, reading(ask(self.said, ["linear"])))

    def guessed(self, found: pd.DataFrame, target: str, knowledge: Knowledge) -> pd.DataFrame:
        columns = {
            name: found[name].to_numpy()
            for name in ("attacker", "best", "truth", "prediction", "score", "k")
        }
        return self.block(found["row"].to_numpy(), target, knowledge, **columns)

    def membership(self) -> pd.DataFrame:
        """Who was in the transform party: of every speaker by attackers who never saw that speaker."""
        member, fold = (np.full(len(self.z), -1, np.intp) for _ in range(2))
        member[self.rows] = np.isin(self.rows, self.parts.transform.rows)
        fold[self.rows] = own_folds(self.speaker[self.rows], member[self.rows], self.seed)
        of = (member, self.speaker, crossfit(fold))
        found = self.either(lambda x, families: by_plan(x, *of, families=families, seed=self.seed))
        return self.guessed(found.guesses, "membership", Knowledge.SEMI_INFORMED)

    def identity(self) -> Iterator[pd.DataFrame]:
        """Who speaks, by attackers who know the tested people: one row a claim, of their own and of
        twenty others.
        """
        test = self.parts.test
        _, of, counts = np.unique(self.speaker[test], return_inverse=True, return_counts=True)
        test = test[counts[of] > 1]  # one utterance is learnt from or asked about, not both
        if (counts > 1).sum() < 2:
            return
        families = [family for family in self.families if family in FAMILIES] or FAMILIES
        claims = identify(
            self.out[test], self.speaker[test], families=families, seed=self.seed
        ).trials(seed=self.seed)
        score = claims["score"].to_numpy()
        yield self.block(
            test[claims["row"]],
            "speaker",
            Knowledge.SEMI_INFORMED,
            attacker=CLAIM,
            score=score,
            truth=claims["positive"].to_numpy(dtype=int),
            prediction=(score > 0).astype(int),
        )

    def detail(self) -> Iterator[pd.DataFrame]:
        required = self.role == Role.REQUIRED
        train, test = (rows[required[rows]] for rows in (self.parts.risk.rows, self.parts.test))
        parts = (
            utility_probes.intensity(self.out, self.intensity, train, test),
            utility_probes.reconstruction(self.out, self.z, train, test),
        )
        for part in parts:
            if part is not None:
                said = {"truth": part.truth, "prediction": part.prediction, "score": part.score}
                yield self.block(part.rows, part.kind, Knowledge.IGNORANT, **said)
