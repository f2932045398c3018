"""Invitations, recovery and the API of accounts."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from sordino.errors import SordinoError
from sordino.server.access.invitation import (
    INVITATION_SECONDS,
    first_operator,
    recover_login,
)
from sordino.server.database.account_tables import Account, Invitation
from sordino.server.database.tables import Participant
from sordino.server.pages.user_pages import RECOVERY_SECONDS
from sordino.server.registry.studies import create_participant
from tests.server.access.conftest import PASSWORD, Browser

NEW = {"login": "Zoe", "password": PASSWORD, "password_again": PASSWORD}


@pytest.fixture
def invite(browser, people):
    """Invites a new participant of the study mood; the path of the link."""

    def send(login: str = "mood-lab", **body) -> str:
        body = body or {"role": "user", "participant": "p-zoe"}
        answer = browser.post("/v1/invitations", json=body, headers=people.token(login))
        assert answer.status_code == 201, answer.text
        return str(answer.json()["address"].removeprefix("http://127.0.0.1:8000"))

    with people.store.transaction() as session:
        study = session.get_one(Account, people.accounts["mood-lab"]).study_id
        create_participant(session, people.store, study, "p-zoe")
    return send


def test_an_invited_user_has_an_account(browser, invite):
    path = invite()
    assert "invitation to the study mood" in browser.get(path).text
    assert browser.post(path, data=NEW).status_code == 303
    assert "zoe" in browser.get("/account").text


def test_an_invitation_is_valid_once(app, browser, invite):
    path = invite()
    browser.post(path, data=NEW)
    other = Browser(app)
    assert other.get(path).status_code == 404
    assert other.post(path, data={**NEW, "login": "other"}).status_code == 404


def test_an_invitation_expires(browser, invite, clock):
    path = invite()
    clock.time += INVITATION_SECONDS
    assert browser.post(path, data=NEW).status_code == 404


def test_a_later_invitation_ends_the_earlier(browser, invite):
    first, second = invite(), invite()
    assert browser.get(first).status_code == 404
    assert browser.get(second).status_code == 200


def test_a_refused_form_keeps_the_invitation(browser, invite):
    path = invite()
    for wrong in (
        {**NEW, "password_again": "x"},
        {**NEW, "login": "ada"},
        {**NEW, "login": "a b"},
        {"login": "zoe", "password": "short", "password_again": "short"},
    ):
        assert browser.post(path, data=wrong).status_code in (409, 422)
    assert browser.post(path, data=NEW).status_code == 303


def test_invitations_of_other_sites_are_refused(browser, invite):
    path = invite()
    headers = {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"}
    assert browser.post(path, data=NEW, headers=headers).status_code == 403


def test_invitations_stay_inside_a_study(browser, people):
    for login, body, status in (
        ("mood-lab", {"role": "user", "participant": "p-eve"}, 404),
        ("mood-lab", {"role": "user", "participant": "p-eve", "study": "other"}, 404),
        ("mood-lab", {"role": "user", "participant": "p-ada"}, 409),
        ("mood-lab", {"role": "researcher", "study": "other"}, 404),
        ("mood-lab", {"role": "operator"}, 403),
        ("mood-lab", {"role": "user"}, 422),
        ("mood-lab", {"role": "root"}, 422),
        ("mood-lab", {"role": "user", "participant": "p-zoe", "extra": 1}, 422),
        ("ada", {"role": "user", "participant": "p-ada"}, 403),
        ("root", {"role": "operator", "study": "mood"}, 422),
        ("root", {"role": "researcher"}, 422),
        ("root", {"role": "researcher", "study": "none"}, 404),
    ):
        answer = browser.post("/v1/invitations", json=body, headers=people.token(login))
        assert answer.status_code == status, (login, body)
    with people.store.reading() as session:
        assert session.scalar(select(Invitation.id)) is None


def test_an_operator_invites_every_role(browser, invite, people):
    for number, body in enumerate(
        [
            {"role": "operator"},
            {"role": "researcher", "study": "mood"},
            {"role": "user", "study": "mood", "participant": "p-zoe"},
        ]
    ):
        path = invite("root", **body)
        login = f"person-{number}"
        assert browser.post(path, data={**NEW, "login": login}).status_code == 303
        with people.store.reading() as session:
            account = session.scalar(select(Account).where(Account.login == login))
        assert account.role == body["role"]


def test_recovery_removes_everything_that_opened(app, browser, people):
    token, number = people.token("ada"), people.accounts["ada"]
    browser.sign_in("ada")
    headers = people.token("mood-lab")
    answer = Browser(app).post(f"/v1/accounts/{number}/recovery", headers=headers)
    path = answer.json()["address"].removeprefix("http://127.0.0.1:8000")
    assert browser.get("/account").status_code == 200
    new = "another horse and battery"
    form = {"login": "ignored", "password": new, "password_again": new}
    person = Browser(app)
    assert person.post(path, data=form).status_code == 303
    assert person.get("/account").status_code == 200
    assert browser.get("/account").status_code == 401
    assert browser.get("/v1/account", headers=token).status_code == 401
    assert browser.sign_in("ada").status_code == 401
    assert browser.sign_in("ada", new).status_code == 303
    log = browser.get("/v1/participants/me/log", headers=people.token("ada")).json()["entries"]
    changes = [entry["details"].get("change") for entry in log]
    assert changes[-2:] == ["recovered", "recovery"]


def test_the_page_of_a_user_tells_of_a_recovery_link(browser, people, clock):
    browser.sign_in("ada")
    assert "new password" not in browser.get("/me").text
    path = f"/v1/accounts/{people.accounts['ada']}/recovery"
    assert browser.post(path, headers=people.token("mood-lab")).status_code == 201
    assert "new password" in browser.get("/me").text
    clock.time += RECOVERY_SECONDS + 1
    browser.sign_in("ada")
    assert "new password" not in browser.get("/me").text


def test_a_researcher_administers_their_users_alone(browser, people):
    headers = people.token("mood-lab")
    for act in ("recovery", "disable", "enable"):
        numbers = [people.accounts[login] for login in ("eve", "root", "mood-lab", "other-lab")]
        for number in [*numbers, 999]:
            answer = browser.post(f"/v1/accounts/{number}/{act}", headers=headers)
            assert answer.status_code == 404, (number, act)
        path = f"/v1/accounts/{people.accounts['ada']}/{act}"
        assert browser.post(path, headers=headers).status_code in (201, 204)


def test_a_disabled_account_can_be_enabled(browser, people):
    headers, path = people.token("root"), f"/v1/accounts/{people.accounts['ada']}"
    assert browser.post(f"{path}/disable", headers=headers).status_code == 204
    assert browser.sign_in("ada").status_code == 401
    assert browser.post(f"{path}/enable", headers=headers).status_code == 204
    assert browser.sign_in("ada").status_code == 303


def test_disabling_an_account_ends_its_invitations(browser, invite, people):
    headers, number = people.token("root"), people.accounts["mood-lab"]
    paths = [invite(), invite("mood-lab", role="researcher")]
    other = invite("other-lab", role="researcher")
    for act in ("disable", "enable"):
        assert browser.post(f"/v1/accounts/{number}/{act}", headers=headers).status_code == 204
        assert [browser.get(path).status_code for path in paths] == [404, 404]
        assert browser.post(paths[1], data=NEW).status_code == 404
    assert browser.get(other).status_code == 200


def test_an_invitation_of_a_disabled_account_is_refused(browser, invite, people):
    """Also one that was made while the account was disabled."""
    path = invite("mood-lab", role="researcher")
    with people.store.transaction() as session:
        session.get_one(Account, people.accounts["mood-lab"]).disabled = 1
    assert browser.post(path, data=NEW).status_code == 404


def test_open_invitations_are_listed_and_ended(browser, invite, people):
    path = invite()
    invite("other-lab", role="researcher")
    for login in ("ada", "mood-lab"):
        recovery = f"/v1/accounts/{people.accounts[login]}/recovery"
        assert browser.post(recovery, headers=people.token("root")).status_code == 201
    lab, root = people.token("mood-lab"), people.token("root")
    rows = browser.get("/v1/invitations", headers=lab).json()
    assert [(row["participant"], row["inviter"], row["account"]) for row in rows] == [
        ("p-zoe", people.accounts["mood-lab"], None),
        ("p-ada", people.accounts["root"], people.accounts["ada"]),
    ]
    every = browser.get("/v1/invitations", headers=root).json()
    assert len(every) == 4
    for row in every:
        seen = row in rows
        answer = browser.delete(f"/v1/invitations/{row['number']}", headers=lab)
        assert answer.status_code == (204 if seen else 404)
    assert browser.get(path).status_code == 404


def test_a_researcher_lists_their_study_without_logins(browser, people):
    rows = browser.get("/v1/accounts", headers=people.token("mood-lab")).json()
    assert {row["number"] for row in rows} == {
        people.accounts[login] for login in ("mood-lab", "ada", "bob")
    }
    assert {row["login"] for row in rows if row["role"] == "user"} == {None}
    assert {row["participant"] for row in rows} == {None, "p-ada", "p-bob"}


def test_tokens_are_listed_and_revoked(browser, people):
    first, second = people.token("ada"), people.token("ada", read_only=True)
    rows = browser.get("/v1/account/tokens", headers=first).json()
    assert [row["read_only"] for row in rows] == [False, True]
    other = people.token("bob")
    path = f"/v1/account/tokens/{rows[1]['number']}"
    assert browser.delete(path, headers=other).status_code == 404
    assert browser.delete(path, headers=second).status_code == 403
    assert browser.delete(path, headers=first).status_code == 204
    assert browser.get("/v1/account", headers=second).status_code == 401
    assert browser.get("/v1/account", headers=first).json() == {"role": "user", "login": "ada"}


def test_deleting_a_participant_deletes_the_account(browser, people):
    token = people.token("ada")
    browser.sign_in("ada")
    with people.store.transaction() as session:
        session.delete(session.get_one(Participant, people.participants["ada"].id))
    assert browser.get("/account").status_code == 401
    assert browser.get("/v1/account", headers=token).status_code == 401
    with people.store.reading() as session:
        assert session.get(Account, people.accounts["ada"]) is None


def test_an_operator_is_recovered_from_the_machine(browser, people):
    path = f"/invitation/{recover_login(people.store, 'ROOT')}"
    new = {"password": "another horse and battery"}
    assert browser.post(path, data={**NEW, **new, "password_again": new["password"]}).is_redirect
    assert browser.sign_in("root", new["password"]).status_code == 303
    with pytest.raises(SordinoError, match="login"):
        recover_login(people.store, "nemo")


def test_a_new_server_has_one_first_operator(browser, store):
    first = first_operator(store)
    assert first is not None
    assert first_operator(store) is None
    headers = {"Authorization": f"Bearer {first.token}"}
    assert browser.get("/v1/account", headers=headers).json()["role"] == "operator"
    assert " readonly" in browser.get(f"/invitation/{first.invitation}").text
    form = {"login": "chosen", "password": PASSWORD, "password_again": PASSWORD}
    assert browser.post(f"/invitation/{first.invitation}", data=form).status_code == 303
    assert browser.get("/v1/account", headers=headers).status_code == 401
    assert browser.sign_in("operator").status_code == 303
