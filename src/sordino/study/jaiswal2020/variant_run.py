"""One variant on one draw: its networks, and all attacks on them."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from sordino.attack import RetrainResult, membership, pool_scores, retrain
from sordino.attack.retraining import as_reader, merge
from sordino.attack.row_sampling import COMPLETE_ROWS, PARTY_ROWS, sample_rows
from sordino.attack.utility_probes import Rms
from sordino.corpora.split import every_fourth
from sordino.errors import AttackError, ReleaseError
from sordino.nn.fit_multimodal import FittedMultimodal, Training
from sordino.nn.multimodal import Shape, apply
from sordino.nn.sequences import Sequences
from sordino.release import Embedding, EmbeddingFitter
from sordino.study.jaiswal2020.inputs import Material
from sordino.study.jaiswal2020.likelihood import (
    LIKELIHOOD_QUESTIONS,
    MemberNetwork,
    likelihood_guesses,
)
from sordino.study.jaiswal2020.protocol import StudyLabels
from sordino.study.jaiswal2020.variants import FEATURE_STREAMS, JaiswalOptions, Variant
from sordino.types import Rows, Vectors

MEMBERSHIP_QUESTIONS: Final = ("membership", "control")
"""The questions of membership inference, on networks with and without test speakers."""

OF_SELECTIONS: Final = (*MEMBERSHIP_QUESTIONS, *LIKELIHOOD_QUESTIONS)
"""The questions that are asked once for each selection of speakers."""

TASK_CLASSES: Final = {"age": 2, "speaker": 2}
"""Classes of the primary tasks beside levels; those of the speaker follow from the fit."""

HEAD_STRENGTH: Final = 0.03
"""C of the logistic regression of a legitimate user, as of `attack.utility_probes.intensity`."""


class VariantRun:
    """One variant on one draw: its rows, its networks, its guesses."""

    def __init__(
        self,
        variant: Variant,
        draw: int,
        material: Material,
        study: StudyLabels,
        options: JaiswalOptions,
    ) -> None:
        self.variant, self.number, self.study, self.options = variant, draw, study, options
        self.draw, self.test = study.draws[draw], study.draws[draw].test
        self.streams = FEATURE_STREAMS[variant.features]
        self.material = material
        self.rows = material.sequences(self.streams, self.draw.train)
        self.record: dict[str, Any] = {"networks": []}
        widths = self.rows.widths
        self.shape = Shape(
            audio=widths.get("audio"),
            text=widths.get("text"),
            primary={name: TASK_CLASSES.get(name, 3) for name in variant.primary},
            **options.sizes,  # type: ignore[arg-type]
        )
        self.training = Training(epochs=options.epochs)
        self.reversal = variant.reversal or options.reversal

    def guesses(self, seed: int) -> Iterator[pd.DataFrame]:
        """The guesses about one network. A drawn embedding without enough speakers for a class has
        none, and the record has the reason.
        """
        try:
            yield from self._guesses(seed)
        except ReleaseError as error:
            self.skip(self.variant.release, seed, error)

    def skip(self, question: str, seed: int, error: AttackError | ReleaseError) -> None:
        """Record a question that a network cannot answer, and the reason.

        Only a drawn embedding, and one of age, may lack speakers. Raises the `ReleaseError` of
        another embedding.
        """
        may_lack = self.variant.release == "drawn" or "age" in self.variant.primary
        if isinstance(error, ReleaseError) and not may_lack:
            raise error
        before = f"{self.record['not_asked']}; " if "not_asked" in self.record else ""
        self.record["not_asked"] = f"{before}{question} (seed {seed}): {error}"

    def _guesses(self, seed: int) -> Iterator[pd.DataFrame]:
        draw = self.draw
        embedding, network = self.fit(self.rows, draw.train, draw.stop, seed)
        self.record_network(embedding, network)
        e = embedding(self.rows, key=seed)
        if self.variant.task in self.variant.primary:
            yield self.emotion(embedding, e, seed)
        yield from self.leakage(embedding, seed)
        if embedding.bins:
            yield self.decision(embedding, seed)
        if self.study.labels["gender"].max() > 0:
            k, shuffles = self.options.patient, self.options.shuffles
            retrained = self.gender(
                embedding, e, draw.untested, self.test, seed, ks=(k,), shuffles=shuffles
            )
            yield self.table("privacy", retrained.best, seed)
            yield self.table("patient", pool_scores(retrained.best, k, seed), seed)
            nulls = {str(k): null.uar for k, null in retrained.null.items()}
            self.record.setdefault("nulls", []).append(nulls)
            if draw.folds:
                on_d1 = self.gender(embedding, e, draw.d2, draw.train, seed)
                yield self.table("privacy-d1", on_d1.best, seed)
        yield self.verification(e, seed)
        yield from self.retrained_head(embedding, e, seed)
        if draw.folds and self.asks_membership(seed):
            yield from self.membership(embedding, e, network.best_epoch + 1, seed)

    def asks_membership(self, seed: int) -> bool:
        """Whether membership is inferred. Its networks would dominate the cost of a sweep, and of
        further seeds.
        """
        first = seed == self.options.seed
        return first and self.variant.reversal is None and not self.variant.tasks

    def gender(
        self,
        embedding: Embedding,
        e: Vectors,
        training: Rows,
        test: Rows,
        seed: int,
        **settings: Any,
    ) -> RetrainResult:
        """Guesses of gender on `test` rows by attackers that are trained on `training` rows. On a
        drawn embedding, one attacker reads the bins.
        """
        training = self.attacker_rows(training)
        labels: Any = (self.study.labels["gender"], self.study.speaker, training, test)
        families = self.options.families
        retrained = retrain(e, *labels, families=families, seed=seed, **settings)
        if not embedding.bins:
            return retrained
        bins = np.eye(embedding.bins)[embedding.read(e)]
        reader = retrain(bins, *labels, families=("linear",), seed=seed, **settings)
        return merge(retrained, as_reader(reader))

    def attacker_rows(self, rows: Rows) -> Rows:
        """The rows that train an attacker: all of up to `COMPLETE_ROWS`, and `PARTY_ROWS` of more,
        as in the other studies (`sordino.attack.row_sampling`); the record has both numbers.
        """
        if len(rows) <= COMPLETE_ROWS:
            return rows
        self.record["attacker_rows"] = {"drawn": PARTY_ROWS, "of": len(rows)}
        gender, speaker = self.study.labels["gender"][rows], self.study.speaker[rows]
        return rows[sample_rows(speaker, gender, PARTY_ROWS, self.options.seed)]

    def fit(
        self,
        rows: Sequences,
        train: Rows,
        stop: Rows | None,
        seed: int,
        training: Training | None = None,
    ) -> tuple[Embedding, FittedMultimodal]:
        """The embedding of this variant, trained on `train` rows. Early stopping uses `stop` rows;
        without them, training ends after a fixed number of epochs.
        """
        shape, training = self.shape, training or self.training
        if self.variant.primary == ("speaker",):  # other speakers have no class and stop nothing
            part, speaker = every_fourth(train, self.study.speaker), self.study.speaker
            has_class = np.isin(speaker[part.validation], speaker[part.train])
            train, stop = part.train, part.validation[has_class]
        speakers, codes = np.unique(self.study.speaker[train], return_inverse=True)
        if "speaker" in self.variant.primary:
            shape = replace(shape, primary={**shape.primary, "speaker": len(speakers)})
        labels = {name: values[train] for name, values in self.study.labels.items()} | {
            "speaker": codes.astype(np.intp)
        }
        privacy = self.options.privacy
        if self.variant.epsilon is not None:
            privacy = replace(privacy, epsilon=self.variant.epsilon)
        fitter = EmbeddingFitter(
            self.variant.release,
            shape,
            training,
            self.reversal,
            privacy=privacy,
            seed=seed,
        )
        names = [] if stop is None else [name for name in self.study.labels if name != "speaker"]
        stop_labels = {name: self.study.labels[name][stop] for name in names}
        if self.variant.primary == ("speaker",):
            stop_labels["speaker"] = np.searchsorted(speakers, self.study.speaker[stop])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # few prototypes change no decision
            return fitter.fit(
                rows.select(train), labels, None if stop is None else rows.select(stop), stop_labels
            )

    def record_network(self, embedding: Embedding, network: FittedMultimodal) -> None:
        """Add to the record: hash, training curve, heads and warnings of a network."""
        self.record["networks"].append(
            {
                "hash": embedding.hash,
                "config": embedding.config,
                "losses": list(network.losses),
                "heads": {
                    name: {
                        "train": list(head.train),
                        "validation": list(head.validation),
                        "kept": head.final,
                        "probe": head.probe,
                    }
                    for name, head in network.health.items()
                },
                "warnings": list(network.warnings),
            }
        )

    def emotion(self, embedding: Embedding, e: Vectors, seed: int) -> pd.DataFrame:
        """Posteriors of the primary task on the test rows. Estimates average over seeds."""
        labels = self.study.labels[self.variant.task]
        rows = self.test[labels[self.test] >= 0]
        posterior = embedding.primary(e[rows])[self.variant.task]
        table = pd.DataFrame({"row": rows, "truth": labels[rows]})
        parts = [
            table.assign(attacker=str(level), prediction=level, score=posterior[:, level])
            for level in range(posterior.shape[1])
        ]
        return self.table("emotion", pd.concat(parts, ignore_index=True), seed)

    def leakage(self, embedding: Embedding, seed: int) -> Iterator[pd.DataFrame]:
        """Predictions of the head of gender on the test rows, if there is one; of several, those of
        the head on the first stream.
        """
        heads = embedding.attributes(self.rows.select(self.test), seed).get("gender")
        if heads is not None:
            truth = self.study.labels["gender"][self.test]
            table = pd.DataFrame({"row": self.test, "truth": truth, "prediction": heads[0]})
            yield self.table("leakage", table[truth >= 0], seed)

    def decision(self, embedding: Embedding, seed: int) -> pd.DataFrame:
        """The bins of the test rows before the random draw. A bound follows from them."""
        bins = embedding.decide(self.rows.select(self.test))
        truth = self.study.labels[self.variant.task][self.test]
        table = pd.DataFrame({"row": self.test, "truth": truth, "prediction": bins})
        return self.table("decision", table, seed)

    def verification(self, e: Vectors, seed: int) -> pd.DataFrame:
        """Speaker verification: the cosine of each test utterance with the mean of the other
        utterances of each test speaker.
        """
        x, speaker = e[self.test] - e[self.draw.train].mean(axis=0), self.study.speaker[self.test]
        x = x / np.linalg.norm(x, axis=1, keepdims=True).clip(min=1e-9)
        parts = []
        for name in np.unique(speaker):
            same = speaker == name
            if same.sum() < 2:
                continue
            total = x[same].sum(axis=0)
            means = np.where(same[:, None], (total - x) / (same.sum() - 1), total / same.sum())
            cosine = (x * means).sum(axis=1) / np.linalg.norm(means, axis=1).clip(min=1e-9)
            columns = {"truth": same.astype(int), "prediction": -1, "score": cosine}
            parts.append(pd.DataFrame({"row": self.test, **columns}))
        return self.table("verification", pd.concat(parts, ignore_index=True), seed)

    def retrained_head(self, embedding: Embedding, e: Vectors, seed: int) -> Iterator[pd.DataFrame]:
        """Predictions on the test rows by a legitimate user with a logistic regression, trained on
        released vectors of D1: of the emotion, and of age where it is labelled. For an embedding
        with noise, the emotion also on vectors without it: the difference is the cost of the noise.
        """
        vectors = {"retrained": e, "retrained-age": e}
        if embedding.network.shape.random:
            vectors["retrained-clean"] = apply(embedding.network, self.rows).embedding.numpy()
        for question, x in vectors.items():
            labels = self.study.labels.get(
                "age" if question == "retrained-age" else self.variant.task
            )
            if labels is None:
                continue
            train, test = (rows[labels[rows] >= 0] for rows in (self.draw.train, self.test))
            if len(np.unique(labels[train])) < 2 or not len(test):
                continue
            head = make_pipeline(
                Rms(), LogisticRegression(C=HEAD_STRENGTH, max_iter=2000, class_weight="balanced")
            )
            prediction = head.fit(x[train], labels[train]).predict(x[test])
            table = pd.DataFrame({"row": test, "truth": labels[test], "prediction": prediction})
            yield self.table(question, table, seed)

    def membership(
        self, embedding: Embedding, e: Vectors, epochs: int, seed: int
    ) -> Iterator[pd.DataFrame]:
        """Membership inference on networks that were trained with some of the test speakers, and on
        `embedding`, which was trained without any (the control).
        """
        networks = []
        for selection in range(self.options.selections):
            network = self.member_network(epochs, seed, selection)
            if network is None:
                continue
            networks.append(network)
            vectors = (network.vectors, e)
            for question, x in zip(MEMBERSHIP_QUESTIONS, vectors, strict=True):
                attack = membership.attack(x, network.plan, self.options.families, seed)
                yield self.table(question, attack.best, seed, selection)
        without = self.confidence(embedding, e)
        for question, selection, table in likelihood_guesses(networks, without, self.test):
            yield self.table(question, table, seed, selection)

    def confidence(self, embedding: Embedding, e: Vectors) -> NDArray[np.float64]:
        """The confidence of the embedding's own head in the true class of every row."""
        task = self.variant.task
        return membership.confidence(embedding.primary(e)[task], self.study.labels[task])

    def member_network(self, epochs: int, seed: int, selection: int) -> MemberNetwork | None:
        """A network that was trained with some of the test speakers; None where it cannot be, with
        the reason in the record.

        It trains for as many epochs as the network of the control. If other speakers stopped it,
        and the attacker were trained on these, they would not be unknown to the network. An odd
        selection is the complement of the selection before.
        """
        study, draw = self.study, self.draw
        fold = np.full(len(study.speaker), -1)
        fold[draw.train], fold[draw.stop], fold[draw.test] = 0, 3, 4
        try:
            plan = membership.plan(
                study.speaker,
                fold,
                selection // 2,
                stratum=study.labels["gender"],
                complement=selection % 2 == 1,
            )
            train = np.union1d(plan.training, plan.added)
            rows = self.material.sequences(self.streams, train)
            embedding, _ = self.fit(rows, train, None, seed, replace(self.training, epochs=epochs))
        except (AttackError, ReleaseError) as error:  # speakers with one utterance
            self.skip(f"membership of selection {selection}", seed, error)
            return None
        vectors = embedding(rows, key=seed)
        return MemberNetwork(selection, plan, vectors, self.confidence(embedding, vectors))

    def table(
        self, question: str, guesses: pd.DataFrame, seed: int, selection: int = 0
    ) -> pd.DataFrame:
        """Guesses with the question and the draw."""
        draw = str(self.number) + (f" seed {seed}" if self.options.seeds > 1 else "")
        if self.options.selections > 1 and question in OF_SELECTIONS:
            draw += f" selection {selection}"
        defaults: dict[str, Any] = {"attacker": "", "score": np.nan, "k": 1}
        missing = {name: value for name, value in defaults.items() if name not in guesses.columns}
        return guesses.assign(**missing, asked=question, draw=draw)
