"""The input of `sordino audit`: a table, its reference, and warnings about their columns."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sordino.cli.output import timestamp
from sordino.errors import FeatureError, StorageError
from sordino.storage import Location, Remote

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

    A file behind a URL is copied once, and read whole. Raises `FeatureError` if the speaker is a
    secret or a task, and for a file that changes meanwhile, and the errors of `read_labelled` and
    `read_reference`.
    """
    with ExitStack() as copies:
        return _read(
            _InputFile.of(files.table, copies),
            None if files.labels is None else _InputFile.of(files.labels, copies),
            None if files.reference is None else _InputFile.of(files.reference, copies),
            options,
        )


@dataclass(frozen=True)
class _InputFile:
    """A file that is read, and its state before."""

    path: Location
    """The file itself; for a URL the copy."""
    state: tuple[int, int, int] | None
    largest: int
    """Bytes of a table that is read whole: a copy is not there later."""

    @classmethod
    def of(cls, place: Location, copies: ExitStack) -> _InputFile:
        from sordino import storage
        from sordino.features.large import LARGEST_WHOLE
        from sordino.features.large.table import ARRAY_SUFFIX, stated_file
        from sordino.features.tables import LARGEST_DOWNLOAD, SHARD_SUFFIX, table_suffix

        path, largest = place, LARGEST_WHOLE
        if isinstance(place, Remote) and place.suffix.lower() not in (ARRAY_SUFFIX, SHARD_SUFFIX):
            table_suffix(place)
            path = copies.enter_context(storage.local_copy(place, LARGEST_DOWNLOAD))
            largest = sys.maxsize
        return cls(path, _state(stated_file(path)), largest)

    def sha256(self) -> str:
        """The SHA-256 of a table, or of the manifest of a folder of shards, which lists theirs.

        Raises `FeatureError` if the file changed since.
        """
        from sordino import storage
        from sordino.features.large.table import stated_file
        from sordino.features.tables import LARGEST_DOWNLOAD

        file = stated_file(self.path)
        digest = storage.file_sha256(file, LARGEST_DOWNLOAD)
        if _state(file) != self.state:
            raise FeatureError(
                f"{self.path}: another file than before, expected the same: it changed while it "
                "was read; repeat the command"
            )
        return digest


def _state(file: Location) -> tuple[int, int, int] | None:
    """The state of a file; None for one that its reader refuses."""
    from sordino import storage

    try:
        return storage.file_state(file) if isinstance(file, Path) else None
    except StorageError:
        return None


def _read(
    table: _InputFile,
    labels: _InputFile | None,
    reference: _InputFile | None,
    options: AuditColumns,
) -> AuditInput:
    """`read` of files of this machine."""
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
        table.path,
        [*dict.fromkeys([speaker, *attributes])],
        ignore=options.ignore,
        columns=options.columns,
        continuous=options.continuous,
        array_labels=None if labels is None else labels.path,
        largest=table.largest,
    )
    labelled.check_classes(released, attributes)
    tables, original = {"": released}, None
    if reference is not None:
        original = labelled.read_reference(
            reference.path,
            released,
            ignore=options.ignore,
            columns=options.columns,
            largest=reference.largest,
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
            sha256=table.sha256(),
            labels="" if labels is None else labels.path.name,
            labels_sha256="" if labels is None else labels.sha256(),
            reference="" if original is None else original.path.name,
            reference_sha256="" if reference is None else reference.sha256(),
            dimensions=len(dims),
            columns=dimensions.abbreviate(dims),
            left_out=released.choice.left_out,
            date=timestamp(),
            warnings=tuple(
                dict.fromkeys(line for vectors in tables.values() for line in vectors.warnings)
            ),
        ),
    )
