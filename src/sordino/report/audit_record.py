"""The record of an audit of vectors, as `run.json` and `--json` hold it.

`audit.schema.json` beside this file is its JSON Schema; `sordino schema audit` prints it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import pandas as pd

from sordino.attack.vectors.result import AuditResult
from sordino.record import settled, versions
from sordino.report.estimate_table import Estimates
from sordino.report.vector_sections import above_original, best_attacker

RECORD_FORMAT: Final = 1
"""The version of the record: a key that changes its meaning raises it."""

IDENTITY_METRICS: Final = ("uar", "eer", "linkability", "singling_out", "rank_bits")
"""The metrics of re-identification in the record."""


@dataclass(frozen=True)
class AuditSource:
    """The input of an audit, as its record and its page state it."""

    table: str = "vectors"
    """The name of the vectors."""
    sha256: str = ""
    """The SHA-256 of the file of the vectors, in hexadecimal digits; empty for arrays."""
    labels: str = ""
    """The name of the file with the labels, if they stand apart."""
    labels_sha256: str = ""
    reference: str = ""
    """The name of the unprotected vectors; empty without a reference, and for arrays."""
    reference_sha256: str = ""
    dimensions: int = 0
    """The number of columns that are dimensions; 0 for arrays, which have no columns."""
    columns: str = ""
    """Their names, abbreviated."""
    left_out: Sequence[str] = ()
    """The columns that are neither dimensions nor labels."""
    date: str = ""
    """The date of the audit (ISO 8601, UTC); empty if it is not stated."""
    warnings: Sequence[str] = ()


def record(
    audits: Sequence[AuditResult],
    tasks: Sequence[AuditResult],
    estimates: pd.DataFrame,
    source: AuditSource,
) -> dict[str, Any]:
    """Verdicts, figures, input, settings and versions, as plain values of JSON.

    `estimates` are those of all audits (`measure_vectors`); `tasks` are audits of labels that
    should stay recognisable.
    """
    look = Estimates(estimates)
    results = {audit.secret.name: audit.to_dict(estimates) for audit in audits}
    others = {task.secret.name: task.to_dict(estimates) for task in tasks}
    config = {
        "table": source.table,
        "columns": {"count": source.dimensions, "names": source.columns},
        "left_out": list(source.left_out),
        "secrets": {name: result["settings"] for name, result in results.items()},
        "tasks": {name: result["settings"] for name, result in others.items()},
    }
    return {
        "format": RECORD_FORMAT,
        "date": source.date or None,
        "input": _file(source.table, source.sha256),
        "labels": _file(source.labels, source.labels_sha256) if source.labels else None,
        "reference": (
            _file(source.reference, source.reference_sha256) if source.reference else None
        ),
        "columns": config["columns"],
        "left_out": config["left_out"],
        "verdict": {
            name: {key: result[key] for key in ("verdict", "p", "why")}
            for name, result in results.items()
        },
        **{
            key: {name: result[key] for name, result in results.items()}
            for key in ("reached_auc_reported", "power")
        },
        "rows": {name: result["rows"] for name, result in results.items()},
        "estimates": {name: result["estimate"] for name, result in results.items()},
        "tasks": {name: result["estimate"] for name, result in others.items()},
        "identity": _identity(look),
        "warnings": [*source.warnings, *above_original(audits, look)],
        **settled(config),
        "versions": versions(),
    }


def _file(name: str, sha256: str) -> dict[str, str | None]:
    return {"table": name, "sha256": sha256 or None}


def _identity(look: Estimates) -> dict[str, Any]:
    """Figures of the best trained attacker on who speaks; empty if speakers have one row each."""
    figures = {metric: best_attacker(look, "speaker", metric) for metric in IDENTITY_METRICS}
    return {
        name: {
            key: None if value != value else value  # JSON has no NaN
            for key, value in figure._asdict().items()
        }
        for name, figure in figures.items()
        if figure.n
    }
