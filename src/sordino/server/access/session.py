"""Sessions of browsers: a cookie of 256 random bits, valid for a time."""

from __future__ import annotations

import hmac
from typing import Final

from fastapi import Response
from sqlalchemy import delete, select, update

from sordino.server.access.context import Access
from sordino.server.access.token import new_token, token_digest
from sordino.server.database.account_tables import Account, BrowserSession
from sordino.server.store import Store

SESSION_COOKIE: Final = "sordino"
IDLE_SECONDS: Final = 2 * 3600
SESSION_SECONDS: Final = 12 * 3600
FRESH_SECONDS: Final = 15 * 60
"""The age of a session that may change what opens its account."""
_USE_SECONDS: Final = 60  # between writes of `last_use`


def session_account(store: Store, cookie: str) -> Account | None:
    """The account of a session cookie; None for an unknown, idle or expired session."""
    if not cookie:
        return None
    digest, now = token_digest(cookie), store.now()
    rows = (
        select(BrowserSession, Account)
        .join(Account, Account.id == BrowserSession.account_id)
        .where(BrowserSession.token_sha256 == digest)
    )
    with store.reading() as session:
        row = session.execute(rows).one_or_none()
    if row is None:
        return None
    browser, account = row
    if not hmac.compare_digest(browser.token_sha256, digest) or account.disabled is not None:
        return None
    if browser.expires <= now or browser.last_use + IDLE_SECONDS <= now:
        return None
    if now - browser.last_use >= _USE_SECONDS:
        with store.transaction() as session:
            session.execute(
                update(BrowserSession).where(BrowserSession.id == browser.id).values(last_use=now)
            )
    return account


def session_age(store: Store, cookie: str) -> int:
    """Seconds since the sign-in of a session that exists."""
    rows = select(BrowserSession.created).where(BrowserSession.token_sha256 == token_digest(cookie))
    with store.reading() as session:
        return store.now() - (session.scalar(rows) or 0)


def begin_session(
    store: Store, access: Access, response: Response, account_id: int, previous: str
) -> str:
    """Begin a session: its cookie is set on the response and returned. A session that the browser
    had before ends, and expired ones of the account are deleted.
    """
    cookie, now = new_token(), store.now()
    with store.transaction() as session:
        session.execute(
            delete(BrowserSession).where(
                (BrowserSession.token_sha256 == token_digest(previous))
                | (BrowserSession.account_id == account_id)
                & (
                    (BrowserSession.expires <= now)
                    | (BrowserSession.last_use <= now - IDLE_SECONDS)
                )
            )
        )
        session.add(
            BrowserSession(
                account_id=account_id,
                token_sha256=token_digest(cookie),
                created=now,
                last_use=now,
                expires=now + SESSION_SECONDS,
            )
        )
    set_cookie(access, response, SESSION_COOKIE, cookie, SESSION_SECONDS)
    return cookie


def end_session(store: Store, access: Access, response: Response, cookie: str) -> None:
    """End one session."""
    with store.transaction() as session:
        session.execute(
            delete(BrowserSession).where(BrowserSession.token_sha256 == token_digest(cookie))
        )
    clear_cookie(access, response, SESSION_COOKIE)


def set_cookie(
    access: Access, response: Response, name: str, value: str, seconds: int, *, lax: bool = False
) -> None:
    """Set a cookie that scripts cannot read; `lax` lets it come with a link of another site."""
    response.set_cookie(
        access.cookie(name),
        value,
        max_age=seconds,
        path="/",
        secure=access.secure,
        httponly=True,
        samesite="lax" if lax else "strict",
    )


def clear_cookie(access: Access, response: Response, name: str) -> None:
    """Let the browser forget a cookie."""
    response.delete_cookie(
        access.cookie(name), path="/", secure=access.secure, httponly=True, samesite="strict"
    )
