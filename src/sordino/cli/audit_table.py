"""What `sordino audit` reads: a table and its reference, and what a user should know of their
columns.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sordino.errors import FeatureError

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray


@dataclass(frozen=True)
class Given:
    """The vectors and labels of an audit."""

    x: NDArray[np.float64]
    labels: pd.DataFrame
    original: NDArray[np.float64] | None
    lines: tuple[str, ...]
    """Which columns were dimensions, a line a table."""
    columns: dict[str, Any]
    """The same for JSON and the page."""
    warnings: tuple[str, ...]


def read(
    table: Path,
    secrets: Sequence[str],
    tasks: Sequence[str],
    speaker: str,
    reference: Path | None,
    ignore: Sequence[str],
    columns: Sequence[str],
    continuous: Sequence[str],
) -> Given:
    """The table and the reference of an audit. Raises what `read_labelled` and `read_reference`
    raise.
    """
    from sordino.features import dimensions, labelled

    for option, names in (("--secret", secrets), ("--task", tasks)):
        if speaker in names:
            raise FeatureError(
                f"{option} {speaker}: it is the speaker, expected an attribute (gender, emotion): "
                "every audit measures "
                "re-identification of speakers by itself, on its page under 'Who speaks'; name "
                "another column"
            )
    names = [*dict.fromkeys([speaker, *secrets, *tasks])]
    given = labelled.read_labelled(
        table, names, ignore=ignore, columns=columns, continuous=continuous
    )
    labelled.check_classes(given, [*secrets, *tasks])
    tables = {"": given}
    if reference is not None:
        tables["reference: "] = labelled.read_reference(
            reference, given, ignore=ignore, columns=columns
        )
    lines = tuple(f"{what}{one.choice}" for what, one in tables.items())
    told: dict[str, Any] = {
        "columns": {
            "count": len(given.choice.dimensions),
            "names": dimensions.abbreviate(given.choice.dimensions),
        },
        "left_out": list(given.choice.left_out),
    }
    warnings = tuple(dict.fromkeys(line for one in tables.values() for line in one.warnings))
    original = tables["reference: "].x if reference is not None else None
    return Given(given.x, given.labels, original, lines, told, warnings)
