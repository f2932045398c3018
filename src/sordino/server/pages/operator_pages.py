"""Pages of the operator: health, database, studies, limits and versions. No vector, no trend."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse

from sordino.errors import StorageError
from sordino.server.access.arguments import OperatePrincipal, StoreOf
from sordino.server.pages import server_state
from sordino.server.pages.shown import DONE, show
from sordino.server.rights.upkeep import verify_log

router = APIRouter(prefix="/operator", include_in_schema=False)


@router.get("")
def server_page(
    request: Request, principal: OperatePrincipal, store: StoreOf, done: str = ""
) -> HTMLResponse:
    """The state of the server."""
    with store.reading() as session:
        return show(
            request,
            principal,
            "operator.html",
            checks=server_state.checks(store, session),
            facts=server_state.facts(session),
            studies=server_state.studies(session),
            limits=server_state.settings_limits(store),
            versions=server_state.versions(),
            message=DONE.get(done, ""),
        )


@router.post("/log")
def check_log(_principal: OperatePrincipal, store: StoreOf) -> RedirectResponse:
    """Check every entry of the audit log."""
    try:
        verify_log(store)
    except StorageError:
        return RedirectResponse("/operator?done=log-fault", 303)
    return RedirectResponse("/operator?done=log", 303)
