"""The results of `sordino audit`: warnings, verdicts on secrets, and utility for tasks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from sordino.cli.output import print_lines, print_table, warn, write_json

if TYPE_CHECKING:
    import pandas as pd
    from rich.table import Table

    from sordino.attack.vector_audit import AuditResult
    from sordino.cli.audit_table import AuditInput
    from sordino.report.estimate_table import Estimates
    from sordino.storage import Location


def print_results(
    results: Mapping[str, AuditResult],
    secrets: Sequence[str],
    estimates: pd.DataFrame,
    report: Location,
    json: str | None,
    vectors: AuditInput,
) -> None:
    """Print the dimensions, the verdict on each secret and the utility for each task; optionally
    write dimensions and verdicts as JSON.
    """
    from sordino.report.estimate_table import Estimates
    from sordino.report.vector_page import above_original, sampling_notes

    look = Estimates(estimates)
    audits = [results[name] for name in secrets]
    warnings = [*vectors.warnings, *above_original(audits, look)]
    warn(warnings)
    if json:
        verdicts = {"report": str(report), **_verdicts(audits), "identity": _identity(look)}
        write_json(json, {**verdicts, **vectors.columns, "warnings": warnings})
    if json == "-":
        return
    print_lines(vectors.lines)
    print_lines(sampling_notes(audits))
    print_table(_table(results, secrets, look), report)
    print_lines([line for line in (_summary(audits, look),) if line])


def _verdicts(audits: Sequence[AuditResult]) -> dict[str, Any]:
    """The verdict on each secret, and the number of rows that it rests on."""
    return {
        "verdict": {
            audit.secret.name: {"verdict": audit.decision.answer, "p": audit.decision.p}
            for audit in audits
        },
        **{
            figure: {audit.secret.name: audit.sensitivity[figure] for audit in audits}
            for figure in ("reached_auc_reported", "power")
        },
        "rows": {
            audit.secret.name: {
                "audited": len(audit.rows),
                "of": audit.available,
                "speakers": audit.speakers,
                "of_speakers": audit.available_speakers,
                "seed": audit.config["seed"],
            }
            for audit in audits
        },
    }


def _identity(look: Estimates) -> dict[str, Any]:
    """Figures of the best trained attacker on who speaks; empty if speakers have one row each."""
    from sordino.report.vector_sections import best_attacker

    metrics = ("uar", "eer", "linkability", "singling_out", "rank_bits")
    figures = {metric: best_attacker(look, "speaker", metric) for metric in metrics}
    return {name: figure._asdict() for name, figure in figures.items() if figure.n}


def _summary(audits: Sequence[AuditResult], look: Estimates) -> str:
    """Singling out, linkability and power in one line; empty if none is measured."""
    from sordino.report.tables import number
    from sordino.report.vector_sections import best_attacker

    identity = {
        words: best_attacker(look, "speaker", metric)
        for words, metric in (("singling out", "singling_out"), ("linkability", "linkability"))
    }
    parts = [
        f"{words} {number(estimate.value)} (chance {number(estimate.chance)})"
        for words, estimate in identity.items()
        if estimate.n
    ]
    parts += [
        f"power for {audit.secret.name} "
        + ", ".join(f"{share:.0%} at AUC {number(auc)}" for auc, share in audit.power.items())
        for audit in audits
        if audit.power
    ]
    return f"{', '.join(parts)}: see the page" if parts else ""


def _table(results: Mapping[str, AuditResult], secrets: Sequence[str], look: Estimates) -> Table:
    """The best attacker on each secret and task, beside the original vectors and chance."""
    from rich.table import Table

    from sordino.report.tables import limits, number
    from sordino.report.vector_sections import best_attacker, metric_of

    table = Table(title="Retrained attacker")
    for name in ("secret or task", "verdict", "p", "AUC, one utterance", "original", "chance"):
        table.add_column(name)
    for name, audit in results.items():
        metric = metric_of(audit.secret)
        estimate, original = (
            best_attacker(look, name, metric, release) for release in ("released", "none")
        )
        unit = " (UAR)" if metric == "uar" else ""
        verdict = (audit.decision.answer, f"{audit.decision.p:.3g}")
        table.add_row(
            name,
            *(verdict if name in secrets else ("task", "")),
            f"{number(estimate.value)} {limits(estimate)}{unit}",
            number(original.value),
            number(estimate.chance),
        )
    return table
