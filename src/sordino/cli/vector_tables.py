"""The files of `sordino extract`: a table of vectors, tables of copies, and their record.

TABLE.parquet              the vectors of the recordings
TABLE.copy-1.parquet ...   those of each copy in other conditions
TABLE.parquet.run.json     settings, versions and checksums
"""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from sordino.corpora.table import Corpus
    from sordino.features.extract import Extraction


def write_tables(
    out: Path,
    features: str,
    usable: Corpus,
    blocks: Sequence[NDArray[np.float32]],
    labels: Sequence[str] = (),
) -> list[Path]:
    """Write the table of the recordings, and one of each copy beside it; their paths. `labels` are
    columns of the corpus that every table has. Copies of an earlier table are replaced or removed.
    """
    from sordino import storage
    from sordino.features import FEATURE_SETS, write_vectors

    paths = [out, *(_copy_path(out, number) for number in range(1, len(blocks)))]
    with storage.as_storage_error(out.parent):
        for path in sorted(_copies_beside(out) - set(paths)):
            path.unlink()
    names = FEATURE_SETS[features].names
    return [
        write_vectors(path, x, usable, names, labels) for path, x in zip(paths, blocks, strict=True)
    ]


def _copy_path(out: Path, number: int) -> Path:
    """The table of one copy."""
    return out.with_name(f"{out.stem}.copy-{number}{out.suffix}")


def _copies_beside(out: Path) -> set[Path]:
    """The tables of copies that stand beside a table."""
    if not out.parent.is_dir():
        return set()
    name = re.compile(rf"{re.escape(out.stem)}\.copy-[1-9][0-9]*{re.escape(out.suffix)}")
    return {path for path in out.parent.iterdir() if name.fullmatch(path.name) and path.is_file()}


def write_record(
    tables: Sequence[Path],
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
    from sordino.report.record import settled, versions

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
    storage.write(out.with_name(f"{out.name}.run.json"), text)


def _checksum(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
