"""The audit of one release on one test part: the guesses of every attacker, block by block."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

import numpy as np
import pandas as pd

from sordino.attack import utility_probes
from sordino.attack.attackers.ignorant import RiskAttacker
from sordino.attack.attackers.kernels import KERNEL_FAMILIES
from sordino.attack.identity import identify
from sordino.attack.pooling import POOL_SIZES
from sordino.attack.retraining import (
    COUNTER,
    READER,
    RetrainResult,
    as_reader,
    deal_folds,
    merge,
    retrain,
    retrain_by_plan,
)
from sordino.attack.secret import SPEAKERS_PER_CLASS
from sordino.attack.splits import crossfit
from sordino.corpora.split import Parts
from sordino.corpora.table import Corpus
from sordino.define import Knowledge, Role
from sordino.policy import Policy
from sordino.release.protocol import Readable, Release, apply_release, errors_of_release
from sordino.types import Codes, Rows, Vectors

CLAIM: Final = "one against the rest"
"""The attacker that has utterances of the tested speakers and verifies a claimed identity."""

NULL_SHUFFLES: Final = 39
"""Shuffles of gender over speakers: the fewest with a range of 95 %."""

COUNTED_PROTOTYPES: Final = 64
"""Different released vectors that the attacker by counts of prototypes takes at most."""

SENSITIVE_TARGET: Final = "sensitive-vs-neutral"
"""The target of all sensitive emotions together against neutral."""

UTILITY_TARGET: Final = "required-vs-rest"
"""The target of utility: the required emotion against the rest, recovered by a model that is
trained on released vectors. The models are those of the attackers.
"""


class AttackSetting:
    """One release and one test part; released vectors may have any width."""

    def __init__(
        self,
        release: Release,
        z: Vectors,
        corpus: Corpus,
        parts: Parts,
        policy: Policy,
        families: Sequence[str],
        seed: int,
        released: Vectors | None = None,
    ) -> None:
        self.release, self.z, self.parts = release, z, parts
        self.families, self.seed = families, seed
        self.role, self.gender = corpus.roles(policy), corpus.genders()
        self.classes = corpus.classes(policy)
        self.attributes = corpus.attributes(policy, parts.risk.rows)
        """The secrets of age and of hidden columns (`Corpus.attributes`)."""
        self.table = corpus.table
        self.speaker, self.corpus = corpus.speaker, corpus.column("corpus")
        self.intensity = corpus.column("intensity")
        self.sensitive = {
            target: corpus.against_neutral(policy, emotion)
            for target, emotion in policy.emotion_targets.items()
        }
        """The secret of each sensitive emotion: 1, or 0 for neutral, -1 for other utterances."""
        emotion, several = corpus.column("emotion"), policy.required_emotions
        self.required = {
            f"{label}-vs-rest": (emotion == label).astype(np.intp)
            for label in (several if len(several) > 1 else ())
        }
        """The target of utility of each of several required emotions."""
        self.chosen: dict[str, Any] = {}
        """For each secret: the best semi-informed attacker, and the AUC of each attacker on its own
        speakers.
        """
        self.patient_null: dict[int, tuple[float, ...]] = {}
        """For each number of utterances: the AUC of the patient attacker on gender, for each
        shuffle of gender over speakers.
        """
        self.rows = np.concatenate([parts.risk.rows, parts.transform.rows, parts.test])
        out = apply_release(release, z[self.rows]) if released is None else released[self.rows]
        self.out = np.full((len(z), out.shape[1]), np.nan, np.float32)
        self.out[self.rows] = out
        self.readings: dict[str, Vectors] = {}
        """The bin and the prototype of each released vector, one column for each, by the name of
        the attacker; empty if the release cannot be read.
        """
        if isinstance(release, Readable):
            with errors_of_release(release, release.name):
                self.readings[READER] = self.one_hot(release.read(out), release.bins)
            prototypes, codes = np.unique(out, axis=0, return_inverse=True)
            if len(prototypes) <= COUNTED_PROTOTYPES:
                self.readings[COUNTER] = self.one_hot(codes.ravel(), len(prototypes))

    def one_hot(self, codes: Codes, count: int) -> Vectors:
        """One column for each of `count` codes of `rows`, `(utterances, count)`; NaN elsewhere."""
        columns = np.full((len(self.z), count), np.nan, np.float32)
        columns[self.rows] = np.eye(count)[codes]
        return columns

    def block(self, rows: Rows, target: str, knowledge: Knowledge, **columns: Any) -> pd.DataFrame:
        """Guesses on some rows, with the labels of these rows and defaults for missing columns."""
        defaults = {
            "attacker": "",
            "best": True,
            "before": np.nan,
            "prediction": np.nan,
            "score": np.nan,
            "k": 1,
        }
        labels = {
            "gender": self.gender[rows],
            "role": self.role[rows],
            "speaker": self.speaker[rows],
            "corpus": self.corpus[rows],
        }
        keys = {"target": target, "knowledge": str(knowledge), "row": rows}
        return pd.DataFrame({**keys, **labels, **(defaults | columns)})

    def secret(self, target: str, rows: Rows) -> tuple[Rows, Rows]:
        """The rows for which the secret is known, and its value, 0 or 1."""
        known = {"gender": self.gender, **self.attributes, **self.sensitive, **self.required}
        if target in known:
            values = known[target]
            rows = rows[values[rows] >= 0]
            return rows, values[rows]
        if target == UTILITY_TARGET:
            return rows, (self.role[rows] == Role.REQUIRED).astype(np.intp)
        rows = rows[self.role[rows] != Role.REQUIRED]
        return rows, (self.role[rows] == Role.SENSITIVE).astype(np.intp)

    def is_labelled(self, target: str) -> bool:
        """Whether each value has two speakers in the risk part and one in the test part."""
        secrets = [self.secret(target, rows) for rows in (self.parts.risk.rows, self.parts.test)]
        risk, test = (
            min(len(np.unique(self.speaker[rows[values == value]])) for value in (0, 1))
            for rows, values in secrets
        )
        return risk >= SPEAKERS_PER_CLASS and test >= 1

    def ignorant(self, attacker: RiskAttacker) -> Iterator[pd.DataFrame]:
        """Guesses of the risk model, which was never trained on released vectors."""
        test, knowledge = self.parts.test, Knowledge.IGNORANT
        before, after = attacker(self.z[test]), attacker(self.out[test])
        yield self.block(
            test,
            "emotion",
            knowledge,
            attacker="risk-model",
            truth=self.classes[test],
            before=before.role.argmax(axis=1),
            prediction=after.role.argmax(axis=1),
        )
        scores = {"gender": after.gender[:, 1], SENSITIVE_TARGET: after.sensitive}
        predictions = {
            "gender": after.gender.argmax(axis=1),
            SENSITIVE_TARGET: (after.sensitive > 0).astype(int),
        }
        for target in scores:
            rows, truth = self.secret(target, test)
            mask = np.isin(test, rows)
            yield self.block(
                rows,
                target,
                knowledge,
                attacker="risk-model",
                truth=truth,
                prediction=predictions[target][mask],
                score=scores[target][mask],
            )

    def retraining(self, target: str, informed: bool = True) -> Iterator[pd.DataFrame]:
        """Guesses of semi-informed attackers, of patient ones if the secret is constant within
        speakers, and of informed ones unless they are left out.
        """
        risk, fitting = self.parts.risk.rows, self.parts.transform.rows
        codes = self.codes(target)
        largest = max(np.unique(self.speaker[self.parts.test], return_counts=True)[1])
        ks = [k for k in POOL_SIZES if k <= largest] if self.is_constant(codes) else []
        semi = self.retrain(codes, risk, ks, NULL_SHUFFLES if target == "gender" else 0)
        self.patient_null |= {k: null.auc for k, null in semi.null.items() if k > 1}
        self.chosen[target] = {"best": semi.chosen, "validation_auc": semi.quality}
        yield self.guess_block(semi.guesses, target, Knowledge.SEMI_INFORMED)
        if ks:
            yield self.guess_block(semi.patient, target, Knowledge.PATIENT)
        if informed:
            guesses = self.retrain(codes, np.concatenate([risk, fitting])).guesses
            yield self.guess_block(guesses, target, Knowledge.INFORMED)

    def emotions(self) -> Iterator[pd.DataFrame]:
        """Guesses of semi-informed attackers on each sensitive emotion against neutral."""
        for target in filter(self.is_labelled, self.sensitive):
            guesses = self.retrain(self.codes(target), self.parts.risk.rows).guesses
            yield self.guess_block(guesses, target, Knowledge.SEMI_INFORMED)

    def codes(self, target: str) -> Codes:
        """The secret of every row, `(utterances,)`; -1 where unknown."""
        labelled, values = self.secret(target, np.arange(len(self.z)))
        codes: Codes = np.full(len(self.z), -1, np.intp)
        codes[labelled] = values
        return codes

    def is_constant(self, codes: Codes) -> bool:
        """Whether a secret `(utterances,)` has one known value for each speaker."""
        known = np.flatnonzero(codes >= 0)
        pairs = {*zip(self.speaker[known].tolist(), codes[known].tolist(), strict=True)}
        return len(pairs) == len(np.unique(self.speaker[known]))

    def utility(self) -> Iterator[pd.DataFrame]:
        """Guesses of models that a recipient trains on released vectors: the required emotions
        against the rest, and each of several.
        """
        for target in (UTILITY_TARGET, *filter(self.is_labelled, self.required)):
            guesses = self.retrain(self.codes(target), self.parts.risk.rows).guesses
            yield self.guess_block(guesses, target, Knowledge.SEMI_INFORMED)

    def retrain(
        self, codes: Rows, train: Rows, ks: Sequence[int] = (), shuffles: int = 0
    ) -> RetrainResult:
        """Attackers that are trained on the `train` rows. Patient ones also count prototypes."""
        args = (codes, self.speaker, train, self.parts.test)
        options: dict[str, Any] = {"ks": ks, "shuffles": shuffles, "seed": self.seed}
        return self.attack_readings(
            lambda x, families: retrain(x, *args, families=families, **options),
            (READER, COUNTER) if ks else (READER,),
        )

    def attack_readings(
        self,
        attack: Callable[[Vectors, Sequence[str]], RetrainResult],
        names: Sequence[str] = (READER,),
    ) -> RetrainResult:
        """The attack on released vectors, combined with linear ones on these readings if the
        release can be read.
        """
        result = attack(self.out, self.families)
        for name in names:
            if name in self.readings:
                result = merge(result, as_reader(attack(self.readings[name], ["linear"]), name))
        return result

    def guess_block(self, guesses: pd.DataFrame, target: str, knowledge: Knowledge) -> pd.DataFrame:
        """The block of a table of guesses."""
        columns = {
            name: guesses[name].to_numpy()
            for name in ("attacker", "best", "truth", "prediction", "score", "k")
        }
        return self.block(guesses["row"].to_numpy(), target, knowledge, **columns)

    def membership(self) -> pd.DataFrame:
        """Guesses of membership in the transform party, for every speaker by attackers that never
        saw the speaker.
        """
        member, fold = (np.full(len(self.z), -1, np.intp) for _ in range(2))
        member[self.rows] = np.isin(self.rows, self.parts.transform.rows)
        fold[self.rows] = deal_folds(self.speaker[self.rows], member[self.rows], self.seed)
        args = (member, self.speaker, crossfit(fold))
        result = self.attack_readings(
            lambda x, families: retrain_by_plan(x, *args, families=families, seed=self.seed)
        )
        return self.guess_block(result.guesses, "membership", Knowledge.SEMI_INFORMED)

    def identity(self) -> Iterator[pd.DataFrame]:
        """Speaker verification by an attacker with utterances of the tested speakers: one row per
        claim, one true and up to twenty false claims per utterance.
        """
        test = self.parts.test
        _, codes, counts = np.unique(self.speaker[test], return_inverse=True, return_counts=True)
        test = test[counts[codes] > 1]  # one utterance cannot serve for both training and test
        if (counts > 1).sum() < 2:
            return
        families = [name for name in self.families if name in KERNEL_FAMILIES] or KERNEL_FAMILIES
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
        """Utility probes on required rows: intensity and reconstruction."""
        required = self.role == Role.REQUIRED
        train, test = (rows[required[rows]] for rows in (self.parts.risk.rows, self.parts.test))
        probes = (
            utility_probes.intensity(self.out, self.intensity, train, test),
            utility_probes.reconstruction(self.out, self.z, train, test),
        )
        for probe in probes:
            if probe is not None:
                columns = {
                    "truth": probe.truth,
                    "prediction": probe.prediction,
                    "score": probe.score,
                }
                yield self.block(probe.rows, probe.kind, Knowledge.IGNORANT, **columns)
