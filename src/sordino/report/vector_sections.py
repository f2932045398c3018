"""Sections of the report on audits of vectors: figures, tables and sentences."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from sordino import metrics
from sordino.attack.selection import BEST
from sordino.attack.significance.power import PLANTED_TABLES
from sordino.attack.vectors.estimates import ALL_UTTERANCES, COSINE, PAIRS
from sordino.attack.vectors.result import AuditResult
from sordino.columns import REFERENCE, RELEASED
from sordino.define import Knowledge
from sordino.report import figures
from sordino.report.estimate_table import Estimate, Estimates
from sordino.report.page import Block, Picture, Text
from sordino.report.tables import (
    Cell,
    Table,
    chance,
    limits,
    number,
    with_interval,
)

SELECTION_GAIN: Final = 0.02
"""The random gain from the selection of an attacker, above which a warning is given."""

_METRICS: Final = {
    "auc": "[AUC](#auc)",
    "uar": "[UAR](#uar)",
    "privacy": "[P](#p)",
    "advantage": "[advantage](#advantage)",
    "tpr@fpr=0.01": "[TPR](#tpr) at FPR 0.01",
    "tpr@fpr=0.001": "[TPR](#tpr) at FPR 0.001",
    "bits": "[bits](#bits)",
}
"""The metrics of the best attacker, as they appear in its table."""

_COSINE: Final = {"knowledge": Knowledge.IGNORANT, "attacker": COSINE}

IDENTITY_FIGURES: Final[Sequence[tuple[str, str, dict[str, str]]]] = (
    (
        "An attacker with labelled utterances of the same speakers identifies the speaker with UAR",
        "uar",
        {},
    ),
    ("It verifies a claimed speaker with an [equal error rate](#eer) of", "eer", {}),
    (
        "It links an utterance to its speaker among all speakers ([linkability](#linkability)) "
        "with probability",
        "linkability",
        {},
    ),
    (
        "A predicate on the scores of a speaker holds for exactly one utterance, one of each "
        "speaker ([singling out](#singling-out)), with probability",
        "singling_out",
        {},
    ),
    (
        "The rank of the true speaker discloses this number of bits ([rank disclosure]"
        "(#rank-disclosure)):",
        "rank_bits",
        {},
    ),
    ("Without training, by cosine similarity: linkability", "linkability", _COSINE),
    ("By cosine similarity: singling out", "singling_out", _COSINE),
    (
        "By cosine similarity, two single utterances are compared with an equal error rate of",
        "eer",
        {**_COSINE, "condition": PAIRS},
    ),
)
"""Figures on identity: words, metric, and the columns of its estimate that differ from those of the
best attacker.
"""


def best_attacker(
    estimates: Estimates, target: str, metric: str, release: str = RELEASED, **columns: object
) -> Estimate:
    """The estimate of the best retrained attacker with one utterance.

    `columns` state other values of `attacker`, `knowledge`, `k` or `condition`.
    """
    defaults = {
        "attacker": BEST,
        "knowledge": Knowledge.SEMI_INFORMED,
        "k": "",
        "condition": "",
    }
    return estimates.find(target=target, metric=metric, release=release, **defaults | columns)


def with_reference(estimate: Estimate, reference: Estimate) -> str:
    """An estimate with its interval, its reference and its chance level, in words."""
    notes = [f"chance {number(estimate.chance)}"]
    if not np.isnan(reference.value):
        notes.insert(0, f"original vectors {number(reference.value)}")
    return f"**{number(estimate.value)}** {limits(estimate)} ({'; '.join(notes)})"


def titles(audits: Sequence[AuditResult]) -> dict[str, str]:
    """The releases of audits and their titles. Vectors without a reference may not be released."""
    if REFERENCE in set(audits[0].guesses["release"]):
        return {RELEASED: "released", REFERENCE: "original"}
    return {RELEASED: "vectors"}


def sensitivity_sentences(audited: AuditResult) -> str:
    """The AUC that an attacker must reach to be reported, and the power of the test."""
    decision = audited.decision
    if decision.too_small:
        return f"The test cannot reliably report a leak and has no power: {decision.too_small}."
    reached = f"above {number(decision.needed)}"
    if number(decision.needed) == number(1.0):
        reached = f"of {number(1.0)}, which shuffles of the secret reach too,"
    counts = ", ".join(
        f"{share * PLANTED_TABLES:.0f} of {PLANTED_TABLES} at a best possible AUC of {number(auc)}"
        for auc, share in audited.power.items()
    )
    return (
        f"An attacker must reach an AUC of single utterances {reached} to be reported. This is not "
        f"the AUC of the best possible attacker. Power: of tables with vectors like these and a "
        f"planted leak, a shifted principal component, the test reported {counts}. Leaks of "
        "another kind may need more speakers. The power matters for “no leak found” alone."
    )


def task_sentence(audited: AuditResult, estimates: Estimates) -> Text:
    """The utility of the vectors for a task."""
    name = audited.secret.name
    after, before = (
        best_attacker(estimates, name, "uar", release) for release in (RELEASED, REFERENCE)
    )
    return Text(
        f"{name} is recognised with UAR {with_reference(after, before)}. The classifier is the "
        "best of the same learning methods."
    )


def attacker_blocks(audits: Sequence[AuditResult], estimates: Estimates) -> list[Block]:
    """A figure of all attackers, and a table of the best attacker with all metrics."""
    panels, releases = {}, titles(audits)
    for audited in audits:
        name = audited.secret.name
        if audited.secret.metric == "auc":
            panels[name] = {
                title: {
                    family: best_attacker(estimates, name, "auc", release, attacker=family)
                    for family in (*estimates.families, BEST)
                }
                for release, title in releases.items()
                if not np.isnan(best_attacker(estimates, name, "auc", release).value)
            }
    blocks: list[Block] = []
    if panels and len({tuple(rows) for rows in panels.values()}) == 1:
        caption = "AUC of single utterances. Whiskers: 95 % interval over speakers."
        if REFERENCE in releases:
            caption += " Dashed line: the best attacker on original vectors."
        blocks.append(Picture(figures.dots(panels), caption))
    return [*blocks, _table(audits, estimates)]


def _table(audits: Sequence[AuditResult], estimates: Estimates) -> Table:
    releases = titles(audits)
    groups = []
    for audited in audits:
        rows: list[list[Cell]] = []
        for metric, sign in _METRICS.items():
            name = audited.secret.name
            figures = [best_attacker(estimates, name, metric, release) for release in releases]
            if not np.isnan(figures[0].value):
                labels = [Cell(name if not rows else "", "name"), Cell(sign, "name")]
                cells = [cell for figure in figures for cell in with_interval(figure)]
                rows.append([*labels, *cells, chance(figures[0])])
        groups.append(rows)
    columns = ("value", "95 % interval") * len(releases)
    heads = [
        [("", 2), *((title, 2) for title in releases.values()), ("", 1)],
        [(name, 1) for name in ("secret", "metric", *columns, "chance")],
    ]
    return Table("The best attacker, selected on other speakers", heads, groups)


def patient_blocks(audits: Sequence[AuditResult], estimates: Estimates) -> list[Block]:
    """The patient attacker: a figure over the number of utterances, and sentences."""
    panels: dict[str, dict[str, Sequence[tuple[float, Estimate]]]] = {}
    sentences = []
    for audited in audits:
        name = audited.secret.name
        if audited.secret.within or len(audited.secret.classes) != 2:
            continue
        panels[name] = {}
        for release, title in titles(audits).items():
            line = [(1, best_attacker(estimates, name, "auc", release))]
            line += [
                (
                    k,
                    best_attacker(
                        estimates, name, "auc", release, k=k, knowledge=Knowledge.PATIENT
                    ),
                )
                for k in estimates.patience
            ]
            if not np.isnan(line[0][1].value):
                panels[name][title] = [
                    (k, estimate) for k, estimate in line if not np.isnan(estimate.value)
                ]
        estimate = best_attacker(
            estimates, name, "auc", knowledge=Knowledge.PATIENT, condition=ALL_UTTERANCES
        )
        sentences.append(
            "An attacker with all utterances of each speaker recovers "
            f"{name} with AUC **{number(estimate.value)}** {limits(estimate)}."
        )
    if not panels:
        return []
    svg = figures.curves(panels, "utterances of one speaker", "AUC", logarithmic=True)
    caption = (
        "Several utterances of one speaker. The attacker averages their scores or their vectors, "
        "whichever performed better on other speakers."
    )
    return [Picture(svg, caption), *map(Text, sentences)]


def speaker_blocks(estimates: Estimates) -> list[Block]:
    """Re-identification and reconstruction, in sentences."""
    sentences = []
    for words, metric, columns in IDENTITY_FIGURES:
        after, before = (
            best_attacker(estimates, "speaker", metric, release, **columns)
            for release in (RELEASED, REFERENCE)
        )
        if not np.isnan(after.value):
            sentences.append(f"{words} {with_reference(after, before)}.")
    estimate = best_attacker(estimates, "reconstruction", "reconstruction")
    if not np.isnan(estimate.value):
        sentences.append(
            "A linear regression, fitted on other speakers, reconstructs a share R² = "
            f"**{number(estimate.value)}** {limits(estimate)} of the variance of the original "
            "vectors (chance 0)."
        )
    return [*map(Text, sentences)]


def roc_blocks(audits: Sequence[AuditResult]) -> list[Block]:
    """The ROC curves of the best attackers."""
    panels, releases = {}, titles(audits)
    for audited in audits:
        if len(audited.secret.classes) == 2:
            table = audited.guesses
            retrained = table["knowledge"] == str(Knowledge.SEMI_INFORMED)
            panels[audited.secret.name] = {
                releases[str(release)]: metrics.roc_curve(
                    rows["truth"].to_numpy() == 1, rows["score"].to_numpy()
                )
                for release, rows in table[retrained & table["best"]].groupby("release", sort=False)
            }
    if not panels:
        return []
    caption = (
        "Right: the same curves at low false-positive rates, where an attacker recovers few "
        "secrets with high confidence."
    )
    return [Picture(figures.roc(panels), caption)]


def above_original(audits: Sequence[AuditResult], table: Estimates) -> list[str]:
    """A warning for each secret that released vectors reveal more than the original vectors."""
    warnings = []
    for audited in audits:
        name, metric = audited.secret.name, audited.secret.metric
        after, before = (
            best_attacker(table, name, metric, release) for release in (RELEASED, REFERENCE)
        )
        if after.low > before.value and after.value > before.value + SELECTION_GAIN:
            warnings.append(
                f"{name}: {metric.upper()} {number(after.value)} on released vectors, above "
                f"{number(before.value)} on original vectors. A release cannot add information on "
                "a secret. The reference may have other rows, or a label may be among the "
                "dimensions."
            )
    return warnings
