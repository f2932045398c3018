"""What is measured of releases that were adapted: the guesses of who never saw them and of who
learns from them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sordino import attack, storage
from sordino.attack.retraining import retrain_by_plan
from sordino.attack.secret import MAX_FOLDS
from sordino.attack.splits import Split, SplitPlan, deal_speakers
from sordino.corpora.table import Corpus
from sordino.define import Knowledge, Role
from sordino.policy import Policy
from sordino.release.protocol import Readable, Release
from sordino.release.training_rows import sensitive_or_neutral
from sordino.report.estimate_table import Estimate, Estimates
from sordino.report.estimates import measure, pooled
from sordino.report.record import settled, versions
from sordino.report.release_page import csv
from sordino.types import Vectors

PATIENCE: Final = 20
"""Utterances of one speaker that the patient attacker sees."""

MEASURES: Final[dict[str, tuple[str, str | Role, Knowledge]]] = {
    "F1 required": ("f1", Role.REQUIRED, Knowledge.IGNORANT),
    "U required": ("unchanged", Role.REQUIRED, Knowledge.IGNORANT),
    "U neutral": ("unchanged", Role.NEUTRAL, Knowledge.IGNORANT),
    "Ut required": ("unchanged_among_true_positives", Role.REQUIRED, Knowledge.IGNORANT),
    "Ut neutral": ("unchanged_among_true_positives", Role.NEUTRAL, Knowledge.IGNORANT),
    "retrained": ("utility_auc", "", Knowledge.SEMI_INFORMED),
    "sensitive AUC": ("distinguish", "", Knowledge.SEMI_INFORMED),
    "gender AUC": ("auc", "", Knowledge.SEMI_INFORMED),
    "patient": ("auc", "", Knowledge.PATIENT),
}
"""What the tables of these studies show: metric, group, and what the attacker knows."""


@dataclass(frozen=True)
class Labels:
    """Of a corpus under one policy: what guesses are guesses of."""

    corpus: Corpus
    policy: Policy

    def row(
        self, rows: NDArray[np.intp], release: str, condition: str, **columns: Any
    ) -> pd.DataFrame:
        """Guesses of these rows, in the columns of an audit (`sordino.attack.PREDICTION_COLUMNS`) and
        one for the condition.
        """
        c = self.corpus
        known = {
            "gender": c.genders(),
            "role": c.roles(self.policy),
            "speaker": c.speaker,
            "corpus": c.column("corpus"),
        }
        given = {
            "release": release,
            "required": self.policy.required,
            "condition": condition,
            "attacker": "",
            "best": True,
            "before": np.nan,
            "score": np.nan,
            "k": 1,
            "draw": 0,
            "row": rows,
        }
        labels = {name: values[rows] for name, values in known.items()}
        return pd.DataFrame({**given, **labels, **columns})[
            [*attack.PREDICTION_COLUMNS, "condition"]
        ]

    def emotion(
        self,
        rows: NDArray[np.intp],
        release: str,
        condition: str,
        before: NDArray[np.intp],
        after: NDArray[np.intp],
        draw: int = 0,
    ) -> pd.DataFrame:
        """What the risk model says of utterances before and after the release."""
        return self.row(
            rows,
            release,
            condition,
            target="emotion",
            knowledge=str(Knowledge.IGNORANT),
            attacker="risk-model",
            truth=self.corpus.roles(self.policy)[rows],
            before=before,
            prediction=after,
            draw=draw,
        )

    def secrets(
        self,
        vectors: NDArray[np.floating[Any]],
        plan: SplitPlan,
        release: str,
        condition: str,
        families: Sequence[str],
        attacker: str = "",
        seed: int = 0,
    ) -> pd.DataFrame:
        """What attackers say who learn from what is released, `(n, d)`, by a plan: of gender, of
        sensitive against neutral, and of the required emotion; patient ones of gender.
        """
        role = self.corpus.roles(self.policy)
        vectors = np.asarray(vectors, np.float64)
        secrets = {
            "gender": self.corpus.genders(),
            "sensitive-vs-neutral": sensitive_or_neutral(role),
            "required-vs-rest": (role == Role.REQUIRED).astype(np.intp),
        }
        tables = []
        for target, secret in secrets.items():
            known = secret >= 0
            sides = tuple(Split(*(rows[known[rows]] for rows in side)) for side in plan.splits)
            ks = [PATIENCE] if target == "gender" else []
            found = retrain_by_plan(
                vectors,
                secret,
                self.corpus.speaker,
                SplitPlan(sides, plan.measured),
                families=families,
                ks=ks,
                seed=seed,
            )
            for guesses, knowledge in (
                (found.guesses, Knowledge.SEMI_INFORMED),
                (found.patient, Knowledge.PATIENT),
            ):
                names = ("best", "truth", "prediction", "score", "k")
                columns = {name: guesses[name].to_numpy() for name in names}
                tables.append(
                    self.row(
                        guesses["row"].to_numpy(),
                        release,
                        condition,
                        target=target,
                        knowledge=str(knowledge),
                        attacker=attacker or guesses["attacker"].to_numpy(),
                        **columns,
                    )
                )
        return pd.concat([table for table in tables if len(table)], ignore_index=True)


def folds(corpus: Corpus, rows: NDArray[np.intp], seed: int) -> NDArray[np.intp]:
    """The fold of each utterance, -1 for those that are not among `rows`: speakers dealt evenly
    over genders.
    """
    gender, speaker = corpus.genders()[rows], corpus.speaker[rows]
    fewest = min(len(np.unique(speaker[gender == one])) for one in (0, 1))
    fold = np.full(len(corpus), -1, np.intp)
    fold[rows] = deal_speakers(speaker, gender, seed, max(2, min(MAX_FOLDS, fewest)))
    return fold


def said(release: Release, out: Vectors) -> NDArray[np.float64] | None:
    """What released vectors say, one column a thing, where they can be read."""
    return np.eye(release.bins)[release.read(out)] if isinstance(release, Readable) else None


def estimated(guesses: pd.DataFrame, study: str, features: str, seed: int) -> pd.DataFrame:
    """The headline estimates of every condition, in the columns of `estimates.csv`."""
    tables = [
        measure(
            of.drop(columns="condition"), study=study, features=features, seed=seed, breakdown=False
        ).assign(condition=condition)
        for condition, of in guesses.groupby("condition", sort=False)
    ]
    return pd.concat(tables, ignore_index=True)


def means(guesses: pd.DataFrame) -> dict[tuple[str, str], dict[str, Estimate]]:
    """Of each release and condition the figures of `MEASURES`, means over policies, with intervals
    over speakers.
    """
    found: dict[tuple[str, str], dict[str, Estimate]] = {}
    for key, of in guesses.groupby(["release", "condition"], sort=False):
        release, condition = map(str, key)
        look = Estimates(pooled(of.drop(columns="condition"), breakdown=False))
        found[release, condition] = {
            name: look(metric, release, "", group, knowledge=knowledge, k=PATIENCE)
            if knowledge == Knowledge.PATIENT
            else look(metric, release, "", group, knowledge=knowledge)
            for name, (metric, group, knowledge) in MEASURES.items()
        }
    return found


def write(estimates: pd.DataFrame, config: Mapping[str, Any], out: Path) -> None:
    """Write `estimates.csv` and `run.json`."""
    storage.write(out / "estimates.csv", csv(estimates))
    record = {**settled(dict(config)), "versions": versions()}
    storage.write(out / "run.json", json.dumps(record, indent=2, ensure_ascii=False) + "\n")
