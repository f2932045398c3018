"""The input of `sordino audit`: a table, its reference, and warnings about their columns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sordino.errors import FeatureError
from sordino.storage import Location

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

    from sordino.types import RowReader


@dataclass(frozen=True)
class AuditInput:
    """The vectors and labels of an audit."""

    x: NDArray[np.float64] | RowReader
    labels: pd.DataFrame
    original: NDArray[np.float64] | RowReader | None
    lines: tuple[str, ...]
    """The columns that are dimensions, one line per table."""
    columns: dict[str, Any]
    """The same for JSON and the page."""
    warnings: tuple[str, ...]


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
    tables = {"": released}
    if files.reference is not None:
        tables["reference: "] = labelled.read_reference(
            files.reference, released, ignore=options.ignore, columns=options.columns
        )
    dims = released.choice.dimensions
    return AuditInput(
        x=released.x,
        labels=released.labels,
        original=tables["reference: "].x if files.reference is not None else None,
        lines=tuple(f"{prefix}{vectors.choice}" for prefix, vectors in tables.items()),
        columns={
            "columns": {"count": len(dims), "names": dimensions.abbreviate(dims)},
            "left_out": list(released.choice.left_out),
        },
        warnings=tuple(
            dict.fromkeys(line for vectors in tables.values() for line in vectors.warnings)
        ),
    )
