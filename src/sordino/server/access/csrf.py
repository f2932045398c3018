"""Forms of other sites are refused: the origin of the request, and a token of the session."""

from __future__ import annotations

import hashlib
import hmac
from typing import Final

from fastapi import Request

from sordino.server.access.context import Access
from sordino.server.access.session import SESSION_COOKIE
from sordino.server.errors import Problem

CSRF_FIELD: Final = "csrf"
CSRF_HEADER: Final = "X-CSRF-Token"
_FORMS: Final = ("application/x-www-form-urlencoded", "multipart/form-data")


def csrf_token(cookie: str) -> str:
    """The token that forms of a session carry: an HMAC of its cookie, 64 hex digits."""
    return hmac.new(cookie.encode(), b"sordino csrf", hashlib.sha256).hexdigest()


async def sent_csrf(request: Request) -> str:
    """The token of a request: its header, or the field of its form; empty without either."""
    header = request.headers.get(CSRF_HEADER)
    if header is not None:
        return header
    if request.headers.get("content-type", "").startswith(_FORMS) and request.cookies:
        field = (await request.form()).get(CSRF_FIELD, "")
        return field if isinstance(field, str) else ""
    return ""


def check_origin(request: Request, access: Access) -> None:
    """Raises the problem `csrf` for a request that another site made a browser send.

    `Sec-Fetch-Site` decides; browsers without it send `Origin` with every form.
    """
    site = request.headers.get("sec-fetch-site")
    origin = request.headers.get("origin")
    if site is None:
        allowed = origin == access.origin
    else:
        allowed = site == "same-origin" or (site == "none" and origin == access.origin)
    if not allowed:
        raise Problem(
            "csrf", 403, "a request of another site, expected one of this server: open its page"
        )


def page_token(request: Request) -> str:
    """The token for the forms of a page; empty without a session."""
    access: Access = request.app.state.access
    cookie = request.cookies.get(access.cookie(SESSION_COOKIE), "")
    return csrf_token(cookie) if cookie else ""


def check_form(request: Request, access: Access, cookie: str, token: str) -> None:
    """Raises the problem `csrf` for a request of another site or with the token of no session."""
    check_origin(request, access)
    if not hmac.compare_digest(token.encode(), csrf_token(cookie).encode()):
        raise Problem(
            "csrf", 403, "a form of an earlier session, expected the token of this one: reload it"
        )
