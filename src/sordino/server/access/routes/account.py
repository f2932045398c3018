"""Pages of one's own account: password, code, passkeys, tokens and sessions.

Every change needs a session that began in the last 15 minutes.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any, Final

from fastapi import APIRouter, Body, Depends, Form, Request, Response
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse
from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session

from sordino.server.access import passkey, totp
from sordino.server.access.arguments import AccessOf, RowNumber, StoreOf
from sordino.server.access.csrf import page_token
from sordino.server.access.invitation import add_api_token, end_access
from sordino.server.access.password import check_password
from sordino.server.access.principal import fresh, own_page
from sordino.server.access.routes.sign_in import (
    CHALLENGE_COOKIE,
    challenge_response,
)
from sordino.server.access.sealed import seal, unseal
from sordino.server.access.session import SESSION_COOKIE, begin_session, clear_cookie
from sordino.server.database.account_tables import Account, ApiToken, BrowserSession, Passkey
from sordino.server.errors import Problem, absent
from sordino.server.pages.rendering import Viewer, page
from sordino.server.rights.audit import Action, record
from sordino.server.store import Store

SECRET_SECONDS: Final = 900
_SECRET: Final = "totp secret"
LONGEST_DAYS: Final = 365  # of a token
MOST_TOKENS: Final = 50

router = APIRouter(include_in_schema=False)
OwnPage = Annotated[Account, Depends(own_page)]
Fresh = Annotated[Account, Depends(fresh)]


@router.get("/account")
def account_page(request: Request, store: StoreOf, account: OwnPage) -> HTMLResponse:
    """What opens the account."""
    return _account_page(request, store, account)


@router.post("/account/password")
def set_password(
    request: Request,
    store: StoreOf,
    access: AccessOf,
    account: Fresh,
    password: Annotated[str, Form()] = "",
    password_again: Annotated[str, Form()] = "",
) -> Response:
    """Set a password; every other session and every token ends."""
    try:
        if password != password_again:
            raise Problem("invalid", 422, "two different passwords, expected the same twice")
        check_password(password, account.login)
    except Problem as problem:
        return _account_page(request, store, account, problem)
    new_hash = access.passwords.hash(password)
    with store.transaction() as session:
        session.execute(
            update(Account).where(Account.id == account.id).values(password_hash=new_hash)
        )
        end_access(session, account.id, store.now())
        _record(session, store, account, "password")
    response = _back()
    begin_session(store, access, response, account.id, "")
    return response


@router.post("/account/totp/begin")
def begin_totp(request: Request, store: StoreOf, access: AccessOf, account: Fresh) -> HTMLResponse:
    """Show a new secret of an authenticator app; it counts after its first code."""
    return _totp_page(request, store, access, account, totp.new_secret())


@router.post("/account/totp")
def set_totp(
    request: Request,
    store: StoreOf,
    access: AccessOf,
    account: Fresh,
    sealed: Annotated[str, Form()] = "",
    code: Annotated[str, Form()] = "",
) -> Response:
    """Require codes of the secret from now on."""
    now = store.now()
    values = unseal(access.key, _SECRET, now, sealed)
    if values is None or values["account"] != account.id:
        return _back()
    step = totp.matching_step(values["secret"], code, now)
    if step is None:
        return _totp_page(request, store, access, account, values["secret"], "a wrong code")
    with store.transaction() as session:
        row = session.get_one(Account, account.id)
        totp.store_secret(session, access.key, row, values["secret"])
        row.totp_step = max(row.totp_step, step)
        _record(session, store, account, "code required")
    return _back()


@router.post("/account/totp/remove")
def remove_totp(store: StoreOf, account: Fresh) -> RedirectResponse:
    """Require no code from now on."""
    with store.transaction() as session:
        session.execute(update(Account).where(Account.id == account.id).values(totp_secret=None))
        _record(session, store, account, "code no longer required")
    return _back()


@router.post("/account/passkeys/options")
def new_passkey_options(store: StoreOf, access: AccessOf, account: Fresh) -> JSONResponse:
    """Options of `navigator.credentials.create`."""
    with store.reading() as session:
        ceremony = passkey.begin_registration(session, access, account, store.now())
    return challenge_response(access, ceremony)


@router.post("/account/passkeys")
def add_passkey(
    request: Request,
    store: StoreOf,
    access: AccessOf,
    account: Fresh,
    credential: Annotated[dict[str, Any], Body()],
) -> JSONResponse:
    """Store a passkey that the browser made."""
    challenge = request.cookies.get(access.cookie(CHALLENGE_COOKIE), "")
    with store.transaction() as session:
        passkey.finish_registration(session, access, account, credential, challenge, store.now())
        _record(session, store, account, "passkey")
    response = JSONResponse({"next": "/account"})
    clear_cookie(access, response, CHALLENGE_COOKIE)
    return response


@router.post("/account/passkeys/{number}/remove")
def remove_passkey(store: StoreOf, account: Fresh, number: RowNumber) -> RedirectResponse:
    """Remove a passkey."""
    with store.transaction() as session:
        removed = session.execute(
            delete(Passkey)
            .where(Passkey.id == number, Passkey.account_id == account.id)
            .returning(Passkey.id)
        )
        _expect(removed.first(), "passkey")
        _record(session, store, account, "passkey removed")
    return _back()


@router.post("/account/tokens")
def add_token(
    request: Request,
    store: StoreOf,
    account: Fresh,
    name: Annotated[str, Form(max_length=64)] = "",
    days: Annotated[int, Form(ge=1, le=LONGEST_DAYS)] = 90,
    read_only: Annotated[bool, Form()] = False,
) -> HTMLResponse:
    """Show a new token for programs, once."""
    now = store.now()
    with store.transaction() as session:
        valid = (ApiToken.account_id == account.id, ApiToken.revoked.is_(None))
        number = session.scalar(
            select(func.count()).where(*valid, ApiToken.expires > now).select_from(ApiToken)
        )
        if (number or 0) >= MOST_TOKENS:
            raise Problem(
                "invalid", 422, f"{number} tokens, expected at most {MOST_TOKENS}: revoke others"
            )
        label = "".join(filter(str.isprintable, name))
        token = add_api_token(session, now, account.id, label, days * 86_400, read_only)
        _record(session, store, account, "token")
    return page(
        request,
        "account_token.html",
        viewer=_viewer(account),
        csrf=page_token(request),
        headers={"Cache-Control": "no-store"},
        token=token,
        days=days,
    )


@router.post("/account/tokens/{number}/revoke")
def revoke_own_token(store: StoreOf, account: OwnPage, number: RowNumber) -> RedirectResponse:
    """Revoke a token."""
    with store.transaction() as session:
        revoke_token(session, store, account.id, number)
    return _back()


@router.post("/account/sessions/end")
def end_own_sessions(store: StoreOf, access: AccessOf, account: OwnPage) -> RedirectResponse:
    """End every session and revoke every token, also of this browser."""
    with store.transaction() as session:
        end_access(session, account.id, store.now())
        _record(session, store, account, "sessions and tokens ended")
    response = RedirectResponse("/sign-in", 303)
    clear_cookie(access, response, SESSION_COOKIE)
    return response


def revoke_token(session: Session, store: Store, account_id: int, number: int) -> None:
    """Revoke a token of an account. Raises the problem `absent`."""
    revoked = session.execute(
        update(ApiToken)
        .where(ApiToken.id == number, ApiToken.account_id == account_id)
        .values(revoked=func.coalesce(ApiToken.revoked, store.now()))
        .returning(ApiToken.id)
    )
    _expect(revoked.first(), "token")


def valid_tokens(session: Session, account_id: int, now: int) -> Iterable[ApiToken]:
    """The tokens of an account that are neither revoked nor expired, the oldest first."""
    return session.scalars(
        select(ApiToken)
        .where(
            ApiToken.account_id == account_id, ApiToken.revoked.is_(None), ApiToken.expires > now
        )
        .order_by(ApiToken.id)
    )


def _account_page(
    request: Request, store: Store, account: Account, problem: Problem | None = None
) -> HTMLResponse:
    now = store.now()
    with store.reading() as session:
        passkeys = session.scalars(
            select(Passkey).where(Passkey.account_id == account.id).order_by(Passkey.id)
        ).all()
        tokens = list(valid_tokens(session, account.id, now))
        sessions = session.scalars(
            select(BrowserSession.last_use)
            .where(BrowserSession.account_id == account.id, BrowserSession.expires > now)
            .order_by(BrowserSession.last_use.desc())
        ).all()
    return page(
        request,
        "account.html",
        viewer=_viewer(account),
        csrf=page_token(request),
        status=problem.status if problem else 200,
        account=account,
        passkeys=passkeys,
        tokens=tokens,
        sessions=sessions,
        error=problem.detail if problem else "",
    )


def _totp_page(
    request: Request, store: Store, access: AccessOf, account: Account, secret: str, error: str = ""
) -> HTMLResponse:
    expires = store.now() + SECRET_SECONDS
    return page(
        request,
        "account_code.html",
        viewer=_viewer(account),
        csrf=page_token(request),
        status=422 if error else 200,
        headers={"Cache-Control": "no-store"},
        secret=secret,
        address=totp.provisioning_uri(secret, account.login, access.host),
        sealed=seal(access.key, _SECRET, expires, secret=secret, account=account.id),
        error=error,
    )


def _viewer(account: Account) -> Viewer:
    return Viewer(account.login, account.role)


def _back() -> RedirectResponse:
    return RedirectResponse("/account", 303)


def _expect(row: object, kind: str) -> None:
    if row is None:
        raise absent(kind)


def _record(session: Session, store: Store, account: Account, change: str) -> None:
    record(
        session,
        store.now(),
        f"account {account.id}",
        Action.ACCOUNT,
        study_id=account.study_id,
        participant_id=account.participant_id,
        details={"change": change},
    )
