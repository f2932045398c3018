"""The application: every router, and the answers to every error."""

from __future__ import annotations

from typing import Final

from fastapi import APIRouter, FastAPI

from sordino import __version__
from sordino.server import errors
from sordino.server.access.context import Access
from sordino.server.access.routes import account, accounts, sign_in
from sordino.server.body_limit import BodyLimit
from sordino.server.database.migration import upgrade
from sordino.server.ingest import routes as ingest_routes
from sordino.server.ingest.accept import Ingest
from sordino.server.pages import operator_pages, start, static_files, user_pages
from sordino.server.pages.security_headers import SecurityHeaders
from sordino.server.registry import routes as registry_routes
from sordino.server.rights import routes as rights_routes
from sordino.server.rights.deletion import reconcile
from sordino.server.settings import Settings
from sordino.server.store import Store

ROUTERS: Final[tuple[APIRouter, ...]] = (
    ingest_routes.router,
    registry_routes.router,
    sign_in.router,
    account.router,
    accounts.router,
    rights_routes.router,
    static_files.router,
    start.router,
    user_pages.router,
    operator_pages.router,
)


def create_app(settings: Settings) -> FastAPI:
    """The application of a server; its database is brought up to date first."""
    store = Store(settings)
    upgrade(store.engine)
    app = FastAPI(title="sordino", version=__version__, docs_url=None, redoc_url=None)
    app.state.store = store
    app.state.access = Access(settings)
    app.state.ingest = Ingest(store)
    reconcile(store, app.state.access.key)
    errors.add_handlers(app)
    app.add_middleware(BodyLimit, largest=settings.largest_body)
    app.add_middleware(SecurityHeaders, encrypted=settings.address.startswith("https:"))
    for router in ROUTERS:
        app.include_router(router)
    return app
