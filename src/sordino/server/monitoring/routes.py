"""The routes of monitoring: whether the server works, and its counts."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from pydantic import BaseModel

from sordino.server.access.principal import Scope, public, require
from sordino.server.monitoring.metrics import MEDIA_TYPE, Metrics
from sordino.server.store import Store, store_of

router = APIRouter(tags=["monitoring"])


class Health(BaseModel):
    """The state of a server that answers."""

    status: str = "ok"


@router.get("/health", dependencies=[Depends(public)])
def health(store: Annotated[Store, Depends(store_of)]) -> Health:
    """Whether the database and the store of keys answer; 503 where one does not."""
    store.check()
    store.keys.check()
    return Health()


@router.get("/metrics", dependencies=[Depends(require(Scope.OPERATE))])
def metrics(request: Request) -> Response:
    """Counts for Prometheus, which sends the token of an operator."""
    counts: Metrics = request.app.state.metrics
    return Response(counts.text(), media_type=MEDIA_TYPE)
