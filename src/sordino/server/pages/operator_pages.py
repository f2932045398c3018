"""Pages of the operator: health, database, studies, limits and versions. No vector, no trend."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse, RedirectResponse

from sordino.server.access.principal import Principal, Scope, require
from sordino.server.pages import server_state
from sordino.server.pages.shown import DONE, show
from sordino.server.rights import audit
from sordino.server.store import Store, store_of

router = APIRouter(prefix="/operator", include_in_schema=False)
Operate = Annotated[Principal, Depends(require(Scope.OPERATE))]
StoreOf = Annotated[Store, Depends(store_of)]


@router.get("")
def server_page(
    request: Request, principal: Operate, store: StoreOf, done: str = ""
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
            limits=server_state.limits(store),
            versions=server_state.versions(),
            message=DONE.get(done, ""),
        )


@router.post("/log")
def verify_log(_principal: Operate, store: StoreOf) -> RedirectResponse:
    """Check every entry of the audit log; a changed entry is an error of the server."""
    with store.reading() as session:
        audit.verify(session)
    return RedirectResponse("/operator?done=log", 303)
