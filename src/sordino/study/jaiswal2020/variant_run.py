"""One variant on one draw: its networks, and everything that is asked of them."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sordino import metrics
from sordino.attack import RetrainResult, membership, pool_scores, retrain
from sordino.attack.retraining import as_reader, combine
from sordino.errors import AttackError, ReleaseError
from sordino.nn.fit_multimodal import FittedMultimodal, Training
from sordino.nn.multimodal import Shape
from sordino.nn.sequences import Sequences
from sordino.release import Embedding, EmbeddingFitter
from sordino.study.jaiswal2020 import grid
from sordino.study.jaiswal2020.inputs import Material
from sordino.study.jaiswal2020.protocol import Scene
from sordino.study.jaiswal2020.variants import LAMBDAS, STREAMS, Options, Variant
from sordino.types import Rows


class Lesson:
    """One variant on one draw: its rows, its networks, its guesses."""

    def __init__(
        self, variant: Variant, draw: int, material: Material, scene: Scene, options: Options
    ) -> None:
        self.variant, self.number, self.scene, self.options = variant, draw, scene, options
        self.draw, self.test = scene.draws[draw], scene.draws[draw].test
        self.streams = STREAMS[variant.features]
        self.material = material
        self.rows = material.sequences(self.streams, self.draw.train)
        self.record: dict[str, Any] = {"networks": []}
        widths = self.rows.widths
        self.shape = Shape(
            audio=widths.get("audio"), text=widths.get("text"), primary={variant.task: 3}
        )
        self.training, self.reversal = (
            Training(epochs=options.epochs),
            variant.reversal or options.reversal,
        )
        if options.grid:
            self._search()

    def told(self, seed: int) -> Iterator[pd.DataFrame]:
        """What is asked of one network; nothing where a class cannot be drawn for want of people,
        and why.
        """
        try:
            yield from self.asked(seed)
        except ReleaseError as error:
            self.leave("drawn", seed, error)

    def leave(self, what: str, seed: int, error: AttackError | ReleaseError) -> None:
        """Record what was not asked of a network, and why. Only what is drawn may lack people to be
        released by.
        """
        if isinstance(error, ReleaseError) and self.variant.release != "drawn":
            raise error
        before = f"{self.record['not_asked']}; " if "not_asked" in self.record else ""
        self.record["not_asked"] = f"{before}{what} (seed {seed}): {error}"

    def asked(self, seed: int) -> Iterator[pd.DataFrame]:
        """The guesses of one network, then those of its membership."""
        draw = self.draw
        embedding, fitted = self.fit(self.rows, draw.train, draw.stop, seed)
        self.note(embedding, fitted)
        e = embedding(self.rows, key=seed)
        yield self.emotion(embedding, e, seed)
        yield from self.leakage(embedding, seed)
        if embedding.bins:
            yield self.decision(embedding, seed)
        if self.scene.labels["gender"].max() > 0:
            k, shuffles = self.options.patient, self.options.shuffles
            found = self.gender(
                embedding, e, draw.known, self.test, seed, ks=(k,), shuffles=shuffles
            )
            yield self.table("privacy", found.best, seed)
            yield self.table("patient", pool_scores(found.best, k, seed), seed)
            self.record.setdefault("nulls", []).append(
                {str(k): null.uar for k, null in found.null.items()}
            )
            if draw.folds:
                yield self.table(
                    "privacy-d1", self.gender(embedding, e, draw.d2, draw.train, seed).best, seed
                )
        yield self.verification(e, seed)
        if (
            draw.folds and not self.variant.condition
        ):  # not of a sweep: it would cost more than all the rest
            for selection in range(self.options.selections):
                yield from self.membership(e, fitted.best_epoch + 1, seed, selection)

    def gender(
        self,
        embedding: Embedding,
        e: NDArray[np.float32],
        own: Rows,
        test: Rows,
        seed: int,
        **asked: Any,
    ) -> RetrainResult:
        """What attackers who learnt from `own` rows say of the gender of others; where it is drawn,
        one reads bins.
        """
        of: Any = (self.scene.labels["gender"], self.scene.speaker, own, test)
        found = retrain(e, *of, families=self.options.families, seed=seed, **asked)
        if not embedding.bins:
            return found
        said = np.eye(embedding.bins)[embedding.read(e)]
        return combine(
            found, as_reader(retrain(said, *of, families=("linear",), seed=seed, **asked))
        )

    def fit(
        self,
        rows: Sequences,
        train: Rows,
        stop: Rows | None,
        seed: int,
        training: Training | None = None,
        *,
        plain: bool = False,
    ) -> tuple[Embedding, FittedMultimodal]:
        """The embedding of this variant, trained on some rows and stopped by others, or by the
        number of epochs.

        With `plain` only the network is fitted, and no bins to be drawn from.
        """
        shape, training = self.shape, training or self.training
        people, codes = np.unique(self.scene.speaker[train], return_inverse=True)
        if self.variant.tasks:
            shape = replace(shape, primary={**shape.primary, "speaker": len(people)})
        labels = {name: values[train] for name, values in self.scene.labels.items()} | {
            "speaker": codes.astype(np.intp)
        }
        fitter = EmbeddingFitter(self.variant.release, shape, training, self.reversal, seed=seed)
        fitter = fitter.plain if plain else fitter
        names = [] if stop is None else [name for name in self.scene.labels if name != "speaker"]
        held = {name: self.scene.labels[name][stop] for name in names}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # few prototypes: they move no decision
            return fitter.fit(
                rows.select(train), labels, None if stop is None else rows.select(stop), held
            )

    def _search(self) -> None:
        """Take the sizes and the lambda whose network does best on the fold that stops the
        training.
        """
        variant, draw = self.variant, self.draw
        stop = draw.stop[self.scene.labels[variant.task][draw.stop] >= 0]

        def measure(shape: Shape, reversal: float) -> tuple[float, float]:
            self.shape, self.reversal = shape, reversal
            embedding, fitted = self.fit(
                self.rows, draw.train, draw.stop, self.options.seed, plain=True
            )
            said = embedding.primary(embedding(self.rows.select(stop)))[variant.task].argmax(axis=1)
            heads = [
                one.validation[fitted.best_epoch]
                for name, one in fitted.health.items()
                if "gender" in name
            ]
            return metrics.uar(self.scene.labels[variant.task][stop], said), max(
                heads, default=float("nan")
            )

        forgets = variant.release not in ("general", "private+", "drawn")
        lambdas = LAMBDAS if forgets and variant.reversal is None else (self.reversal,)
        chosen = grid.choose(
            measure, self.shape, lambdas, forgets and variant.release != "private-speaker"
        )
        self.shape, self.reversal, self.record["grid"] = (
            chosen.shape,
            chosen.reversal,
            chosen.record,
        )

    def note(self, embedding: Embedding, fitted: FittedMultimodal) -> None:
        """What is known of a network: its training curve, the health of its heads, and what to be
        wary of.
        """
        self.record["networks"].append(
            {
                "hash": embedding.hash,
                "config": embedding.config,
                "losses": list(fitted.losses),
                "heads": {
                    name: {
                        "train": list(one.train),
                        "validation": list(one.validation),
                        "kept": one.final,
                        "probe": one.probe,
                    }
                    for name, one in fitted.health.items()
                },
                "warnings": list(fitted.warnings),
            }
        )

    def emotion(self, embedding: Embedding, e: NDArray[np.float32], seed: int) -> pd.DataFrame:
        """The primary task on the tested fold; posteriors of several seeds are averaged by the
        estimates.
        """
        known = self.test[self.scene.labels[self.variant.task][self.test] >= 0]
        posterior = embedding.primary(e[known])[self.variant.task]
        table = pd.DataFrame({"row": known, "truth": self.scene.labels[self.variant.task][known]})
        parts = [
            table.assign(attacker=str(one), prediction=one, score=posterior[:, one])
            for one in range(posterior.shape[1])
        ]
        return self.table("emotion", pd.concat(parts, ignore_index=True), seed)

    def leakage(self, embedding: Embedding, seed: int) -> Iterator[pd.DataFrame]:
        """What the head of gender says of the tested rows, where there is one; of several that on
        the first stream.
        """
        said = embedding.attributes(self.rows.select(self.test), seed).get("gender")
        if said is not None:
            truth = self.scene.labels["gender"][self.test]
            table = pd.DataFrame({"row": self.test, "truth": truth, "prediction": said[0]})
            yield self.table("leakage", table[truth >= 0], seed)

    def decision(self, embedding: Embedding, seed: int) -> pd.DataFrame:
        """The bins of the tested rows before anything is drawn, from which a bound follows."""
        bins, task = (
            embedding.decide(self.rows.select(self.test)),
            self.scene.labels[self.variant.task],
        )
        return self.table(
            "decision",
            pd.DataFrame({"row": self.test, "truth": task[self.test], "prediction": bins}),
            seed,
        )

    def verification(self, e: NDArray[np.float32], seed: int) -> pd.DataFrame:
        """Is it the same speaker? The cosine of each tested utterance with the mean of each tested
        speaker's others.
        """
        x, who = e[self.test] - e[self.draw.train].mean(axis=0), self.scene.speaker[self.test]
        x = x / np.linalg.norm(x, axis=1, keepdims=True).clip(min=1e-9)
        parts = []
        for name in np.unique(who):
            own = who == name
            if own.sum() < 2:
                continue
            total = x[own].sum(axis=0)
            others = np.where(own[:, None], (total - x) / (own.sum() - 1), total / own.sum())
            cosine = (x * others).sum(axis=1) / np.linalg.norm(others, axis=1).clip(min=1e-9)
            parts.append(
                pd.DataFrame(
                    {"row": self.test, "truth": own.astype(int), "prediction": -1, "score": cosine}
                )
            )
        return self.table("verification", pd.concat(parts, ignore_index=True), seed)

    def membership(
        self, e: NDArray[np.float32], epochs: int, seed: int, selection: int
    ) -> Iterator[pd.DataFrame]:
        """Who of the tested was in the training set, of a network that was trained with some of
        them and of one not.

        The first takes as many epochs as the second: were it stopped by speakers whom the attacker
        learns from, these would not be strangers to it. An odd selection is the complement of the
        one before.
        """
        scene, draw = self.scene, self.draw
        fold = np.full(len(scene.speaker), -1)
        fold[draw.train], fold[draw.stop], fold[draw.test] = 0, 3, 4
        try:
            plan = membership.plan(
                scene.speaker,
                fold,
                selection // 2,
                stratum=scene.labels["gender"],
                complement=selection % 2 == 1,
            )
            train = np.union1d(plan.training, plan.added)
            rows = self.material.sequences(self.streams, train)
            embedding, _ = self.fit(rows, train, None, seed, replace(self.training, epochs=epochs))
        except (
            AttackError,
            ReleaseError,
        ) as error:  # speakers with one utterance: all else can still be asked
            self.leave(f"membership of selection {selection}", seed, error)
            return
        with_them = embedding(rows, key=seed)
        for asked, vectors in (("membership", with_them), ("control", e)):
            found = membership.attack(vectors, plan, self.options.families, seed)
            yield self.table(asked, found.best, seed, selection)

    def table(self, asked: str, found: pd.DataFrame, seed: int, selection: int = 0) -> pd.DataFrame:
        """Guesses with what was asked and in which draw."""
        draw = str(self.number) + (f" seed {seed}" if self.options.seeds > 1 else "")
        draw += (
            f" selection {selection}"
            if self.options.selections > 1 and asked in ("membership", "control")
            else ""
        )
        given: dict[str, Any] = {"attacker": "", "score": np.nan, "k": 1}
        missing = {name: value for name, value in given.items() if name not in found.columns}
        return found.assign(**missing, asked=asked, draw=draw)
