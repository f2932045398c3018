"""`sordino audit`: infer a secret from a table of vectors with retrained attackers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from sordino.cli.audit_results import print_results
from sordino.cli.failures import DIFFERS
from sordino.cli.options import (
    CORES,
    AttackerOption,
    AttackersOption,
    ClusterOption,
    DeviceOption,
    JobsOption,
    JsonOption,
    OutOption,
    SeedOption,
    output_location,
    resolve_attackers,
)
from sordino.cli.output import print_lines
from sordino.errors import StorageError
from sordino.storage import Location, location

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from sordino.attack import Audit
    from sordino.attack.vectors.estimates import SpeakerAttacks
    from sordino.attack.vectors.result import AuditResult
    from sordino.cli.audit_table import AuditInput

TableArgument = Annotated[
    Location,
    typer.Argument(
        metavar="TABLE",
        parser=location,
        help="Vectors and labels, one row per utterance: .parquet, .csv, .npz or a folder .shards; "
        "vectors alone: .npy; or the URL of a file.",
    ),
]
ArrayLabelsOption = Annotated[
    Location | None,
    typer.Option(
        "--array-labels",
        metavar="TABLE",
        parser=location,
        help="The labels of a .npy array: a table with one row for each of its rows.",
    ),
]
SecretOption = Annotated[
    list[str],
    typer.Option(
        "--secret", metavar="COLUMN", help="An attribute that must stay secret; repeatable."
    ),
]
SpeakerOption = Annotated[
    str, typer.Option("--speaker", metavar="COLUMN", help="The column of speakers.")
]
TaskOption = Annotated[
    list[str] | None,
    typer.Option(
        "--task", metavar="COLUMN", help="An attribute that must stay recognisable; repeatable."
    ),
]
ReferenceOption = Annotated[
    Location | None,
    typer.Option(
        "--reference",
        metavar="TABLE",
        parser=location,
        help="The unprotected vectors of the same rows.",
    ),
]
IgnoreOption = Annotated[
    list[str] | None,
    typer.Option(
        "--ignore",
        metavar="COLUMN",
        help="A column (or pattern) that is no dimension; repeatable.",
    ),
]
ColumnsOption = Annotated[
    list[str] | None,
    typer.Option(
        "--columns",
        metavar="PATTERN",
        help="The dimensions, such as 'x*'; repeatable. Default: all numeric columns.",
    ),
]
ContinuousOption = Annotated[
    list[str] | None,
    typer.Option(
        "--continuous",
        metavar="COLUMN",
        help="A secret or task with continuous values, such as age.",
    ),
]
QuickOption = Annotated[bool, typer.Option("--quick", hidden=True)]
ShufflesOption = Annotated[
    int | None,
    typer.Option(
        "--shuffles",
        min=1,
        help="Shuffles of the secret in the permutation test; default: 39, or 199 with "
        "--attackers quick.",
    ),
]
AssessmentOption = Annotated[
    Location | None,
    typer.Option(
        "--assessment",
        metavar="FILE.html|.docx",
        parser=output_location,
        help="Also write a section for a data-protection impact assessment: the figures by "
        "article of the GDPR and the AI Act.",
    ),
]
CiOption = Annotated[
    Location | None,
    typer.Option(
        "--ci",
        metavar="FILE.sarif|.xml",
        parser=output_location,
        help="Also write the verdicts for another project's CI: SARIF 2.1.0, or JUnit XML.",
    ),
]
FailOnOption = Annotated[
    Literal["leak", "cannot-tell"] | None,
    typer.Option(
        "--fail-on",
        help="End with status 1 for a leak; cannot-tell: also if a secret has no answer.",
    ),
]
RowsOption = Annotated[
    int | None,
    typer.Option(
        "--rows",
        min=1,
        help="Largest number of rows, drawn evenly from all speakers; default: as many as a few "
        "minutes allow.",
    ),
]


def audit(
    table: TableArgument,
    secret: SecretOption,
    out: OutOption,
    speaker: SpeakerOption = "speaker",
    task: TaskOption = None,
    reference: ReferenceOption = None,
    labels: ArrayLabelsOption = None,
    ignore: IgnoreOption = None,
    columns: ColumnsOption = None,
    continuous: ContinuousOption = None,
    attackers: AttackersOption = "full",
    attacker: AttackerOption = None,
    quick: QuickOption = False,
    shuffles: ShufflesOption = None,
    rows: RowsOption = None,
    assessment: AssessmentOption = None,
    ci: CiOption = None,
    fail_on: FailOnOption = None,
    seed: SeedOption = 0,
    jobs: JobsOption = CORES,
    cluster: ClusterOption = None,  # noqa: ARG001 (its callback connects)
    device: DeviceOption = "auto",  # noqa: ARG001 (its callback selects it)
    json: JsonOption = None,
) -> None:
    """Test if a retrained attacker infers a secret from a table of vectors.

    Writes estimates.csv, run.json and report.html to --out. The verdict on each secret is leak, no
    leak found or cannot tell. It comes from a permutation test over speakers for the best of many
    attackers. If a run was interrupted, the same command resumes it. The date in run.json is that
    of SOURCE_DATE_EPOCH if it is set. `sordino schema audit` prints the schema of run.json.

    Status 0 if the audit ran, whatever it found; 2 if it cannot run. With --fail-on leak, status 1
    for a leak of any secret, for CI.

    Example:
      sordino audit vectors.parquet --secret gender --speaker speaker \\
        --task emotion --attackers quick --out audit --assessment assessment.docx
    """
    from sordino.attack import FULL, QUICK_TABLE, Audit
    from sordino.cli import audit_table
    from sordino.report import Estimates, continuous_integration, vector_page
    from sordino.report import assessment as section

    if ci is not None:
        continuous_integration.check_path(ci)
    if assessment is not None:
        section.check_path(assessment)
        if _resolved(assessment) == _resolved(out / "report.html"):
            raise StorageError(
                f"{assessment}: the page of the audit itself, expected another file: rename it"
            )
    secrets, tasks = list(dict.fromkeys(secret)), list(dict.fromkeys(task or ()))
    vectors = audit_table.read(
        audit_table.AuditFiles(table, labels, reference),
        audit_table.AuditColumns(
            secrets, tasks, speaker, ignore or (), columns or (), continuous or ()
        ),
    )
    audits = Audit(
        (
            *(QUICK_TABLE if quick or attackers == "quick" else FULL),
            *resolve_attackers(attacker),
        ),
        shuffles=shuffles,
        rows=rows,
        audits=len({*secrets, *tasks}) * (1 if reference is None else 2),
        seed=seed,
        jobs=jobs,
        cache=out / "units",
    )
    results, speaker_attacks = _attack(audits, vectors, (*secrets, *tasks), speaker)
    audited, audited_tasks = ([results[name] for name in names] for names in (secrets, tasks))
    written = vector_page.write(
        audited, out, vectors.source, tasks=audited_tasks, speaker_attacks=speaker_attacks
    )
    files = [path for path in (assessment, ci) if path is not None]
    if assessment is not None:
        look = Estimates(written.estimates)
        section.assess(audited, audited_tasks, look, table.name).write(assessment)
    if ci is not None:
        continuous_integration.write(written.record, str(table), ci)
    print_results(results, secrets, written, out / "report.html", json, vectors)
    if json != "-":
        print_lines([*map(str, files)])
    answers = {result.decision.answer for result in audited}
    failing = {"leak", "cannot tell"} if fail_on == "cannot-tell" else {"leak"}
    if fail_on and answers & failing:
        raise typer.Exit(DIFFERS)


def _resolved(path: Location) -> Location:
    """The file without links and dots; a URL has none."""
    return path.resolve() if isinstance(path, Path) else path


def _attack(
    audits: Audit, vectors: AuditInput, attributes: Sequence[str], speaker: str
) -> tuple[dict[str, AuditResult], SpeakerAttacks]:
    """The audit of each attribute, and the attacks on the speakers of the audited rows."""
    from threadpoolctl import threadpool_limits

    x, labels = vectors.x, vectors.labels
    with threadpool_limits(1):  # the order of a sum changes its last digits
        results = {
            name: audits.run(
                x, labels[name], labels[speaker], name=name, reference=vectors.original
            )
            for name in attributes
        }
        rows = next(iter(results.values())).rows
        people = labels[speaker].to_numpy()
        return results, _attack_speakers(vectors, people, rows, audits.seed)


def _attack_speakers(
    vectors: AuditInput, speaker: NDArray[Any], rows: NDArray[np.intp], seed: int
) -> SpeakerAttacks:
    """Re-identification of the speakers in these rows, if each has two, and reconstruction of the
    original vectors.
    """
    import numpy as np

    from sordino.attack import identity, similarity, utility_probes
    from sordino.attack.vectors.estimates import SpeakerAttacks
    from sordino.columns import REFERENCE, RELEASED
    from sordino.types import vectors_at

    x = vectors_at(vectors.x, rows)
    original = None if vectors.original is None else vectors_at(vectors.original, rows)
    tables = {RELEASED: x} if original is None else {RELEASED: x, REFERENCE: original}
    _, codes, counts = np.unique(speaker[rows].astype(str), return_inverse=True, return_counts=True)
    known = tables if counts.min() > 1 else {}
    reconstructed = (
        None
        if original is None
        else utility_probes.crossfit_reconstruction(x, original, codes, seed=seed)
    )
    return SpeakerAttacks(
        {release: identity.identify(table, codes, seed=seed) for release, table in known.items()},
        {
            release: similarity.identify_by_cosine(table, codes, seed=seed)
            for release, table in known.items()
        },
        {
            release: similarity.pair_trials(table, codes, seed=seed)
            for release, table in known.items()
        },
        reconstructed,
        codes,
    )
