"""The look-up of estimates: rows of `estimates.csv` by the values of their columns."""

from __future__ import annotations

import math
from typing import Final, NamedTuple

import pandas as pd

from sordino.define import GENDERS, Knowledge, Role, secret_title
from sordino.metrics import Interval

SECRET_NAMES: Final = {"distinguish": "sensitive against neutral", "auc": "gender"}
"""The two secrets of every policy: the metric of each, and its name in reports."""

ATTRIBUTE_NAMES: Final = {"age": "age", "speaker": "speaker identity"}
"""The attributes that a policy can hide beside gender, and their names in reports (metric: AUC)."""


def attribute_name(target: str) -> str:
    """The name of an attacked attribute in reports."""
    return ATTRIBUTE_NAMES.get(target) or secret_title(target)


def auc_of(target: str) -> str:
    """The name of the AUC of a target in the column `metric`.

    >>> auc_of("gender"), auc_of("sensitive-vs-neutral"), auc_of("required-vs-rest")
    ('auc', 'distinguish', 'utility_auc')
    """
    if target.endswith("-vs-neutral"):
        return "distinguish"
    return "utility_auc" if target.endswith("-vs-rest") else "auc"


TARGETS: Final = {
    "leakage": "gender",
    "privacy": "gender",
    "membership": "membership",
    **{auc_of(target): target for target in ("gender", "sensitive-vs-neutral", "required-vs-rest")},
}
"""The target of a metric in audits of releases; `emotion` for the other metrics."""


class Estimate(NamedTuple):
    """One row of `estimates.csv`: a value with its 95 % interval and its chance level.

    All figures are NaN if the row does not exist.
    """

    value: float = math.nan
    """The mean over draws."""
    low: float = math.nan
    """The lower limit of the interval over speakers."""
    high: float = math.nan
    """The upper limit of the interval over speakers."""
    n: int = 0
    """The number of test utterances."""
    speakers: int = 0
    """The number of test speakers."""
    chance: float = math.nan
    """The chance level of the metric."""

    @property
    def folded(self) -> Estimate:
        """The estimate of min(p, 1 - p).

        >>> round(Estimate(0.6, 0.3, 0.8, 100, 12, 0.5).folded.value, 2)
        0.4
        """
        folded = Interval(*self[:5]).folded()
        return Estimate(folded.value, folded.low, folded.high, self.n, self.speakers, self.chance)


class EmotionCell(NamedTuple):
    """One sensitive emotion against neutral under one policy; `group` is a gender, or empty."""

    required: str
    """The required emotion of the policy."""
    target: str
    """The secret, such as `happy-vs-neutral`."""
    group: str
    """A gender, or empty."""

    def __str__(self) -> str:
        """The cell in words.

        >>> str(EmotionCell("sad", "happy-vs-neutral", "female"))
        'happy against neutral, female speakers'
        """
        emotion = self.target.removesuffix("-vs-neutral")
        return f"{emotion} against neutral" + (f", {self.group} speakers" if self.group else "")


class Estimates:
    """Tables of estimates (`sordino.columns.ESTIMATE_COLUMNS`), one below the other, for look-up.

    >>> from sordino.columns import ESTIMATE_COLUMNS
    >>> row = dict.fromkeys(ESTIMATE_COLUMNS, "") | {
    ...     "release": "rae", "required": "sad", "knowledge": "ignorant", "corpus": "ravdess",
    ...     "target": "emotion", "metric": "f1", "group": "neutral", "split": "all", "value": 0.5,
    ...     "low": 0.4, "high": 0.6, "n": 90, "speakers": 9, "chance": 0.2}
    >>> estimates = Estimates(pd.DataFrame([row]))
    >>> estimates("f1", "rae", "sad", "neutral").value, estimates.find(metric="f1").high
    (0.5, 0.6)
    """

    def __init__(self, *tables: pd.DataFrame) -> None:
        self._table = pd.concat(tables, ignore_index=True)
        self._rows = [
            Estimate(*row)
            for row in self._table[list(Estimate._fields)].itertuples(index=False, name=None)
        ]
        self._positions: dict[tuple[str, ...], dict[tuple[str, ...], list[int]]] = {}
        table = self._table[self._table["split"] == "all"]
        self.corpora = sorted(dict.fromkeys(table["corpus"]), key=lambda name: -name.count("+"))
        """All corpora together, then each corpus, in the order of the rows."""
        self.releases = list(dict.fromkeys(table["release"]))
        self.required = [name for name in dict.fromkeys(table["required"]) if name]
        retrained = table.loc[table["knowledge"] == str(Knowledge.SEMI_INFORMED), "attacker"]
        self.families = [name for name in dict.fromkeys(retrained) if name != "best"]
        attacked = list(dict.fromkeys(table["target"]))
        self.attributes = [name for name in ATTRIBUTE_NAMES if name in attacked]
        self.attributes += [name for name in attacked if "=" in name]
        """The attacked attributes beside gender, with the values of hidden columns."""
        targets = (name for name in dict.fromkeys(table["target"]) if name.endswith("-vs-neutral"))
        self.emotion_targets = [name for name in targets if name not in TARGETS.values()]
        """The secrets `EMOTION-vs-neutral`."""
        self.patience = sorted({int(k) for k in table["k"] if k != ""})
        """Numbers of utterances of the patient attackers."""

    def find(self, **values: object) -> Estimate:
        """The row in which these columns have these values; all NaN if no row has them.

        Other columns can have any value. Raises `ValueError` if several rows match.
        """
        columns = tuple(sorted(values))
        if columns not in self._positions:
            index: dict[tuple[str, ...], list[int]] = {}
            keys = self._table[list(columns)].astype(str).itertuples(index=False, name=None)
            for position, key in enumerate(keys):
                index.setdefault(key, []).append(position)
            self._positions[columns] = index
        key = tuple(str(values[column]) for column in columns)
        positions = self._positions[columns].get(key, [])
        if len(positions) > 1:
            text = ", ".join(f"{column}={value}" for column, value in values.items())
            raise ValueError(
                f"{len(positions)} estimates with {text}; expected one: state further columns"
            )
        return self._rows[positions[0]] if positions else Estimate()

    def __call__(
        self,
        metric: str,
        release: str,
        required: str = "",
        group: str | Role = "",
        *,
        knowledge: str = Knowledge.IGNORANT,
        attacker: str = "best",
        corpus: str = "",
        k: int = 1,
        target: str = "",
    ) -> Estimate:
        """The mean over all draws in an audit of releases; all NaN if the row does not exist.

        Without `required`, it is the mean over policies. Without `corpus`, it covers all corpora
        together. Without `target`, it is that of `TARGETS`. `k` is the number of utterances of the
        patient attacker.
        """
        target = target or TARGETS.get(metric, "emotion")
        return self.find(
            metric=metric,
            release=release,
            required=required,
            group=group,
            knowledge=knowledge,
            target=target,
            attacker="" if target == "emotion" else attacker,
            corpus=corpus or self.corpora[0],
            k=k if k > 1 else "",
            split="all",
        )

    def emotions(self, release: str, required: str = "") -> dict[EmotionCell, Estimate]:
        """The AUC of the retrained attacker on every sensitive emotion against neutral: for all
        speakers, women and men; under one policy, or under each of them.
        """
        cells = (
            EmotionCell(policy, target, group)
            for policy in ([required] if required else self.required)
            for target in self.emotion_targets
            for group in ("", *GENDERS)
        )
        estimates = {
            cell: self(
                "distinguish",
                release,
                cell.required,
                cell.group,
                knowledge=Knowledge.SEMI_INFORMED,
                target=cell.target,
            )
            for cell in cells
        }
        return {
            cell: estimate for cell, estimate in estimates.items() if not math.isnan(estimate.value)
        }

    def worst_emotion(self, release: str, required: str = "") -> tuple[str, Estimate]:
        """The name and the estimate of the cell of `emotions` that is furthest from chance; an
        empty name without any.
        """
        cells = self.emotions(release, required).items()
        cell, estimate = max(
            cells, key=lambda item: abs(item[1].value - item[1].chance), default=("", Estimate())
        )
        return str(cell), estimate
