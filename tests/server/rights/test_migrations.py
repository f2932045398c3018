"""The versions of the database, up and down, with data."""

from __future__ import annotations

from typing import Any

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import func, inspect, select

from sordino.server.access.context import Access
from sordino.server.database.metadata import TABLES_METADATA
from sordino.server.database.migration import downgrade, upgrade
from sordino.server.rights import audit
from sordino.server.rights.deletion import delete_user
from sordino.server.store import Store
from tests.server.conftest import Scene
from tests.server.rights.test_deletion import fill, rows_left

CORE = ("participant", "device", "consent", "batch", "release", "daily_count", "bundle_policy")
ACCOUNTS = ("account", "passkey", "browser_session", "api_token", "invitation")


def contents(store: Store, *names: str) -> dict[str, list[tuple[Any, ...]]]:
    with store.reading() as session:
        return {
            name: [
                tuple(row)
                for row in session.execute(
                    select(TABLES_METADATA.tables[name]).order_by(
                        *TABLES_METADATA.tables[name].primary_key
                    )
                )
            ]
            for name in names
        }


def is_current(store: Store) -> bool:
    with store.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"include_name": _is_ours})
        return not compare_metadata(context, TABLES_METADATA)


def _is_ours(name: str | None, kind: str, _parents: object) -> bool:
    return not (kind == "table" and name and name.startswith("release_2"))


def test_versions_go_down_and_up_with_data(scene: Scene) -> None:
    store, user = scene.store, scene.participant.id
    fill(scene, scene.device_id, user)
    core, accounts = contents(store, *CORE), contents(store, *ACCOUNTS)
    assert all(core.values())
    assert all(accounts.values())
    assert is_current(store)

    downgrade(store.engine, "0002")
    assert not inspect(store.engine).has_table("audit_event")
    assert contents(store, *CORE) == core
    assert contents(store, *ACCOUNTS) == accounts
    downgrade(store.engine, "0001")
    assert not inspect(store.engine).has_table("account")
    assert contents(store, *CORE) == core

    upgrade(store.engine)
    assert is_current(store)
    assert contents(store, *CORE) == core
    with store.transaction() as session:
        audit.record(session, 1, "test", audit.Action.PAUSE)
    assert delete_user(store, Access(store.settings).key, user, "test") is not None
    assert max(rows_left(scene, user).values()) == 0

    downgrade(store.engine, "base")
    assert set(inspect(store.engine).get_table_names()) == {"alembic_version"}
    upgrade(store.engine)
    with store.reading() as session:
        assert (
            session.scalar(select(func.count()).select_from(TABLES_METADATA.tables["study"])) == 0
        )
