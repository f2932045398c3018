"""Trends of users, the table of a cohort and the drift of pass rates."""

from __future__ import annotations

import datetime
import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient
from sqlalchemy import select

from sordino.metrics.prevalence import PassRate, Rates
from sordino.server.database.payloads import encrypt_counts
from sordino.server.database.tables import BundlePolicy, BundleRow, Consent, DailyCount, Participant
from sordino.server.registry.studies import create_participant
from sordino.server.trends.counts import daily_counts, date_of, day_number
from sordino.server.trends.drift import drift, explained
from sordino.server.trends.group_share import group_share
from sordino.server.trends.rates import NO_RATES, policies_without_trend
from sordino.server.trends.user import Step, user_trend
from tests.server.conftest import Scene
from tests.server.rights.conftest import DAY, sign_in

RNG = np.random.default_rng(0)
RATE = PassRate(0.8, 0.05, 30, 300)
FALSE = PassRate(0.1, 0.05, 30, 300)
RATES = Rates(RATE, (FALSE, FALSE), FALSE)
CARD = {
    "emotions": {
        "sad": {"role": "required", **RATE.card()},
        "happy": {"role": "sensitive", **FALSE.card()},
        "neutral": {"role": "neutral", **FALSE.card()},
    },
    "roles": {"required": RATE.card(), "others": FALSE.card()},
}


@pytest.fixture
def database() -> str:
    """SQLite: the database makes no difference."""
    return ""


def set_rates(scene: Scene, rates: dict[str, Any] | None = CARD) -> None:
    with scene.store.transaction() as session:
        session.get_one(BundlePolicy, scene.policies["drawn"].id).rates = rates


def add_days(scene: Scene, user: int, shares: dict[int, float], policy: int, n: int = 60) -> None:
    """Counts of a user by age of the day, with the passes of the rates of the card."""
    cipher = scene.store.keys.cipher(user)
    with scene.store.transaction() as session:
        for age, share in shares.items():
            day = DAY - datetime.timedelta(days=age)
            passes = round(n * (0.8 * share + 0.1 * (1 - share)))
            counts = np.array([n - passes, passes])
            key = {"participant_id": user, "day": day, "bundle_policy_id": policy}
            payload = encrypt_counts(cipher, counts, user, day, policy)
            session.add(DailyCount(**key, payload=payload))


def trend(scene: Scene, days: int, step: Step | None = None):
    with scene.store.reading() as session:
        user = session.get_one(Participant, scene.participant.id)
        first = DAY - datetime.timedelta(days=days - 1)
        policy = scene.policies["drawn"].digest
        return user_trend(session, scene.store, user, policy, first, DAY, step)


def test_shares_of_known_rates_are_recovered(scene: Scene) -> None:
    set_rates(scene)
    truth = {age: 0.2 if age >= 30 else 0.7 for age in range(60)}
    add_days(scene, scene.participant.id, truth, scene.policies["drawn"].id)
    result = trend(scene, 60)
    assert (result.step, result.cannot_tell, len(result.periods)) == (Step.DAY, "", 60)
    for period in result.periods:
        age = (DAY - period.first).days
        if not 26 <= age <= 33:  # a smooth trend lags at a step
            assert period.low <= truth[age] <= period.high
        assert period.high - period.low < 0.4
    assert [abs((DAY - change).days - 29) <= 2 for change in result.changes] == [True]


def test_a_year_is_shown_by_week(scene: Scene) -> None:
    set_rates(scene)
    add_days(
        scene,
        scene.participant.id,
        dict.fromkeys(range(0, 364, 7), 0.4),
        scene.policies["drawn"].id,
    )
    result = trend(scene, 365)
    assert (result.step, len(result.periods)) == (Step.WEEK, 52)
    assert {period.first.weekday() for period in result.periods} == {0}
    assert all((period.last - period.first).days == 6 for period in result.periods)
    assert all(0.2 < period.share < 0.6 for period in result.periods)


def second_bundle(scene: Scene, rates: object) -> int:
    """The same policy in a newer bundle."""
    with scene.store.transaction() as session:
        bundle = BundleRow(study_id=scene.study.id, digest="2" * 64, name="2", created=2, card={})
        session.add(bundle)
        session.flush()
        old = session.get_one(BundlePolicy, scene.policies["drawn"].id)
        row = BundlePolicy(
            bundle_id=bundle.id,
            name=old.name,
            digest=old.digest,
            required=old.required,
            family=old.family,
            width=old.width,
            prototypes=old.prototypes,
            bins=old.bins,
            rates=rates,
        )
        session.add(row)
        session.flush()
        return row.id


def test_two_bundles_of_a_policy_compare(scene: Scene) -> None:
    """The new bundle hits less often; with its own rates the share stays what it was."""
    lower = PassRate(0.5, 0.05, 30, 300)
    card = json.loads(json.dumps(CARD))
    card["emotions"]["sad"] |= lower.card()
    card["roles"]["required"] = lower.card()
    set_rates(scene)
    newer = second_bundle(scene, card)
    user, older = scene.participant.id, scene.policies["drawn"].id
    add_days(scene, user, dict.fromkeys(range(30, 60), 0.5), older)
    cipher = scene.store.keys.cipher(user)
    with scene.store.transaction() as session:
        for age in range(30):
            day = DAY - datetime.timedelta(days=age)
            payload = encrypt_counts(cipher, np.array([42, 18]), user, day, newer)  # s = .3
            key = {"participant_id": user, "day": day, "bundle_policy_id": newer}
            session.add(DailyCount(**key, payload=payload))
    result = trend(scene, 60)
    assert {period.bundle_policy_id for period in result.periods} == {older, newer}
    shares = np.array([period.share for period in result.periods])
    assert abs(shares - 0.5).max() < 0.15
    assert not result.changes


@pytest.mark.parametrize("rates", [None, {}, {"emotions": {}, "roles": []}, {"emotions": 1}])
def test_wrong_cards_give_no_estimate(scene: Scene, rates: dict[str, Any] | None) -> None:
    set_rates(scene, rates)
    add_days(scene, scene.participant.id, {0: 0.5, 1: 0.5}, scene.policies["drawn"].id)
    result = trend(scene, 10)
    assert result.cannot_tell == NO_RATES
    with scene.store.reading() as session:
        assert policies_without_trend(session, scene.bundle.digest) == ["drawn", "label", "noise"]
    assert [(period.releases, period.share) for period in result.periods] == [(60, None)] * 2


def test_a_bundle_without_rates_leaves_gaps(scene: Scene) -> None:
    set_rates(scene)
    newer = second_bundle(scene, None)
    add_days(scene, scene.participant.id, {2: 0.5, 3: 0.5}, scene.policies["drawn"].id)
    add_days(scene, scene.participant.id, {0: 0.5, 1: 0.5}, newer)
    shares = [period.share for period in trend(scene, 10).periods]
    assert [share is None for share in shares] == [False, False, True, True]


def test_trend_over_http(client: TestClient, scene: Scene) -> None:
    set_rates(scene)
    add_days(scene, scene.participant.id, {0: 0.5, 5: 0.5}, scene.policies["drawn"].id)
    own = sign_in(scene.store, "user", scene.study.id, scene.participant.id)
    research = sign_in(scene.store, "researcher", scene.study.id)
    policy = scene.policies["drawn"].digest
    path = f"/v1/participants/p1/trend?policy={policy}"
    answer = client.get(path, headers=own).json()
    assert answer["required"] == "sad"
    assert len(answer["periods"]) == 2
    assert client.get(path, headers=research).json() == answer
    log = client.get("/v1/participants/me/log", headers=own).json()["entries"]
    assert [entry["action"] for entry in log] == ["trend"]  # the user's own reading is not logged
    body = {"purpose": "research", "policy": policy, "given": False}
    client.put("/v1/participants/me/consents", json=body, headers=own)
    refused = client.get(path, headers=research)
    assert (refused.status_code, refused.json()["type"]) == (403, "urn:sordino:consent")
    for query in ("first=2026-11-02&last=2026-11-01", "first=1900-01-01", "last=0001-01-01"):
        status = client.get(f"{path}&{query}", headers=own).status_code
        assert status == (200 if query.startswith("last=") else 422)
    noise = scene.policies["noise"].digest
    assert client.get(f"{path[:-64]}{noise}", headers=own).status_code == 404


def test_cohort_table(client: TestClient, scene: Scene) -> None:
    set_rates(scene)
    policy = scene.policies["drawn"]
    with scene.store.transaction() as session:
        for number in range(8):
            cohort = "a" if number < 4 else "b"
            name = f"u{number}"
            user = create_participant(session, scene.store, scene.study.id, name, cohort)
            given = number != 7
            consent = {"purpose": "research", "policy": policy.digest, "version": 1, "time": 1}
            session.add(Consent(participant_id=user.id, given=given, **consent))
        users = session.scalars(select(Participant).order_by(Participant.pseudonym)).all()
    for user in users[1:5]:
        add_days(scene, user.id, {0: 0.5, 1: 0.5}, policy.id)
    for user in users[5:]:
        add_days(scene, user.id, dict.fromkeys(range(3), 1.6), policy.id)  # s = 1.2: all pass
    headers = sign_in(scene.store, "researcher", scene.study.id)
    answer = client.get("/v1/cohort?first=2026-11-20&last=2026-11-27", headers=headers).json()
    rows = {row["pseudonym"]: row for row in answer["users"]}
    assert rows["p1"] == {
        "pseudonym": "p1", "cohort": "", "paused": False, "stores": True, "shares_trend": True,
        "devices": 1, "days": 0, "missing_days": 0, "last_day": None,
    }  # fmt: skip
    assert (rows["u7"]["days"], rows["u7"]["shares_trend"]) == (3, False)
    drifts = {row["cohort"]: row for row in answer["drifts"] if row["policy"] == policy.digest}
    assert {name: row["users"] for name, row in drifts.items()} == {None: 7, "a": 4, "b": 3}
    assert (drifts["a"]["is_alarm"], drifts["b"]["is_alarm"]) == (False, True)
    assert drifts["b"]["note"].startswith("more releases pass")
    assert answer["is_alarm"] is True
    assert "share" not in json.dumps(answer["users"]).replace("shares_trend", "")


def test_drift_has_no_alarm_for_any_share(scene: Scene) -> None:
    """The null: persons with rates like those of the card, at shares from 0 to 1."""
    policy, alarms = scene.policies["drawn"], 0
    for _ in range(400):
        share = RNG.uniform()
        hits, passes = (RNG.normal(mean, 0.05, 12) for mean in (0.8, 0.1))
        s = np.clip(share * hits + (1 - share) * passes, 0, 1)
        alarms += drift(policy, None, s.tolist(), RATES).is_alarm
    assert alarms <= 2
    low, high = explained(RATES, 12)
    assert drift(policy, None, [low - 0.01] * 12, RATES).is_alarm
    assert drift(policy, None, [high + 0.01] * 12, RATES).is_alarm
    assert not drift(policy, None, [1.0, 1.0], RATES).is_alarm


def test_group_share_covers_the_truth() -> None:
    """Groups of 20 users at a share of .3, and a card of 30 speakers: 95 % limits."""
    covered = 0
    for _ in range(400):
        card_h, card_f = (float(RNG.normal(m, 0.05, 30).mean()) for m in (0.8, 0.1))
        required, false = replace(RATE, share=card_h), replace(FALSE, share=card_f)
        hits, passes = (RNG.normal(mean, 0.05, 20) for mean in (0.8, 0.1))
        s = RNG.binomial(60, 0.3 * hits + 0.7 * passes) / 60
        share = group_share(
            s.mean(), s.std(ddof=1) / np.sqrt(20), Rates(required, (false, false), false)
        )
        assert share.low is not None
        assert share.high is not None
        covered += share.low <= 0.3 <= share.high
    assert covered / 400 > 0.92
    assert group_share(0.3, 0.1, None) == (None, None, None)


def test_a_card_without_speakers_of_other_emotions_is_no_error() -> None:
    rates = Rates(RATE, (FALSE, FALSE), replace(FALSE, speakers=0))
    share = group_share(0.3, 0.1, rates).share
    assert share is None or 0 <= share <= 1


def test_counts_skip_users_without_key(scene: Scene) -> None:
    policy, user = scene.policies["drawn"].id, scene.participant.id
    add_days(scene, user, {0: 0.5, 3: 0.1}, policy)
    with scene.store.reading() as session:
        counts = daily_counts(session, scene.store, [user], [policy], DAY.replace(day=1), DAY)[user]
        assert [date_of(day) for day in counts.day] == [DAY - datetime.timedelta(days=3), DAY]
        assert day_number(DAY) == counts.day[-1]
        assert counts.total.tolist() == [60, 60]
        scene.store.keys.destroy(user, 1)
        assert daily_counts(session, scene.store, [user], [policy], DAY, DAY) == {}
