"""The application: every router, and the answers to every error."""

from __future__ import annotations

from typing import Final

from fastapi import APIRouter, FastAPI

from sordino import __version__
from sordino.server import errors
from sordino.server.access.context import Access
from sordino.server.database.migration import upgrade
from sordino.server.settings import Settings
from sordino.server.store import Store

ROUTERS: Final[tuple[APIRouter, ...]] = ()


def create_app(settings: Settings) -> FastAPI:
    """The application of a server; its database is brought up to date first."""
    store = Store(settings)
    upgrade(store.engine)
    app = FastAPI(title="sordino", version=__version__, docs_url=None, redoc_url=None)
    app.state.store = store
    app.state.access = Access(settings)
    errors.add_handlers(app)
    for router in ROUTERS:
        app.include_router(router)
    return app
