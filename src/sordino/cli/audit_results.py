"""The results of `sordino audit`: warnings, verdicts on secrets, and utility for tasks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from sordino.cli.output import print_lines, print_table, warn, write_json

if TYPE_CHECKING:
    from rich.table import Table

    from sordino.attack.vectors.result import AuditResult
    from sordino.cli.audit_table import AuditInput
    from sordino.report.estimate_table import Estimates
    from sordino.report.vector_page import Report
    from sordino.storage import Location


def print_results(
    results: Mapping[str, AuditResult],
    secrets: Sequence[str],
    written: Report,
    report: Location,
    json: str | None,
    vectors: AuditInput,
) -> None:
    """Print the dimensions, the verdict on each secret and the utility for each task; optionally
    write the record as JSON.
    """
    from sordino.report.estimate_table import Estimates
    from sordino.report.vector_page import sampling_notes

    look = Estimates(written.estimates)
    audits = [results[name] for name in secrets]
    warn(written.record["warnings"])
    if json:
        write_json(json, {"report": str(report), **written.record})
    if json == "-":
        return
    print_lines(vectors.lines)
    print_lines(sampling_notes(audits))
    print_table(_table(results, secrets, look), report)
    print_lines([line for line in (_summary(audits, look),) if line])


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
    """The best attacker on each secret and task, beside chance and the original vectors, if they
    are there.
    """
    from rich.table import Table

    from sordino.report.tables import graded, number
    from sordino.report.vector_sections import best_attacker, titles

    original = "none" in titles(list(results.values()))
    table = Table(title="Retrained attacker")
    for name in ("secret or task", "verdict", "p", "AUC, one utterance"):
        table.add_column(name)
    for name in (*(["original"] if original else []), "chance"):
        table.add_column(name)
    for name, audit in results.items():
        metric = audit.secret.metric
        estimate = best_attacker(look, name, metric)
        unit = " (UAR)" if metric == "uar" else ""
        verdict = (audit.decision.answer, f"{audit.decision.p:.3g}")
        before = [number(best_attacker(look, name, metric, "none").value)] if original else []
        table.add_row(
            name,
            *(verdict if name in secrets else ("task", "")),
            f"{graded(estimate, audit.decision.answer)}{unit}",
            *before,
            number(estimate.chance),
        )
    return table
