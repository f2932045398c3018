"""Who asks: the principal of a bearer token or of a session, and the scope that a route needs."""

from __future__ import annotations

import hmac
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Annotated, Final

from fastapi import Depends, Request, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from sqlalchemy import bindparam, select

from sordino.server.access.context import Access, access_of, limit, network, too_many
from sordino.server.access.csrf import check_form, sent_csrf
from sordino.server.access.session import (
    FRESH_SECONDS,
    SESSION_COOKIE,
    session_account,
    session_age,
)
from sordino.server.access.token import ACCOUNT_PREFIX, DEVICE_PREFIX, is_token, token_digest
from sordino.server.database.account_tables import Account, ApiToken
from sordino.server.database.tables import Device, Participant
from sordino.server.errors import Problem
from sordino.server.store import Store, store_of

SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})


class Scope(StrEnum):
    """What a principal may do."""

    RELEASE = "release"
    """A device: send its releases."""
    OWN = "own"
    """A user: their own data."""
    RESEARCH = "research"
    """A researcher: one study."""
    OPERATE = "operate"
    """An operator: the server."""


SCOPE_OF_ROLE: Final = {
    "user": Scope.OWN,
    "researcher": Scope.RESEARCH,
    "operator": Scope.OPERATE,
}


@dataclass(frozen=True)
class Principal:
    """The device or account of a request. It prints no name."""

    scope: Scope
    name: str = field(repr=False)
    study_id: int | None = None
    """None for an operator."""
    participant_id: int | None = None
    """The user of a device or of an account of role user."""
    device_id: int | None = None
    account_id: int | None = None


Dependency = Callable[..., Principal]
SCOPES: Final[dict[Dependency, frozenset[Scope]]] = {}
"""The scopes of each dependency of `require`, which the matrix of the tests reads."""

ACCOUNTS: Final = (Scope.OWN, Scope.RESEARCH, Scope.OPERATE)
"""The scopes of people."""

_DEVICE: Final = (
    select(
        Device.id,
        Device.name,
        Device.token_sha256,
        Device.revoked,
        Device.expires,
        Participant.id.label("participant_id"),
        Participant.study_id,
    )
    .join(Participant, Participant.id == Device.participant_id)
    .where(Device.token_sha256 == bindparam("digest"))
)
"""Made once, as devices send often."""

_BEARER = HTTPBearer(auto_error=False, description="`sordino_device_...` or `sordino_account_...`")


def require(*scopes: Scope) -> Dependency:
    """A dependency of a route: the principal, where it has one of these scopes.

    The route answers 401 `token` without a valid token or session, 403 `scope` for another scope,
    403 `csrf` for a form of another site, and 429 `rate` for too many requests.
    """
    if not scopes:
        raise ValueError("require() of no scope, expected at least one: name a Scope")
    allowed = frozenset(scopes)

    def principal(
        request: Request,
        bearer: Annotated[HTTPAuthorizationCredentials | None, Security(_BEARER)],
        csrf: Annotated[str, Depends(sent_csrf)],
        store: Annotated[Store, Depends(store_of)],
        access: Annotated[Access, Depends(access_of)],
    ) -> Principal:
        asking = _principal(request, bearer, csrf, store, access)
        limit(access.requests, (asking.account_id, asking.device_id))
        if asking.scope not in allowed:
            names = " or ".join(sorted(allowed))
            raise Problem(
                "scope",
                403,
                f"a token of scope {asking.scope}, expected {names}: use a token of that scope",
            )
        return asking

    SCOPES[principal] = allowed
    return principal


async def public(request: Request, access: Annotated[Access, Depends(access_of)]) -> None:
    """A dependency of a route that is open to everyone, 429 `rate` for too many requests of one
    network.
    """
    limit(access.strangers, network(request))


def own_page(
    request: Request,
    principal: Annotated[Principal, Depends(require(*ACCOUNTS))],
    store: Annotated[Store, Depends(store_of)],
    access: Annotated[Access, Depends(access_of)],
) -> Account:
    """The account of a session, as a dependency of pages; tokens are refused with 403 `scope`.

    What opens an account is changed in a session alone, so that a stolen token opens nothing more.
    """
    cookie = request.cookies.get(access.cookie(SESSION_COOKIE), "")
    account = None if _has_token(request) else session_account(store, cookie)
    if account is None or account.id != principal.account_id:
        raise Problem("scope", 403, "a token, expected the session of a browser: sign in")
    return account


def fresh(
    request: Request,
    account: Annotated[Account, Depends(own_page)],
    store: Annotated[Store, Depends(store_of)],
    access: Annotated[Access, Depends(access_of)],
) -> Account:
    """The account of a session that began in the last 15 minutes, else 403 `fresh`."""
    cookie = request.cookies.get(access.cookie(SESSION_COOKIE), "")
    if session_age(store, cookie) > FRESH_SECONDS:
        raise Problem(
            "fresh",
            403,
            f"a sign-in more than {FRESH_SECONDS // 60} minutes ago, expected a later one: "
            "sign out, sign in and repeat it",
        )
    return account


def user_session(
    request: Request,
    principal: Annotated[Principal, Depends(require(Scope.OWN, Scope.RESEARCH))],
    store: Annotated[Store, Depends(store_of)],
    access: Annotated[Access, Depends(access_of)],
) -> Principal:
    """A researcher, by token or session, or a user by a session that is `fresh`.

    What a user cannot take back needs their presence: a stolen token or session is not enough.
    """
    if principal.scope is Scope.OWN:
        fresh(request, own_page(request, principal, store, access), store, access)
    return principal


def _has_token(request: Request) -> bool:
    return "authorization" in request.headers


def _principal(
    request: Request,
    bearer: HTTPAuthorizationCredentials | None,
    csrf: str,
    store: Store,
    access: Access,
) -> Principal:
    """The principal of a request. A token precedes a cookie."""
    safe = request.method in SAFE_METHODS
    if bearer is not None:
        asking = _of_token(store, bearer.credentials, safe)
    elif _has_token(request):
        asking = None
    else:
        cookie = request.cookies.get(access.cookie(SESSION_COOKIE), "")
        account = session_account(store, cookie)
        if account is not None and not safe:
            check_form(request, access, cookie, csrf)
        asking = None if account is None else _of_account(account)
    if asking is None:
        wait = access.failures.take(network(request))
        if wait:
            raise too_many(wait)
        raise Problem(
            "token",
            401,
            "no valid token or session, expected one that is neither expired nor revoked: "
            "sign in, or ask for a new token",
        )
    return asking


def _of_token(store: Store, token: str, safe: bool) -> Principal | None:
    if is_token(token, DEVICE_PREFIX):
        return _of_device(store, token_digest(token))
    if is_token(token, ACCOUNT_PREFIX):
        return _of_api_token(store, token_digest(token), safe)
    return None


def _of_device(store: Store, digest: bytes) -> Principal | None:
    with store.reading() as session:
        row = session.execute(_DEVICE, {"digest": digest}).one_or_none()
    if row is None or not hmac.compare_digest(row.token_sha256, digest):
        return None
    if row.revoked is not None or _is_past(row.expires, store.now()):
        return None
    return Principal(
        Scope.RELEASE,
        row.name,
        study_id=row.study_id,
        participant_id=row.participant_id,
        device_id=row.id,
    )


def _of_api_token(store: Store, digest: bytes, safe: bool) -> Principal | None:
    rows = (
        select(ApiToken, Account)
        .join(Account, Account.id == ApiToken.account_id)
        .where(ApiToken.token_sha256 == digest)
    )
    with store.reading() as session:
        row = session.execute(rows).one_or_none()
    if row is None:
        return None
    token, account = row
    if not hmac.compare_digest(token.token_sha256, digest):
        return None
    if token.revoked is not None or account.disabled is not None:
        return None
    if _is_past(token.expires, store.now()):
        return None
    if token.read_only and not safe:
        raise Problem(
            "scope", 403, "a token that may only read, expected one that may write: make another"
        )
    return _of_account(account)


def _of_account(account: Account) -> Principal:
    return Principal(
        SCOPE_OF_ROLE[account.role],
        account.login,
        study_id=account.study_id,
        participant_id=account.participant_id,
        account_id=account.id,
    )


def _is_past(time: int | None, now: int) -> bool:
    return time is not None and time <= now
