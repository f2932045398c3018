"""The report of audits of vectors: `estimates.csv`, `run.json` and `report.html`."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
import pandas as pd

from sordino import storage
from sordino.attack.attackers.families import FULL
from sordino.attack.vector_audit import REFERENCE, RELEASED, AuditResult
from sordino.define import Knowledge
from sordino.report import glossary, release_page, vector_sections
from sordino.report.estimate_table import Estimates
from sordino.report.page import Card, Page, Section, Terms, settings
from sordino.report.record import settled, versions
from sordino.report.tables import limits, number
from sordino.report.vector_estimates import SpeakerAttacks, measure_vectors
from sordino.report.vector_sections import best_attacker, metric_of, with_reference
from sordino.storage import Location

SELECTION_GAIN: Final = 0.02
"""The random gain from the selection of an attacker, above which a warning is given."""


def write(
    audits: Sequence[AuditResult],
    folder: str | Location,
    *,
    table: str,
    tasks: Sequence[AuditResult] = (),
    speaker_attacks: SpeakerAttacks | None = None,
    columns: Mapping[str, Any] | None = None,
    warnings: Sequence[str] = (),
) -> pd.DataFrame:
    """Write `estimates.csv`, `run.json` and `report.html` of audits; returns the estimates.

    `table` is the name of the vectors. `tasks` are audits of labels that should stay recognisable.
    `columns` lists the columns of the table by use; `warnings` are shown at the top of the page.
    Raises `StorageError` if a file cannot be written.
    """
    folder = storage.folder(folder)
    by_secret = {audited.secret.name: audited for audited in (*audits, *tasks)}
    rows = measure_vectors([*by_secret.values()], table, speaker_attacks=speaker_attacks)
    config = {
        "table": table,
        **(columns or {}),
        "secrets": {audited.secret.name: audited.config for audited in audits},
    }
    run: dict[str, Any] = {
        **settled(config),
        "warnings": list(warnings),
        "versions": versions(),
        "verdict": {audited.secret.name: audited.decision.answer for audited in audits},
        "p": {audited.secret.name: audited.decision.p for audited in audits},
        **{
            figure: {audited.secret.name: audited.sensitivity[figure] for audited in audits}
            for figure in ("reached_auc_reported", "power")
        },
    }
    storage.write(folder / "estimates.csv", release_page.csv(rows))
    storage.write(folder / "run.json", json.dumps(run, indent=1, ensure_ascii=False) + "\n")
    page(audits, tasks, Estimates(rows), run).write(folder)
    return rows


def page(
    audits: Sequence[AuditResult],
    tasks: Sequence[AuditResult],
    table: Estimates,
    run: Mapping[str, Any],
) -> Page:
    """The page of audits of one table of vectors."""
    first = audits[0]
    lead = (
        f"This page shows the information that a [retrained attacker](#semi-informed-attacker) "
        f"recovers from **{len(first.rows):,}** vectors of {first.config['dimensions']:,} "
        f"dimensions and {first.speakers} speakers in `{run['config']['table']}`. The attacker is "
        "trained on labelled speakers and tested on other speakers. The [verdict](#verdict) is a "
        "permutation test over speakers for the best of all attackers."
    )
    sections = [
        Section("Verdict", [card(audited, table) for audited in audits]),
        Section("Utility", [vector_sections.task_sentence(audited, table) for audited in tasks]),
        Section("Attackers", vector_sections.attacker_blocks(audits, table)),
        Section("Patient attacker", vector_sections.patient_blocks(audits, table)),
        Section("ROC curves", vector_sections.roc_blocks(audits)),
        Section("Re-identification and reconstruction", vector_sections.speaker_blocks(table)),
        Section("Not tested", [Terms([*_absent_families(first), *_UNTESTED])]),
        glossary.section(glossary.VECTOR_TERMS, ()),
        Section(
            "Settings and versions",
            [Terms([*settings(run["config"]), release_page.installed(run["versions"])])],
        ),
    ]
    notices = [*run.get("warnings", ()), *above_original(audits, table), *_notices(audits)]
    return Page(
        f"Audit of {run['config']['table']}",
        lead,
        [section for section in sections if section.blocks],
        notices,
    )


def card(audited: AuditResult, table: Estimates) -> Card:
    """The verdict on one secret, the attackers with one utterance, and the test."""
    name, decision = audited.secret.name, audited.decision
    words = {
        "leak": f"**Leak**: {name}.",
        "no leak found": f"**No leak found**: {name}. This is no proof of privacy.",
        "cannot tell": f"**Cannot tell**: {name}. Reason: {decision.why}.",
    }[decision.answer]
    family, setting, pooled, _, _ = decision.by_attacker[0]
    data = "all utterances of a speaker" if pooled else "one utterance"
    test = (
        f"The best of {len(decision.by_attacker)} attackers was {family} ({setting}) with {data}. "
        f"Its p-value is {decision.p:.3g}, corrected for the selection of the best attacker. "
        f"{vector_sections.sensitivity_sentences(audited)}"
    )
    return Card(
        name,
        _values(audited),
        words,
        [("one utterance", _sentences(audited, table)), ("permutation test", [test])],
    )


def _values(audited: AuditResult) -> str:
    secret = audited.secret
    variation = "varies within speakers" if secret.within else "constant within speakers"
    if not secret.classes:
        return f"{secret.values.min():g} to {secret.values.max():g}; {variation}"
    names = ", ".join(secret.classes[:6]) + (", ..." if len(secret.classes) > 6 else "")
    return f"{names}; {variation}"


def _sentences(audited: AuditResult, table: Estimates) -> list[str]:
    """The retrained attacker; also the ignorant attacker, if the reference has the same width."""
    name, metric = audited.secret.name, metric_of(audited.secret)
    after, before = (
        best_attacker(table, name, metric, release) for release in (RELEASED, REFERENCE)
    )
    sentences = [
        f"A retrained attacker recovers {name} with {metric.upper()} "
        f"{with_reference(after, before)}."
    ]
    ignorant = best_attacker(table, name, metric, knowledge=Knowledge.IGNORANT)
    if not np.isnan(ignorant.value):
        sentences.append(
            f"An ignorant attacker recovers {name} with {metric.upper()} "
            f"**{number(ignorant.value)}** {limits(ignorant)}. This figure does not measure the "
            "leak."
        )
    return sentences


def sampling_notes(audits: Sequence[AuditResult]) -> list[str]:
    """A sentence for each audit of a sample of the rows."""
    notes = [
        f"The audit used {len(audited.rows):,} of {audited.available:,} rows, of "
        f"{audited.speakers:,} of {audited.available_speakers:,} speakers, drawn evenly over the "
        f"speakers with seed {audited.config['seed']}. An audit of more rows (--rows) takes longer "
        "and can find more leaks."
        for audited in audits
        if len(audited.rows) < audited.available
    ]
    return list(dict.fromkeys(notes))


def above_original(audits: Sequence[AuditResult], table: Estimates) -> list[str]:
    """A warning for each secret that released vectors reveal more than the original vectors."""
    warnings = []
    for audited in audits:
        name, metric = audited.secret.name, metric_of(audited.secret)
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


def _notices(audits: Sequence[AuditResult]) -> list[str]:
    notices = sampling_notes(audits)
    if REFERENCE not in set(audits[0].guesses["release"]):
        notices.append(
            "There is no reference. Without attacks on the original vectors, the audit cannot "
            "show how much information there was to hide, or that these attackers can recover "
            "it. Pass the original vectors with --reference."
        )
    notices += [
        f"{', '.join(audited.unable)}: much weaker than the best attacker on original vectors. A "
        f"low figure of such an attacker does not show that {audited.secret.name} is hidden."
        for audited in audits
        if audited.unable
    ]
    return notices


def _absent_families(audited: AuditResult) -> list[tuple[str, str]]:
    """The attacker families that the audit leaves out."""
    absent = [family for family in FULL if family not in audited.config["families"]]
    if not absent:
        return []
    return [
        ("other families", f"{', '.join(absent)}: an audit with --attackers full includes them.")
    ]


_UNTESTED: Final = (
    (
        "stronger attackers",
        "Attackers with much more data, and much larger models, may perform better.",
    ),
    (
        "informed attackers",
        "Attackers with the speakers on which the release was fitted, or with its parameters.",
    ),
    (
        "membership",
        "Inferring if a speaker took part in the fit, unless a column with the membership is the "
        "secret.",
    ),
    ("several releases", "Attackers with two releases of the same utterance."),
)
