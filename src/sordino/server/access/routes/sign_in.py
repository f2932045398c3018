"""Pages to sign in and out, and to accept an invitation."""

from __future__ import annotations

from typing import Annotated, Any, Final

from fastapi import APIRouter, Body, Depends, Form, Request, Response
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse

from sordino.server.access import passkey
from sordino.server.access.arguments import AccessOf, Person, StoreOf
from sordino.server.access.context import CALLBACK, Access
from sordino.server.access.csrf import check_origin, page_token
from sordino.server.access.invitation import (
    accept_invitation,
    account_password,
    find_invitation,
)
from sordino.server.access.open_id import OpenId, refused
from sordino.server.access.principal import public
from sordino.server.access.sealed import seal, unseal
from sordino.server.access.session import SESSION_COOKIE, clear_cookie, end_session, set_cookie
from sordino.server.access.sign_in import (
    begin_step,
    check_code,
    check_login_password,
    safe_path,
    sign_in,
)
from sordino.server.database.account_tables import Account
from sordino.server.database.tables import StudyRow
from sordino.server.errors import Problem
from sordino.server.pages.rendering import page
from sordino.server.store import Store

PROVIDER_COOKIE: Final = "sordino_provider"
CHALLENGE_COOKIE: Final = "sordino_challenge"
PROVIDER_SECONDS: Final = 600


def same_origin(request: Request, access: AccessOf) -> None:
    """A dependency of forms before sign-in: 403 `csrf` for those of another site."""
    check_origin(request, access)


router = APIRouter(dependencies=[Depends(public)], include_in_schema=False)
_FORM: Final = [Depends(same_origin)]


@router.get("/sign-in")
def sign_in_page(request: Request, access: AccessOf, next: str = "/") -> HTMLResponse:
    """The form of login and password."""
    return _sign_in_page(request, access, next)


@router.post("/sign-in", dependencies=_FORM)
def send_password(
    request: Request,
    store: StoreOf,
    access: AccessOf,
    login: Annotated[str, Form()] = "",
    password: Annotated[str, Form()] = "",
    next: Annotated[str, Form()] = "/",
) -> Response:
    """Sign in, or ask for a code."""
    try:
        step = check_login_password(request, store, access, login, password)
    except Problem as problem:
        return _sign_in_page(request, access, next, problem)
    path = safe_path(next)
    if step.needs_code:
        response = page(request, "sign_in_code.html", next=path, error="")
        begin_step(store, access, response, step.account.id)
        return response
    return _signed_in(request, store, access, step.account, path)


@router.post("/sign-in/code", dependencies=_FORM)
def send_code(
    request: Request,
    store: StoreOf,
    access: AccessOf,
    code: Annotated[str, Form()] = "",
    next: Annotated[str, Form()] = "/",
) -> Response:
    """Sign in with the code that follows a password."""
    path = safe_path(next)
    try:
        account = check_code(request, store, access, code)
    except Problem as problem:
        if problem.code == "step":
            return _sign_in_page(request, access, path, problem)
        return page(
            request,
            "sign_in_code.html",
            status=problem.status,
            headers=problem.headers,
            next=path,
            error=problem.detail,
        )
    return _signed_in(request, store, access, account, path)


@router.post("/sign-in/passkey/options", dependencies=_FORM)
def passkey_options(store: StoreOf, access: AccessOf) -> JSONResponse:
    """Options of `navigator.credentials.get`."""
    ceremony = passkey.begin_sign_in(access, store.now())
    return challenge_response(access, ceremony)


@router.post("/sign-in/passkey", dependencies=_FORM)
def send_passkey(
    request: Request,
    store: StoreOf,
    access: AccessOf,
    credential: Annotated[dict[str, Any], Body()],
) -> JSONResponse:
    """Sign in with a passkey."""
    challenge = request.cookies.get(access.cookie(CHALLENGE_COOKIE), "")
    with store.transaction() as session:
        account = passkey.finish_sign_in(session, access, credential, challenge, store.now())
    response = JSONResponse({"next": "/"})
    sign_in(request, response, store, access, account)
    clear_cookie(access, response, CHALLENGE_COOKIE)
    return response


@router.get("/sign-in/provider")
def go_to_provider(store: StoreOf, access: AccessOf, next: str = "/") -> RedirectResponse:
    """Go to the OpenID provider, for a person with an account."""
    address, text = _question(store, access, next=safe_path(next), invitation="")
    response = RedirectResponse(address, 303)
    set_cookie(access, response, PROVIDER_COOKIE, text, PROVIDER_SECONDS, lax=True)
    return response


@router.post("/invitation/{token}/provider", dependencies=_FORM)
def accept_at_provider(
    request: Request, store: StoreOf, access: AccessOf, token: str
) -> HTMLResponse:
    """Go to the OpenID provider; the invitation makes the account of its subject.

    Only the page of the invitation can send this form: another site would bind the subject of a
    visitor to an account that it knows.
    """
    with store.reading() as session:
        find_invitation(session, store.now(), token)
    address, text = _question(store, access, next="/", invitation=token)
    # the policy of contents forbids that a form is redirected to another site: no redirect
    response = page(request, "to_provider.html", address=address, provider=_provider(access).name)
    set_cookie(access, response, PROVIDER_COOKIE, text, PROVIDER_SECONDS, lax=True)
    return response


@router.get(CALLBACK)
def come_from_provider(
    request: Request,
    store: StoreOf,
    access: AccessOf,
    code: str = "",
    state: str = "",
    iss: str = "",
) -> Response:
    """Sign in the subject of the provider."""
    provider = _provider(access)
    now = store.now()
    text = request.cookies.get(access.cookie(PROVIDER_COOKIE), "")
    secrets = unseal(access.key, PROVIDER_COOKIE, now, text)
    if secrets is None or not provider.is_answer(secrets, state, iss) or not code:
        raise refused("an answer to no question of this browser")
    if not access.once.use(secrets["state"]):
        raise refused("an answer that was used")
    subject = provider.subject(code, secrets, now)
    with store.transaction() as session:
        if secrets["invitation"]:
            account: Account | None = accept_invitation(
                session,
                now,
                secrets["invitation"],
                f"provider.{secrets['state'][:16].lower()}",
                subject=subject,
            )
        else:
            account = session.query(Account).filter_by(open_id_subject=subject).one_or_none()
    if account is None or account.disabled is not None:
        raise refused("a person without an account")
    # the browser sends a strict cookie only to pages that this server opened: no redirect
    response = page(request, "signed_in.html", next=secrets["next"])
    sign_in(request, response, store, access, account)
    clear_cookie(access, response, PROVIDER_COOKIE)
    return response


@router.post("/sign-out")
def sign_out(
    request: Request,
    store: StoreOf,
    access: AccessOf,
    _person: Person,
) -> RedirectResponse:
    """End the session of this browser."""
    response = RedirectResponse("/sign-in", 303)
    end_session(store, access, response, request.cookies.get(access.cookie(SESSION_COOKIE), ""))
    return response


@router.get("/invitation/{token}")
def invitation_page(request: Request, store: StoreOf, access: AccessOf, token: str) -> HTMLResponse:
    """The form of an invitation."""
    return _invitation_page(request, store, access, token)


@router.post("/invitation/{token}", dependencies=_FORM)
def send_invitation(
    request: Request,
    store: StoreOf,
    access: AccessOf,
    token: str,
    login: Annotated[str, Form()] = "",
    password: Annotated[str, Form()] = "",
    password_again: Annotated[str, Form()] = "",
) -> Response:
    """Make the account of an invitation, or set a new password, and sign in."""
    now = store.now()
    with store.reading() as session:
        invitation = find_invitation(session, now, token)  # before a costly hash
        if invitation.account_id is not None:
            login = session.get_one(Account, invitation.account_id).login
    try:
        if password != password_again:
            raise Problem("invalid", 422, "two different passwords, expected the same twice")
        name, password_hash = account_password(access.passwords, login, password)
        with store.transaction() as session:
            account = accept_invitation(session, now, token, name, password_hash=password_hash)
    except Problem as problem:
        if problem.code == "absent":
            raise
        return _invitation_page(request, store, access, token, login, problem)
    return _signed_in(request, store, access, account, "/")


def challenge_response(access: Access, ceremony: passkey.Ceremony) -> JSONResponse:
    """The options of a ceremony; the browser keeps its challenge as a cookie."""
    response = JSONResponse(ceremony.options)
    set_cookie(access, response, CHALLENGE_COOKIE, ceremony.challenge, passkey.CHALLENGE_SECONDS)
    return response


def _signed_in(
    request: Request, store: Store, access: Access, account: Account, path: str
) -> RedirectResponse:
    response = RedirectResponse(path, 303)
    sign_in(request, response, store, access, account)
    return response


def _sign_in_page(
    request: Request, access: Access, path: str, problem: Problem | None = None
) -> HTMLResponse:
    return page(
        request,
        "sign_in.html",
        status=problem.status if problem else 200,
        headers=problem.headers if problem else None,
        csrf=page_token(request),
        login="",
        next=safe_path(path),
        error=problem.detail if problem else "",
        provider=access.open_id.name if access.open_id else "",
    )


def _invitation_page(
    request: Request,
    store: Store,
    access: Access,
    token: str,
    login: str = "",
    problem: Problem | None = None,
) -> HTMLResponse:
    with store.reading() as session:
        invitation = find_invitation(session, store.now(), token)
        study = session.get(StudyRow, invitation.study_id) if invitation.study_id else None
        account = session.get(Account, invitation.account_id) if invitation.account_id else None
    return page(
        request,
        "invitation.html",
        status=problem.status if problem else 200,
        headers=problem.headers if problem else None,
        token=token,
        study=study.name if study else "",
        role=invitation.role,
        login=account.login if account else login,
        named=account is not None,
        error=problem.detail if problem else "",
        provider=access.open_id.name if access.open_id else "",
    )


def _question(store: Store, access: Access, **values: str) -> tuple[str, str]:
    """The address at the provider, and the sealed question that the browser keeps."""
    now = store.now()
    address, secrets = _provider(access).begin(now)
    return address, seal(access.key, PROVIDER_COOKIE, now + PROVIDER_SECONDS, **values, **secrets)


def _provider(access: Access) -> OpenId:
    if access.open_id is None:
        raise Problem("absent", 404, "no provider of sign-in here: use a password or a passkey")
    return access.open_id
