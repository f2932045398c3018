"""The routes of devices."""

from __future__ import annotations

from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Header, Response
from fastapi import Request as HttpRequest

from sordino.server.access.principal import Principal, Scope, require
from sordino.server.errors import Problem
from sordino.server.ingest.accept import Ingest, Request
from sordino.server.ingest.batch import DeviceState, Stored
from sordino.server.ingest.signatures import BatchSignature

router = APIRouter(prefix="/v1", tags=["devices"])

_BODY: Final[dict[str, Any]] = {
    "requestBody": {
        "required": True,
        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/ReleaseBatch"}}},
    }
}

DevicePrincipal = Annotated[Principal, Depends(require(Scope.RELEASE))]


async def ingest_of(request: HttpRequest) -> Ingest:
    """The ingest of the application, as a dependency of routes."""
    ingest: Ingest = request.app.state.ingest
    return ingest


async def json_body(
    request: HttpRequest,
    content_type: Annotated[str, Header(include_in_schema=False)] = "",
    content_encoding: Annotated[str, Header(include_in_schema=False)] = "",
) -> bytes:
    """The bytes of a JSON body. Raises `Problem` 415 for another type, or a compressed body."""
    kind, _, parameters = content_type.partition(";")
    charset = parameters.strip().lower().replace('"', "")
    if kind.strip().lower() != "application/json" or charset not in ("", "charset=utf-8"):
        raise Problem("media-type", 415, "expected Content-Type application/json: send JSON")
    if content_encoding.strip().lower() not in ("", "identity"):
        raise Problem(
            "media-type", 415, "a compressed body, expected a plain one: send it as it is"
        )
    return await request.body()


@router.post("/releases", status_code=201, openapi_extra=_BODY, responses={200: {"model": Stored}})
def store_releases(
    principal: DevicePrincipal,
    response: Response,
    ingest: Annotated[Ingest, Depends(ingest_of)],
    body: Annotated[bytes, Depends(json_body)],
    idempotency_key: Annotated[str, Header(pattern=r"^[0-9a-f-]{32,64}$")],
    sordino_key: Annotated[str | None, Header(pattern=r"^[0-9a-f]{64}$")] = None,
    sordino_signature: Annotated[str | None, Header(max_length=88)] = None,
) -> Stored:
    """Store a batch whole or not at all. The same key and body again have the same answer, 200."""
    signature = None
    if sordino_key is not None or sordino_signature is not None:
        signature = BatchSignature(sordino_key or "", sordino_signature or "")
    stored, new = ingest.accept(principal, Request(idempotency_key, body, signature))
    if not new:
        response.status_code = 200
    return stored


@router.get("/device")
def device_state(
    principal: DevicePrincipal, ingest: Annotated[Ingest, Depends(ingest_of)]
) -> DeviceState:
    """The last number of this device, and the policies that it may send."""
    return ingest.state(principal)
