"""Tables for readers: estimates found by name, numbers in one format, rows of cells."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

import pandas as pd

from sordino.define import Knowledge, Role
from sordino.metrics import Interval

TARGETS: Final = {
    "auc": "gender",
    "leakage": "gender",
    "privacy": "gender",
    "distinguish": "sensitive-vs-neutral",
    "membership": "membership",
    "utility_auc": "required-vs-rest",
}
"""What a metric is about where it is not the emotion."""

FURTHER: Final = {"age": "age", "speaker": "who speaks"}
"""Targets that are asked where a policy hides them, in words; their measure is the AUC."""

CANNOT_TELL: Final = "cannot tell"
"""What stands where speakers are too few for an interval."""


class Estimate(NamedTuple):
    """One line of `estimates.csv`, as numbers; all NaN where there is no such line."""

    value: float = math.nan
    low: float = math.nan
    high: float = math.nan
    n: int = 0
    speakers: int = 0
    chance: float = math.nan

    @property
    def folded(self) -> Estimate:
        """The estimate of min(p, 1 - p).

        >>> number(Estimate(0.6, 0.3, 0.8, 100, 12, 0.5).folded.value)
        '0.40'
        """
        folded = Interval(*self[:5]).folded()
        return Estimate(folded.value, folded.low, folded.high, self.n, self.speakers, self.chance)


class Estimates:
    """Headline estimates by name: those over all draws, of the best attacker or of one family.

    >>> from sordino.report.estimates import COLUMNS
    >>> row = dict.fromkeys(COLUMNS, "") | {"release": "rae", "required": "sad", "knowledge": "ignorant",
    ...     "corpus": "ravdess", "target": "emotion", "metric": "f1", "group": "neutral", "split": "all",
    ...     "value": 0.5, "low": 0.4, "high": 0.6, "n": 90, "speakers": 9, "chance": 0.2}
    >>> Estimates(pd.DataFrame([row]))("f1", "rae", "sad", "neutral").value
    0.5
    """

    def __init__(self, *tables: pd.DataFrame) -> None:
        table = pd.concat(tables, ignore_index=True)
        table = table[table["split"] == "all"]
        names = [
            "metric",
            "release",
            "required",
            "group",
            "knowledge",
            "target",
            "attacker",
            "corpus",
            "k",
        ]
        keys = table[names].astype(str).itertuples(index=False, name=None)
        values = table[list(Estimate._fields)].itertuples(index=False, name=None)
        self._lines = {key: Estimate(*line) for key, line in zip(keys, values, strict=True)}
        self.corpora = sorted(dict.fromkeys(table["corpus"]), key=lambda name: -name.count("+"))
        """All together first, then each alone, in the order given."""
        self.releases = list(dict.fromkeys(table["release"]))
        self.required = [name for name in dict.fromkeys(table["required"]) if name]
        semi = table.loc[table["knowledge"] == str(Knowledge.SEMI_INFORMED), "attacker"]
        self.families = [name for name in dict.fromkeys(semi) if name != "best"]
        self.further = [name for name in FURTHER if name in set(table["target"])]
        """Attributes that were asked for beside gender."""
        self.patience = sorted({int(k) for k in table["k"] if k != ""})

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
        """The estimate, or NaN everywhere; `required` empty is the mean over policies, `corpus`
        empty all together.

        `target` is what the metric is about where it is not `TARGETS`.
        """
        target = target or TARGETS.get(metric, "emotion")
        attacker = "" if target == "emotion" else attacker
        key = (
            metric,
            release,
            required,
            str(group),
            str(knowledge),
            target,
            attacker,
            corpus or self.corpora[0],
            str(k) if k > 1 else "",
        )
        return self._lines.get(key, Estimate())


class Cell(NamedTuple):
    """A text in a table and what it is: `name`, `number`, `paper`, `difference`, `interval`,
    `chance`, or `gap`.
    """

    text: str
    kind: str = "number"


@dataclass(frozen=True)
class Table:
    """Rows of cells under heads. A head is its text and how many columns it spans."""

    caption: str
    heads: Sequence[Sequence[tuple[str, int]]]
    groups: Sequence[Sequence[Sequence[Cell]]]
    """Groups of rows, parted by a line."""
    note: str = ""
    kind = "table"


def number(value: float) -> str:
    """Two digits after the point, a dash for nothing.

    >>> number(0.8449), number(-0.001), number(float("nan"))
    ('0.84', '0.00', '–')
    """
    if math.isnan(value):
        return "–"
    return f"{value:.2f}".replace("-0.00", "0.00").replace("-", "−")


def signed(value: float) -> str:
    """A difference with its sign.

    >>> signed(0.091), signed(-0.25), signed(0.004)
    ('+0.09', '−0.25', '0.00')
    """
    text = number(value)
    return text if text in ("0.00", "–") or value < 0 else f"+{text}"


def limits(estimate: Estimate) -> str:
    """The 95 % interval, or that nobody can tell.

    >>> limits(Estimate(0.5, 0.4, 0.62)), limits(Estimate(0.5))
    ('[0.40, 0.62]', 'cannot tell')
    """
    if math.isnan(estimate.value):
        return "–"
    if math.isnan(estimate.low) or math.isnan(estimate.high):
        return CANNOT_TELL
    return f"[{number(estimate.low)}, {number(estimate.high)}]"


def with_interval(estimate: Estimate) -> tuple[Cell, Cell]:
    """The cells of an estimate: value, interval."""
    return Cell(number(estimate.value)), Cell(limits(estimate), "interval")


def chance(estimate: Estimate) -> Cell:
    """The cell of its chance level."""
    return Cell(number(estimate.chance), "chance")


def beside(paper: float, ours: Estimate) -> tuple[Cell, Cell, Cell, Cell]:
    """The cells of a published value and ours: paper, ours, difference, interval; NaN where nothing
    was published.
    """
    known = not math.isnan(paper)
    return (
        Cell(f"{paper:.3f}" if known else "", "paper"),
        Cell(number(ours.value)),
        Cell(signed(ours.value - paper) if known else "", "difference"),
        Cell(limits(ours), "interval"),
    )
