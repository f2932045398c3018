"""Sign-in with passwords and codes: guarantees against guessing, replay and other sites."""

from __future__ import annotations

import logging
import re
import statistics
import time

import pyotp
import pytest
from argon2 import PasswordHasher
from sqlalchemy import select

from sordino.server.access.context import ATTEMPTS_PER_LOGIN
from sordino.server.access.csrf import csrf_token
from sordino.server.access.password import Passwords
from sordino.server.access.session import FRESH_SECONDS, IDLE_SECONDS, SESSION_SECONDS
from sordino.server.access.totp import store_secret
from sordino.server.database.account_tables import Account, ApiToken, BrowserSession
from tests.server.access.conftest import PASSWORD, Browser

pytestmark = pytest.mark.usefixtures("people")

OTHER_SITES = [
    {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"},
    {"Origin": "http://127.0.0.1:8001", "Sec-Fetch-Site": "same-site"},
    {"Origin": "null", "Sec-Fetch-Site": "cross-site"},
    {"Origin": "https://evil.example"},
    {"Origin": "null"},
    {"Origin": "null", "Sec-Fetch-Site": "none"},
]


def add_totp(store, access, people, login):
    secret = pyotp.random_base32()
    with store.transaction() as session:
        store_secret(session, access.key, session.get_one(Account, people.accounts[login]), secret)
    return pyotp.TOTP(secret)


def test_a_right_password_signs_in(browser):
    answer = browser.sign_in("ada")
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    cookie = answer.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "samesite=strict" in cookie.lower()
    assert browser.get("/account").status_code == 200


def test_cookies_are_secure_behind_https(access, browser):
    access.secure = True
    cookies = browser.sign_in("ada").headers.get_list("set-cookie")
    assert cookies[0].startswith("__Host-sordino=")
    assert all("Secure" in cookie and "Domain" not in cookie for cookie in cookies)


def test_a_wrong_sign_in_has_one_answer(browser):
    logins = ("ada", "nemo", "a b", "", "x" * 5000, "ada\0")
    answers = [browser.sign_in(login, "wrong" * 5) for login in logins]
    assert {answer.status_code for answer in answers} == {401}
    assert len({answer.text for answer in answers}) == 1
    assert "sordino" not in browser.cookies


def test_unknown_logins_take_as_long_as_known(people, access):
    access.passwords = Passwords(PasswordHasher(2, 8192, 1))
    with people.store.transaction() as session:
        row = session.get_one(Account, people.accounts["ada"])
        row.password_hash = access.passwords.hash(PASSWORD)
    access.passwords.check(None, "warm")
    seconds: dict[str, list[float]] = {"ada": [], "nemo": []}
    for _ in range(8):
        for login, times in seconds.items():
            start = time.perf_counter()
            access.passwords.check(row.password_hash if login == "ada" else None, "wrong")
            times.append(time.perf_counter() - start)
    known, unknown = (statistics.median(times) for times in seconds.values())
    assert 0.5 < unknown / known < 2


def test_an_old_hash_is_renewed(browser, people, access):
    old = PasswordHasher(1, 16, 1).hash(PASSWORD)
    with people.store.transaction() as session:
        session.get_one(Account, people.accounts["ada"]).password_hash = old
    assert browser.sign_in("ada").status_code == 303
    with people.store.reading() as session:
        new = session.get_one(Account, people.accounts["ada"]).password_hash
    assert new != old
    assert access.passwords.check(new, PASSWORD).right


def test_forms_of_other_sites_are_refused(browser):
    form = {"login": "ada", "password": PASSWORD}
    browser.sign_in("ada")
    for headers in OTHER_SITES:
        other = {"Sec-Fetch-Site": "", **headers}
        browser.headers["Sec-Fetch-Site"] = other["Sec-Fetch-Site"]
        if not other["Sec-Fetch-Site"]:
            del browser.headers["Sec-Fetch-Site"]
        browser.headers["Origin"] = other["Origin"]
        assert browser.post("/sign-in", data=form).status_code == 403, headers
        assert browser.submit("/sign-out").status_code == 403, headers
    assert browser.get("/account").status_code == 200


def test_forms_need_the_token_of_their_session(browser):
    browser.sign_in("ada")
    for token in ("", "0" * 64, csrf_token("another session"), "é"):
        assert browser.post("/sign-out", data={"csrf": token}).status_code == 403, token
    assert browser.post("/sign-out").status_code == 403
    assert browser.submit("/sign-out").status_code == 303
    assert browser.get("/account").status_code == 401


def test_a_sign_in_changes_the_session(app, browser):
    browser.sign_in("ada")
    first = browser.cookies["sordino"]
    browser.sign_in("ada")
    second = browser.cookies["sordino"]
    assert first != second
    thief = Browser(app)
    thief.cookies.set("sordino", first)
    assert thief.get("/account").status_code == 401


def test_a_planted_session_is_not_adopted(browser):
    form = {"login": "ada", "password": PASSWORD}
    answer = browser.post("/sign-in", data=form, headers={"Cookie": "sordino=planted"})
    assert answer.headers.get_list("set-cookie")[0].startswith("sordino=")
    assert "planted" not in answer.headers["set-cookie"]


def test_idle_sessions_expire(browser, clock):
    browser.sign_in("ada")
    clock.time += IDLE_SECONDS - 1
    assert browser.get("/account").status_code == 200
    clock.time += IDLE_SECONDS
    assert browser.get("/account").status_code == 401


def test_used_sessions_expire_too(browser, clock):
    browser.sign_in("ada")
    for _ in range(SESSION_SECONDS // (IDLE_SECONDS // 2) - 1):
        clock.time += IDLE_SECONDS // 2
        assert browser.get("/account").status_code == 200
    clock.time += IDLE_SECONDS // 2
    assert browser.get("/account").status_code == 401


def test_every_session_and_token_can_be_ended(app, browser, people):
    other, token = Browser(app), people.token("ada")
    for signed in (browser, other):
        signed.sign_in("ada")
    assert browser.submit("/account/sessions/end").status_code == 303
    assert other.get("/account").status_code == 401
    assert browser.get("/v1/account", headers=token).status_code == 401


def test_a_code_is_required_after_a_password(browser, people, store, access, clock):
    totp = add_totp(store, access, people, "ada")
    assert "Enter your code" in browser.sign_in("ada").text
    assert browser.get("/account").status_code == 401
    assert browser.post("/sign-in/code", data={"code": "000000"}).status_code == 401
    answer = browser.post("/sign-in/code", data={"code": totp.at(int(clock.time)), "next": "/me"})
    assert answer.headers["location"] == "/me"
    assert browser.get("/account").status_code == 200


def test_a_code_is_accepted_once(app, people, store, access, clock):
    totp = add_totp(store, access, people, "ada")
    code = totp.at(int(clock.time))
    statuses = []
    for _ in range(2):
        browser = Browser(app)
        browser.sign_in("ada")
        statuses.append(browser.post("/sign-in/code", data={"code": code}).status_code)
    assert statuses == [303, 401]


def test_a_code_without_a_password_is_refused(browser, people, store, access, clock):
    totp = add_totp(store, access, people, "ada")
    code = {"code": totp.at(int(clock.time))}
    assert browser.post("/sign-in/code", data=code).status_code == 401
    browser.sign_in("ada")
    clock.time += 301
    assert browser.post("/sign-in/code", data={"code": totp.at(int(clock.time))}).status_code == 401


def test_codes_cannot_be_searched(browser, people, store, access, clock):
    totp = add_totp(store, access, people, "ada")
    browser.sign_in("ada")
    wrong = f"{(int(totp.at(int(clock.time))) + 1) % 1_000_000:06}"
    statuses = [browser.post("/sign-in/code", data={"code": wrong}).status_code for _ in range(7)]
    assert statuses == [401] * 5 + [429] * 2


def test_passwords_cannot_be_searched(browser):
    statuses = [browser.sign_in("ada", "wrong").status_code for _ in range(12)]
    assert statuses == [401] * ATTEMPTS_PER_LOGIN + [429] * 2
    assert int(browser.sign_in("ada", "wrong").headers["retry-after"]) > 60


def test_strangers_cannot_lock_a_known_browser_out(app, browser):
    browser.sign_in("ada")
    browser.submit("/sign-out")
    stranger = Browser(app)
    while stranger.sign_in("ada", "wrong").status_code == 401:
        pass
    assert stranger.sign_in("ada").status_code == 429
    assert browser.sign_in("ada").status_code == 303


def test_a_known_browser_is_known_to_one_login(app, browser):
    browser.sign_in("ada")
    stranger = Browser(app)
    stranger.cookies.set("sordino_browser", browser.cookies["sordino_browser"])
    statuses = [stranger.sign_in("bob", "wrong").status_code for _ in range(11)]
    assert statuses[-1] == 429


def test_one_network_cannot_try_many_logins(browser):
    statuses = [browser.sign_in(f"login-{i}", "wrong").status_code for i in range(31)]
    assert statuses[-2:] == [401, 429]


def test_right_sign_ins_do_not_count(browser):
    statuses = {browser.sign_in("ada").status_code for _ in range(12)}
    assert statuses == {303}


def test_sign_in_leads_to_no_other_site(browser):
    for path in ("//evil.example", "https://x", "/\\evil", "javascript:1", "/a\nb", "/%5c"):
        form = {"login": "ada", "password": PASSWORD, "next": path}
        assert browser.post("/sign-in", data=form).headers["location"] == "/", path


def test_changes_need_a_recent_sign_in(browser, clock):
    browser.sign_in("ada")
    clock.time += FRESH_SECONDS + 1
    assert browser.submit("/account/tokens", name="x", days="1").status_code == 403
    assert browser.submit("/account/totp/begin").status_code == 403
    assert browser.get("/account").status_code == 200


def test_tokens_cannot_change_what_opens_an_account(browser, people):
    for path in ("/account/password", "/account/totp/begin", "/account/tokens"):
        answer = browser.post(path, headers=people.token("ada"), data={"name": "x", "days": "1"})
        assert answer.status_code == 403


def test_a_new_password_ends_other_sessions(app, browser, people):
    other, token = Browser(app), people.token("ada")
    for signed in (browser, other):
        signed.sign_in("ada")
    new = "another horse and battery"
    assert browser.submit("/account/password", password=new, password_again=new).status_code == 303
    assert browser.get("/account").status_code == 200
    assert other.get("/account").status_code == 401
    assert other.get("/v1/account", headers=token).status_code == 401
    assert other.sign_in("ada").status_code == 401
    assert other.sign_in("ada", new).status_code == 303


def test_simple_passwords_are_refused(browser):
    browser.sign_in("ada")
    for password in ("short", "aaaaaaaaaaaaaaaa", "ada ada ada a", "x" * 1001):
        answer = browser.submit("/account/password", password=password, password_again=password)
        assert answer.status_code == 422, password


def test_a_code_can_be_set_and_removed(browser, people, clock):
    browser.sign_in("ada")
    text = browser.submit("/account/totp/begin").text
    secret = re.findall(r"\b[A-Z2-7]{32}\b", text)[0]
    sealed = text.split('name="sealed" value="')[1].split('"')[0]
    assert browser.submit("/account/totp", sealed=sealed, code="123").status_code == 422
    code = pyotp.TOTP(secret).at(int(clock.time))
    assert browser.submit("/account/totp", sealed=sealed, code=code).status_code == 303
    with people.store.reading() as session:
        stored = session.get_one(Account, people.accounts["ada"]).totp_secret
    assert stored is not None
    assert secret.encode() not in stored
    assert browser.post("/sign-in/code", data={"code": code}).status_code == 401
    assert browser.submit("/account/totp/remove").status_code == 303
    assert browser.sign_in("ada").status_code == 303


def test_a_secret_of_another_account_is_refused(app, browser, people, clock):
    browser.sign_in("ada")
    text = browser.submit("/account/totp/begin").text
    sealed = text.split('name="sealed" value="')[1].split('"')[0]
    code = pyotp.TOTP(re.findall(r"\b[A-Z2-7]{32}\b", text)[0]).at(int(clock.time))
    thief = Browser(app)
    thief.sign_in("bob")
    thief.submit("/account/totp", sealed=sealed, code=code)
    with people.store.reading() as session:
        assert session.get_one(Account, people.accounts["bob"]).totp_secret is None


def test_no_secret_is_logged_or_stored_readable(browser, caplog, store):
    caplog.set_level(logging.DEBUG)
    browser.sign_in("ada")
    token = browser.submit("/account/tokens", name="x", days="1").text
    token = re.findall(r"sordino_account_[\w-]{43}", token)[0]
    browser.get("/v1/account", headers={"Authorization": f"Bearer {token}"})
    browser.get("/v1/account", headers={"Authorization": "Bearer wrong-secret"})
    session_cookie = browser.cookies["sordino"]
    for secret in (PASSWORD, token, session_cookie, "wrong-secret"):
        assert secret not in caplog.text
    with store.reading() as session:
        rows = [*session.scalars(select(ApiToken)), *session.scalars(select(BrowserSession))]
        values = repr([vars(row) for row in rows])
    for secret in (token, token[16:], session_cookie):
        assert secret not in values


def test_a_disabled_account_has_no_access(browser, people):
    token = people.token("ada")
    browser.sign_in("ada")
    with people.store.transaction() as session:
        session.get_one(Account, people.accounts["ada"]).disabled = 1
    assert browser.get("/account").status_code == 401
    assert browser.get("/v1/account", headers=token).status_code == 401
    assert browser.sign_in("ada").status_code == 401
