"""Tables beyond the paper: likelihood ratios, a legitimate user with a retrained head, differential
privacy, and all tests of differences.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from itertools import combinations, product
from typing import Any, Final

from sordino.define import Knowledge
from sordino.report.estimate_table import Estimate
from sordino.report.tables import Cell, Table, limits, number, p_value, signed, with_interval
from sordino.study.jaiswal2020.estimates import (
    FALSE_POSITIVES,
    LIKELIHOOD,
    MEMBERSHIP_CONTROL,
    OF_AGE,
)
from sordino.study.jaiswal2020.grid import PAPER
from sordino.study.jaiswal2020.tables import Comparisons, Look
from sordino.study.jaiswal2020.variants import BESIDE_GENERAL

WITHOUT_NOISE: Final = "epsilon=inf"
"""The condition of `dp` with clipping and without noise."""

_SURE: Final = ("ours", "95 % interval")
_SECOND: Final = ("speaker", "age")
"""Primary tasks beside the emotion."""


def _embeddings(look: Look) -> Iterator[tuple[str, str, str, str]]:
    """Stream, task, release and condition of every embedding of the run outside sweeps."""
    for features in look.features:
        for task in look.tasks:
            for release in ("general", *BESIDE_GENERAL):
                for condition in ("", WITHOUT_NOISE):
                    if look.has(features, task, release, condition):
                        yield features, task, release, condition


def _names(features: str, task: str, release: str, condition: str) -> list[Cell]:
    return [Cell(text, "name") for text in (features, task, f"{release} {condition}".strip())]


def _joined(condition: str, question: str) -> str:
    return f"{condition} {question}".strip()


def _table(
    caption: str, spans: list[tuple[str, int]], columns: list[str], rows: list[list[Cell]]
) -> Table:
    heads = [
        [("", 3), *spans],
        [(name, 1) for name in ("stream", "task", "embedding", *columns)],
    ]
    return Table(caption, heads, [rows] if rows else [])


def likelihood_table(look: Look) -> Table:
    """Membership by the paper's attack and by likelihood ratios, each with its control."""
    rows = []
    for features, task, release, condition in _embeddings(look):
        names = (features, task, release)

        def find(
            metric: str, question: str, names: tuple[str, str, str] = names, at: str = condition
        ) -> Estimate:
            return look(*names, metric, condition=_joined(at, question))

        areas = [find("auc", question) for question in LIKELIHOOD.values()]
        if math.isnan(areas[0].value):
            continue
        paper = [find("membership", question) for question in ("", MEMBERSHIP_CONTROL)]
        rates = [find(f"tpr@fpr={rate:g}", LIKELIHOOD["likelihood"]) for rate in FALSE_POSITIVES]
        cells = [cell for estimate in (*paper[:1], *areas[:2]) for cell in with_interval(estimate)]
        controls = [Cell(number(estimate.value), "chance") for estimate in (paper[1], areas[2])]
        rows.append(
            [
                *_names(*names, condition),
                *cells,
                *controls,
                *with_interval(rates[0]),
                Cell(number(rates[1].value)),
            ]
        )
    return _table(
        "Membership of a speaker: the paper's attack, and likelihood ratios",
        [
            ("MI", 2),
            ("AUC, other recordings", 2),
            ("AUC, training recordings", 2),
            ("control", 2),
            ("TPR at 10 % FPR", 2),
            ("at 1 %", 1),
        ],
        [*_SURE * 3, "MI", "AUC", *_SURE, "ours"],
        rows,
    )


def retrained_table(look: Look) -> Table:
    """Utility for a legitimate user: by the head of the network, and by a retrained head with and
    without the noise of the release.
    """
    rows = []
    for features, task, release, condition in _embeddings(look):
        retrained, clean = (
            look(
                features,
                task,
                release,
                "uar",
                condition=_joined(condition, question),
                knowledge=Knowledge.SEMI_INFORMED,
            )
            for question in ("", "without noise")
        )
        if math.isnan(retrained.value):
            continue
        own = look(features, task, release, "uar", condition=condition)
        values = [cell for estimate in (own, retrained, clean) for cell in with_interval(estimate)]
        cost = Cell(signed(retrained.value - clean.value), "difference")
        rows.append([*_names(features, task, release, condition), *values, cost])
    return _table(
        "U for a legitimate user with a retrained head",
        [("head of the network", 2), ("retrained", 2), ("retrained without noise", 2), ("", 1)],
        [*_SURE * 3, "noise adds"],
        rows,
    )


def privacy_table(look: Look) -> Table:
    """`dp` beside the same training without noise, and `general`."""
    rows = []
    for features, task, release, condition in _embeddings(look):
        if release not in ("dp", "general") or not look.has(features, task, "dp"):
            continue
        epsilon = look(
            features, task, release, "epsilon", condition=condition, knowledge=Knowledge.INFORMED
        )
        figures = [
            look(features, task, release, "uar", condition=condition),
            look(features, task, release, "privacy", condition=condition).folded,
            look(features, task, release, "membership", condition=condition),
            look(
                features,
                task,
                release,
                "auc",
                condition=_joined(condition, LIKELIHOOD["likelihood-training"]),
            ),
        ]
        spent = "∞" if math.isnan(epsilon.value) else number(epsilon.value)
        cells = [cell for estimate in figures for cell in with_interval(estimate)]
        rows.append([*_names(features, task, release, condition), Cell(spent), *cells])
    return _table(
        "Differential privacy for each training speaker",
        [
            ("epsilon", 1),
            ("U", 2),
            ("min(P, 1 − P)", 2),
            ("MI", 2),
            ("likelihood ratio, AUC", 2),
        ],
        ["", *_SURE * 4],
        rows,
    )


def tasks_table(look: Look) -> Table:
    """The emotion, the speaker and age of embeddings that are trained for one or two of them, and
    what the second task adds to the first.
    """
    groups = []
    for features, task in product(look.features, look.tasks):
        alone = [(task,), ("speaker",), ("age",)]
        pairs = [first + second for first, second in combinations(alone, 2)]
        rows = []
        for primary in (*alone, *pairs):
            condition = "" if primary == (task,) else f"tasks={'+'.join(primary)}"
            if not look.has(features, task, "general", condition):
                continue
            find = partial(look, features, task, "general")
            retrained = partial(find, "uar", knowledge=Knowledge.SEMI_INFORMED)
            figures = [
                retrained(condition=condition),
                find("auc", condition=condition),
                retrained(condition=_joined(condition, OF_AGE)),
                find("privacy", condition=condition),
            ]
            added = (find("cost", group=name, condition=condition) for name in (task, *_SECOND))
            rows.append(
                [
                    *(Cell(text, "name") for text in (features, " and ".join(primary))),
                    *(cell for figure in figures for cell in with_interval(figure)),
                    *(Cell(_difference(estimate), "difference") for estimate in added),
                ]
            )
        if len(rows) > 1:
            groups.append(rows)
    heads = [
        [
            ("", 2),
            ("U", 2),
            ("speaker verification, AUC", 2),
            ("age, UAR", 2),
            ("P", 2),
            ("the second task adds to the first", 3),
        ],
        [(name, 1) for name in ("stream", "trained for", *_SURE * 4, "emotion", *_SECOND)],
    ]
    return Table("Embeddings for emotion, speaker and age", heads, groups)


def _difference(estimate: Estimate) -> str:
    if math.isnan(estimate.value):
        return "–"
    return f"{signed(estimate.value)} {limits(estimate)}"


def comparisons_table(comparisons: Comparisons) -> Table:
    """Every tested difference, with the adjusted p-values of both tests."""
    groups: dict[tuple[str, ...], list[list[Cell]]] = {}
    for (features, task, release, reference, figure), test in comparisons.items():
        if math.isnan(test.p):
            continue
        names = (features, task, f"{release} against {reference}", figure.sign)
        groups.setdefault((features, task), []).append(
            [
                *(Cell(name, "name") for name in names),
                Cell(signed(test.difference), "difference"),
                Cell(str(test.pairs)),
                Cell(p_value(test.p)),
                Cell(p_value(test.corrected)),
            ]
        )
    heads = (
        "stream",
        "task",
        "embedding",
        "figure",
        "difference",
        "pairs",
        "paired t",
        "corrected t",
    )
    return Table(
        "Differences, with p adjusted by Benjamini and Hochberg over this table",
        [[(name, 1) for name in heads]],
        list(groups.values()),
    )


def grid_table(chosen: Sequence[Mapping[str, Any]]) -> Table:
    """The chosen point of the grid for each embedding and fold, with its figures on validation
    speakers.
    """
    axes = [axis for axis in PAPER if any(_value(row, axis) for row in chosen)]
    groups: dict[tuple[str, ...], list[list[Cell]]] = {}
    for row in chosen:
        names = (row["features"], row["task"], row["release"])
        eligible = {True: "yes", False: "no point", None: ""}[row["at_chance"]]
        cells = [*names, str(row["draw"]), *(_value(row, axis) for axis in axes)]
        figures = [Cell(number(row["uar"])), Cell(_value(row, "gender")), Cell(eligible)]
        groups.setdefault(names, []).append([*(Cell(text, "name") for text in cells), *figures])
    heads = ("stream", "task", "embedding", "fold", *axes, "U", "UAR of gender", "near chance")
    return Table(
        "The choice of the grid, on validation speakers",
        [[(name, 1) for name in heads]],
        list(groups.values()),
    )


def _value(row: Mapping[str, Any], axis: str) -> str:
    return "" if row.get(axis) is None else f"{row[axis]:.4g}"


GRID_TEXT: Final = (
    "Every point of the grid was trained on D1 and measured on the speakers that stop the "
    "training. Of the points whose head of gender has a UAR within 0.05 of 0.5, the one with the "
    "highest U was chosen. Where no point has such a head, the one with the head nearest 0.5 was "
    "chosen, and the last column says so. Embeddings without an adversary against gender are "
    "chosen by U alone. Embeddings that are not listed, such as those of sweeps and rivals, have "
    "the default sizes: their difference from `general` includes that of the sizes. `grid.csv` has "
    "all points."
)
LIKELIHOOD_TEXT: Final = (
    "The attacker knows the network, and shadow networks whose training speakers it knows. It "
    "compares the confidence of the network's head in the recordings of a speaker by a Gaussian "
    "likelihood ratio (Carlini et al. 2022). With two selections per fold (the default) the only "
    "shadow is the network of the control, which was trained without any candidate. Other "
    "recordings: those that no network was trained on. Training recordings: those that are "
    "trained on if the speaker is selected. Chance is 0.5 for MI and AUC, and the false positive "
    "rate for a true positive rate (TPR). A rate q is stated if 1 / q speakers are no members in "
    "some network, so 1 % needs 100 speakers. The control of two selections is 0.5 by design."
)
RETRAINED_TEXT: Final = (
    "A legitimate user trains a logistic regression on released vectors of the speakers of D1 with "
    "labels, and uses it for other speakers. Chance is 0.33. The last column is the difference "
    "between a head on released vectors and one on the same vectors without noise: what the noise "
    "costs that user."
)
PRIVACY_TEXT: Final = (
    "`dp` is trained with DP-SGD. The unit is a training speaker with all recordings: each has one "
    "clipped gradient a step, and the accountant composes all steps to (epsilon, 1e-5). The "
    "weights of the network are private, and so is everything computed from them. Not covered are "
    "the scale of the features if it is fitted on training speakers (normalisation by corpus), and "
    "speakers whose clips are released. `dp epsilon=inf` has the same training and clipping "
    "without noise, and no guarantee. In this study the noise follows from the seed. There is no "
    "L: a head of gender would be trained on the same speakers."
)
COMPARISONS_TEXT: Final = (
    "The paired t-test over folds (and seeds) is that of the paper. Folds share training speakers, "
    "so it rejects too often. The corrected resampled t-test (Nadeau and Bengio 2003) allows for "
    "that, and has less power. P of D1 is that of the paper."
)
TASKS_TEXT: Final = (
    "The paper leaves several primary tasks to later work: here the emotion, the speaker and age, "
    "each alone and in pairs. U and the UAR of age are those of a legitimate user with a retrained "
    "head, so that every embedding has them; chance is 0.33 and 0.5. Age is whether a speaker is "
    "older than the median speaker. It is a task where four speakers of either class have an age. "
    "The recall of age is that of all folds together. Verification is measured on speakers outside "
    "the training, with the cosine of an utterance and the mean of the other utterances of a "
    "speaker; chance is 0.5. The embedding for the speaker alone stops on held-out utterances of "
    "its training speakers. The last columns are the figure of both tasks minus that of the first "
    "task alone on the same test rows, with the 95 % interval of the paired difference."
)
