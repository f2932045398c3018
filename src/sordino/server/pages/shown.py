"""A page of a person who is signed in."""

from __future__ import annotations

from typing import Any, Final

from fastapi import Request
from fastapi.responses import HTMLResponse

from sordino.server.access.csrf import page_token
from sordino.server.access.principal import SCOPE_OF_ROLE, Principal
from sordino.server.pages.rendering import Viewer, page

ROLE_OF_SCOPE: Final = {scope: role for role, scope in SCOPE_OF_ROLE.items()}

HOME: Final = {"user": "/me", "researcher": "/study", "operator": "/operator"}
"""The first page of each role."""

DONE: Final = {
    "resume": "Resumed. This server stores what your devices send.",
    "device": "The token of the device opens nothing any more.",
    "consent": "Your decision counts from now on.",
    "log-fault": "An entry of the audit log was changed or is missing: treat it as an incident.",
    "log": "Every entry of the audit log is as it was written.",
}
"""What a form did, by the word in the address of the page after it: an address holds no text."""


def show(
    request: Request, principal: Principal, template: str, *, status: int = 200, **values: Any
) -> HTMLResponse:
    """A page with the navigation and the form token of the person who asks."""
    return page(
        request,
        template,
        viewer=Viewer(principal.name, ROLE_OF_SCOPE[principal.scope]),
        csrf=page_token(request),
        status=status,
        **values,
    )
