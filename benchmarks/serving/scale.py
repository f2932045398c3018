"""How the central store answers with much data: pages over pre-aggregated days, and 10^7 releases.

trend     the page of a user with a year of data
cohort    1,000 users with 90 days each
releases  rows in partitions by month on PostgreSQL: bytes a row, the days of one user, planning
          with 120 partitions (a tenth of 10^8 rows, and the other partitions empty), and
          retention by DELETE and by dropping a partition

python benchmarks/serving/scale.py --part trend cohort
python benchmarks/serving/scale.py --part releases --scale 10000000
"""

from __future__ import annotations

import argparse
import datetime
import json
import re
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

sys.path.insert(0, str(Path(__file__).parents[2]))  # the tests' objects and cluster

import numpy as np
from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlalchemy import Connection, insert, text
from tests.server.conftest import Scene, make_scene
from tests.server.postgresql import cluster, find_command
from tests.server.rights.conftest import sign_in
from tests.server.rights.test_trends import CARD

from sordino.server.app import create_app
from sordino.server.database.partitions import next_month, partition_name
from sordino.server.database.payloads import encrypt_counts
from sordino.server.database.tables import BundlePolicy, Consent, DailyCount, Participant, Purpose
from sordino.server.registry.studies import create_participant
from sordino.server.settings import ServerSettings

PARTS: Final = ("trend", "cohort", "releases")
REPEATS: Final = 7
DAYS: Final = {"trend": 365, "cohort": 90}
USERS: Final = {"trend": 1, "cohort": 1000}
FIRST_MONTH: Final = datetime.date(2026, 1, 1)
MONTHS: Final = 12
ALL_MONTHS: Final = 120
"""Ten years of `--scale` rows a year: 10^8 rows at the default."""
ROWS: Final = """
INSERT INTO release (device_id, number, participant_id, bundle_policy_id, format, day, payload)
SELECT user_number, :month * 1000000 + row_number, user_number, 1, 1, day,
       decode(md5(random()::text) || md5(random()::text), 'hex')
FROM generate_series(CAST(:first AS date), CAST(:last AS date), '1 day') AS day,
     generate_series(1, :users) AS user_number,
     LATERAL generate_series(
        (day::date - CAST(:first AS date)) * :each + 1,
        (day::date - CAST(:first AS date) + 1) * :each) AS row_number
"""
RANGE: Final = """
SELECT number, payload FROM release WHERE participant_id = :user AND day BETWEEN :first AND :last
"""


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--part", nargs="+", choices=PARTS, default=PARTS)
    parser.add_argument("--scale", type=int, default=10_000_000, help="releases in a year")
    parser.add_argument("--users", type=int, default=1000)
    parser.add_argument("--json", metavar="FILE", help="- is standard output")
    options = parser.parse_args()
    results: dict[str, Any] = {}
    for part in options.part:
        if part == "releases":
            results |= releases(options.scale, options.users)
        else:
            results |= page(part)
    for name, value in results.items():
        print(f"{name:28} {value}")
    if options.json:
        content = json.dumps(results, indent=2)
        if options.json == "-":
            print(content)
        else:
            Path(options.json).write_text(content)


def page(part: str) -> dict[str, float]:
    """The median time of a page in milliseconds, in process on SQLite."""
    memory = "/dev/shm" if Path("/dev/shm").is_dir() else None  # reading is measured, not syncing
    with tempfile.TemporaryDirectory(dir=memory) as folder:
        app = create_app(ServerSettings(Path(folder), requests_per_minute=10_000))
        scene = make_scene(app.state.store, "scale")
        add_days(scene, USERS[part], DAYS[part])
        if part == "trend":
            person = sign_in(scene.store, "user", scene.study.id, scene.participant.id)
            paths = {"trend_page_ms": "/me?days=365", "trend_api_ms": _year()}
        else:
            person = sign_in(scene.store, "researcher", scene.study.id)
            paths = {"cohort_api_ms": "/v1/cohort", "cohort_page_ms": "/study?days=90"}
        results = {name: ask(app, path, person) for name, path in paths.items()}
        app.state.store.close()
    return results


def _year() -> str:
    today = datetime.datetime.now(datetime.UTC).date()
    return f"/v1/participants/me/trend?first={today - datetime.timedelta(days=364)}&last={today}"


def ask(app: FastAPI, path: str, headers: dict[str, str]) -> float:
    """The median time of a request in milliseconds; the first one warms caches."""
    with TestClient(app, "http://127.0.0.1:8000") as client:

        def request() -> None:
            answer = client.get(path, headers={**headers, "Accept": "*/*"})
            assert answer.status_code == 200, (path, answer.status_code)

        request()
        return median(request)


def median(call: Callable[[], object]) -> float:
    """The median time of a call in milliseconds."""
    seconds = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - start)
    return round(float(np.median(seconds)) * 1000, 1)


def add_days(scene: Scene, users: int, days: int) -> None:
    """Users with a count for each day, 60 releases with a rising share of passes."""
    store, policy = scene.store, scene.policies["drawn"]
    today = datetime.datetime.now(datetime.UTC).date()
    with store.transaction() as session:
        session.get_one(BundlePolicy, policy.id).rates = CARD
        people = [scene.participant]
        for number in range(2, users + 1):
            person = create_participant(session, store, scene.study.id, f"p{number}")
            people.append(person)
            session.add_all(_consents(person, policy.digest))
        session.flush()
        rows = []
        for person in people:
            cipher = store.keys.cipher(person.id)
            for age in range(days):
                day = today - datetime.timedelta(days=age)
                passes = 10 + (days - age) * 30 // days
                counts = np.array([60 - passes, passes])
                payload = encrypt_counts(cipher, counts, person.id, day, policy.id)
                rows.append((person.id, day, policy.id, payload))
        names = ("participant_id", "day", "bundle_policy_id", "payload")
        session.execute(insert(DailyCount), [dict(zip(names, row, strict=True)) for row in rows])


def _consents(person: Participant, policy: str) -> list[Consent]:
    return [
        Consent(
            participant_id=person.id, policy=policy, purpose=purpose, version=1, given=True, time=1
        )
        for purpose in Purpose
    ]


def releases(scale: int, users: int) -> dict[str, Any]:
    """Sizes and times of a year of releases on PostgreSQL."""
    if find_command("initdb") is None:
        sys.exit("no PostgreSQL here, expected initdb: install Debian's package postgresql")
    each = max(1, round(scale / 365 / users))
    with cluster() as server, tempfile.TemporaryDirectory() as folder:
        app = create_app(ServerSettings(Path(folder), server.create("scale")))
        store = app.state.store
        start = time.perf_counter()
        months = [FIRST_MONTH]
        while len(months) < ALL_MONTHS:
            months.append(next_month(months[-1]))
        for month in months[:MONTHS]:
            store.partitions.ensure(month)
            with store.engine.begin() as connection:
                _fill(connection, month, users, each)
        filled = time.perf_counter() - start
        with store.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text("VACUUM ANALYZE release"))
        results = {"rows": 0, "releases_of_user_and_day": each, "fill_s": round(filled, 1)}
        with store.engine.connect() as connection:
            results |= _sizes(connection)
            results |= _range("query_12_partitions", connection, users)
        for month in months[MONTHS:]:
            store.partitions.ensure(month)
        with store.engine.connect() as connection:
            results |= _range("query_120_partitions", connection, users)
        results |= _retention(store.engine, months)
        store.close()
    return results


def _fill(connection: Connection, month: datetime.date, users: int, each: int) -> None:
    connection.execute(text("SET LOCAL session_replication_role = replica"))  # no foreign keys
    last = next_month(month) - datetime.timedelta(days=1)
    values = {"month": month.month, "first": month, "last": last, "users": users, "each": each}
    connection.execute(text(ROWS), values)


def _sizes(connection: Connection) -> dict[str, Any]:
    rows = connection.scalar(text("SELECT count(*) FROM release")) or 0
    table, total = connection.execute(
        text(
            "SELECT sum(pg_relation_size(inhrelid)), sum(pg_total_relation_size(inhrelid))"
            " FROM pg_inherits WHERE inhparent = 'release'::regclass"
        )
    ).one()
    return {
        "rows": rows,
        "bytes_a_row": round(float(total) / rows, 1),
        "bytes_a_row_without_indexes": round(float(table) / rows, 1),
    }


def _range(name: str, connection: Connection, users: int) -> dict[str, Any]:
    """Thirty days over two months, of a new user each time."""
    first = FIRST_MONTH.replace(month=5, day=20)
    chance = np.random.default_rng(0)

    def values() -> dict[str, Any]:
        user = int(chance.integers(1, users + 1))
        return {"user": user, "first": first, "last": first + datetime.timedelta(days=29)}

    plan = connection.scalars(text("EXPLAIN (ANALYZE, BUFFERS) " + RANGE), values()).all()
    print("\n".join([name, *plan]))
    return {
        f"{name}_ms": median(lambda: connection.execute(text(RANGE), values()).all()),
        f"{name}_read": len(set(re.findall(r"on (release_\d{4}_\d\d) ", "\n".join(plan)))),
    }


def _retention(engine: Any, months: list[datetime.date]) -> dict[str, float]:
    """Deleting a month, and dropping the partition of another one."""
    results = {}
    for name, statement in {
        "delete_month_s": f"DELETE FROM release WHERE day < '{months[1]}'",
        "drop_month_s": f"DROP TABLE {partition_name(months[1])}",
    }.items():
        start = time.perf_counter()
        with engine.begin() as connection:
            connection.execute(text(statement))
        results[name] = round(time.perf_counter() - start, 3)
    return results


if __name__ == "__main__":
    main()
