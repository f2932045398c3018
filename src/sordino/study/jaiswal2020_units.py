"""The units of the study: one variant on one fold, its networks, and everything that is asked of them.

    folds k, k+1, k+2     D1: trains the network
    fold  k+3             stops the training; with fold k+4 it is D2, whom the paper's attacker learns from
    fold  k+4             tested: primary task, the head of the attribute, and attackers who learnt from all others

Units are independent and kept on disk as they are finished, so a killed run goes on where it was.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Final

import joblib
import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from sordino import metrics, storage
from sordino.attack import membership, privacy
from sordino.nn.fit_multimodal import FittedMultimodal, Training
from sordino.nn.multimodal import Shape
from sordino.nn.sequences import Sequences
from sordino.progress import track
from sordino.release import Embedding, EmbeddingFitter
from sordino.study import jaiswal2020_grid as grid
from sordino.study.jaiswal2020_variants import LAMBDAS, STREAMS, Options, Variant
from sordino.study.material import Material, Rows

COLUMNS: Final = {
    "features": "audio, text or both",
    "task": "the primary task",
    "release": "name of the embedding",
    "condition": "what a sweep varies",
    "asked": "emotion, leakage, privacy, privacy-d1, patient, membership, control or verification",
    "attacker": "family of the attacker; empty for what the network itself says",
    "draw": "the tested fold, and the seed where there are several",
    "row": "place of the utterance in the corpus",
    "truth": "the secret, or the class of the primary task",
    "prediction": "what is said of the utterance",
    "score": "how sure of the second value of a secret with two",
    "k": "utterances that the score is pooled over",
}
"""The columns of the guesses, from which every figure is computed."""


@dataclass(frozen=True)
class Scene:
    """Labels of all utterances as codes, -1 where unknown, and the fold of each."""

    labels: dict[str, Rows]
    """Codes of `activation` and `valence` (0 low, 1 mid, 2 high), `gender`, `speaker`."""
    speaker: NDArray[np.str_]
    fold: Rows
    folds: int = 5

    def part(self, tested: int, *places: int) -> Rows:
        """The rows of folds so many places after the first training fold; 4 is the one that is tested."""
        return np.flatnonzero(np.isin(self.fold, [(tested + 1 + place) % self.folds for place in places]))


@dataclass(frozen=True)
class Unit:
    """One variant on one fold."""

    variant: Variant
    tested: int

    @property
    def name(self) -> str:
        return f"{self.variant.name}-{self.tested}"


Finished = tuple[Unit, pd.DataFrame, dict[str, Any]]
"""A unit, its guesses and its record."""


def guesses(
    variants: Sequence[Variant], material: Material, scene: Scene, folder: Path, options: Options, jobs: int = 0
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """All guesses of all units (`COLUMNS`), and how each unit came about; finished ones are read from `folder`."""
    units = [Unit(variant, tested) for variant in variants for tested in range(scene.folds)]
    key = _key(material, scene, options)
    storage.folder(folder)
    tables = {unit.name: folder / f"{unit.name}-{key}.parquet" for unit in units}
    missing = [unit for unit in units if not tables[unit.name].is_file()]
    workers = joblib.Parallel(n_jobs=jobs or -1, return_as="generator_unordered", batch_size=1)
    computed = workers(joblib.delayed(_one_unit)(unit, material, scene, options) for unit in missing)
    for unit, table, record in track(computed, "networks and attackers", len(missing)):
        path = tables[unit.name]
        storage.write(path.with_suffix(".json"), json.dumps(record, indent=1))
        storage.write(path, partial(table.to_parquet, index=False))  # last: where it stands, the unit is finished
    records = {name: json.loads(path.with_suffix(".json").read_text()) for name, path in tables.items()}
    return pd.concat([pd.read_parquet(path) for path in tables.values()], ignore_index=True), records


def _key(material: Material, scene: Scene, options: Options) -> str:
    """What a unit depends on beside its variant and fold, as 12 hexadecimal digits."""
    sha = hashlib.sha256(json.dumps(asdict(options), sort_keys=True).encode() + material.hash.encode())
    for codes in (*scene.labels.values(), scene.fold):
        sha.update(codes.astype(np.int64).tobytes())
    return sha.hexdigest()[:12]


def _one_unit(unit: Unit, material: Material, scene: Scene, options: Options) -> Finished:
    torch.set_num_threads(1)
    with threadpool_limits(1):  # sums in another order are other numbers: one thread gives the same bytes anywhere
        lesson = _Lesson(unit, material, scene, options)
        tables = [table for place in range(options.seeds) for table in lesson.asked(options.seed + place)]
        table = pd.concat(tables, ignore_index=True)
    variant = {
        "features": unit.variant.features,
        "task": unit.variant.task,
        "release": unit.variant.release,
        "condition": unit.variant.condition,
    }
    return unit, table.assign(**variant)[list(COLUMNS)], lesson.record


class _Lesson:
    """One variant on one fold: its rows, its networks, its guesses."""

    def __init__(self, unit: Unit, material: Material, scene: Scene, options: Options) -> None:
        self.unit, self.scene, self.options = unit, scene, options
        self.d1, self.fourth, self.test = (scene.part(unit.tested, *places) for places in ((0, 1, 2), (3,), (4,)))
        self.d2 = np.union1d(self.fourth, self.test)
        self.streams = STREAMS[unit.variant.features]
        self.material = material
        self.rows = material.sequences(self.streams, self.d1)
        self.record: dict[str, Any] = {"networks": []}
        widths, variant = self.rows.widths, unit.variant
        self.shape = Shape(audio=widths.get("audio"), text=widths.get("text"), primary={variant.task: 3})
        self.training, self.reversal = Training(epochs=options.epochs), variant.reversal or options.reversal
        if options.grid:
            self._search()

    def asked(self, seed: int) -> Iterator[pd.DataFrame]:
        """The guesses of one network, then those of its membership."""
        embedding, fitted = self.fit(self.rows, self.d1, self.fourth, seed)
        self.note(embedding, fitted)
        e = embedding(self.rows, key=seed)
        yield self.emotion(embedding, e, seed)
        yield self.leakage(embedding, seed)
        gender = self.scene.labels["gender"]
        who = self.scene.speaker
        families = self.options.families
        if gender.max() > 0:
            known = np.union1d(self.d1, self.fourth)  # all that are not tested: with a few speakers fewer teach nothing
            found = privacy.privacy(e, gender, who, known, self.test, families, seed)
            yield self.table("privacy", found.best, seed)
            yield self.table("patient", privacy.patient(found.best, self.options.patient, seed), seed)
            nulls = privacy.null(found, e, gender, who, (1, self.options.patient), self.options.shuffles, seed)
            self.record.setdefault("nulls", []).append({str(k): null.uar for k, null in nulls.items()})
            on_d1 = privacy.privacy(e, gender, who, self.d2, self.d1, families, seed)
            yield self.table("privacy-d1", on_d1.best, seed)
        yield self.verification(e, seed)
        for selection in range(self.options.selections):
            yield from self.membership(e, seed, selection)

    def fit(self, rows: Sequences, train: Rows, validation: Rows, seed: int) -> tuple[Embedding, FittedMultimodal]:
        """The embedding of this variant, trained on some rows and stopped by others."""
        shape = self.shape
        people, codes = np.unique(self.scene.speaker[train], return_inverse=True)
        if self.unit.variant.tasks:
            shape = replace(shape, primary={**shape.primary, "speaker": len(people)})
        labels = {name: values[train] for name, values in self.scene.labels.items()} | {
            "speaker": codes.astype(np.intp)
        }
        held = {name: values[validation] for name, values in self.scene.labels.items() if name != "speaker"}
        fitter = EmbeddingFitter(self.unit.variant.release, shape, self.training, self.reversal, seed=seed)
        return fitter.fit(rows.select(train), labels, rows.select(validation), held)

    def _search(self) -> None:
        """Take the sizes and the lambda that do best on the fold that stops the training."""
        variant, known = self.unit.variant, self.scene.labels[self.unit.variant.task][self.fourth] >= 0
        fourth = self.fourth[known]

        def measure(shape: Shape, reversal: float) -> tuple[float, float]:
            self.shape, self.reversal = shape, reversal
            embedding, fitted = self.fit(self.rows, self.d1, self.fourth, self.options.seed)
            said = embedding.primary(embedding(self.rows.select(fourth)))[variant.task].argmax(axis=1)
            heads = [one.validation[fitted.best_epoch] for name, one in fitted.health.items() if "gender" in name]
            return metrics.uar(self.scene.labels[variant.task][fourth], said), max(heads, default=float("nan"))

        forgets = variant.release not in ("general", "private+")
        lambdas = LAMBDAS if forgets and variant.reversal is None else (self.reversal,)
        chosen = grid.choose(measure, self.shape, lambdas, forgets and variant.release != "private-speaker")
        self.shape, self.reversal, self.record["grid"] = chosen.shape, chosen.reversal, chosen.record

    def note(self, embedding: Embedding, fitted: FittedMultimodal) -> None:
        """What is known of a network: its training curve, the health of its heads, and what to be wary of."""
        self.record["networks"].append(
            {
                "hash": embedding.hash,
                "config": embedding.config,
                "losses": list(fitted.losses),
                "heads": {
                    name: {"train": list(one.train), "validation": list(one.validation), "probe": one.probe}
                    for name, one in fitted.health.items()
                },
                "warnings": list(fitted.warnings),
            }
        )

    def emotion(self, embedding: Embedding, e: NDArray[np.float32], seed: int) -> pd.DataFrame:
        """The primary task on the tested fold; posteriors of several seeds are averaged by the estimates."""
        known = self.test[self.scene.labels[self.unit.variant.task][self.test] >= 0]
        posterior = embedding.primary(e[known])[self.unit.variant.task]
        table = pd.DataFrame({"row": known, "truth": self.scene.labels[self.unit.variant.task][known]})
        parts = [
            table.assign(attacker=str(one), prediction=one, score=posterior[:, one])
            for one in range(posterior.shape[1])
        ]
        return self.table("emotion", pd.concat(parts, ignore_index=True), seed)

    def leakage(self, embedding: Embedding, seed: int) -> pd.DataFrame:
        """What the head of gender says of the tested fold; of several heads the one on the first stream."""
        said = embedding.attributes(self.rows.select(self.test)).get("gender")
        if said is None:
            return self.table("leakage", pd.DataFrame({"row": [], "truth": [], "prediction": []}), seed)
        table = pd.DataFrame({"row": self.test, "truth": self.scene.labels["gender"][self.test], "prediction": said[0]})
        return self.table("leakage", table[table["truth"] >= 0], seed)

    def verification(self, e: NDArray[np.float32], seed: int) -> pd.DataFrame:
        """Is it the same speaker? The cosine of each tested utterance with the mean of each tested speaker's others."""
        x, who = e[self.test] - e[self.d1].mean(axis=0), self.scene.speaker[self.test]
        x = x / np.linalg.norm(x, axis=1, keepdims=True).clip(min=1e-9)
        parts = []
        for name in np.unique(who):
            own = who == name
            if own.sum() < 2:
                continue
            total = x[own].sum(axis=0)
            others = np.where(own[:, None], (total - x) / (own.sum() - 1), total / own.sum())
            cosine = (x * others).sum(axis=1) / np.linalg.norm(others, axis=1).clip(min=1e-9)
            parts.append(pd.DataFrame({"row": self.test, "truth": own.astype(int), "prediction": -1, "score": cosine}))
        return self.table("verification", pd.concat(parts, ignore_index=True), seed)

    def membership(self, e: NDArray[np.float32], seed: int, selection: int) -> Iterator[pd.DataFrame]:
        """Who of fold five was in the training set, of a network that was trained with some of them and of one not."""
        scene, tested = self.scene, self.unit.tested
        plan = membership.plan(
            scene.speaker,
            scene.fold,
            selection,
            fourth=(tested + 4) % scene.folds,
            fifth=tested,
            stratum=scene.labels["gender"],
        )
        train = np.union1d(plan.training, plan.added)
        held = np.setdiff1d(self.fourth, plan.added)
        rows = self.material.sequences(self.streams, train)
        embedding, _ = self.fit(rows, train, held, seed)
        with_them = embedding(rows, key=seed)
        for asked, vectors in (("membership", with_them), ("control", e)):
            found = membership.attack(vectors, plan, self.options.families, seed)
            yield self.table(asked, found.best, seed, selection)

    def table(self, asked: str, found: pd.DataFrame, seed: int, selection: int = 0) -> pd.DataFrame:
        """Guesses with what was asked and in which draw."""
        draw = str(self.unit.tested) + (f" seed {seed}" if self.options.seeds > 1 else "")
        draw += f" selection {selection}" if self.options.selections > 1 and asked in ("membership", "control") else ""
        given: dict[str, Any] = {"attacker": "", "score": np.nan, "k": 1}
        missing = {name: value for name, value in given.items() if name not in found.columns}
        return found.assign(**missing, asked=asked, draw=draw)
