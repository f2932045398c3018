"""PostgreSQL keeps the releases of each month in a partition; months come with their releases."""

from __future__ import annotations

import datetime
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import text

from sordino.server.database.engine import connect
from sordino.server.database.partitions import Partitions
from sordino.server.settings import ServerSettings
from tests.server.postgresql import Cluster

pytestmark = pytest.mark.slow

NAMES = """
SELECT inhrelid::regclass::text FROM pg_inherits
WHERE inhparent = 'release'::regclass ORDER BY 1
"""
PLAN = """
EXPLAIN SELECT payload FROM release
WHERE participant_id = 1 AND day BETWEEN '2026-12-01' AND '2026-12-31'
"""


def test_months_are_created_once_by_many_servers(postgresql: Cluster) -> None:
    url = postgresql.create(f"t{uuid.uuid4().hex}", "migrated")
    engines = [connect(ServerSettings(Path(), url).database_url) for _ in range(4)]
    day = datetime.date(2026, 12, 31)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda engine: Partitions(engine).ensure(day), engines))
    with engines[0].connect() as connection:
        assert connection.scalars(text(NAMES)).all() == ["release_2026_12", "release_2027_01"]
        plan = "\n".join(connection.scalars(text(PLAN)))
    for engine in engines:
        engine.dispose()
    assert "release_2026_12" in plan
    assert "release_2027_01" not in plan
