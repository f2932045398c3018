"""Errors as pages, for a browser that asked for one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final
from urllib.parse import urlencode

from fastapi import Request
from fastapi.responses import RedirectResponse, Response

from sordino.server.pages.rendering import page

WORDS: Final[dict[int, tuple[str, str]]] = {
    401: ("Sign in first", "Your session ended, or you did not sign in."),
    403: ("Not for this account", "Your account has no access to this page."),
    404: ("Page not found", "There is no such page, or it belongs to another account."),
    405: ("Page not found", "There is no such page."),
    413: ("Too large", "The form was larger than this server accepts."),
    422: ("The form is not valid", "A field is missing or has a value that it cannot have."),
    429: ("Too many requests", "This server limits how often a page is asked for."),
    500: ("The server failed", "Nothing was changed. The operator finds the cause in the log."),
    503: ("Not available now", "The database does not answer. Nothing was changed."),
}
OF_CODE: Final[dict[str, tuple[str, str]]] = {
    "fresh": (
        "Sign in again",
        "This change needs a sign-in of the last 15 minutes: sign out, sign in and repeat it.",
    ),
    "csrf": (
        "The form expired",
        "It belongs to an earlier session or to another site. Nothing was changed: open the page "
        "again.",
    ),
    "exists": ("The name is in use", "Nothing was changed: choose another name."),
}
"""Words for a code of `Problem` that say more than those of its status."""

API: Final = ("/v1/", "/health", "/metrics", "/openapi.json")


def wants_page(request: Request) -> bool:
    """Whether the request comes from a browser that shows a page, and not from a program."""
    accepts = "text/html" in request.headers.get("accept", "")
    return accepts and not request.url.path.startswith(API)


def error_page(
    request: Request, status: int, code: str, headers: Mapping[str, str] | None = None
) -> Response:
    """The page of an error. It says what to do next and repeats nothing of the request.

    Without a session a page leads to the form to sign in.
    """
    if status == 401 and request.method == "GET":
        return RedirectResponse(f"/sign-in?{urlencode({'next': request.url.path})}", 303)
    words = WORDS.get(status, WORDS[500] if status >= 500 else WORDS[422])
    heading, detail = OF_CODE.get(code, words)
    retry = (headers or {}).get("Retry-After", "")
    return page(
        request,
        "error.html",
        status=status,
        headers=headers,
        heading=heading,
        detail=detail,
        number_of_error=status,
        retry_seconds=int(retry) if retry.isdecimal() else None,
    )
