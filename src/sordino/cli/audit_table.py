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


@dataclass(frozen=True)
class AuditInput:
    """The vectors and labels of an audit."""

    x: NDArray[np.float64]
    labels: pd.DataFrame
    original: NDArray[np.float64] | None
    lines: tuple[str, ...]
    """The columns that are dimensions, one line per table."""
    columns: dict[str, Any]
    """The same for JSON and the page."""
    warnings: tuple[str, ...]


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
    tables = {"": released}
    if reference is not None:
        tables["reference: "] = labelled.read_reference(
            reference, released, ignore=ignore, columns=columns
        )
    dims = released.choice.dimensions
    return AuditInput(
        x=released.x,
        labels=released.labels,
        original=tables["reference: "].x if reference is not None else None,
        lines=tuple(f"{prefix}{vectors.choice}" for prefix, vectors in tables.items()),
        columns={
            "columns": {"count": len(dims), "names": dimensions.abbreviate(dims)},
            "left_out": list(released.choice.left_out),
        },
        warnings=tuple(
            dict.fromkeys(line for vectors in tables.values() for line in vectors.warnings)
        ),
    )
