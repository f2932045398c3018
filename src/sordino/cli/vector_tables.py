"""The files of `sordino extract`: a table of vectors, tables of copies, and their record.

TABLE.parquet              the vectors of the recordings
TABLE.copy-1.parquet ...   those of each copy in other conditions
TABLE.parquet.run.json     settings, versions and checksums
"""

from __future__ import annotations

import hashlib
import json
import re
from typing import TYPE_CHECKING, Final

from sordino.cli.output import warn
from sordino.progress import listed
from sordino.storage import Location

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from sordino.corpora.table import Corpus
    from sordino.features.extract import Extraction

RECORD_BYTES: Final = 1 << 20
"""The largest record of a table."""


def write_tables(
    out: Location,
    features: str,
    usable: Corpus,
    blocks: Sequence[NDArray[np.float32]],
    labels: Sequence[str] = (),
) -> list[Location]:
    """Write the table of the recordings, and one of each copy beside it; their paths. `labels` are
    columns of the corpus that every table has.

    Copies of an earlier table are replaced or removed: those that its record lists with their
    checksum. A warning names the other files that are named like copies.
    """
    from sordino import storage
    from sordino.features import FEATURE_SETS, write_vectors

    paths = [out, *(_copy_path(out, number) for number in range(1, len(blocks)))]
    beside = sorted(_copies_beside(out) - set(paths), key=str)
    checksums = _checksums_in_record(out) if beside else {}
    copies = {path for path in beside if _is_copy(path, checksums)}
    names = FEATURE_SETS[features].names
    for path, x in zip(paths, blocks, strict=True):
        write_vectors(path, x, usable, names, labels)
    for path in copies:
        storage.remove(path)
    if foreign := [path.name for path in beside if path not in copies]:
        warn([f"{out}: no copies of the earlier table, and not removed: {listed(foreign)}"])
    return paths


def _copy_path(out: Location, number: int) -> Location:
    """The table of one copy."""
    return out.with_name(f"{out.stem}.copy-{number}{out.suffix}")


def _copies_beside(out: Location) -> set[Location]:
    """The regular files beside a table that are named like its copies; no links."""
    from sordino import storage

    name = re.compile(rf"{re.escape(out.stem)}\.copy-[1-9][0-9]*{re.escape(out.suffix)}")
    return {path for path in storage.files(out.parent) if name.fullmatch(path.name)}


def _is_copy(path: Location, checksums: Mapping[str, str]) -> bool:
    """Whether a file is the unchanged copy of a record with these checksums."""
    return path.name in checksums and checksums[path.name] == _checksum(path)


def _checksums_in_record(out: Location) -> dict[str, str]:
    """The checksum of each copy in the record of an earlier table; empty without a record."""
    from sordino import storage
    from sordino.errors import StorageError

    try:
        content = storage.read_regular(_record_path(out), RECORD_BYTES + 1)
        copies = json.loads(content[: RECORD_BYTES * (len(content) <= RECORD_BYTES)])["copies"]
        return {str(copy["file"]): str(copy["table_checksum"]) for copy in copies}
    except (StorageError, ValueError, KeyError, TypeError, RecursionError):
        return {}


def _record_path(out: Location) -> Location:
    return out.with_name(f"{out.name}.run.json")


def write_record(
    tables: Sequence[Location],
    features: str,
    corpus: str,
    extraction: Extraction,
    labels: Sequence[str] = (),
) -> None:
    """Write the origin of the tables: settings, versions, checksums, and the number of recordings
    left out.
    """
    from sordino import storage
    from sordino.features import FEATURE_SETS
    from sordino.features.renderings import condition_record
    from sordino.record import settled, versions

    out, *copies = tables
    config = {
        "verb": "extract",
        "corpus": corpus,
        "features": FEATURE_SETS[features].config,
        "conditions": condition_record(len(copies), ()),
        "labels": list(labels),
    }
    utterances, dims = extraction.x.shape
    record = {
        **settled(config),
        "data_checksum": hashlib.sha256("".join(extraction.checksums).encode()).hexdigest(),
        "table_checksum": _checksum(out),
        "copies": [{"file": path.name, "table_checksum": _checksum(path)} for path in copies],
        "versions": versions(),
        "utterances": utterances,
        "dims": dims,
        "left_out": len(extraction.unusable),
        "left_out_files": len({recording.file for recording in extraction.unusable}),
    }
    text = json.dumps(record, indent=2, ensure_ascii=False) + "\n"
    storage.write(_record_path(out), text)


def _checksum(path: Location) -> str:
    from sordino import storage
    from sordino.features.tables import LARGEST_DOWNLOAD

    return storage.file_sha256(path, LARGEST_DOWNLOAD)
