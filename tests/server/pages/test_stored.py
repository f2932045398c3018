"""What is stored about a user, and the state of a server, on both databases."""

from __future__ import annotations

import datetime

import pytest

from sordino.server.database.tables import BatchRow, Purpose, ReleaseRow
from sordino.server.errors import Problem
from sordino.server.pages import server_state
from sordino.server.pages.stored import bundle_labels, limits_of_user, stored_of
from sordino.server.registry.bundles import parse_bundle, register_bundle
from sordino.server.registry.studies import create_participant
from sordino.server.store import Store
from tests.server.conftest import Scene, make_scene, set_consent
from tests.server.synthetic_bundle import bundle_file

DAY = datetime.date(2026, 11, 28)


def store_releases(scene: Scene, count: int, day: datetime.date = DAY, first: int = 1) -> None:
    scene.store.partitions.ensure(day)
    with scene.store.transaction() as session:
        session.add(
            BatchRow(
                device_id=scene.device_id,
                idempotency_key=f"{first:032x}",
                body_mac=bytes(32),
                stored=count,
                last_number=first + count - 1,
                day=day,
            )
        )
        session.add_all(
            ReleaseRow(
                device_id=scene.device_id,
                number=first + number,
                participant_id=scene.participant.id,
                bundle_policy_id=scene.policies["drawn"].id,
                format=1,
                day=day,
                payload=b"x",
            )
            for number in range(count)
        )


def test_counts_are_those_of_the_user_alone(scene: Scene, store: Store) -> None:
    other = make_scene(store, "other")
    store_releases(scene, 3)
    store_releases(scene, 2, DAY - datetime.timedelta(7), first=10)
    store_releases(other, 5)
    with store.reading() as session:
        stored = stored_of(session, scene.participant.id, store.now())
    assert (stored.releases, stored.days, stored.last) == (5, 2, DAY)
    assert [row.releases for row in stored.devices] == [5]
    assert [(row.policy, row.releases) for row in stored.bundles] == [("drawn", 5)]
    assert len(stored.consents) == len(Purpose) * len(scene.policies)


def test_bundles_of_one_name_and_policy_differ_by_digest(scene: Scene, store: Store) -> None:
    store_releases(scene, 1)
    newer = bundle_file(1)
    with store.transaction() as session:
        bundle = register_bundle(session, store, scene.study.id, parse_bundle(newer.read_bytes()))
        labels = bundle_labels(session, scene.study.id)
        limits = limits_of_user(session, scene.participant.id)
        (row,) = stored_of(session, scene.participant.id, store.now()).bundles
    date = "28 November 2026"
    digests = (scene.bundle.digest, bundle.digest)
    expected = {f"synthetic ({digest[:8]}, {date})" for digest in digests}
    assert set(labels.values()) == expected
    assert row.bundle == limits[0].bundle == labels[scene.policies["drawn"].id]


def test_the_newest_version_of_a_consent_counts(scene: Scene, store: Store) -> None:
    digest = scene.policies["drawn"].digest
    with store.transaction() as session:
        set_consent(store, session, scene.participant.id, digest, given=False)
        stored = stored_of(session, scene.participant.id, store.now())
    rows = [row for row in stored.consents if (row.digest, row.purpose) == (digest, "storage")]
    assert [(row.version, row.is_consent) for row in rows] == [(2, False)]


def test_a_new_user_may_decide_about_every_policy_in_use(scene: Scene, store: Store) -> None:
    with store.transaction() as session:
        user = create_participant(session, store, scene.study.id, "new")
        stored = stored_of(session, user.id, store.now())
    assert len(stored.consents) == len(Purpose) * len(scene.policies)
    assert {(row.version, row.is_consent) for row in stored.consents} == {(0, False)}


def test_a_user_without_releases_has_no_limits(scene: Scene, store: Store) -> None:
    with store.reading() as session:
        assert limits_of_user(session, scene.participant.id) == []


def test_a_deleted_user_is_absent(store: Store) -> None:
    with store.reading() as session, pytest.raises(Problem, match="no such user"):
        stored_of(session, 12345, store.now())


def test_overdue_retention_is_a_fault(scene: Scene, store: Store) -> None:
    store_releases(scene, 1)
    with store.reading() as session:
        assert all(check.is_good for check in server_state.checks(store, session))
    store_releases(scene, 1, DAY - datetime.timedelta(400), first=50)
    with store.reading() as session:
        faults = [row for row in server_state.checks(store, session) if not row.is_good]
    assert [(row.name, row.detail) for row in faults] == [("Retention", "of mood")]


def test_an_operator_sees_counts_of_studies(store: Store) -> None:
    for name in ("mood", "other"):
        make_scene(store, name)
    with store.reading() as session:
        rows = server_state.studies(session)
        facts = server_state.facts(session)
    assert [(row.name, row.participants, row.devices) for row in rows] == [
        ("mood", 1, 1),
        ("other", 1, 1),
    ]
    assert facts["Kind"].startswith(("SQLite", "PostgreSQL"))
