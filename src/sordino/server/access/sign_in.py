"""Sign-in with a password and a code, with limits that lock no other browser out."""

from __future__ import annotations

import hmac
import re
from collections.abc import Hashable
from typing import Final, NamedTuple

from fastapi import Request, Response
from sqlalchemy import select, update

from sordino.server.access.context import Access, limit, network
from sordino.server.access.limits import TokenBuckets
from sordino.server.access.password import normal_login
from sordino.server.access.sealed import seal, unseal
from sordino.server.access.session import (
    SESSION_COOKIE,
    begin_session,
    clear_cookie,
    set_cookie,
)
from sordino.server.access.token import new_token
from sordino.server.access.totp import use_code
from sordino.server.database.account_tables import Account
from sordino.server.errors import Problem
from sordino.server.store import Store

BROWSER_COOKIE: Final = "sordino_browser"
BROWSER_SECONDS: Final = 365 * 86_400
STEP_COOKIE: Final = "sordino_step"
BETWEEN_SECONDS: Final = 300
_PATH: Final = re.compile(r"/(?:[\w.~-][\w.~/-]*)?(?:\?[\w.~%&=/-]*)?", re.ASCII)


class FirstStep(NamedTuple):
    """A right password: the account, and whether a code must follow."""

    account: Account
    """The account of the password."""
    needs_code: bool
    """Whether a one-time code must follow."""


def safe_path(text: str) -> str:
    """A path of this server; `/` for anything else, such as the address of another site.

    >>> safe_path("/me?days=30"), safe_path("//evil.example"), safe_path("https://evil.example")
    ('/me?days=30', '/', '/')
    """
    return text if _PATH.fullmatch(text) else "/"


def check_login_password(
    request: Request, store: Store, access: Access, login: str, password: str
) -> FirstStep:
    """The account of a login and password.

    Raises the problem `sign-in` in the same words and after the same time for an unknown login and
    a wrong password, and `rate` for too many attempts. A browser that signed in before has a limit
    of its own, so that strangers cannot use it up.
    """
    name = normal_login(login) or ""
    taken = _take_attempt(request, access, name)
    with store.reading() as session:
        account = session.scalar(select(Account).where(Account.login == name))
    check = access.passwords.check(account.password_hash if account else None, password)
    if account is None or not check.right or account.disabled is not None:
        raise Problem(
            "sign-in", 401, "a name and password of no account, expected yours: try again"
        )
    for buckets, key in taken:
        buckets.give_back(key)
    if check.new_hash is not None:
        with store.transaction() as session:
            session.execute(
                update(Account)
                .where(Account.id == account.id, Account.password_hash == account.password_hash)
                .values(password_hash=check.new_hash)
            )
    return FirstStep(account, account.totp_secret is not None)


def begin_step(store: Store, access: Access, response: Response, account_id: int) -> None:
    """Remember a right password for five minutes, until the code follows."""
    text = seal(access.key, STEP_COOKIE, store.now() + BETWEEN_SECONDS, account=account_id)
    set_cookie(access, response, STEP_COOKIE, text, BETWEEN_SECONDS)


def check_code(request: Request, store: Store, access: Access, code: str) -> Account:
    """The account of a right password and a right code.

    Raises the problem `step` without a right password in the last five minutes, `code` for a
    wrong or used code, and `rate` for too many.
    """
    now = store.now()
    text = request.cookies.get(access.cookie(STEP_COOKIE), "")
    values = unseal(access.key, STEP_COOKIE, now, text)
    if values is None:
        raise Problem(
            "step", 401, "no password in the last five minutes, expected one: start again"
        )
    limit(access.codes, values["account"])
    with store.transaction() as session:
        account = session.get(Account, values["account"])
        right = (
            account is not None
            and account.disabled is None
            and use_code(session, access.key, account, code, now)
        )
    if account is None or not right:
        raise Problem("code", 401, "a code that is wrong or used, expected a new one: try again")
    access.codes.give_back(account.id)
    return account


def sign_in(
    request: Request, response: Response, store: Store, access: Access, account: Account
) -> None:
    """Begin a session of an account, and let the browser count as known to it."""
    previous = request.cookies.get(access.cookie(SESSION_COOKIE), "")
    begin_session(store, access, response, account.id, previous)
    browser = new_token()
    tag = access.key.tag(BROWSER_COOKIE, f"{browser} {account.login}")
    set_cookie(access, response, BROWSER_COOKIE, f"{browser}.{tag}", BROWSER_SECONDS)
    clear_cookie(access, response, STEP_COOKIE)


def _take_attempt(
    request: Request, access: Access, login: str
) -> list[tuple[TokenBuckets, Hashable]]:
    """Take the tokens of an attempt, and return them for giving back."""
    browser, _, tag = request.cookies.get(access.cookie(BROWSER_COOKIE), "").partition(".")
    right = access.key.tag(BROWSER_COOKIE, f"{browser} {login}")
    if hmac.compare_digest(tag.encode(), right.encode()):
        takes: list[tuple[TokenBuckets, Hashable]] = [(access.logins, (login, browser))]
    else:
        takes = [(access.attempts, network(request)), (access.logins, login)]
    for buckets, key in takes:
        limit(buckets, key)
    return takes
