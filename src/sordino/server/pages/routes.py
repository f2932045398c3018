"""The routers of all pages, and the start page."""

from __future__ import annotations

from typing import Final

from fastapi import APIRouter
from fastapi.responses import RedirectResponse

from sordino.server.access.arguments import Person
from sordino.server.pages import operator_pages, static_files, study_pages, user_pages
from sordino.server.pages.shown import HOME, ROLE_OF_SCOPE

router = APIRouter(include_in_schema=False)


@router.get("/")
def start(principal: Person) -> RedirectResponse:
    """Go to the first page of the role."""
    return RedirectResponse(HOME[ROLE_OF_SCOPE[principal.scope]], 303)


ROUTERS: Final[tuple[APIRouter, ...]] = (
    router,
    static_files.router,
    user_pages.router,
    study_pages.router,
    operator_pages.router,
)
