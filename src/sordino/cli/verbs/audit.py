"""`sordino audit`: what an attacker who retrains learns from a table of vectors, made with whatever
tool.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sordino.cli.options import CORES, Jobs, Json, Out, Seed, say, show, warn, write_json

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

    from sordino.attack.vector_audit import AuditResult
    from sordino.cli.audit_table import Given
    from sordino.report.vector_estimates import SpeakerAttacks

TablePath = Annotated[
    Path,
    typer.Argument(
        metavar="TABLE", help="Vectors and labels, a row an utterance: .parquet, .csv or .npz."
    ),
]
SecretOption = Annotated[
    list[str],
    typer.Option(
        "--secret", metavar="COLUMN", help="What is to be hidden; again for each further one."
    ),
]
Speaker = Annotated[str, typer.Option("--speaker", metavar="COLUMN", help="Who speaks.")]
Task = Annotated[
    list[str] | None,
    typer.Option(
        "--task", metavar="COLUMN", help="What is to be kept; again for each further one."
    ),
]
Reference = Annotated[
    Path | None,
    typer.Option(
        "--reference",
        metavar="ORIGINAL",
        help="The unprotected vectors of the same rows, a table likewise.",
    ),
]
Ignore = Annotated[
    list[str] | None,
    typer.Option(
        "--ignore",
        metavar="COLUMN",
        help="A column that is no dimension, or a pattern; again for more.",
    ),
]
Columns = Annotated[
    list[str] | None,
    typer.Option(
        "--columns",
        metavar="PATTERN",
        help="The dimensions, such as 'x*'; again for more. Else all numbers.",
    ),
]
Continuous = Annotated[
    list[str] | None,
    typer.Option(
        "--continuous",
        metavar="COLUMN",
        help="A secret or task that is measured, not a class, such as age.",
    ),
]
Quick = Annotated[
    bool,
    typer.Option(
        "--quick", help="Without SVMs, forests, boosting and networks: seconds, not minutes."
    ),
]
Shuffles = Annotated[
    int | None,
    typer.Option(
        "--shuffles", min=1, help="Of the secret; else 39, and 199 with --quick, which cost less."
    ),
]
Rows = Annotated[
    int | None,
    typer.Option(
        "--rows",
        min=1,
        help="At most so many rows, evenly from all speakers; else as many as take minutes.",
    ),
]


def audit(
    table: TablePath,
    secret: SecretOption,
    out: Out,
    speaker: Speaker = "speaker",
    task: Task = None,
    reference: Reference = None,
    ignore: Ignore = None,
    columns: Columns = None,
    continuous: Continuous = None,
    quick: Quick = False,
    shuffles: Shuffles = None,
    rows: Rows = None,
    seed: Seed = 0,
    jobs: Jobs = CORES,
    json: Json = None,
) -> None:
    """Ask what an attacker who retrains learns from a table of vectors, and how sure that is.

    Writes estimates.csv, run.json and report.html to --out. The verdict on each secret is a test
    over speakers for the best of many attackers: leak, no leak found, or cannot tell. The same
    command goes on where a killed run was.

    \b
    Example:
      sordino audit vectors.parquet --secret gender --speaker speaker --task emotion --out audit
    """
    from threadpoolctl import threadpool_limits

    from sordino.attack import FULL, QUICK, Audit
    from sordino.cli import audit_table
    from sordino.features import table_size
    from sordino.report import vector_page

    names, tasks = list(dict.fromkeys(secret)), list(dict.fromkeys(task or ()))
    for path in filter(None, (table, reference)):
        table_size.check_memory(path)
    given = audit_table.read(
        table, names, tasks, speaker, reference, ignore or (), columns or (), continuous or ()
    )
    x, labels, original = given.x, given.labels, given.original
    families = QUICK if quick else FULL
    count = len({*names, *tasks}) * (1 if reference is None else 2)
    audits = Audit(
        families,
        shuffles=shuffles,
        rows=rows,
        audits=count,
        seed=seed,
        jobs=jobs,
        cache=out / "units",
    )
    with threadpool_limits(
        1
    ):  # sums in another order are other numbers: one thread gives the same bytes anywhere
        found = {
            name: audits.run(x, labels[name], labels[speaker], name=name, reference=original)
            for name in (*names, *tasks)
        }
        people = _people(
            x, labels[speaker].to_numpy(), original, next(iter(found.values())).rows, seed
        )
    estimates = vector_page.write(
        [found[name] for name in names],
        out,
        table=table.name,
        tasks=[found[name] for name in tasks],
        speaker_attacks=people,
        columns=given.columns,
        warnings=given.warnings,
    )
    _tell([found[name] for name in names], estimates, out, json, given)


def _people(
    x: NDArray[np.float64],
    speaker: NDArray[Any],
    original: NDArray[np.float64] | None,
    rows: NDArray[np.intp],
    seed: int,
) -> SpeakerAttacks:
    """Who speaks in the audited rows, where every speaker has two, and how much of the original
    comes back.
    """
    import numpy as np

    from sordino.attack import identity, utility_probes
    from sordino.attack.vector_audit import REFERENCE, RELEASED
    from sordino.report.vector_estimates import SpeakerAttacks

    given = (
        {RELEASED: x[rows]} if original is None else {RELEASED: x[rows], REFERENCE: original[rows]}
    )
    _, who, counts = np.unique(speaker[rows].astype(str), return_inverse=True, return_counts=True)
    known = {}
    if counts.min() > 1:
        known = {release: identity.identify(one, who, seed=seed) for release, one in given.items()}
    back = (
        None
        if original is None
        else utility_probes.crossfit_reconstruction(x[rows], original[rows], who, seed=seed)
    )
    return SpeakerAttacks(known, back, who)


def _tell(
    audits: list[AuditResult], estimates: pd.DataFrame, out: Path, json: str | None, given: Given
) -> None:
    """Print the columns that were taken and the verdict on each secret, and write both as JSON
    where asked.
    """
    from rich.table import Table

    from sordino.report.estimate_table import Estimates
    from sordino.report.tables import limits, number
    from sordino.report.vector_page import above_original, sampling_notes
    from sordino.report.vector_sections import best_attacker, metric_of

    table, report = Estimates(estimates), out / "report.html"
    warnings = [*given.warnings, *above_original(audits, table)]
    warn(warnings)
    if json:
        verdict = {
            one.secret.name: {"verdict": one.decision.answer, "p": one.decision.p} for one in audits
        }
        counts = {
            one.secret.name: {"audited": len(one.rows), "of": one.available} for one in audits
        }
        told = {
            "report": str(report),
            "verdict": verdict,
            "rows": counts,
            **given.columns,
            "warnings": warnings,
        }
        write_json(json, told)
    if json == "-":
        return
    say(given.lines)
    shown = Table(title="What an attacker who retrains learns")
    for name in ("secret", "verdict", "p", "AUC, one utterance", "original", "chance"):
        shown.add_column(name)
    for one in audits:
        metric = metric_of(one.secret)
        found, before = (
            best_attacker(table, one.secret.name, metric, release)
            for release in ("released", "none")
        )
        value = f"{number(found.value)} {limits(found)}" + (" (UAR)" if metric == "uar" else "")
        shown.add_row(
            one.secret.name,
            one.decision.answer,
            f"{one.decision.p:.3g}",
            value,
            number(before.value),
            number(found.chance),
        )
    say(sampling_notes(audits))
    show(shown, report)
