"""The routers of all pages."""

from __future__ import annotations

from typing import Final

from fastapi import APIRouter

from sordino.server.pages import operator_pages, start, static_files, study_pages, user_pages

ROUTERS: Final[tuple[APIRouter, ...]] = (
    static_files.router,
    start.router,
    user_pages.router,
    study_pages.router,
    operator_pages.router,
)
