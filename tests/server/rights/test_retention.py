"""Releases end with the retention of their study, and a wrong clock deletes nothing."""

from __future__ import annotations

import datetime

import pytest

from sordino.errors import StorageError
from sordino.server.database.tables import DailyCount, Device, ReleaseRow
from sordino.server.rights import audit, retention
from sordino.server.rights.retention import dated_tables, delete_expired
from sordino.server.rights.upkeep import run_upkeep
from tests.server.conftest import Clock, Scene, make_scene
from tests.server.rights.conftest import DAY, SQLITE, add_releases

DAY_SECONDS = 86_400


def days(scene: Scene) -> list[datetime.date]:
    with scene.store.reading() as session:
        rows = session.query(ReleaseRow.day).filter_by(participant_id=scene.participant.id)
        return sorted({day for (day,) in rows})


def add_days(scene: Scene, *ages: int, number: int = 3) -> None:
    for age in ages:
        day = DAY - datetime.timedelta(days=age)
        scene.store.partitions.ensure(day)
        with scene.store.transaction() as session:
            policy = scene.policies["drawn"]
            add_releases(session, scene.store, scene.device_id, policy, [1] * number, day)


def test_each_study_keeps_its_days(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "_STEP", 2)  # several transactions
    other = make_scene(scene.store, "sleep", "q1")
    with scene.store.transaction() as session:
        session.get_one(type(other.study), other.study.id).retention_days = 10
    for place in (scene, other):
        add_days(place, 0, 9, 11, 364, 365)
    assert delete_expired(scene.store) == {"release": 12, "daily_count": 4, "batch": 4}
    ages = [[(DAY - day).days for day in days(place)] for place in (scene, other)]
    assert ages == [[364, 11, 9, 0], [9, 0]]
    assert delete_expired(scene.store)["release"] == 0
    with scene.store.snapshot() as session:
        assert session.get_one(Device, scene.device_id).last_number == 15
        assert audit.verify(session).number == 4
    assert {table.name for table in dated_tables()} == {"release", "daily_count", "batch"}


@SQLITE
def test_a_clock_that_jumps_ahead_deletes_nothing(scene: Scene, clock: Clock) -> None:
    add_days(scene, 0, 100)
    assert run_upkeep(scene.store).refusal == ""
    clock.time += 400 * DAY_SECONDS
    with pytest.raises(StorageError, match="check the clock"):
        delete_expired(scene.store)
    assert "2028-01-02" in run_upkeep(scene.store).refusal
    assert len(days(scene)) == 2
    clock.time -= 500 * DAY_SECONDS  # behind the truth: what is kept longer is not lost
    assert run_upkeep(scene.store).expired["release"] == 0
    assert len(days(scene)) == 2
    clock.time += 500 * DAY_SECONDS
    assert run_upkeep(scene.store, clock_is_right=True).expired["release"] == 6
    assert days(scene) == []


@SQLITE
def test_daily_runs_need_no_confirmation(scene: Scene, clock: Clock) -> None:
    add_days(scene, 0)
    for _ in range(5):
        clock.time += 7 * DAY_SECONDS
        assert run_upkeep(scene.store).refusal == ""
    with scene.store.reading() as session:
        assert session.query(DailyCount).count() == 1
