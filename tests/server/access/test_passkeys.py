"""Passkeys: a right one signs in; one of another site, copied or replayed does not."""

from __future__ import annotations

import copy
from itertools import product

import pytest

from sordino.server.access.csrf import csrf_token
from sordino.server.access.passkey import CHALLENGE_SECONDS
from tests.server.access.authenticator import Authenticator, encode
from tests.server.access.conftest import ADDRESS, Browser

HOST = "127.0.0.1"


def register(browser, authenticator):
    headers = {"X-CSRF-Token": csrf_token(browser.cookies["sordino"])}
    options = browser.post("/account/passkeys/options", headers=headers).json()
    return browser.post("/account/passkeys", json=authenticator.create(options), headers=headers)


@pytest.fixture
def authenticator(app, people):
    assert people
    signed = Browser(app)
    signed.sign_in("ada")
    passkey = Authenticator(ADDRESS, HOST)
    assert register(signed, passkey).status_code == 200
    return passkey


def sign_in(browser, authenticator, change=None):
    options = browser.post("/sign-in/passkey/options").json()
    credential = authenticator.get(options)
    if change:
        change(credential)
    return browser.post("/sign-in/passkey", json=credential)


def test_a_passkey_signs_in(browser, authenticator):
    assert sign_in(browser, authenticator).json() == {"next": "/"}
    assert "ada" in browser.get("/account").text
    assert sign_in(browser, authenticator).status_code == 200


@pytest.mark.parametrize(("origin", "host"), [("https://evil.example", HOST), (ADDRESS, "evil")])
def test_a_passkey_of_another_site_is_refused(browser, authenticator, origin, host):
    authenticator.origin, authenticator.host = origin, host
    assert sign_in(browser, authenticator).status_code == 403


def test_an_answer_is_accepted_once(app, browser, authenticator):
    authenticator.count = -1  # zero, as of passkeys that count nothing
    options = browser.post("/sign-in/passkey/options").json()
    credential = authenticator.get(options)
    thief = Browser(app)
    thief.cookies.set("sordino_challenge", browser.cookies["sordino_challenge"])
    assert browser.post("/sign-in/passkey", json=credential).status_code == 200
    assert thief.post("/sign-in/passkey", json=credential).status_code == 403


def test_another_spelling_of_a_challenge_is_refused(app, browser, authenticator):
    """Standard base64, with `+` and `/`, of the same bytes."""
    authenticator.count = -1
    options, sealed = browser.post("/sign-in/passkey/options").json(), ""
    while not {"-", "_"} & set(sealed):
        options = browser.post("/sign-in/passkey/options").json()
        sealed = browser.cookies["sordino_challenge"]
    credential = authenticator.get(options)
    assert browser.post("/sign-in/passkey", json=credential).status_code == 200
    thief = Browser(app)
    thief.cookies.set("sordino_challenge", sealed.replace("-", "+").replace("_", "/"))
    assert thief.post("/sign-in/passkey", json=credential).status_code == 403


def test_an_answer_to_another_browser_is_refused(app, browser, authenticator):
    credential = authenticator.get(Browser(app).post("/sign-in/passkey/options").json())
    assert browser.post("/sign-in/passkey", json=credential).status_code == 403
    browser.post("/sign-in/passkey/options")
    assert browser.post("/sign-in/passkey", json=credential).status_code == 403


def test_a_challenge_expires(browser, authenticator, clock):
    options = browser.post("/sign-in/passkey/options").json()
    clock.time += CHALLENGE_SECONDS
    answer = browser.post("/sign-in/passkey", json=authenticator.get(options))
    assert answer.status_code == 403


def test_a_copied_passkey_is_noticed(browser, authenticator):
    clone = copy.copy(authenticator)
    sign_in(browser, authenticator)
    assert sign_in(browser, clone).status_code == 403


def test_an_unlocked_authenticator_is_required(browser, authenticator):
    authenticator.verified = False
    assert sign_in(browser, authenticator).status_code == 403


def test_a_foreign_key_or_signature_is_refused(browser, authenticator):
    stranger = Authenticator(ADDRESS, HOST)
    assert sign_in(browser, stranger).status_code == 403
    stranger.credential_id = authenticator.credential_id
    assert sign_in(browser, stranger).status_code == 403


def test_a_malformed_answer_is_refused(browser, authenticator):
    assert authenticator
    browser.post("/sign-in/passkey/options")
    for credential in (
        {},
        {"rawId": 1},
        {"rawId": "é"},
        {"rawId": "AA", "response": None},
        {"id": "AA", "rawId": "AA", "type": "x", "response": {}},
    ):
        status = browser.post("/sign-in/passkey", json=credential).status_code
        assert status == 403, credential


def test_a_changed_answer_is_refused(browser, authenticator):
    values = ("", "A", encode(b"{}"), encode(bytes(500)), None, 3)
    for field, value in product(("clientDataJSON", "authenticatorData", "signature"), values):

        def change(credential, field=field, value=value):
            credential["response"][field] = value

        assert sign_in(browser, authenticator, change).status_code == 403, (field, value)


def test_another_handle_is_refused(browser, authenticator):
    authenticator.handle = encode(bytes(32))
    assert sign_in(browser, authenticator).status_code == 403


def test_a_passkey_belongs_to_one_account(app, authenticator):
    thief = Browser(app)
    thief.sign_in("bob")
    assert register(thief, authenticator).status_code == 403


def test_a_removed_passkey_is_refused(app, browser, authenticator):
    other = Browser(app)
    other.sign_in("bob")
    assert other.submit("/account/passkeys/1/remove").status_code == 404
    sign_in(browser, authenticator)
    assert browser.submit("/account/passkeys/1/remove").status_code == 303
    assert sign_in(Browser(app), authenticator).status_code == 403


def test_the_handle_is_no_name_of_a_person(authenticator):
    assert "ada" not in authenticator.handle
    assert len(authenticator.handle) == 43
