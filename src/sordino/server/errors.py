"""Errors as application/problem+json (RFC 9457), or as a page for a browser.

No answer repeats what a request contained.

{"type": "urn:sordino:consent", "title": "Consent", "status": 403, "detail": "..."}
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any, Final

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from sqlalchemy.exc import DBAPIError, OperationalError, TimeoutError
from starlette.exceptions import HTTPException

from sordino.device.sending.wire import PROBLEM_TYPE, PROBLEM_URN
from sordino.server.pages.error_pages import error_page, wants_page

RETRY_SECONDS: Final = 2
"""Seconds after which a request may be repeated while the database is away."""

CODES: Final = {401: "token", 403: "scope", 404: "absent", 405: "method", 413: "too-large"}
"""The code of a status where the route names none; `invalid` for every other below 500."""

_LOG: Final = logging.getLogger(__name__)


class Problem(Exception):  # noqa: N818 (the word of RFC 9457)
    """An error that a route raises and the client reads.

    `detail` says what came, what was expected and the next step, and repeats no content. `extra`
    are further members of the answer; `headers` are further headers.
    """

    def __init__(
        self,
        code: str,
        status: int,
        detail: str,
        *,
        headers: Mapping[str, str] | None = None,
        **extra: Any,
    ) -> None:
        super().__init__(detail)
        self.code, self.status, self.detail = code, status, detail
        self.headers, self.extra = dict(headers or {}), extra

    def response(self) -> JSONResponse:
        """The answer to the client."""
        content = {
            "type": PROBLEM_URN + self.code,
            "title": self.code.replace("-", " ").capitalize(),
            "status": self.status,
            "detail": self.detail,
            **self.extra,
        }
        return JSONResponse(content, self.status, self.headers, PROBLEM_TYPE)


def absent(kind: str) -> Problem:
    """404 for an object that does not exist, or belongs to another study or user."""
    return Problem("absent", 404, f"no such {kind} here: check its name")


def unavailable() -> Problem:
    """503 for a database that is away or busy: the same request may be repeated."""
    return Problem(
        "unavailable",
        503,
        "the database does not answer now: repeat the same request later",
        headers={"Retry-After": str(RETRY_SECONDS)},
    )


def add_handlers(app: FastAPI) -> None:
    """Answer every error of an application as a problem."""
    app.add_exception_handler(Problem, _problem)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(DBAPIError, _database)
    app.add_exception_handler(TimeoutError, _database)
    app.add_exception_handler(Exception, _unexpected)


def invalid(errors: list[Any]) -> Problem:
    """422 for a request that pydantic refuses: the fault and its place in the contract.

    Neither the value nor the name of a member that the contract does not have is repeated.
    """
    places = [
        ".".join(
            str(part) for part in _place(error) if isinstance(part, int) or part.isidentifier()
        )
        for error in errors[:3]
    ]
    faults = [
        f"{place[:80] or 'body'}: {error['type']}"
        for place, error in zip(places, errors, strict=False)
    ]
    return Problem(
        "invalid",
        422,
        f"not as the contract says ({'; '.join(faults)}): see the OpenAPI description",
    )


def _place(error: Any) -> tuple[int | str, ...]:
    """Where a fault is; for a further member, the object that holds it."""
    place: tuple[int | str, ...] = tuple(error["loc"])
    return place[:-1] if error["type"] == "extra_forbidden" else place


def _answer(request: Request, problem: Problem) -> Response:
    """A page for a browser that asked for one, the problem as JSON for every program."""
    request.state.problem = problem.code  # for monitoring
    if wants_page(request):
        return error_page(request, problem.status, problem.code, problem.headers)
    return problem.response()


def _problem(request: Request, error: Exception) -> Response:
    assert isinstance(error, Problem)
    return _answer(request, error)


def _invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    return _answer(request, invalid(list(error.errors())))


def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    code = CODES.get(error.status_code, "invalid" if error.status_code < 500 else "server")
    return _answer(request, Problem(code, error.status_code, error.detail, headers=error.headers))


def _database(request: Request, error: Exception) -> Response:
    """503 where the database is away, busy or full; anything else is a fault of the server."""
    if isinstance(error, DBAPIError) and not (
        isinstance(error, OperationalError) or error.connection_invalidated
    ):
        return _unexpected(request, error)
    _LOG.warning("database unavailable: %s", type(error).__name__)
    return _answer(request, unavailable())


def _unexpected(request: Request, error: Exception) -> Response:
    # the message of an error may hold what a request contained: only its class is logged
    kind = type(getattr(error, "orig", None) or error).__name__
    _LOG.error("unexpected error: %s", kind)
    problem = Problem("server", 500, "an error of the server: its operator sees it in the log")
    return _answer(request, problem)
