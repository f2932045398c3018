"""The result of an audit of one secret: its verdict, its guesses, and its files."""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from sordino.attack.secret import Secret
from sordino.attack.selection import BEST
from sordino.attack.significance import permutation_test
from sordino.attack.vectors import bridges, estimates
from sordino.columns import REFERENCE, RELEASED
from sordino.define import Knowledge
from sordino.storage import Location
from sordino.types import Rows

MAX_AUC_DEFICIT: Final = 0.1
"""A family with an AUC so much below the best one on the unprotected vectors gives no evidence for
a release.
"""


@dataclass(frozen=True, repr=False)
class AuditResult:
    """The result of an audit of one secret."""

    secret: Secret
    decision: permutation_test.Decision
    guesses: pd.DataFrame
    """One row per utterance and attacker (`columns.GUESS_COLUMNS`), on the table and on its
    reference (`release`). The attacker (`knowledge`) is semi-informed or patient, or, with a
    reference of the same width, ignorant.
    """
    speaker_guesses: pd.DataFrame
    """The same for the best attacker on whole speakers: one row per speaker."""
    rows: Rows
    """The audited rows."""
    available: int
    """The number of rows of the table."""
    config: dict[str, Any] = field(default_factory=dict)
    power: Mapping[float, float] = field(default_factory=dict)
    """From the AUC of a planted leak to the share of tables of this size in which it would be
    reported (`significance.power`); empty if the test is `too_small` to report any.
    """

    @property
    def speakers(self) -> int:
        """The number of speakers of the audited rows."""
        return len(np.unique(self.secret.speaker))

    @property
    def available_speakers(self) -> int:
        """The number of speakers of the table."""
        return int(self.config["speakers_of"])

    @property
    def sensitivity(self) -> dict[str, Any]:
        """The AUC that an attacker must reach to be reported, and the power by planted AUC; `None`
        for both if the test is too small to report a leak.
        """
        if self.decision.too_small:
            return {"reached_auc_reported": None, "power": None}
        power = {f"{auc:g}": share for auc, share in self.power.items()}
        return {"reached_auc_reported": self.decision.needed, "power": power}

    def __repr__(self) -> str:
        """The verdict in a line."""
        name, decision = self.secret.name, self.decision
        return (
            f"AuditResult({name}: {decision.answer}, p {decision.p:.3g}, "
            f"{self.secret.metric.upper()} {self.value():.2f}, {len(self.rows)} rows, "
            f"{self.speakers} speakers)"
        )

    def auc(self, attacker: str = BEST, release: str = RELEASED) -> float:
        """The area under the ROC curve of an attacker's scores of single utterances; NaN for more
        than two classes and for a continuous secret.
        """
        if len(self.secret.classes) != 2:
            return float("nan")
        return estimates.headline_value(self.secret, self.single_guesses(attacker, release))

    def value(self, release: str = RELEASED) -> float:
        """The headline metric (`Secret.metric`) of the best attacker with one utterance; NaN for an
        absent release.
        """
        return estimates.headline_value(self.secret, self.single_guesses(release=release))

    def leakage(self, release: str = RELEASED) -> float:
        """The part of the way from chance to certainty that the best attacker goes, from 0 to 1:
        (value − chance) / (1 − chance), at least 0.
        """
        return max(0.0, estimates.above_chance(self.value(release), self.secret.chance))

    def single_guesses(self, attacker: str = BEST, release: str = RELEASED) -> pd.DataFrame:
        """The guesses of a retrained attacker on single utterances."""
        semi = self.guesses["knowledge"] == str(Knowledge.SEMI_INFORMED)
        table = self.guesses[semi & (self.guesses["release"] == release)]
        return table[table["best"]] if attacker == BEST else table[table["attacker"] == attacker]

    @property
    def unable(self) -> tuple[str, ...]:
        """Families that are much worse than the best on the reference: a low AUC of theirs is no
        evidence for the release.
        """
        families = list(dict.fromkeys(self.guesses["attacker"]))
        areas = {family: self.auc(family, REFERENCE) for family in families}
        top = max(areas.values(), default=float("nan"))
        return tuple(family for family, auc in areas.items() if auc < top - MAX_AUC_DEFICIT)

    def to_frame(self, table: str = "") -> pd.DataFrame:
        """All estimates with their intervals, as `estimates.csv` holds them; `table` is the name of
        the vectors.
        """
        return estimates.measure_vectors([self], table)

    def to_dict(self, frame: pd.DataFrame | None = None) -> dict[str, Any]:
        """Verdict, test, headline estimate, its reference and settings as plain values, such as
        JSON has.

        `frame` are the estimates of `to_frame`, if they were computed before.
        """
        frame = self.to_frame() if frame is None else frame
        return {
            "secret": self.secret.name,
            "verdict": self.decision.answer,
            "p": float(self.decision.p),
            "why": self.decision.why,
            **self.sensitivity,
            "rows": {
                "audited": len(self.rows),
                "of": self.available,
                "speakers": self.speakers,
                "of_speakers": self.available_speakers,
                "seed": self.config["seed"],
            },
            "estimate": estimates.headline_estimate(frame, self.secret, self.decision.answer),
            "settings": dict(self.config),
        }

    def to_art(self, X: ArrayLike) -> list[bridges.ArtSplit]:
        """The folds of this audit as arrays of the Adversarial Robustness Toolbox.

        `X` `(n, d)` are the audited vectors. The baseline attack of ART then trains on the speakers
        of this audit and predicts the others:

            for fold in result.to_art(X):
                attack = AttributeInferenceBaseline("lr", attack_feature=fold.attack_feature)
                attack.fit(fold.x_train)
                predicted = attack.infer(fold.x_test, values=fold.values)

        Raises `AttackError` for other vectors, and for a continuous secret.
        """
        return bridges.art_splits(self, X)

    def to_privacy_meter(self) -> dict[str, Any]:
        """The signals of the best attacker with one utterance, for Privacy Meter 1.

        They are the arguments of `privacy_meter.metric_result.MetricResult`, which computes the
        ROC curve, the AUC and the confusion matrix from them. Raises `AttackError` for a secret
        that is not binary.
        """
        return bridges.privacy_meter(self)

    def write_report(
        self,
        folder: str | Location,
        *,
        table: str = "vectors",
        tasks: Sequence[AuditResult] = (),
        date: str = "",
    ) -> pd.DataFrame:
        """Write `estimates.csv`, `run.json` and `report.html` to a folder; returns the estimates.

        `table` is the name of the vectors. `tasks` are audits of labels that should stay
        recognisable. `date` (ISO 8601, UTC) is stated in `run.json` and on the page. Raises
        `StorageError` if a file cannot be written.
        """
        page = importlib.import_module("sordino.report.vector_page")  # `report` imports `attack`
        source = page.AuditSource(table=table, date=date)
        written: pd.DataFrame = page.write([self], folder, source, tasks=tasks).estimates
        return written
