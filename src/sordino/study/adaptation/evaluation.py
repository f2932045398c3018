"""Evaluation of adapted releases: guesses of ignorant and of retrained attackers, and estimates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sordino import attack, metrics
from sordino.attack.retraining import retrain_by_plan
from sordino.attack.secret import MAX_FOLDS
from sordino.attack.splits import Split, SplitPlan, deal_speakers
from sordino.corpora.table import Corpus, sensitive_or_neutral
from sordino.define import Knowledge, Role
from sordino.policy import Policy
from sordino.release.protocol import Readable, Release
from sordino.report.estimate_table import TARGETS, Estimate, Estimates
from sordino.report.estimates import measure, pooled
from sordino.types import Rows, Vectors

PATIENT_UTTERANCES: Final = 20
"""Utterances of one speaker that the patient attacker has."""

TABLE_FIGURES: Final[dict[str, tuple[str, str | Role, Knowledge]]] = {
    "F1 required": ("f1", Role.REQUIRED, Knowledge.IGNORANT),
    "U required": ("unchanged", Role.REQUIRED, Knowledge.IGNORANT),
    "U neutral": ("unchanged", Role.NEUTRAL, Knowledge.IGNORANT),
    "Ut required": ("unchanged_among_true_positives", Role.REQUIRED, Knowledge.IGNORANT),
    "Ut neutral": ("unchanged_among_true_positives", Role.NEUTRAL, Knowledge.IGNORANT),
    "retrained": ("utility_auc", "", Knowledge.SEMI_INFORMED),
    "sensitive against neutral": ("distinguish", "", Knowledge.SEMI_INFORMED),
    "gender AUC": ("auc", "", Knowledge.SEMI_INFORMED),
    "patient": ("auc", "", Knowledge.PATIENT),
}
"""Columns of the tables of these studies: metric, group, and the knowledge of the attacker."""

LEAKAGE_METRICS: Final = ("distinguish", "auc")
"""Metrics of a leak: their means are of max(AUC, 1 − AUC), the AUC of an attacker that inverts its
scores. Otherwise AUCs of .60 and .10 would have the mean of a release without leak.
"""

WORST: Final = "patient, worst"
"""The column with the largest AUC of the patient attacker under one policy, on one corpus."""


@dataclass(frozen=True)
class GuessTables:
    """Tables of guesses about one corpus under one policy."""

    corpus: Corpus
    policy: Policy

    def row(self, rows: Rows, release: str, condition: str, **columns: Any) -> pd.DataFrame:
        """Guesses about these rows, in the columns `sordino.attack.PREDICTION_COLUMNS` and
        `condition`.
        """
        c = self.corpus
        labels = {
            "gender": c.genders(),
            "role": c.roles(self.policy),
            "speaker": c.speaker,
            "corpus": c.column("corpus"),
        }
        defaults = {
            "release": release,
            "required": self.policy.required_name,
            "condition": condition,
            "attacker": "",
            "best": True,
            "before": np.nan,
            "score": np.nan,
            "k": 1,
            "draw": 0,
            "row": rows,
        }
        labels_of_rows = {name: values[rows] for name, values in labels.items()}
        table = pd.DataFrame({**defaults, **labels_of_rows, **columns})
        return table[[*attack.PREDICTION_COLUMNS, "condition"]]

    def emotion(
        self,
        rows: Rows,
        release: str,
        condition: str,
        before: Rows,
        after: Rows,
        draw: int = 0,
    ) -> pd.DataFrame:
        """Predictions of the risk model before and after release, as role codes `(rows,)`."""
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
        """Guesses of attackers that are retrained on released vectors `(n, d)` by a plan.

        Targets are gender, sensitive against neutral, and the required emotion. Patient attackers
        infer gender only.
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
            labelled = secret >= 0
            sides = tuple(Split(*(rows[labelled[rows]] for rows in side)) for side in plan.splits)
            ks = [PATIENT_UTTERANCES] if target == "gender" else []
            retrained = retrain_by_plan(
                vectors,
                secret,
                self.corpus.speaker,
                SplitPlan(sides, plan.measured),
                families=families,
                ks=ks,
                seed=seed,
            )
            for guesses, knowledge in (
                (retrained.guesses, Knowledge.SEMI_INFORMED),
                (retrained.patient, Knowledge.PATIENT),
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


def folds_of_rows(corpus: Corpus, rows: Rows, seed: int) -> Rows:
    """The fold of each utterance, -1 outside `rows`. Speakers are dealt evenly over genders."""
    gender, speaker = corpus.genders()[rows], corpus.speaker[rows]
    fewest = min(len(np.unique(speaker[gender == code])) for code in (0, 1))
    fold = np.full(len(corpus), -1, np.intp)
    fold[rows] = deal_speakers(speaker, gender, seed, max(2, min(MAX_FOLDS, fewest)))
    return fold


def readings(release: Release, out: Vectors) -> NDArray[np.float64] | None:
    """The bin of each released vector as one column per bin, `(n, bins)`; `None` if the release has
    no bins.
    """
    return np.eye(release.bins)[release.read(out)] if isinstance(release, Readable) else None


def condition_estimates(
    guesses: pd.DataFrame, study: str, features: str, seed: int
) -> pd.DataFrame:
    """The headline estimates of each condition, in the columns of `estimates.csv`."""
    tables = [
        measure(
            rows.drop(columns="condition"),
            study=study,
            features=features,
            seed=seed,
            breakdown=False,
        ).assign(condition=condition)
        for condition, rows in guesses.groupby("condition", sort=False)
    ]
    return pd.concat(tables, ignore_index=True)


def mean_figures(guesses: pd.DataFrame) -> dict[tuple[str, str], dict[str, Estimate]]:
    """The figures of `TABLE_FIGURES` for each release and condition, and `WORST`: means over
    policies, with intervals over speakers.

    The AUC of a leak is folded, max(AUC, 1 − AUC), for every policy and corpus, and then averaged.
    """
    figures: dict[tuple[str, str], dict[str, Estimate]] = {}
    for key, rows in guesses.groupby(["release", "condition"], sort=False):
        release, condition = map(str, key)
        look = Estimates(pooled(rows.drop(columns="condition"), breakdown=False))
        row = {
            name: folded_leak(rows, metric, knowledge)
            if metric in LEAKAGE_METRICS
            else look(metric, release, "", group, knowledge=knowledge)
            for name, (metric, group, knowledge) in TABLE_FIGURES.items()
        }
        patient = [
            folded_leak(cell, "auc", Knowledge.PATIENT).value
            for _, cell in rows.groupby(["required", "corpus"], sort=False)
        ]
        worst = max((auc for auc in patient if auc == auc), default=float("nan"))
        figures[release, condition] = row | {WORST: Estimate(worst, chance=0.5)}
    return figures


def folded_leak(guesses: pd.DataFrame, metric: str, knowledge: Knowledge) -> Estimate:
    """max(AUC, 1 − AUC) of the best attackers on a secret, the mean over policies, draws and
    corpora; NaN without such guesses.

    The direction of an attacker may differ between corpora and policies. Under chance, the folded
    AUC of few speakers is above .5.
    """
    rows = guesses[guesses["best"] & (guesses["knowledge"] == str(knowledge))]
    rows = rows[rows["target"] == TARGETS[metric]]
    if rows.empty:
        return Estimate()
    truth, score = rows["truth"].to_numpy().astype(np.intp), rows["score"].to_numpy(np.float64)
    scope = rows["required"] + " " + rows["corpus"] + " " + rows["draw"].astype(str)

    def folded(positions: Rows) -> float:
        auc = metrics.auc(truth[positions] == 1, score[positions])
        return float(max(auc, 1 - auc))

    interval = metrics.interval(
        folded, rows["speaker"], draw=scope, stratum=rows["gender"], group=truth, bounds=(0.5, 1.0)
    )
    return Estimate(**asdict(interval), chance=0.5)
