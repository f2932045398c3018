"""The input of `sordino audit`: a table, its reference, and warnings about their columns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sordino.cli.output import timestamp
from sordino.errors import FeatureError
from sordino.storage import Location

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

    from sordino.report.audit_record import AuditSource
    from sordino.types import RowReader


@dataclass(frozen=True)
class AuditInput:
    """The vectors and labels of an audit."""

    x: NDArray[np.float64] | RowReader
    labels: pd.DataFrame
    original: NDArray[np.float64] | RowReader | None
    lines: tuple[str, ...]
    """The columns that are dimensions, one line per table."""
    source: AuditSource
    """The files, columns, date and warnings, for the record and the page."""


@dataclass(frozen=True)
class AuditFiles:
    """The files of an audit."""

    table: Location
    labels: Location | None
    """The labels of an array."""
    reference: Location | None


@dataclass(frozen=True)
class AuditColumns:
    """The columns of an audit, as options name them."""

    secrets: Sequence[str]
    tasks: Sequence[str]
    speaker: str
    ignore: Sequence[str]
    columns: Sequence[str]
    continuous: Sequence[str]


def read(files: AuditFiles, options: AuditColumns) -> AuditInput:
    """The table and the reference of an audit.

    Raises `FeatureError` if the speaker is a secret or a task, and the errors of `read_labelled`
    and `read_reference`.
    """
    from sordino.features import dimensions, labelled
    from sordino.report.audit_record import AuditSource

    speaker = options.speaker
    for option, names in (("--secret", options.secrets), ("--task", options.tasks)):
        if speaker in names:
            raise FeatureError(
                f"{option} {speaker}: it is the speaker, expected an attribute (gender, emotion): "
                "every audit measures re-identification of speakers by itself, on its page under "
                "'Who speaks'; name another column"
            )
    attributes = [*options.secrets, *options.tasks]
    released = labelled.read_labelled(
        files.table,
        [*dict.fromkeys([speaker, *attributes])],
        ignore=options.ignore,
        columns=options.columns,
        continuous=options.continuous,
        array_labels=files.labels,
    )
    labelled.check_classes(released, attributes)
    tables, original = {"": released}, None
    if files.reference is not None:
        original = labelled.read_reference(
            files.reference, released, ignore=options.ignore, columns=options.columns
        )
        tables["reference: "] = original
    dims = released.choice.dimensions
    return AuditInput(
        x=released.x,
        labels=released.labels,
        original=None if original is None else original.x,
        lines=tuple(f"{prefix}{vectors.choice}" for prefix, vectors in tables.items()),
        source=AuditSource(
            table=released.path.name,
            sha256=_digest(files.table),
            labels="" if files.labels is None else files.labels.name,
            labels_sha256="" if files.labels is None else _digest(files.labels),
            reference="" if original is None else original.path.name,
            reference_sha256="" if files.reference is None else _digest(files.reference),
            dimensions=len(dims),
            columns=dimensions.abbreviate(dims),
            left_out=released.choice.left_out,
            date=timestamp(),
            warnings=tuple(
                dict.fromkeys(line for vectors in tables.values() for line in vectors.warnings)
            ),
        ),
    )


def _digest(table: Location) -> str:
    """The SHA-256 of a table, or of the manifest of a folder of shards, which lists theirs."""
    from sordino import storage
    from sordino.features.shards.folder import SHARD_MANIFEST
    from sordino.features.tables import LARGEST_DOWNLOAD, SHARD_SUFFIX

    shards = table.suffix.lower() == SHARD_SUFFIX
    return storage.file_sha256(table / SHARD_MANIFEST if shards else table, LARGEST_DOWNLOAD)
