"""The start page: the first page of the role, or the form to sign in."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends
from fastapi.responses import RedirectResponse

from sordino.server.access.principal import ACCOUNTS, Principal, require
from sordino.server.pages.shown import HOME, ROLE_OF_SCOPE

router = APIRouter(include_in_schema=False)


@router.get("/")
def start(principal: Annotated[Principal, Depends(require(*ACCOUNTS))]) -> RedirectResponse:
    """Go to the first page of the role."""
    return RedirectResponse(HOME[ROLE_OF_SCOPE[principal.scope]], 303)
