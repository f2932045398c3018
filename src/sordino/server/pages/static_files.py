"""The files that pages load: style, htmx and the script of passkeys."""

from __future__ import annotations

from typing import Final

from fastapi import APIRouter, Depends, Request
from fastapi.responses import FileResponse, Response

from sordino.server.access.principal import public
from sordino.server.pages.rendering import STATIC

router = APIRouter(include_in_schema=False, dependencies=[Depends(public)])

TYPES: Final = {
    ".css": "text/css",
    ".js": "text/javascript",
    ".txt": "text/plain",
    ".svg": "image/svg+xml",
}
FILES: Final = {path.name: path for path in STATIC.iterdir() if path.suffix in TYPES}
KEPT: Final = "public, max-age=31536000, immutable"  # the address changes with the content


@router.get("/static/{name}")
def static_file(name: str, request: Request) -> Response:
    """A static file; only names of this folder exist."""
    path = FILES.get(name)
    if path is None:
        return Response(status_code=404)
    kept = {"Cache-Control": KEPT} if request.query_params.get("v") else {}
    return FileResponse(path, media_type=f"{TYPES[path.suffix]}; charset=utf-8", headers=kept)
