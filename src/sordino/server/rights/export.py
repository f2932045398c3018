"""Everything that is stored about a user, as one JSON document or as Parquet files in a ZIP.

Both are written in parts: memory holds a thousand rows. Times are seconds since 1970, UTC. A
release of a policy with prototypes has the index of the row of `prototypes` in the bundle;
`reference.json` has the digest of the bundle and the name of the policy for each
`bundle_policy_id`.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Generator
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq
from sqlalchemy import select
from sqlalchemy.orm import Session

from sordino.server.database.keys import Cipher
from sordino.server.database.tables import BundlePolicy, BundleRow, Participant, StudyRow
from sordino.server.rights.personal_rows import PersonalRows, json_value, schema
from sordino.server.store import Store

EXPORT_FORMAT: Final = 1
JSON_TYPE: Final = "application/json"
ZIP_TYPE: Final = "application/zip"


def json_export(store: Store, participant_id: int) -> Generator[bytes]:
    """The parts of a JSON document `{"format", "reference", "tables": {name: [row, ...]}}`.

    Raises `StorageError` for a user without a key, before the first part.
    """
    return _json_parts(store, store.keys.cipher(participant_id), participant_id)


def _json_parts(store: Store, cipher: Cipher, participant_id: int) -> Generator[bytes]:
    with store.snapshot() as session:
        rows = PersonalRows(session, cipher, participant_id)
        head = {"format": EXPORT_FORMAT, "reference": _reference(session, participant_id)}
        yield json.dumps(head).removesuffix("}").encode() + b', "tables": {'
        for position, table in enumerate(rows.tables):
            yield f"{', ' if position else ''}{json.dumps(table.name)}: [".encode()
            separator = ""
            for part in rows.records(table):
                texts = (json.dumps(row, default=json_value, allow_nan=False) for row in part)
                yield (separator + ",\n".join(texts)).encode()
                separator = ",\n"
            yield b"]"
        yield b"}}\n"


def parquet_export(store: Store, participant_id: int) -> Generator[bytes]:
    """The parts of a ZIP with `reference.json` and one Parquet file for each table.

    Raises `StorageError` for a user without a key, before the first part.
    """
    return _parquet_parts(store, store.keys.cipher(participant_id), participant_id)


def _parquet_parts(store: Store, cipher: Cipher, participant_id: int) -> Generator[bytes]:
    parts = _PartsFile()
    with store.snapshot() as session, zipfile.ZipFile(parts, "w") as archive:
        rows = PersonalRows(session, cipher, participant_id)
        reference = {"format": EXPORT_FORMAT, "reference": _reference(session, participant_id)}
        archive.writestr("reference.json", json.dumps(reference))
        for table in rows.tables:
            columns = schema(table)
            with archive.open(f"{table.name}.parquet", "w", force_zip64=True) as entry:
                sink = pa.PythonFile(_Sink(entry), mode="w")
                with pq.ParquetWriter(sink, columns) as writer:
                    for part in rows.records(table):
                        writer.write_table(pa.Table.from_pylist(part, schema=columns))
                        yield parts.take()
            yield parts.take()
    yield parts.take()


def _reference(session: Session, participant_id: int) -> dict[str, Any]:
    """The study of a user, and its bundles and policies."""
    study = session.scalars(
        select(StudyRow).join(Participant).where(Participant.id == participant_id)
    ).one()
    policies = session.execute(
        select(
            BundlePolicy.id,
            BundlePolicy.name,
            BundlePolicy.digest,
            BundlePolicy.required,
            BundlePolicy.family,
            BundleRow.digest.label("bundle"),
        )
        .join(BundleRow, BundleRow.id == BundlePolicy.bundle_id)
        .where(BundleRow.study_id == study.id)
        .order_by(BundlePolicy.id)
    )
    return {
        "study": study.name,
        "retention_days": study.retention_days,
        "policies": [dict(row) for row in policies.mappings()],
    }


class _PartsFile(io.RawIOBase):
    """A file that is read while it is written, and that cannot be sought."""

    def __init__(self) -> None:
        super().__init__()
        self._parts: list[bytes] = []

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        part = bytes(data)
        self._parts.append(part)
        return len(part)

    def take(self) -> bytes:
        """What was written since the last call."""
        content = b"".join(self._parts)
        self._parts.clear()
        return content


class _Sink(io.RawIOBase):
    """An entry of a ZIP as pyarrow writes it: it stays open, and knows its position."""

    def __init__(self, entry: Any) -> None:
        super().__init__()
        self._entry, self._position = entry, 0

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        part = bytes(data)
        self._entry.write(part)
        self._position += len(part)
        return len(part)

    def tell(self) -> int:
        return self._position
