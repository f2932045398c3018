"""The report of audits of vectors: `estimates.csv`, `run.json` and `report.html`."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

import numpy as np
import pandas as pd

from sordino import storage
from sordino.attack.attackers.families import FULL
from sordino.attack.vectors.estimates import SpeakerAttacks, measure_vectors
from sordino.attack.vectors.result import AuditResult
from sordino.columns import REFERENCE, RELEASED
from sordino.define import Knowledge
from sordino.report import glossary, release_page, vector_sections
from sordino.report.audit_record import AuditSource, record
from sordino.report.estimate_table import Estimates
from sordino.report.page import Card, Page, Section, Terms, settings
from sordino.report.tables import graded, limits, number
from sordino.report.vector_sections import best_attacker, with_reference
from sordino.storage import Location


class Report(NamedTuple):
    """The content of the files of an audit."""

    estimates: pd.DataFrame
    """The rows of `estimates.csv`."""
    record: dict[str, Any]
    """The content of `run.json`."""


def write(
    audits: Sequence[AuditResult],
    folder: str | Location,
    source: AuditSource,
    *,
    tasks: Sequence[AuditResult] = (),
    speaker_attacks: SpeakerAttacks | None = None,
) -> Report:
    """Write `estimates.csv`, `run.json` and `report.html` of audits; returns their content.

    `source` states the input. `tasks` are audits of labels that should stay recognisable. Raises
    `StorageError` if a file cannot be written.
    """
    folder = storage.folder(folder)
    by_secret = {audited.secret.name: audited for audited in (*audits, *tasks)}
    rows = measure_vectors([*by_secret.values()], source.table, speaker_attacks=speaker_attacks)
    run = record(audits, tasks, rows, source)
    storage.write(folder / "estimates.csv", release_page.csv(rows))
    storage.write(folder / "run.json", json.dumps(run, indent=1, ensure_ascii=False) + "\n")
    page(audits, tasks, Estimates(rows), run).write(folder)
    return Report(rows, run)


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
        Section("Vectors", [Terms(_source(run))]),
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
    notices = [*run["warnings"], *_notices(audits)]
    return Page(
        f"Audit of {run['config']['table']}",
        lead,
        [section for section in sections if section.blocks],
        notices,
    )


def _source(run: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The input: files with their hashes, dimensions and columns that were left out."""
    columns, left_out = run["columns"], run["left_out"]
    rows = [("table", _file(run["input"]))]
    rows += [(name, _file(run[name])) for name in ("labels", "reference") if run[name]]
    if columns["count"]:
        rows.append(("dimensions", f"{columns['count']:,}: {columns['names']}"))
        rows.append(("columns left out", ", ".join(left_out) or "none"))
    return [*rows, *([("date", run["date"])] if run["date"] else [])]


def _file(file: Mapping[str, Any]) -> str:
    digest = f", SHA-256 `{file['sha256']}`" if file["sha256"] else ""
    return f"{file['table']}{digest}"


def card(audited: AuditResult, table: Estimates) -> Card:
    """The verdict on one secret, the attackers with one utterance, and the test."""
    name, decision = audited.secret.name, audited.decision
    estimate = best_attacker(table, name, audited.secret.metric)
    figure = graded(estimate, decision.answer)
    size = f"With one utterance: {audited.secret.metric.upper()} {figure}."
    words = {
        "leak": f"**Leak**: {name}. {size}",
        "no leak found": f"**No leak found**: {name}. {size} This is no proof of privacy.",
        "cannot tell": f"**Cannot tell**: {name}. {size} Reason: {decision.why}.",
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
    name, metric = audited.secret.name, audited.secret.metric
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
