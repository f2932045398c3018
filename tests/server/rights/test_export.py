"""The export has every row of a user, and no credential."""

from __future__ import annotations

import io
import json
import zipfile
from typing import Any

import pyarrow.parquet as pq
import pytest
from fastapi.testclient import TestClient
from sqlalchemy import LargeBinary, func, select

from sordino.server.database.metadata import TABLES_METADATA
from sordino.server.database.tables import Participant
from sordino.server.rights.export import json_export, parquet_export
from sordino.server.rights.personal_data import rows_of
from sordino.server.rights.personal_rows import PAYLOADS, is_credential
from tests.server.conftest import Scene, make_user
from tests.server.rights.conftest import SQLITE, add_releases
from tests.server.rights.test_deletion import fill, rows_left


def read_parquet(content: bytes) -> dict[str, list[dict[str, Any]]]:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert archive.testzip() is None
        return {
            name.removesuffix(".parquet"): pq.read_table(io.BytesIO(archive.read(name))).to_pylist()
            for name in archive.namelist()
            if name.endswith(".parquet")
        }


def test_export_has_every_row_of_the_user(client: TestClient, scene: Scene) -> None:
    other, other_device, _ = make_user(scene.store, scene.study, scene.policies, "p2")
    headers = fill(scene, scene.device_id, scene.participant.id)
    fill(scene, other_device, other.id)
    expected = rows_left(scene, scene.participant.id)
    answer = client.get("/v1/participants/me/export", headers=headers)
    assert answer.headers["cache-control"] == "no-store"
    tables = answer.json()["tables"]
    log = tables.pop("audit_event")
    assert {name: len(rows) for name, rows in tables.items()} == expected
    assert [entry["action"] for entry in log] == ["export"]
    released = [row["prototype"] for row in tables["release"][:4]]
    assert released == [0, 1, 5, 1]
    width = scene.policies["noise"].width
    assert tables["release"][4]["vector"] == [7.0] * width
    counts = {tuple(row["releases_by_bin"]) for row in tables["daily_count"]}
    assert counts == {(2, 1), (0, 1), (1,)}
    assert str(other.id) not in answer.text

    answer = client.get("/v1/participants/me/export?format=parquet", headers=headers)
    files = read_parquet(answer.content)
    assert len(files.pop("audit_event")) == 2
    assert {name: len(rows) for name, rows in files.items()} == expected
    assert [row["prototype"] for row in files["release"]] == [0, 1, 5, 1, None]
    assert files["release"][4]["vector"] == [7.0] * width


def test_only_payloads_and_credentials_are_bytes() -> None:
    """A new column of bytes is left out as a credential, unless this list and the export read it.

    So a new kind of payload fails here instead of missing in exports.
    """
    columns = {
        f"{table.name}.{column.name}"
        for table in rows_of(0)
        for column in table.columns
        if isinstance(column.type, LargeBinary)
    }
    assert columns == {
        "release.payload",
        "daily_count.payload",
        "device.token_sha256",
        "account.totp_secret",
        "passkey.credential_id",
        "passkey.public_key",
        "browser_session.token_sha256",
        "api_token.token_sha256",
        "invitation.token_sha256",
        "batch.body_mac",
    }
    assert {f"{column.table.name}.{column.name}" for column in PAYLOADS} <= columns
    words = ("sha256", "hash", "secret", "mac", "credential")
    for table in TABLES_METADATA.sorted_tables:
        for column in table.columns:
            if table in rows_of(0) and any(word in column.name for word in words):
                assert is_credential(column)


@SQLITE
@pytest.mark.parametrize("export", [json_export, parquet_export])
def test_export_streams_in_parts(scene: Scene, export) -> None:
    """No part holds more than some thousand rows."""
    with scene.store.transaction() as session:
        policy = scene.policies["drawn"]
        add_releases(session, scene.store, scene.device_id, policy, [1] * 1500)
    parts = list(export(scene.store, scene.participant.id))
    assert len(parts) > 10
    assert max(map(len, parts)) < 200_000
    if export is json_export:
        content = json.loads(b"".join(parts))
        assert len(content["tables"]["release"]) == 1500


@SQLITE
def test_export_that_is_cut_leaves_the_store_usable(scene: Scene) -> None:
    parts = json_export(scene.store, scene.participant.id)
    next(parts)
    parts.close()
    with scene.store.transaction() as session:
        assert session.scalar(select(func.count()).select_from(Participant)) == 1


@SQLITE
def test_export_without_a_key_is_refused(client: TestClient, scene: Scene) -> None:
    headers = fill(scene, scene.device_id, scene.participant.id)
    scene.store.keys.destroy(scene.participant.id, 1)
    answer = client.get("/v1/participants/me/export", headers=headers)
    assert (answer.status_code, answer.json()["type"]) == (503, "urn:sordino:keys")
