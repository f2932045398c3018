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


@dataclass(frozen=True)
class AuditInput:
    """The vectors and labels of an audit."""

    x: NDArray[np.float64]
    labels: pd.DataFrame
    original: NDArray[np.float64] | None
    lines: tuple[str, ...]
    """The columns that are dimensions, one line per table."""
    source: AuditSource
    """The files, columns, date and warnings, for the record and the page."""


def read(
    table: Location,
    secrets: Sequence[str],
    tasks: Sequence[str],
    speaker: str,
    reference: Location | None,
    ignore: Sequence[str],
    columns: Sequence[str],
    continuous: Sequence[str],
) -> AuditInput:
    """The table and the reference of an audit.

    Raises `FeatureError` if the speaker is a secret or a task, and the errors of `read_labelled`
    and `read_reference`.
    """
    from sordino.features import dimensions, labelled
    from sordino.report.audit_record import AuditSource

    for option, names in (("--secret", secrets), ("--task", tasks)):
        if speaker in names:
            raise FeatureError(
                f"{option} {speaker}: it is the speaker, expected an attribute (gender, emotion): "
                "every audit measures re-identification of speakers by itself, on its page under "
                "'Who speaks'; name another column"
            )
    names = [*dict.fromkeys([speaker, *secrets, *tasks])]
    released = labelled.read_labelled(
        table, names, ignore=ignore, columns=columns, continuous=continuous
    )
    labelled.check_classes(released, [*secrets, *tasks])
    tables, original = {"": released}, None
    if reference is not None:
        original = labelled.read_reference(reference, released, ignore=ignore, columns=columns)
        tables["reference: "] = original
    dims = released.choice.dimensions
    return AuditInput(
        x=released.x,
        labels=released.labels,
        original=None if original is None else original.x,
        lines=tuple(f"{prefix}{vectors.choice}" for prefix, vectors in tables.items()),
        source=AuditSource(
            table=released.path.name,
            sha256=_digest(table),
            reference="" if original is None else original.path.name,
            reference_sha256="" if reference is None else _digest(reference),
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
