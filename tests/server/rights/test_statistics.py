"""Statistics of groups, and attacks on them by differencing."""

from __future__ import annotations

import datetime
import itertools
import math
from collections.abc import Mapping, Sequence

import numpy as np
import pytest
from fastapi.testclient import TestClient

from sordino.server.access.context import Access
from sordino.server.database.payloads import encrypt_counts
from sordino.server.database.rights_tables import GroupMember, GroupStatistic
from sordino.server.database.tables import (
    BundlePolicy,
    Consent,
    DailyCount,
    Participant,
    Purpose,
    StudyRow,
)
from sordino.server.groups import statistics
from sordino.server.groups.private_sums import _mechanisms, private_sum
from sordino.server.groups.statistics import closed_weeks, compute_statistics, set_budget, spent
from sordino.server.registry.studies import create_participant
from sordino.server.rights import audit
from sordino.server.rights.deletion import delete_user
from tests.server.conftest import Clock, Scene
from tests.server.rights.conftest import sign_in
from tests.server.rights.test_trends import CARD

NUMBERS = itertools.count()


@pytest.fixture
def database() -> str:
    """SQLite: the database makes no difference."""
    return ""


def add_users(
    scene: Scene, cohorts: Mapping[str, Sequence[float]], week: datetime.date, releases: int = 20
) -> dict[str, list[int]]:
    """Users by cohort, each with a share of passes in a week. They consent to statistics."""
    store, policy = scene.store, scene.policies["drawn"]
    numbers: dict[str, list[int]] = {}
    with store.transaction() as session:
        for cohort, shares in cohorts.items():
            for share in shares:
                number = next(NUMBERS)
                user = create_participant(session, store, scene.study.id, f"u{number}", cohort)
                numbers.setdefault(cohort, []).append(user.id)
                consent = {"purpose": Purpose.GROUP, "policy": policy.digest, "version": 1}
                session.add(Consent(participant_id=user.id, given=True, time=1, **consent))
                add_counts(session, scene, user.id, share, week, releases)
    return numbers


def add_counts(session, scene: Scene, user: int, share: float, week, releases: int = 20) -> None:
    passes = round(share * releases)
    policy, cipher = scene.policies["drawn"].id, scene.store.keys.cipher(user)
    counts = np.array([releases - passes, passes])
    payload = encrypt_counts(cipher, counts, user, week, policy)
    key = {"participant_id": user, "day": week, "bundle_policy_id": policy}
    session.merge(DailyCount(**key, payload=payload))


def tables(scene: Scene) -> dict[str, GroupStatistic]:
    """The stored statistics by cohort, `*` for the whole study."""
    with scene.store.reading() as session:
        rows = statistics.statistics_of(session, scene.study.id)
    return {"*" if row.whole else row.cohort: row for row in rows}


@pytest.fixture
def week(clock: Clock) -> datetime.date:
    return closed_weeks(int(clock.time))[-1]


def test_a_week_closes_after_its_grace(clock: Clock) -> None:
    last = closed_weeks(int(clock.time))[-1]
    assert last.weekday() == 0
    end = last + datetime.timedelta(days=7)
    today = datetime.datetime.fromtimestamp(clock.time, datetime.UTC).date()
    assert 7 <= (today - end).days < 14


@pytest.mark.parametrize("smallest", [2, 10, 12])
def test_a_group_needs_ten_users_or_more(scene: Scene, week, smallest: int) -> None:
    with scene.store.transaction() as session:
        session.get_one(StudyRow, scene.study.id).smallest_group = smallest
    add_users(scene, {"": [0.1] * 9 + [0.8]}, week)
    assert compute_statistics(scene.store, scene.study.id) == 1
    row = tables(scene)["*"]
    if smallest == 12:
        assert (row.table, row.withheld) == (None, "few-users")
    else:
        assert row.table == {"users": 10, "passes": 0.17, "standard_error": 0.07, "epsilon": None}


def test_nine_users_show_nothing(scene: Scene, week) -> None:
    add_users(scene, {"": [0.5] * 9}, week)
    add_users(scene, {"": [0.5]}, week, releases=4)  # too few releases to count
    compute_statistics(scene.store, scene.study.id)
    assert tables(scene)["*"].withheld == "few-users"


def test_a_user_counts_once_however_many_releases(scene: Scene, week) -> None:
    add_users(scene, {"": [0.0] * 10}, week)
    add_users(scene, {"": [1.0]}, week, releases=10_000)
    compute_statistics(scene.store, scene.study.id)
    assert (tables(scene)["*"].table or {})["passes"] == pytest.approx(1 / 11, abs=0.005)


def test_a_user_who_joins_later_changes_nothing(scene: Scene, week) -> None:
    """The attacker asks, adds a user or their late releases, and asks again."""
    users = add_users(scene, {"": [0.2] * 10}, week)[""]
    compute_statistics(scene.store, scene.study.id)
    before = tables(scene)["*"].table
    add_users(scene, {"": [0.9]}, week)
    with scene.store.transaction() as session:
        add_counts(session, scene, users[0], 1.0, week, 100)
    for _ in range(3):
        assert compute_statistics(scene.store, scene.study.id) == 0
    assert tables(scene)["*"].table == before


def test_small_complements_are_withheld(scene: Scene, week) -> None:
    """Whole study minus the cohorts shown would be about three users."""
    add_users(scene, {"a": [0.2] * 12, "b": [0.9] * 3}, week)
    compute_statistics(scene.store, scene.study.id)
    rows = tables(scene)
    reasons = {name: row.withheld for name, row in rows.items()}
    assert reasons == {"a": "", "b": "few-users", "*": "complement"}


def test_large_complements_are_shown(scene: Scene, week) -> None:
    add_users(scene, {"a": [0.2] * 12, "b": [0.9] * 6, "c": [0.9] * 5}, week)
    compute_statistics(scene.store, scene.study.id)
    reasons = {name: row.withheld for name, row in tables(scene).items()}
    assert reasons == {"a": "", "b": "few-users", "c": "few-users", "*": ""}


def test_overlapping_cohorts_cannot_be_asked_for(scene: Scene, week) -> None:
    """A user who is moved to another cohort changes no table of a stored week."""
    users = add_users(scene, {"a": [0.2] * 11, "b": [0.9] * 11}, week)
    compute_statistics(scene.store, scene.study.id)
    before = {name: row.table for name, row in tables(scene).items()}
    with scene.store.transaction() as session:
        session.get_one(Participant, users["a"][0]).cohort = "b"
    compute_statistics(scene.store, scene.study.id)
    assert {name: row.table for name, row in tables(scene).items()} == before


@pytest.mark.parametrize("rest", [0, 13])
def test_a_withdrawn_week_is_never_shown_again(scene: Scene, week, rest: int) -> None:
    """Cohort a of 11 was seen; the whole study without one of them would show that one."""
    users = add_users(scene, {"a": [0.2] * 10 + [0.9], "b": [0.9] * (12 + rest)}, week)
    compute_statistics(scene.store, scene.study.id)
    assert {row.withheld for row in tables(scene).values()} == {""}
    key = Access(scene.store.settings).key
    for user in [*users["a"][:1], *users["b"][:12]]:
        delete_user(scene.store, key, user, "test")
        assert compute_statistics(scene.store, scene.study.id) == 0
    add_users(scene, {"a": [0.2] * 12, "c": [0.5] * 12}, week)
    assert compute_statistics(scene.store, scene.study.id) == 0
    rows = tables(scene)
    assert {name: (row.table, row.withheld) for name, row in rows.items()} == dict.fromkeys(
        ("a", "b", "*"), (None, "deletion")
    )


def test_only_users_who_consent_count(scene: Scene, week) -> None:
    users = add_users(scene, {"": [0.2] * 10}, week)[""]
    with scene.store.transaction() as session:
        newest = {"participant_id": users[0], "purpose": Purpose.GROUP, "version": 2}
        policy = scene.policies["drawn"].digest
        session.add(Consent(**newest, policy=policy, given=False, time=0))
    compute_statistics(scene.store, scene.study.id)
    assert tables(scene)["*"].withheld == "few-users"


def test_budget_ends_statistics_with_noise(scene: Scene, clock: Clock) -> None:
    weeks = closed_weeks(int(clock.time))[-3:]
    with scene.store.transaction() as session:
        set_budget(session, scene.study.id, 1.0, 0.5)
    for week in weeks:
        add_users(scene, {"a": [0.2] * 20, "b": [0.6] * 20}, week)
    compute_statistics(scene.store, scene.study.id)
    with scene.store.snapshot() as session:
        rows = statistics.statistics_of(session, scene.study.id)
        assert spent(session, scene.study.id) == 1.0  # cohorts are disjoint: they do not add up
        assert session.query(GroupMember).count() == 0
        assert audit.verify(session).number == 3
    withheld = {week: {row.withheld for row in rows if row.week == week} for week in weeks}
    assert list(withheld.values()) == [{""}, {""}, {"budget"}]
    noisy = [row.table for row in rows if row.table]
    assert {table["epsilon"] for table in noisy} == {0.5}
    assert all(0 <= table["passes"] <= 1 for table in noisy)


def test_noise_is_of_the_stated_scale() -> None:
    """Laplace noise of scale 2 / epsilon on sum and number; a share above 1 is clamped."""
    draws = [private_sum([0.5] * 30 + [50.0], 1.0) for _ in range(400)]
    totals, counts = (np.array([getattr(d, name) for d in draws]) for name in ("total", "count"))
    for values, mean in ((totals, 16.0), (counts, 31.0)):
        assert abs(values.mean() - mean) < 5 * math.sqrt(8 / len(values))
        assert values.std() == pytest.approx(math.sqrt(8), rel=0.35)
    assert draws[0].total_variance == pytest.approx(8, rel=1e-3)


@pytest.mark.parametrize("epsilon", [0.1, 1.0, 10.0])
def test_neighbours_differ_by_epsilon(epsilon: float) -> None:
    """OpenDP's own bound for data that differ in one user."""
    mechanisms = _mechanisms(epsilon)
    spending = mechanisms.total.map(1) + mechanisms.count.map(1)
    assert 0.99 * epsilon < spending <= epsilon


def test_statistics_over_http(client: TestClient, scene: Scene, week) -> None:
    with scene.store.transaction() as session:
        session.get_one(BundlePolicy, scene.policies["drawn"].id).rates = CARD
    add_users(scene, {"a": [0.45] * 12, "b": [0.45] * 3}, week)
    compute_statistics(scene.store, scene.study.id)
    headers = sign_in(scene.store, "researcher", scene.study.id)
    rows = client.get("/v1/statistics", headers=headers).json()["statistics"]
    assert [(row["cohort"], row["withheld"]) for row in rows] == [
        ("", "complement"),
        ("a", ""),
        ("b", "few-users"),
    ]
    assert (rows[1]["users"], rows[1]["passes"], rows[1]["share"]) == (12, 0.45, 0.5)
    assert rows[1]["low"] < 0.5 < rows[1]["high"]
    assert {rows[0][name] for name in ("users", "passes", "share", "low", "high")} == {None}


def test_budget_over_http(client: TestClient, scene: Scene) -> None:
    operator = sign_in(scene.store, "operator")
    path, budget = "/v1/studies/mood/budget", {"epsilon": 2, "epsilon_per_table": 0.5}
    answer = client.put(path, json=budget, headers=operator)
    assert answer.json() == {"epsilon": 2.0, "epsilon_per_table": 0.5, "spent": 0.0}
    for change in ({"epsilon": 0.1}, {"epsilon": -1}, {"epsilon": "x"}, {"further": 1}):
        assert client.put(path, json=budget | change, headers=operator).status_code == 422
    assert client.put("/v1/studies/none/budget", json=budget, headers=operator).status_code == 404
    researcher = sign_in(scene.store, "researcher", scene.study.id)
    assert client.put(path, json=budget, headers=researcher).status_code == 403
    assert client.get("/v1/budget", headers=researcher).json() == answer.json()


def test_audit_over_http(client: TestClient, scene: Scene) -> None:
    operator = sign_in(scene.store, "operator")
    client.get("/v1/cohort", headers=sign_in(scene.store, "researcher", scene.study.id))
    state = client.get("/v1/audit", headers=operator).json()
    assert (state["entries"], state["intact"]) == (1, True)
    known = f"/v1/audit?number=1&digest={state['digest']}"
    assert client.get(known, headers=operator).json()["intact"] is True
    wrong = client.get(f"/v1/audit?number=2&digest={state['digest']}", headers=operator).json()
    assert (wrong["intact"], "entry 2" in wrong["fault"]) == (False, True)
