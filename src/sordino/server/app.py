"""The application: every router, and the answers to every error."""

from __future__ import annotations

from typing import Final

from fastapi import APIRouter, FastAPI

from sordino import __version__
from sordino.server import errors
from sordino.server.access.context import Access
from sordino.server.access.routes import account, accounts, sign_in
from sordino.server.body_limit import BodyLimit
from sordino.server.contract import describe_api
from sordino.server.database.migration import upgrade
from sordino.server.groups import routes as group_routes
from sordino.server.ingest import routes as ingest_routes
from sordino.server.ingest.accept import Ingest
from sordino.server.lifespan import lifespan
from sordino.server.monitoring import routes as monitoring_routes
from sordino.server.monitoring.metrics import Metrics
from sordino.server.monitoring.monitor import Monitor
from sordino.server.monitoring.traces import Traces
from sordino.server.pages import routes as page_routes
from sordino.server.pages.security_headers import SecurityHeaders
from sordino.server.registry import routes as registry_routes
from sordino.server.rights import routes as rights_routes
from sordino.server.rights.deletion import reconcile
from sordino.server.settings import ServerSettings
from sordino.server.store import Store
from sordino.server.trends import routes as trends_routes

ROUTERS: Final[tuple[APIRouter, ...]] = (
    monitoring_routes.router,
    ingest_routes.router,
    registry_routes.router,
    sign_in.router,
    account.router,
    accounts.router,
    rights_routes.router,
    group_routes.router,
    trends_routes.router,
    *page_routes.ROUTERS,
)


def create_app(settings: ServerSettings) -> FastAPI:
    """The application of a server; its database is brought up to date first."""
    store = Store(settings)
    upgrade(store.engine)
    app = FastAPI(
        title="sordino",
        version=__version__,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,  # such a redirect would lead to the host that a request names
        lifespan=lifespan,
        generate_unique_id_function=lambda route: route.name,
    )
    metrics, traces = Metrics(), Traces(settings.traces)
    app.state.store = store
    app.state.access = Access(settings)
    app.state.ingest = Ingest(store, metrics.count_releases)
    app.state.metrics, app.state.traces = metrics, traces
    reconcile(store, app.state.access.key)
    errors.add_handlers(app)
    app.add_middleware(BodyLimit, largest=settings.largest_body)
    app.add_middleware(SecurityHeaders, encrypted=settings.address.startswith("https:"))
    app.add_middleware(Monitor, metrics=metrics, traces=traces)
    for router in ROUTERS:
        app.include_router(router)
    app.openapi = lambda: describe_api(app)  # type: ignore[method-assign]
    return app
